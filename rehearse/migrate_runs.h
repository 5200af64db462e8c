// MigrateRuns: runs `shardlift migrate` as a child again and again: under load, killed at chosen places, resumed, to
// the end.
//
// Thread rules: one thread, which must live as long as the process (see Child).
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "rehearse/child.h"
#include "rehearse/migrate_state.h"
#include "rehearse/rehearse.h"
#include "rehearse/run_directory.h"
#include "rehearse/server.h"
#include "rehearse/writers.h"

namespace shardlift::rehearse {

class MigrateRuns {
 public:
  // All outlive this. `say` prints progress.
  MigrateRuns(const RehearseOptions& options, const RunDirectory& run, ServerGroup& servers, Writers& writers,
              RehearseReport* report, std::function<void(const std::string&)> say);
  ~MigrateRuns();

  // Kills, resumes and the shard kill as the options say, then a run that reaches catch-up and is stopped gently.
  // kEnvironment (or the child's class) when migrate did not do its part: the report's failure_log tells.
  base::Status UnderLoad();
  // After the writers ended: `migrate --until-caught-up`, which must exit 0.
  base::Status ToTheEnd();

 private:
  enum class Seen { kYes, kMissed };
  using Condition = std::function<std::optional<Seen>(const MigrateState&)>;

  base::Status StartRun(const std::vector<std::string>& flags);
  void EndRun();  // adds the run's counts to the report
  // Follows the child until the condition speaks. A child that ends by itself is an error.
  base::Result<Seen> Follow(const Condition& condition);
  base::Status KillAt(const std::string& point, std::uint64_t passage);
  base::Status ShardKill();
  base::Status Recover(ShardKillRecord* record, Server& server, const MigrateState& before);
  base::Status StopGently();
  base::Status ChildFailed(int code);
  base::Status OneRun(const std::function<base::Status()>& run);

  const RehearseOptions& options_;
  const RunDirectory& run_;
  ServerGroup& servers_;
  Writers& writers_;
  RehearseReport* report_;
  std::function<void(const std::string&)> say_;
  std::unique_ptr<Child> child_;
  MigrateState state_;
  std::string log_prefix_;       // of the current run: "<run>/migrate-03"
  std::optional<int> own_exit_;  // of the last run that ended by itself
  std::chrono::steady_clock::time_point phase_since_;
};

}  // namespace shardlift::rehearse
