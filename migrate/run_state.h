// RunState: what the threads of one migrate run share: the first failure, the wish to stop, and the counters.
//
// Thread rules: everything may be called from any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "base/status.h"
#include "migrate/value_counts.h"
#include "migrate/write_journal.h"

namespace shardlift::migrate {

class RunState {
 public:
  // Records the first failure and makes every loop end. Later failures are consequences and are dropped.
  void Fail(base::Status status) {
    {
      const std::lock_guard lock(mutex_);
      if (failure_.ok()) failure_ = std::move(status);
    }
    aborted_.store(true);
  }
  bool aborted() const { return aborted_.load(std::memory_order_relaxed); }
  base::Status failure() const {
    const std::lock_guard lock(mutex_);
    return failure_;
  }

  void CountValues(const mapping::TableMapper& mapper, const ValueCounts& values) {
    if (values.empty()) return;
    const std::lock_guard lock(mutex_);
    MappingCounts& mapping = values_[mapper.config().name];
    mapping.target = mapper.context().target;
    mapping.values.Add(values);
  }
  std::vector<ValueCount> value_counts() const {
    const std::lock_guard lock(mutex_);
    return ListValueCounts(values_);
  }
  // Admits every row that was read by name; set before the lanes start. nullptr: all are written.
  WriteJournal* journal = nullptr;

  std::atomic<std::uint64_t> rows_copied{0};
  std::atomic<std::uint64_t> rows_left_behind{0};
  std::atomic<std::uint64_t> changes_applied{0};
  std::atomic<std::uint64_t> groups_streamed{0};
  std::atomic<std::uint64_t> chunks_merged{0};
  std::atomic<std::uint64_t> chunks_voided{0};
  std::atomic<std::uint64_t> rows_dropped_by_windows{0};

 private:
  mutable std::mutex mutex_;
  base::Status failure_;
  std::map<std::string, MappingCounts> values_;  // by mapping
  std::atomic<bool> aborted_{false};
};

}  // namespace shardlift::migrate
