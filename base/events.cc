#include "base/events.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <mutex>

#include "base/json_text.h"

namespace shardlift::base {
namespace {

std::atomic<int> g_fd{-1};
std::mutex g_mutex;

struct AppendValue {
  std::string& out;
  void operator()(std::int64_t v) const { out += fmt::format("{}", v); }
  void operator()(double v) const { out += fmt::format("{:.3f}", v); }
  void operator()(bool v) const { out += v ? "true" : "false"; }
  void operator()(const std::string& v) const { AppendJsonString(v, out); }
};

// Writes all of it, however slow the reader: a supervisor that waits for an event must not miss it. False when nobody
// can read it any more.
bool WriteAll(int fd, std::string_view rest) {
  while (!rest.empty()) {
    const ssize_t n = write(fd, rest.data(), rest.size());
    if (n > 0) {
      rest.remove_prefix(static_cast<std::size_t>(n));
    } else if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {  // the supervisor's end made it non-blocking
      pollfd room{fd, POLLOUT, 0};
      if (poll(&room, 1, -1) < 0 && errno != EINTR) return false;
    } else if (n == 0 || errno != EINTR) {
      return false;
    }
  }
  return true;
}

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
  if (!WriteAll(fd, line)) g_fd.store(-1);  // go on without events
}

}  // namespace shardlift::base
