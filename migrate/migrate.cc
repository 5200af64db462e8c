#include "migrate/migrate.h"

#include <fmt/format.h>

#include <memory>
#include <thread>

#include "base/events.h"
#include "base/progress.h"
#include "job/routing.h"
#include "migrate/lane_claim.h"
#include "migrate/routing_record.h"
#include "migrate/run_state.h"
#include "migrate/source_pipeline.h"

namespace shardlift::migrate {
namespace {

using base::Code;
using base::Result;
using base::Status;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using Pipelines = std::vector<std::unique_ptr<SourcePipeline>>;

constexpr auto kLookEvery = 100ms;
constexpr auto kEventEvery = 500ms;
constexpr auto kLockCheckEvery = 5s;

bool All(const Pipelines& pipelines, bool (SourcePipeline::*question)() const) {
  for (const auto& pipeline : pipelines) {
    if (!(pipeline.get()->*question)()) return false;
  }
  return true;
}

std::int64_t LargestLag(const Pipelines& pipelines) {
  std::int64_t lag = 0;
  for (const auto& pipeline : pipelines) lag = std::max(lag, pipeline->lag_seconds());
  return lag;
}

std::uint64_t RowsEstimated(const Pipelines& pipelines) {
  std::uint64_t rows = 0;
  for (const auto& pipeline : pipelines) rows += pipeline->rows_estimated();
  return rows;
}

std::uint64_t SpoolBytes(const Pipelines& pipelines) {
  std::uint64_t bytes = 0;
  for (const auto& pipeline : pipelines) bytes += pipeline->spool_bytes();
  return bytes;
}

// Watches the pipelines until they end, by themselves, on request or by failure; reports progress meanwhile.
class Watch {
 public:
  Watch(const MigrateOptions& options, const Pipelines& pipelines, JobLocks* locks, RunState* state)
      : options_(options), pipelines_(pipelines), locks_(locks), state_(state), progress_("migrate") {
    SetPhase("copy");
  }

  // kStopped when the run was asked to stop.
  Status Run() {
    progress_.SetTotal(RowsEstimated(pipelines_));
    while (!All(pipelines_, &SourcePipeline::finished) && !state_->aborted()) {
      std::this_thread::sleep_for(kLookEvery);
      if (copying_ && All(pipelines_, &SourcePipeline::copy_done)) {
        copying_ = false;
        SetPhase("catch-up");
      }
      Report();
      if (Clock::now() - locks_checked_at_ >= kLockCheckEvery) {
        locks_checked_at_ = Clock::now();
        if (Status status = locks_->Maintain(); !status.ok()) state_->Fail(std::move(status));
      }
      SL_TRY(CheckStop());
    }
    return base::Ok();
  }

 private:
  void SetPhase(const char* phase) {
    phase_ = phase;
    progress_.SetPhase(phase);
    base::EmitEvent("phase", {{"phase", std::string(phase)}});
  }

  void Report() {
    const std::uint64_t copied = state_->rows_copied;
    progress_.SetDone(copied);
    progress_.SetNote(fmt::format("{} changes, lag {} s", state_->changes_applied.load(), LargestLag(pipelines_)));
    if (Clock::now() - event_at_ < kEventEvery) return;
    event_at_ = Clock::now();
    base::EmitEvent("progress", {{"phase", std::string(phase_)},
                                 {"rows_copied", static_cast<std::int64_t>(copied)},
                                 {"rows_estimated", static_cast<std::int64_t>(RowsEstimated(pipelines_))},
                                 {"changes_applied", static_cast<std::int64_t>(state_->changes_applied.load())},
                                 {"lag_seconds", LargestLag(pipelines_)},
                                 {"spool_bytes", static_cast<std::int64_t>(SpoolBytes(pipelines_))}});
  }

  Status CheckStop() {
    const bool asked = options_.stop != nullptr && options_.stop->load();
    const bool out_of_time = options_.max_duration && Clock::now() - started_at_ >= *options_.max_duration;
    if (!asked && !out_of_time) return base::Ok();
    for (const auto& pipeline : pipelines_) pipeline->RequestStop();
    for (const auto& pipeline : pipelines_) pipeline->Join();
    if (state_->aborted()) return base::Ok();
    return Status(Code::kStopped, fmt::format("stopped {}; the checkpoints are stored, run the same command to go on",
                                              asked ? "on request" : "at the end of --max-duration"));
  }

  const MigrateOptions& options_;
  const Pipelines& pipelines_;
  JobLocks* const locks_;
  RunState* const state_;
  base::ProgressReporter progress_;
  const char* phase_ = "";
  bool copying_ = true;
  const Clock::time_point started_at_ = Clock::now();
  Clock::time_point event_at_ = Clock::now();
  Clock::time_point locks_checked_at_ = Clock::now();
};

// What the shards say, over all runs.
Status AddTotals(const job::JobConfig& config, MigrateSummary* summary) {
  for (const job::ShardConfig& shard : config.shards) {
    mysql::SessionOptions options;
    options.database = shard.database;
    SL_ASSIGN(auto session, mysql::Session::Open(shard.endpoint, options));
    SL_ASSIGN(auto letters, session->Query("SELECT COUNT(*) FROM sl_dead_letter", "count dead letters"));
    SL_ASSIGN(auto changes, session->Query("SELECT COALESCE(SUM(row_changes), 0) FROM sl_lane", "count changes"));
    SL_ASSIGN(const std::string open_letters, letters.Single());
    SL_ASSIGN(const std::string row_changes, changes.Single());
    summary->dead_letters += std::stoull(open_letters);
    summary->changes_total += std::stoull(row_changes);
  }
  return base::Ok();
}

MigrateSummary Summarise(const RunState& state) {
  MigrateSummary summary;
  summary.rows_copied = state.rows_copied;
  summary.rows_left_behind = state.rows_left_behind;
  summary.changes_applied = state.changes_applied;
  summary.groups_streamed = state.groups_streamed;
  summary.chunks_merged = state.chunks_merged;
  summary.chunks_voided = state.chunks_voided;
  summary.rows_dropped_by_windows = state.rows_dropped_by_windows;
  summary.values = state.value_counts();
  return summary;
}

void EmitValueCounts(const RunState& state) {
  for (const ValueCount& one : state.value_counts()) {
    base::EmitEvent("values", {{"mapping", one.mapping},
                               {"column", one.column},
                               {"replaced", static_cast<std::int64_t>(one.counts.replaced)},
                               {"lossy", static_cast<std::int64_t>(one.counts.lossy)},
                               {"set_aside", static_cast<std::int64_t>(one.counts.set_aside)}});
  }
}

// A server that went away takes the run with it, but nothing that was done.
Status WithRemedy(const Status& failure) {
  if (failure.code() != Code::kEnvironment) return failure;
  return Status(Code::kEnvironment,
                failure.message() + "; what was done is stored: the same command goes on from there");
}

}  // namespace

Result<MigrateSummary> RunMigrate(const job::JobConfig& config, const MigrateOptions& options) {
  const auto started_at = Clock::now();
  SL_ASSIGN(const store::Router router, job::MakeRouter(config.routing));
  SL_ASSIGN(const auto locks, JobLocks::Acquire(config, options.takeover));
  SL_TRY(CheckRouting(config, router));
  SL_ASSIGN(const job::Catalog catalog, job::LoadCatalog(config, true));
  RunState state;
  Pipelines pipelines;
  Watch watch(options, pipelines, locks.get(), &state);
  for (std::uint32_t source = 0; source < config.sources.size(); ++source) {
    pipelines.push_back(std::make_unique<SourcePipeline>(config, catalog, source, router, options, &state));
    SL_TRY(pipelines.back()->Prepare());
  }
  for (const auto& pipeline : pipelines) pipeline->Start();
  Status ended = watch.Run();
  for (const auto& pipeline : pipelines) pipeline->RequestStop();
  for (const auto& pipeline : pipelines) pipeline->Join();
  EmitValueCounts(state);
  if (state.aborted()) return WithRemedy(state.failure());
  SL_TRY(ended);
  MigrateSummary summary = Summarise(state);
  summary.caught_up = All(pipelines, &SourcePipeline::caught_up);
  pipelines.clear();
  SL_TRY(AddTotals(config, &summary));
  summary.seconds = std::chrono::duration<double>(Clock::now() - started_at).count();
  if (summary.caught_up) base::EmitEvent("caught-up");
  return summary;
}

}  // namespace shardlift::migrate
