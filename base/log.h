// Log lines of a running command, to stderr: text for people or one JSON object per line for collectors.
//
// A line has a time, a level, a message that is a fixed sentence, and fields (job, source, table, shard, lane,
// gtid...). Never user data: no message bodies, no string keys, no SQL with values. Results of a command go to stdout,
// never here.
//
// Text: "2026-01-31T10:00:00.123Z info  chunk merged table=im_0.msg_03 rows=10000"
// JSON: {"time":"2026-01-31T10:00:00.123Z","level":"info","message":"chunk merged","table":"im_0.msg_03","rows":10000}
//
// Thread rules: everything here may be called from any thread; lines are written whole.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/events.h"

namespace shardlift::base {

enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarning, kError, kOff };
enum class LogFormat : std::uint8_t { kText, kJson };

using LogField = EventField;

// Defaults: kInfo, kText. Lines below `level` cost one atomic load.
void ConfigureLog(LogLevel level, LogFormat format);
bool LogEnabled(LogLevel level);
// Where whole lines (new line included) go instead of stderr; nullptr: stderr again. For tests.
void SetLogSink(std::function<void(std::string_view line)> sink);

void Log(LogLevel level, std::string_view message, const std::vector<LogField>& fields = {});
inline void LogDebug(std::string_view message, const std::vector<LogField>& fields = {}) {
  Log(LogLevel::kDebug, message, fields);
}
inline void LogInfo(std::string_view message, const std::vector<LogField>& fields = {}) {
  Log(LogLevel::kInfo, message, fields);
}
inline void LogWarning(std::string_view message, const std::vector<LogField>& fields = {}) {
  Log(LogLevel::kWarning, message, fields);
}
inline void LogError(std::string_view message, const std::vector<LogField>& fields = {}) {
  Log(LogLevel::kError, message, fields);
}

// One line kept redrawn at the bottom of the terminal, below the log lines (progress uses it). Empty: none.
void SetStatusLine(std::string_view line);

}  // namespace shardlift::base
