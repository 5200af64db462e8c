#include "base/log.h"

#include <fmt/format.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/base_sink.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <ctime>
#include <memory>
#include <mutex>

#include "base/json_text.h"

namespace shardlift::base {
namespace {

void WriteAll(std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = write(STDERR_FILENO, text.data(), text.size());
    if (n <= 0) return;  // nobody reads stderr any more: go on without it
    text.remove_prefix(static_cast<std::size_t>(n));
  }
}

// The one place that writes log lines. It owns the status line, so that a log line never lands in the middle of it.
class StderrSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  void SetSink(std::function<void(std::string_view)> redirect) {
    const std::lock_guard lock(mutex_);
    redirect_ = std::move(redirect);
  }
  void SetStatusLine(std::string_view line) {
    const std::lock_guard lock(mutex_);
    if (status_.empty() && line.empty()) return;
    status_ = line;
    WriteAll("\r\x1b[2K" + status_);
  }

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    std::string line(message.payload.data(), message.payload.size());
    line += '\n';
    if (redirect_) {
      redirect_(line);
      return;
    }
    if (!status_.empty()) line = "\r\x1b[2K" + line + status_;
    WriteAll(line);
  }
  void flush_() override {}

 private:
  std::function<void(std::string_view)> redirect_;
  std::string status_;
};

struct Logger {
  std::shared_ptr<StderrSink> sink = std::make_shared<StderrSink>();
  spdlog::logger spd{"shardlift", sink};
  Logger() { spd.set_level(spdlog::level::trace); }  // levels are decided by LogEnabled
};

// Leaked on purpose: threads may still log while the process exits.
Logger& TheLogger() {
  static auto* const logger = new Logger;
  return *logger;
}

std::atomic<LogLevel> g_level{LogLevel::kInfo};
std::atomic<LogFormat> g_format{LogFormat::kText};

std::string_view LevelName(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug: return "debug";
    case LogLevel::kInfo: return "info";
    case LogLevel::kWarning: return "warning";
    case LogLevel::kError: return "error";
    case LogLevel::kOff: break;
  }
  return "off";
}

spdlog::level::level_enum SpdLevel(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug: return spdlog::level::debug;
    case LogLevel::kInfo: return spdlog::level::info;
    case LogLevel::kWarning: return spdlog::level::warn;
    case LogLevel::kError: return spdlog::level::err;
    case LogLevel::kOff: break;
  }
  return spdlog::level::off;
}

std::string TimeText() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
  const std::time_t seconds = static_cast<std::time_t>(millis / 1000);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday,
                     utc.tm_hour, utc.tm_min, utc.tm_sec, millis % 1000);
}

bool NeedsQuotes(std::string_view text) {
  if (text.empty()) return true;
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    if (u <= 0x20 || u == 0x7f || c == '"' || c == '\\' || c == '=') return true;
  }
  return false;
}

struct AppendField {
  std::string& out;
  bool json;
  void operator()(std::int64_t v) const { out += fmt::format("{}", v); }
  void operator()(double v) const { out += fmt::format("{:.3f}", v); }
  void operator()(bool v) const { out += v ? "true" : "false"; }
  void operator()(const std::string& v) const {
    if (json || NeedsQuotes(v)) {
      AppendJsonString(v, out);
    } else {
      out += v;
    }
  }
};

std::string FormatLine(LogLevel level, LogFormat format, std::string_view message,
                       const std::vector<LogField>& fields) {
  std::string line;
  if (format == LogFormat::kJson) {
    line = fmt::format("{{\"time\":\"{}\",\"level\":\"{}\",\"message\":", TimeText(), LevelName(level));
    AppendJsonString(message, line);
    for (const auto& [name, value] : fields) {
      line += ',';
      AppendJsonString(name, line);
      line += ':';
      std::visit(AppendField{line, true}, value);
    }
    return line + "}";
  }
  line = fmt::format("{} {:<7} ", TimeText(), LevelName(level));
  for (const char c : message) line += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  for (const auto& [name, value] : fields) {
    line += fmt::format(" {}=", name);
    std::visit(AppendField{line, false}, value);
  }
  return line;
}

}  // namespace

void ConfigureLog(LogLevel level, LogFormat format) {
  g_format.store(format);
  g_level.store(level);
}

bool LogEnabled(LogLevel level) { return level != LogLevel::kOff && level >= g_level.load(std::memory_order_relaxed); }

void SetLogSink(std::function<void(std::string_view line)> sink) { TheLogger().sink->SetSink(std::move(sink)); }

void Log(LogLevel level, std::string_view message, const std::vector<LogField>& fields) {
  if (!LogEnabled(level)) return;
  const std::string line = FormatLine(level, g_format.load(), message, fields);
  TheLogger().spd.log(SpdLevel(level), spdlog::string_view_t(line.data(), line.size()));
}

void SetStatusLine(std::string_view line) { TheLogger().sink->SetStatusLine(line); }

}  // namespace shardlift::base
