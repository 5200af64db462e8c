#include "base/events.h"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <mutex>

namespace shardlift::base {
namespace {

std::atomic<int> g_fd{-1};
std::mutex g_mutex;

void AppendJsonString(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (u < 0x20) {
      out += fmt::format("\\u{:04x}", u);
    } else {
      out += c;
    }
  }
  out += '"';
}

struct AppendValue {
  std::string& out;
  void operator()(std::int64_t v) const { out += fmt::format("{}", v); }
  void operator()(double v) const { out += fmt::format("{:.3f}", v); }
  void operator()(bool v) const { out += v ? "true" : "false"; }
  void operator()(const std::string& v) const { AppendJsonString(out, v); }
};

}  // namespace

void OpenEvents(int fd) { g_fd.store(fd); }
bool EventsEnabled() { return g_fd.load(std::memory_order_relaxed) >= 0; }

void EmitEvent(std::string_view event, const std::vector<EventField>& fields) {
  const int fd = g_fd.load(std::memory_order_relaxed);
  if (fd < 0) return;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  std::string line = fmt::format("{{\"event\":\"{}\",\"t\":{}", event,
                                 std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
  for (const auto& [name, value] : fields) {
    line += fmt::format(",\"{}\":", name);
    std::visit(AppendValue{line}, value);
  }
  line += "}\n";
  const std::lock_guard lock(g_mutex);
  std::string_view rest = line;
  while (!rest.empty()) {
    const ssize_t n = write(fd, rest.data(), rest.size());
    if (n <= 0) {  // the supervisor is gone: go on without events
      g_fd.store(-1);
      return;
    }
    rest.remove_prefix(static_cast<std::size_t>(n));
  }
}

}  // namespace shardlift::base
