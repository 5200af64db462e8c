// Pace: what keeps a pass gentle, and ends it in time. All threads of a pass share one.
//
// A limit of rows per second over all threads; a pause while servers are busy (Threads_running; what cannot be read
// counts as busy); the end of the time given. All of them act between two chunks. Why a pass waits is shown in its
// progress. Thread rules: Watch and its object's begin and end on one thread, the others on any.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/status.h"
#include "job/config.h"
#include "verify/verify.h"

namespace shardlift::verify {

// A bucket of tokens that may be overdrawn: who took too many rows waits before the next ones.
class RowBudget {
 public:
  using Clock = std::chrono::steady_clock;
  explicit RowBudget(std::uint64_t rows_per_second_max) : rows_per_second_max_(rows_per_second_max) {}
  void Take(std::uint64_t rows, Clock::time_point now);
  // When the next rows may be taken.
  Clock::time_point free_at() const { return free_at_; }

 private:
  const std::uint64_t rows_per_second_max_;  // 0: no limit
  Clock::time_point free_at_;
};

class Pace {
 public:
  // `stop`: as VerifyOptions::stop.
  Pace(const job::JobConfig& config, const PaceOptions& options, const std::atomic<bool>* stop);
  ~Pace();
  Pace(const Pace&) = delete;
  Pace& operator=(const Pace&) = delete;

  // Before a chunk: waits for its turn. kStopped: asked to stop, or the time is over; kEnvironment: the servers' load
  // could not be read for too long.
  base::Status Turn();
  void Took(std::uint64_t rows);

  // To be called several times a second: passes a request to stop, and the end of the time, on to stop_flag().
  void Watch();
  // For what cannot call Turn(): set when the pass has to end.
  const std::atomic<bool>* stop_flag() const { return &stop_flag_; }
  // Not ok: why the pass has to end.
  base::Status Stopped() const;
  // Why nothing goes on at present; empty when something does.
  std::string waiting();

 private:
  void WatchLoad();
  std::string ReadLoad();

  const job::JobConfig& config_;
  const PaceOptions options_;
  const std::atomic<bool>* const stop_;
  std::atomic<bool> stop_flag_{false};
  mutable std::mutex mutex_;  // guards what follows
  base::Status failure_;
  std::condition_variable ended_;
  RowBudget budget_;
  std::string busy_;  // why all threads wait for the servers; empty: they do not
  bool load_known_ = false;
  std::chrono::steady_clock::time_point load_read_at_;
  bool ends_ = false;
  std::vector<std::unique_ptr<mysql::Session>> sessions_;  // of the watching thread
  std::thread load_thread_;
};

}  // namespace shardlift::verify
