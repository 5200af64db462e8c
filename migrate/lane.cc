#include "migrate/lane.h"

#include <fmt/format.h>

#include <charconv>
#include <chrono>

#include "base/events.h"
#include "base/sync_point.h"
#include "migrate/owner_look.h"
#include "migrate/patience.h"

namespace shardlift::migrate {
namespace {

using base::Code;
using base::Result;
using base::Status;
using namespace std::chrono_literals;

constexpr std::size_t kQueuedBatchesMax = 3;
constexpr int kClashTriesMax = 3;
constexpr unsigned kLockWaitTimeout = 1205;
constexpr unsigned kDeadlock = 1213;

std::uint64_t ToNumber(const std::optional<std::string>& text) {
  std::uint64_t value = 0;
  if (text) std::from_chars(text->data(), text->data() + text->size(), value);
  return value;
}

bool IsLockConflict(const Status& status) {
  return status.server_errno() == kLockWaitTimeout || status.server_errno() == kDeadlock;
}

}  // namespace

Lane::Lane(const job::JobConfig& config, const job::Catalog& catalog, std::uint32_t source, std::uint32_t shard,
           const LaneClaim& claim, RunState* state)
    : config_(config),
      catalog_(catalog),
      source_name_(config.sources[source].endpoint.name),
      shard_(shard),
      state_(state),
      applied_at_claim_(claim.applied),
      epoch_(claim.epoch),
      seq_(claim.seq),
      thread_([this] { Loop(); }) {}

Lane::~Lane() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Lane::Enqueue(std::unique_ptr<LaneBatch> batch) {
  std::unique_lock lock(mutex_);
  while (queue_.size() >= kQueuedBatchesMax && !state_->aborted()) changed_.wait_for(lock, 100ms);
  if (state_->aborted()) return;
  queue_.push_back(std::move(batch));
  ++enqueued_;
  lock.unlock();
  changed_.notify_all();
}

std::uint64_t Lane::enqueued() {
  const std::lock_guard lock(mutex_);
  return enqueued_;
}

bool Lane::HasCommitted(std::uint64_t batches) {
  const std::lock_guard lock(mutex_);
  return committed_ >= batches;
}

bool Lane::WaitDrained(std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  while (committed_ < enqueued_) {
    if (state_->aborted() || std::chrono::steady_clock::now() >= deadline) return false;
    changed_.wait_for(lock, 20ms);
  }
  return !state_->aborted();
}

bool Lane::WaitInserted(std::uint64_t round) {
  std::unique_lock lock(mutex_);
  while (inserted_round_ < round) {
    if (state_->aborted() || stopping_) return false;
    changed_.wait_for(lock, 100ms);
  }
  return true;
}

void Lane::SetPlace(std::string place) {
  const std::lock_guard lock(mutex_);
  place_ = std::move(place);
}

std::string Lane::Place() {
  const std::lock_guard lock(mutex_);
  return place_;
}

std::string Lane::Where() const {
  return fmt::format("source {}, shard {}", source_name_, config_.shards[shard_].endpoint.Text());
}

void Lane::Loop() {
  while (true) {
    std::unique_ptr<LaneBatch> batch;
    {
      std::unique_lock lock(mutex_);
      while (queue_.empty() && !stopping_ && !state_->aborted()) changed_.wait_for(lock, 100ms);
      if (stopping_ || state_->aborted()) return;
      batch = std::move(queue_.front());
      queue_.pop_front();
    }
    changed_.notify_all();
    Status status = RunBatch(*batch);
    if (!status.ok()) {
      state_->Fail(status.WithContext(Where()));
      continue;
    }
    state_->changes_applied += batch->row_changes;
    if (batch->chunk) state_->rows_copied += batch->chunk->rows.count();
    batch.reset();
    {
      const std::lock_guard lock(mutex_);
      ++committed_;
    }
    changed_.notify_all();
  }
}

Status Lane::RunBatch(const LaneBatch& batch) {
  const bool has_moved_away = !batch.wait_for.empty();
  SL_TRY(RunStep({&batch, true, false, !has_moved_away}));
  {
    const std::lock_guard lock(mutex_);
    inserted_round_ = std::max(inserted_round_, batch.round);  // chunks belong to no round
  }
  changed_.notify_all();
  if (!has_moved_away) return base::Ok();
  for (Lane* lane : batch.wait_for) {
    // The other lane's first transaction never waits for anybody, so this ends; or the run has failed already.
    if (!lane->WaitInserted(batch.round))
      return Status(Code::kStopped, "stopped while a row was moving between shards");
  }
  return RunStep({&batch, false, true, true});
}

Status Lane::RunStep(const Step& step) {
  bool careful = false;
  int clashes = 0;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(config_.apply.retry_seconds);
  while (true) {
    Status status = session_ ? base::Ok() : Connect();
    if (status.ok()) status = TryTransaction(step, careful);
    if (status.ok()) break;
    if (state_->aborted()) return status;
    bool lost = session_ == nullptr || !session_->alive();
    // A ROLLBACK that fails has lost the connection too, and with it the transaction.
    if (!lost) lost = !session_->Execute("ROLLBACK", "roll back").ok();
    if (lost) {
      SL_ASSIGN(const bool committed, RecoverOutcome());
      if (committed) break;
    } else if (status.code() == Code::kDuplicate && ++clashes < kClashTriesMax) {
      careful = true;
    } else if (IsLockConflict(status) && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(20ms);
    } else {
      return status;
    }
  }
  ++seq_;
  base::SyncPoint("lane.committed", {});
  return base::Ok();
}

Status Lane::TryTransaction(const Step& step, bool careful) {
  superseded_.clear();
  SL_TRY(session_->Execute("START TRANSACTION", "begin"));
  SL_TRY(Fence(step));
  std::vector<DeadLetter> dead_letters;
  SL_TRY(WriteRows(step, careful, &dead_letters));
  if (!dead_letters.empty()) {
    SL_TRY(CheckRejected(dead_letters));
    const std::string position = step.batch->applied ? step.batch->applied->ToText() : "";
    SL_TRY(writer_->WriteDeadLetters(source_name_, position, dead_letters));
  }
  base::SyncPoint("lane.in_transaction", Place());
  SL_TRY(session_->Execute("COMMIT", "commit"));
  RememberDeadLetters(dead_letters);
  return base::Ok();
}

Status Lane::Fence(const Step& step) {
  std::string positions;
  if (step.last) positions = fmt::format(", row_changes = row_changes + {}", step.batch->row_changes);
  if (step.last && step.batch->restart && step.batch->applied) {
    positions += fmt::format(", position = {}, applied = {}", session_->Quote(step.batch->restart->ToText()),
                             session_->Quote(step.batch->applied->ToText()));
  }
  SL_ASSIGN(const std::uint64_t changed,
            session_->ExecuteCount(
                fmt::format("UPDATE sl_lane SET seq = seq + 1, updated_at = NOW(6){} WHERE source = {} AND "
                            "lane = 0 AND epoch = {} AND seq = {} AND EXISTS (SELECT 1 FROM sl_routing WHERE id = 1 "
                            "AND map_epoch = {})",
                            positions, session_->Quote(source_name_), epoch_, seq_, config_.routing.map_epoch),
                "fence"));
  if (changed == 1) return base::Ok();
  SL_ASSIGN(const auto map, session_->Query("SELECT map_epoch FROM sl_routing WHERE id = 1", "read routing"));
  if (map.rows.empty() || ToNumber(map.rows[0][0]) != config_.routing.map_epoch) {
    return Status(Code::kRefused,
                  fmt::format("fence: sl_routing does not hold shard map epoch {} any more: another job "
                              "brought another map; this process has stopped writing, start it again "
                              "with that map",
                              config_.routing.map_epoch));
  }
  return Status(Code::kRefused,
                fmt::format("fence: epoch {} seq {} is not in sl_lane any more: another process took this job "
                            "over, or the shard was restored; this process has stopped writing",
                            epoch_, seq_));
}

Status Lane::WriteRows(const Step& step, bool careful, std::vector<DeadLetter>* dead_letters) {
  SL_TRY(WriteOwners(step, careful, dead_letters));
  if (step.inserts && step.batch->chunk) SL_TRY(WriteChunk(step, careful, dead_letters));
  if (step.batch->look) SL_TRY(step.batch->look->AtShard(shard_, *session_));
  return base::Ok();
}

Status Lane::WriteOwners(const Step& step, bool careful, std::vector<DeadLetter>* dead_letters) {
  std::unordered_set<std::string_view> settled;
  SL_TRY(AskJournal(step, &settled));
  std::vector<std::string_view> touched;
  std::vector<std::string_view> superseded;
  std::vector<RowRef> rows;
  for (const auto& [owner_id, state] : step.batch->owners) {
    if (!step.Covers(state)) continue;
    if (open_dead_letters_.contains(owner_id)) superseded.push_back(owner_id);
    if (state.dead_letter) dead_letters->push_back(*state.dead_letter);
    if (settled.contains(owner_id)) continue;
    touched.push_back(owner_id);
    if (state.fields) rows.push_back({owner_id, *state.fields});
  }
  SL_TRY(ClearSuperseded(superseded));
  if (touched.empty()) return base::Ok();
  SL_TRY(writer_->DeleteOwners(touched));
  return careful ? writer_->InsertCareful(rows, dead_letters) : writer_->InsertFast(rows);
}

Status Lane::WriteChunk(const Step& step, bool careful, std::vector<DeadLetter>* dead_letters) {
  const ChunkPart& chunk = *step.batch->chunk;
  SL_ASSIGN(const std::vector<std::string> existing, writer_->ExistingOwners(chunk));
  const std::vector<std::string_view> views(existing.begin(), existing.end());
  SL_TRY(writer_->DeleteOwners(views));
  std::vector<RowRef> rows;
  rows.reserve(chunk.rows.count());
  std::vector<std::string_view> superseded;
  chunk.rows.ForEach([&](std::string_view owner_id, std::string_view fields) {
    rows.push_back({owner_id, fields});
    if (!open_dead_letters_.empty() && open_dead_letters_.contains(std::string(owner_id)))
      superseded.push_back(owner_id);
  });
  SL_TRY(ClearSuperseded(superseded));
  SL_TRY(careful ? writer_->InsertCareful(rows, dead_letters) : writer_->InsertFast(rows));
  dead_letters->insert(dead_letters->end(), chunk.dead_letters.begin(), chunk.dead_letters.end());
  return MoveMark(chunk);
}

Status Lane::MoveMark(const ChunkPart& chunk) {
  return session_->Execute(
      fmt::format(
          "INSERT INTO sl_copy (source, lane, table_ordinal, copied_upto, done, rows_written, rows_left_behind) VALUES "
          "({}, 0, {}, {}, {}, {}, {}) ON DUPLICATE KEY UPDATE copied_upto = VALUES(copied_upto), done = VALUES(done), "
          "rows_written = rows_written + VALUES(rows_written), rows_left_behind = rows_left_behind + "
          "VALUES(rows_left_behind)",
          session_->Quote(source_name_), chunk.table_ordinal, session_->Quote(chunk.copied_upto), chunk.done ? 1 : 0,
          chunk.rows.count(), chunk.rows_left_behind),
      "move copy mark");
}

Status Lane::Connect() {
  mysql::SessionOptions options;
  options.database = config_.shards[shard_].database;
  options.local_infile = true;
  options.lock_wait_timeout = 20s;
  SL_ASSIGN(session_, mysql::Session::Open(config_.shards[shard_].endpoint, options));
  connection_id_ = session_->connection_id();
  if (writer_) use_load_data_ = writer_->use_load_data();
  writer_ = std::make_unique<ShardWriter>(session_.get(), &catalog_, use_load_data_);
  SL_ASSIGN(auto uptime, session_->Query("SELECT UNIX_TIMESTAMP()", "read clock"));
  SL_ASSIGN(auto status, session_->Query("SHOW GLOBAL STATUS LIKE 'Uptime'", "read uptime"));
  const std::uint64_t now = ToNumber(uptime.rows.at(0).at(0));
  server_start_seconds_ = status.rows.empty() ? 0 : now - ToNumber(status.rows[0].at(1));
  return LoadDeadLetters();
}

Result<bool> Lane::RecoverOutcome() {
  const std::string name = config_.shards[shard_].endpoint.name;
  base::EmitEvent("shard-lost", {{"shard", name}, {"source", source_name_}});
  base::SyncPoint("lane.connection_lost", name);
  Status last;
  for (Patience patience(config_.apply.retry_seconds); !state_->aborted();) {
    Result<bool> outcome = ReadOutcome();
    if (outcome.ok()) {
      base::EmitEvent("shard-back", {{"shard", name}, {"source", source_name_}});
      return outcome;
    }
    last = outcome.status();
    if (last.code() != Code::kEnvironment) return last;
    if (!patience.Wait()) return patience.GiveUp(last, "shard");
  }
  return last.ok() ? Status(Code::kStopped, "stopped while a shard was away") : last;
}

Result<bool> Lane::ReadOutcome() {
  const std::uint64_t old_connection = connection_id_;
  const std::uint64_t old_start = server_start_seconds_;
  session_.reset();
  SL_TRY(Connect());
  const bool same_server_run = old_start != 0 && server_start_seconds_ <= old_start + 1;
  if (same_server_run && old_connection != 0 && old_connection != connection_id_) {
    // Ends a COMMIT that may still be under way there; an id that is gone already is fine.
    SL_TRY(session_->Kill(old_connection));
  }
  SL_TRY(session_->Execute("START TRANSACTION", "begin"));
  SL_ASSIGN(auto rows,
            session_->Query(fmt::format("SELECT epoch, seq FROM sl_lane WHERE source = {} AND lane = 0 FOR UPDATE",
                                        session_->Quote(source_name_)),
                            "settle the outcome of a lost COMMIT"));
  SL_TRY(session_->Execute("ROLLBACK", "roll back"));
  if (rows.rows.empty() || ToNumber(rows.rows[0][0]) != epoch_) {
    return Status(Code::kRefused, "another process took this job over; this process has stopped writing");
  }
  const std::uint64_t seq = ToNumber(rows.rows[0][1]);
  if (seq == seq_) return false;
  if (seq == seq_ + 1) return true;
  return Status(Code::kRefused,
                fmt::format("the shard came back at seq {} while this lane had written seq {}: it was restored; "
                            "run again to continue from its checkpoint",
                            seq, seq_));
}

}  // namespace shardlift::migrate
