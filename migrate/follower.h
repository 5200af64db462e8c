// Follower: a job whose copy is done, kept up with its sources, while its owner has rows read again by name.
//
// It holds the job's locks and epochs as `migrate` does; the two refuse each other. What it writes goes through the
// same streams, windows and lanes.
//
// Thread rules: one thread uses it but for what says otherwise; it has threads of its own.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "base/status.h"
#include "job/catalog.h"
#include "job/config.h"
#include "migrate/lane_claim.h"
#include "migrate/migrate.h"
#include "migrate/run_state.h"
#include "migrate/source_pipeline.h"
#include "store/router.h"

namespace shardlift::migrate {

struct FollowerOptions {
  bool takeover = false;                    // as MigrateOptions
  const std::atomic<bool>* stop = nullptr;  // ends every wait with kStopped
  WriteJournal* journal = nullptr;          // asked before rows that were read by name are written
};

class Follower {
 public:
  // The references must outlive it. kRefused when another process has the job, or when its copy is not done.
  static base::Result<std::unique_ptr<Follower>> Start(const job::JobConfig& config, const job::Catalog& catalog,
                                                       const store::Router& router, const FollowerOptions& options);
  ~Follower();
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;

  // Waits until all that the sources had committed when it was called, and all that Reread brought, is on the shards.
  base::Status Settle();
  // Reads these rows of a table (their canonical keys) at the source as they are now, under the window rule, and hands
  // them to the lanes: each owner then has this row in its place and nothing elsewhere. Owners that a change touched
  // meanwhile are left to that change, which may leave a misplaced row where it is: look at them again after Settle.
  base::Status Reread(const job::CatalogTable& table, std::span<const std::string> owner_keys);
  // Looks at these owners on both sides without writing, see OwnerLook. From any thread; ends by the deadline.
  base::Result<LookOutcome> Look(const job::CatalogTable& table, std::span<const std::string> owner_keys,
                                 std::shared_ptr<OwnerLook> look, std::chrono::steady_clock::time_point deadline);
  // Not ok once the run has failed or is to stop. From any thread.
  base::Status Outcome() const;
  // Stores the checkpoints and gives the locks back.
  base::Status Close();

 private:
  Follower(const job::JobConfig& config, const FollowerOptions& options) : config_(config), options_(options) {}
  void Watch();  // keeps the locks; hears of the wish to stop
  void EndThreads();

  const job::JobConfig& config_;
  const FollowerOptions options_;
  MigrateOptions migrate_options_;
  RunState state_;
  std::unique_ptr<JobLocks> locks_;
  std::vector<std::unique_ptr<SourcePipeline>> pipelines_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool closing_ = false;
  std::thread watch_;
};

}  // namespace shardlift::migrate
