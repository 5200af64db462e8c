// When a source's run is done: the copy is committed, the goal is passed, the lost clashes were looked at.
#include <fmt/format.h>

#include "base/events.h"
#include "migrate/source_pipeline.h"

namespace shardlift::migrate {

using base::Code;
using base::Result;
using base::Status;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

namespace {
constexpr auto kConflictPassEvery = 10s;
}  // namespace

std::vector<std::uint64_t> SourcePipeline::Enqueued() {
  std::vector<std::uint64_t> batches;
  for (const std::unique_ptr<Lane>& lane : lanes_) batches.push_back(lane->enqueued());
  return batches;
}

bool SourcePipeline::HaveCommitted(const std::vector<std::uint64_t>& batches) {
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    if (!lanes_[i]->HasCommitted(batches[i])) return false;
  }
  return true;
}

// Does not wait: while one shard is away the stream still feeds the others.
bool SourcePipeline::CopyIsCommitted() {
  if (copy_batches_.empty()) {
    if (readers_running_.load() > 0 || !book_->empty()) return false;
    copy_batches_ = Enqueued();
  }
  return HaveCommitted(copy_batches_);
}

Status SourcePipeline::CheckGoals() {
  if (!copy_done_.load()) {
    if (!CopyIsCommitted()) return base::Ok();
    copy_done_.store(true);
  }
  if (conflict_reader_->running()) return base::Ok();
  SL_TRY(CheckSettle());
  if (options_.until_caught_up && !goal_) SL_TRY(FindGoal(&goal_));
  const bool at_goal = goal_ && passed_.Contains(*goal_);
  if (at_goal) {
    FlushRound(true);
    SL_TRY(DrainLanes());
  }
  if (ConflictsSettled(at_goal) && at_goal && !state_->aborted()) {
    lag_seconds_ = 0;  // the last event may be old: nothing came after it
    caught_up_.store(true);
  }
  return base::Ok();
}

// With the server away there is no goal yet.
Status SourcePipeline::FindGoal(std::optional<mysql::SourcePosition>* found) {
  if (stream_lost_) return base::Ok();
  if (!control_->alive()) {
    Status status = OpenControl();
    if (!status.ok() && status.code() != Code::kEnvironment) return status;
    if (!status.ok()) return goal_patience_.Wait() ? base::Ok() : goal_patience_.GiveUp(std::move(status), "source");
  }
  Result<mysql::SourcePosition> goal = mysql::ReadUpperBound(*control_);
  if (!goal.ok()) return control_->alive() ? goal.status() : base::Ok();
  found->emplace(std::move(goal).value());
  return base::Ok();
}

Status SourcePipeline::CheckSettle() {
  if (!settle_asked_.load()) return base::Ok();
  if (!settle_goal_) SL_TRY(FindGoal(&settle_goal_));
  if (!settle_goal_ || !passed_.Contains(*settle_goal_)) return base::Ok();
  FlushRound(true);
  SL_TRY(DrainLanes());
  settle_goal_.reset();
  if (!state_->aborted()) settle_asked_.store(false);
  return base::Ok();
}

Status SourcePipeline::CheckCopyIsDone() {
  bool done = true;
  for (const LaneClaim& lane : claim_.lanes) done &= !lane.fresh;
  for (const job::CatalogTable& table : catalog_.tables) {
    if (table.source == source_) done &= claim_.marks.at(table.ordinal).done;
  }
  if (done) return base::Ok();
  return Status(Code::kRefused, fmt::format("source {}: its copy is not done; run migrate --until-caught-up first",
                                            config_.sources[source_].endpoint.Text()));
}

Status SourcePipeline::Reread(const job::CatalogTable& table, std::span<const std::string> owner_ids) {
  ChunkReader reader(NewReaderContext());
  return reader.Reread(table, owner_ids);
}

// Starts a pass over the rows that lost a clash when it is time for one; the last look is taken once, before the run
// ends. False when a pass was started.
bool SourcePipeline::ConflictsSettled(bool last_look) {
  const auto now = Clock::now();
  if (last_look && took_last_look_) return MayStay(OpenConflicts());
  if (!last_look && now < next_conflict_pass_) return true;
  next_conflict_pass_ = now + kConflictPassEvery;
  took_last_look_ = last_look;
  const std::vector<std::string> owner_ids = OpenConflicts();
  if (!MayStay(owner_ids)) return false;
  looked_at_ = {owner_ids.begin(), owner_ids.end()};
  if (owner_ids.empty()) return true;
  base::EmitEvent("reread", {{"source", name_}, {"rows", static_cast<std::int64_t>(owner_ids.size())}});
  conflict_reader_->Start(owner_ids);
  return false;
}

std::vector<std::string> SourcePipeline::OpenConflicts() {
  std::vector<std::string> owner_ids;
  for (const std::unique_ptr<Lane>& lane : lanes_) {
    const std::vector<std::string> open = lane->OpenConflicts();
    owner_ids.insert(owner_ids.end(), open.begin(), open.end());
  }
  return owner_ids;
}

// A clash that is still there after both rows were read again is no matter of moments. False, and the run fails, when
// its mapping refuses it.
bool SourcePipeline::MayStay(const std::vector<std::string>& conflicts) {
  for (const std::string& owner_id : conflicts) {
    if (!looked_at_.contains(owner_id)) continue;
    const OwnerIdParts owner = SplitOwnerId(owner_id);
    for (const job::CatalogTable& table : catalog_.tables) {
      const mapping::MappingConfig& mapping = table.mapper->config();
      if (table.ordinal != owner.table_ordinal || mapping.on_conflict != mapping::ConflictPolicy::kRefuse) continue;
      state_->Fail(Status(Code::kRefused,
                          fmt::format("mapping {}: a row of {} wants a target key that another row has; sl_dead_letter "
                                      "in the shards names both its owner and why. Correct one of the two at the "
                                      "source, or give them different keys",
                                      mapping.name, table.schema().name.Text())));
      return false;
    }
  }
  return true;
}

Status SourcePipeline::DrainLanes() {
  for (const std::unique_ptr<Lane>& lane : lanes_) {
    while (!lane->WaitDrained(1s)) {
      if (state_->aborted()) return base::Ok();
    }
  }
  return base::Ok();
}

}  // namespace shardlift::migrate
