// RunMigrate: copy and catch-up of one job, the only writer of the target (design 5; docs/architecture.md).
//
// Resumable: killed at any moment, a new run continues from the checkpoints in the shards.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "job/config.h"
#include "migrate/value_counts.h"

namespace shardlift::migrate {

struct MigrateOptions {
  // Ends with ok once the copy is done and every lane has passed a position read from its source after that moment.
  // Without it the run follows the sources until it is stopped.
  bool until_caught_up = false;
  std::optional<std::chrono::seconds> max_duration;  // ends with kStopped when work is left
  bool takeover = false;  // end another process of the same job (its fence epoch is bumped) instead of refusing
  const std::atomic<bool>* stop = nullptr;  // set by a signal handler: stop at the next batch boundary (kStopped)
  bool copy_must_be_done = false;           // refuse a job that has something left to copy
  // Test only: decides chunk windows by binlog order instead of visibility. Loses data; exists to prove that the
  // interleaving tests can fail.
  bool unsafe_windows_by_binlog_order = false;
};

struct MigrateSummary {
  std::uint64_t rows_copied = 0;       // in this run, by chunks
  std::uint64_t rows_left_behind = 0;  // in this run, by `where`
  std::uint64_t changes_applied = 0;   // in this run: row changes of the sources
  std::uint64_t changes_total = 0;     // in all runs, as the shards have counted them
  std::uint64_t groups_streamed = 0;
  std::uint64_t chunks_merged = 0;
  std::uint64_t chunks_voided = 0;
  std::uint64_t rows_dropped_by_windows = 0;
  std::uint64_t dead_letters = 0;  // open ones in the shards, conflicts included
  std::vector<ValueCount> values;  // in this run; see value_counts.h
  bool caught_up = false;
  double seconds = 0;
};

base::Result<MigrateSummary> RunMigrate(const job::JobConfig& config, const MigrateOptions& options);

}  // namespace shardlift::migrate
