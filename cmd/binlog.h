// What the commands of `shardlift binlog` share.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace CLI {
class App;
}

namespace shardlift::cmd {

void AddBinlogStat(CLI::App& binlog, int* exit_code);
void AddBinlogDump(CLI::App& binlog, int* exit_code);
void AddBinlogStream(CLI::App& binlog, int* exit_code);

// Tables as --table names them: "schema.table", with * and ? as in a shell. No pattern: every table.
class TablePatterns {
 public:
  TablePatterns() = default;
  // kUsage for a pattern without a dot.
  static base::Result<TablePatterns> Create(std::vector<std::string> patterns);
  bool Match(std::string_view schema, std::string_view table) const;

 private:
  std::vector<std::string> patterns_;
};

}  // namespace shardlift::cmd
