#include "cmd/support.h"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <nlohmann/json.hpp>

#include "base/events.h"
#include "cmd/pause.h"

namespace shardlift::cmd {
namespace {

using base::Code;
using base::Status;

std::atomic<bool> g_stop{false};
static_assert(std::atomic<bool>::is_always_lock_free, "set by a signal handler");

extern "C" void OnStopSignal(int signal_number) {
  g_stop.store(true);
  std::signal(signal_number, SIG_DFL);  // the second one does not wait
}

bool WriteAll(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

}  // namespace

int Fail(const Status& status, std::string_view json_command) {
  const int exit_code = base::ExitCodeOf(status);
  if (!json_command.empty()) {
    const nlohmann::ordered_json out{{"schema", fmt::format("shardlift.{}/1", json_command)},
                                     {"error",
                                      {{"code", std::string(base::CodeName(status.code()))},
                                       {"message", status.message()},
                                       {"exit_code", exit_code}}},
                                     {"next_steps", nlohmann::ordered_json::array({status.message()})}};
    WriteAll(STDOUT_FILENO, out.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
  }
  WriteAll(STDERR_FILENO, fmt::format("shardlift: error: {}\n", status.message()));
  return exit_code;
}

int Finish(std::string_view text, int exit_code) {
  if (WriteAll(STDOUT_FILENO, text)) return exit_code;
  return Fail(Status(Code::kEnvironment,
                     fmt::format("the result could not be written to standard output: {}", std::strerror(errno))));
}

base::Result<std::chrono::seconds> ParseDuration(std::string_view text) {
  std::int64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  const std::int64_t seconds = unit == "s" ? 1 : unit == "m" ? 60 : unit == "h" ? 3600 : unit == "d" ? 86400 : 0;
  constexpr std::int64_t kCountMax = 1'000'000'000;
  if (error != std::errc() || seconds == 0 || count <= 0 || count > kCountMax) {
    return Status(Code::kUsage, fmt::format("\"{}\" is not a duration; write for example 90s, 10m, 2h or 1d", text));
  }
  return std::chrono::seconds(count * seconds);
}

base::Result<std::chrono::seconds> SecondsUntil(std::string_view time_of_day) {
  const std::string text(time_of_day);
  std::tm wanted{};
  const char* const end = strptime(text.c_str(), "%H:%M", &wanted);
  if (end == nullptr || *end != '\0') {
    return Status(Code::kUsage, fmt::format("\"{}\" is not a time of the day; write for example 06:00", text));
  }
  const std::time_t now = std::time(nullptr);
  std::tm at{};
  localtime_r(&now, &at);
  at.tm_hour = wanted.tm_hour;
  at.tm_min = wanted.tm_min;
  at.tm_sec = 0;
  at.tm_isdst = -1;
  std::time_t then = std::mktime(&at);
  if (then <= now) {
    ++at.tm_mday;
    at.tm_isdst = -1;
    then = std::mktime(&at);
  }
  return std::chrono::seconds(then - now);
}

const std::atomic<bool>* InstallStopSignals() {
  struct sigaction action{};
  action.sa_handler = OnStopSignal;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  return &g_stop;
}

void AddEventFlags(CLI::App* sub, EventFlags* flags) {
  sub->add_option("--events-fd", flags->events_fd,
                  "Write progress events, one JSON object per line, to this descriptor")
      ->check(CLI::Range(0, 1 << 20))
      ->type_name("N");
  sub->add_option("--pause-at", flags->pauses, "For rehearsals: hold for ever at the N-th passage of a place")
      ->type_name("POINT:N")
      ->group("");
}

Status UseEventFlags(const EventFlags& flags) {
  SL_TRY(InstallPauses(flags.pauses));
  base::OpenEvents(flags.events_fd);
  return base::Ok();
}

}  // namespace shardlift::cmd
