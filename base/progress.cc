#include "base/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "base/log.h"

namespace shardlift::base {
namespace {

// Weight of the newest sample in the smoothed rate: about ten samples of memory.
constexpr double kRateWeight = 0.2;

std::size_t TerminalWidth() {
  winsize size{};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

void WriteLine(std::string_view line) {
  while (!line.empty()) {
    const ssize_t n = write(STDERR_FILENO, line.data(), line.size());
    if (n <= 0) return;
    line.remove_prefix(static_cast<std::size_t>(n));
  }
}

}  // namespace

std::string FormatCount(std::uint64_t count) {
  std::string text = fmt::format("{}", count);
  for (std::size_t at = text.size(); at > 3;) {
    at -= 3;
    text.insert(at, ",");
  }
  return text;
}

std::string FormatDuration(std::chrono::seconds duration) {
  const std::int64_t s = std::max<std::int64_t>(0, duration.count());
  if (s >= 86400) return fmt::format("{}d {}:{:02}:{:02}", s / 86400, s / 3600 % 24, s / 60 % 60, s % 60);
  if (s >= 3600) return fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
  return fmt::format("{}:{:02}", s / 60, s % 60);
}

std::string FormatProgress(const ProgressSnapshot& snapshot) {
  std::string line = snapshot.title;
  if (!snapshot.phase.empty()) line += "  " + snapshot.phase;
  if (snapshot.total > 0) {
    // Totals are often the server's estimate: never show more than 100 %, nor 100 % while rows are missing.
    double percent = 100.0 * static_cast<double>(snapshot.done) / static_cast<double>(snapshot.total);
    percent = snapshot.done >= snapshot.total ? 100.0 : std::min(percent, 99.9);
    line += fmt::format("  {:.1f}%  {} / {} rows", percent, FormatCount(snapshot.done), FormatCount(snapshot.total));
  } else if (snapshot.done > 0) {
    line += fmt::format("  {} rows", FormatCount(snapshot.done));
  }
  if (snapshot.rate >= 0.5) {
    line += fmt::format("  {} rows/s", FormatCount(static_cast<std::uint64_t>(std::llround(snapshot.rate))));
    if (snapshot.total > snapshot.done) {
      const double left = static_cast<double>(snapshot.total - snapshot.done) / snapshot.rate;
      line += "  ETA " + FormatDuration(std::chrono::seconds(std::llround(std::min(left, 1e9))));
    }
  }
  if (!snapshot.note.empty()) line += "  " + snapshot.note;
  return line;
}

ProgressReporter::ProgressReporter(std::string title, ProgressOptions options)
    : options_(std::move(options)),
      terminal_(!options_.sink && isatty(STDERR_FILENO) == 1),
      sampled_at_(std::chrono::steady_clock::now()) {
  state_.title = std::move(title);
  if (options_.enabled) thread_ = std::thread([this] { Loop(); });
}

ProgressReporter::~ProgressReporter() { Finish(); }

void ProgressReporter::SetPhase(std::string_view phase) {
  const std::lock_guard lock(mutex_);
  state_.phase = phase;
  restart_rate_ = true;
}

void ProgressReporter::SetNote(std::string_view note) {
  const std::lock_guard lock(mutex_);
  state_.note = note;
}

void ProgressReporter::Finish() {
  {
    const std::lock_guard lock(mutex_);
    if (stop_) return;
    stop_ = true;
  }
  wake_.notify_all();
  if (!thread_.joinable()) return;
  thread_.join();
  const std::lock_guard lock(mutex_);
  state_.rate = 0;
  Sample();
  state_.rate = 0;
  Draw(true);
}

void ProgressReporter::Loop() {
  const auto interval = terminal_ ? options_.terminal_interval : options_.plain_interval;
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, interval, [this] { return stop_; })) {
    Sample();
    Draw(false);
  }
}

// Takes the counters over and updates the smoothed rate. The mutex is held.
void ProgressReporter::Sample() {
  const auto now = std::chrono::steady_clock::now();
  const std::uint64_t done = done_.load(std::memory_order_relaxed);
  const double seconds = std::chrono::duration<double>(now - sampled_at_).count();
  if (restart_rate_ || done < sampled_done_) {
    state_.rate = 0;
    restart_rate_ = false;
  } else if (seconds > 0) {
    const double rate = static_cast<double>(done - sampled_done_) / seconds;
    state_.rate = state_.rate > 0 ? state_.rate + kRateWeight * (rate - state_.rate) : rate;
  }
  sampled_done_ = done;
  sampled_at_ = now;
  state_.done = done;
  state_.total = total_.load(std::memory_order_relaxed);
}

// Prints the state where it belongs. A plain line that would repeat the one before is left out. The mutex is held.
void ProgressReporter::Draw(bool last) {
  std::string line = FormatProgress(state_);
  if (terminal_ && !last) {
    if (const std::size_t width = TerminalWidth(); line.size() >= width) line.resize(width - 1);
    SetStatusLine(line);
    return;
  }
  if (terminal_) SetStatusLine("");
  if (line == last_line_) return;
  last_line_ = line;
  line += '\n';
  if (options_.sink) {
    options_.sink(line);
  } else {
    WriteLine(line);
  }
}

}  // namespace shardlift::base
