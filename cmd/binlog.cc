// `shardlift binlog`: looks into binlog files, and follows the binlog of a live server.
#include "cmd/binlog.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "cmd/commands.h"

namespace shardlift::cmd {

using base::Code;
using base::Status;

base::Result<TablePatterns> TablePatterns::Create(std::vector<std::string> patterns) {
  for (const std::string& pattern : patterns) {
    if (pattern.find('.') != std::string::npos) continue;
    return Status(Code::kUsage,
                  fmt::format("--table {}: write SCHEMA.TABLE; * and ? stand for any characters", pattern));
  }
  TablePatterns result;
  result.patterns_ = std::move(patterns);
  return result;
}

bool TablePatterns::Match(std::string_view schema, std::string_view table) const {
  if (patterns_.empty()) return true;
  const std::string name = fmt::format("{}.{}", schema, table);
  return std::any_of(patterns_.begin(), patterns_.end(),
                     [&](const std::string& pattern) { return fnmatch(pattern.c_str(), name.c_str(), 0) == 0; });
}

void AddBinlog(CLI::App& app, int* exit_code) {
  CLI::App* const binlog =
      app.add_subcommand("binlog", "Look into binlog and relay log files, or follow a live server's binlog");
  binlog->require_subcommand(1);
  AddBinlogStat(*binlog, exit_code);
  AddBinlogDump(*binlog, exit_code);
  AddBinlogStream(*binlog, exit_code);
}

}  // namespace shardlift::cmd
