// What `shardlift binlog stat` and `shardlift binlog dump` share.
#pragma once

#include <cstddef>
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

// kEnvironment when the output cannot be written.
base::Status WriteToStandardOutput(std::string_view text);

// Lines for standard output, written in large pieces.
class LineWriter {
 public:
  std::string& line() { return buffer_; }  // append here
  // Call after each line. kEnvironment when the output cannot be written.
  base::Status MaybeFlush() { return buffer_.size() < kFlushBytes ? base::Ok() : Flush(); }
  base::Status Flush();

 private:
  static constexpr std::size_t kFlushBytes = 256 << 10;
  std::string buffer_;
};

}  // namespace shardlift::cmd
