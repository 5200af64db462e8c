// Progress of a long command, to stderr: one redrawn line on a terminal, a plain line every few seconds otherwise.
//
//   migrate  copy  37.2%  1,234,000 / 3,320,000 rows  41,200 rows/s  ETA 0:50  im_0.msg_03
//
// The reporter has a thread of its own; Set* calls only store and may be made from any thread, as often as wished.
// Phases and notes are names of tables, shards and steps, never user data. The destructor stops the thread and prints
// the last state.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

namespace shardlift::base {

struct ProgressSnapshot {
  std::string title = {};
  std::string phase = {};
  std::string note = {};
  std::uint64_t total = 0;  // rows; 0: unknown
  std::uint64_t done = 0;
  double rate = 0;  // rows per second, of the last seconds
};

// One line without a new line. ETA only when total and rate are known and something is left.
std::string FormatProgress(const ProgressSnapshot& snapshot);
// "0:50", "12:03", "3:07:00", "2d 3:07:00".
std::string FormatDuration(std::chrono::seconds duration);
// 1234567 -> "1,234,567".
std::string FormatCount(std::uint64_t count);

struct ProgressOptions {
  bool enabled = true;
  std::chrono::milliseconds terminal_interval{500};
  std::chrono::milliseconds plain_interval{5000};
  // Where plain lines (new line included) go; empty: stderr, drawn in place when it is a terminal.
  std::function<void(std::string_view line)> sink;
};

class ProgressReporter {
 public:
  explicit ProgressReporter(std::string title, ProgressOptions options = {});
  ~ProgressReporter();
  ProgressReporter(const ProgressReporter&) = delete;
  ProgressReporter& operator=(const ProgressReporter&) = delete;

  void SetTotal(std::uint64_t rows) { total_.store(rows, std::memory_order_relaxed); }
  void SetDone(std::uint64_t rows) { done_.store(rows, std::memory_order_relaxed); }
  void AddDone(std::uint64_t rows) { done_.fetch_add(rows, std::memory_order_relaxed); }
  void SetPhase(std::string_view phase);  // starts the rate anew
  void SetNote(std::string_view note);
  // Stops the thread and prints the last state; later Set* calls have no effect. Idempotent.
  void Finish();

 private:
  void Loop();
  void Sample();
  void Draw(bool last);

  ProgressOptions options_;
  bool terminal_ = false;
  std::atomic<std::uint64_t> total_{0};
  std::atomic<std::uint64_t> done_{0};
  std::mutex mutex_;  // guards what follows
  std::condition_variable wake_;
  ProgressSnapshot state_;
  bool stop_ = false;
  bool restart_rate_ = true;
  std::string last_line_;
  std::uint64_t sampled_done_ = 0;
  std::chrono::steady_clock::time_point sampled_at_;
  std::thread thread_;
};

}  // namespace shardlift::base
