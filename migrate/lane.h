// Lane: the one connection through which a source's changes reach one shard, in commit order (design 5.4).
//
// A lane transaction is: fence (UPDATE of the lane's checkpoint row WHERE epoch = mine AND seq = previous must change
// exactly one row), rows, dead letters and copy mark, COMMIT. Rows that moved to another shard are deleted in a second
// transaction, after the lanes they moved to have committed their inserts; the checkpoint moves with the last
// transaction of a batch.
//
// A lost connection is waited for (retry_seconds). If COMMIT was under way the outcome is unknown: the old connection
// is killed, the checkpoint row is read FOR UPDATE, and its seq decides.
//
// Thread rules: Enqueue and WaitDrained on the source's stream thread; the lane works on a thread of its own.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_set>
#include <vector>

#include "base/status.h"
#include "job/catalog.h"
#include "job/config.h"
#include "migrate/batch.h"
#include "migrate/lane_claim.h"
#include "migrate/run_state.h"
#include "migrate/shard_writer.h"

namespace shardlift::migrate {

class Lane {
 public:
  // `config`, `catalog` and `state` must outlive the lane.
  Lane(const job::JobConfig& config, const job::Catalog& catalog, std::uint32_t source, std::uint32_t shard,
       const LaneClaim& claim, RunState* state);
  ~Lane();  // stops without draining

  // Hands over a batch; blocks while the queue is full. Dropped when the run has failed.
  void Enqueue(std::unique_ptr<LaneBatch> batch);
  // Batches handed over so far, and whether the first `batches` of them are committed.
  std::uint64_t enqueued();
  bool HasCommitted(std::uint64_t batches);
  // True when everything enqueued is committed; false on time-out or when the run has failed.
  bool WaitDrained(std::chrono::milliseconds timeout);
  // Waits until the inserts of `round` are committed here. False when the run has failed.
  bool WaitInserted(std::uint64_t round);

  // Owners whose row lost a clash on a target key here: dead letters that are to be read again.
  std::vector<std::string> OpenConflicts();

  const mysql::SourcePosition& applied_at_claim() const { return applied_at_claim_; }
  std::uint32_t shard() const { return shard_; }
  // The source position the run is at, for the detail of sync points and messages.
  void SetPlace(std::string place);

 private:
  struct Step {  // one transaction's work
    const LaneBatch* batch;
    bool inserts;     // everything but the deletes of rows that moved away
    bool moved_away;  // those deletes
    bool last;        // moves the checkpoint
    bool Covers(const OwnerState& state) const { return state.moved_away ? moved_away : inserts; }
  };
  void Loop();
  base::Status RunBatch(const LaneBatch& batch);
  base::Status RunStep(const Step& step);
  base::Status TryTransaction(const Step& step, bool careful);
  base::Status CheckRejected(const std::vector<DeadLetter>& dead_letters) const;
  base::Status WriteRows(const Step& step, bool careful, std::vector<DeadLetter>* dead_letters);
  // Of the owners that were read by name those that stay as they are: `settled`.
  base::Status AskJournal(const Step& step, std::unordered_set<std::string_view>* settled);
  base::Status RunErrand(LaneErrand& errand);
  base::Status WriteOwners(const Step& step, bool careful, std::vector<DeadLetter>* dead_letters);
  base::Status WriteChunk(const Step& step, bool careful, std::vector<DeadLetter>* dead_letters);
  base::Status Fence(const Step& step);
  base::Status MoveMark(const ChunkPart& chunk);
  base::Status Connect();
  // After a lost connection: waits for the shard, then says whether the step was committed.
  base::Result<bool> RecoverOutcome();
  base::Result<bool> ReadOutcome();
  base::Status LoadDeadLetters();
  base::Status ClearSuperseded(const std::vector<std::string_view>& owner_ids);
  void RememberDeadLetters(const std::vector<DeadLetter>& written);
  std::string Where() const;
  std::string Place();

  const job::JobConfig& config_;
  const job::Catalog& catalog_;
  const std::string source_name_;
  const std::uint32_t shard_;
  RunState* const state_;
  const mysql::SourcePosition applied_at_claim_;
  std::uint64_t epoch_;
  std::uint64_t seq_;  // of the checkpoint row as this lane last wrote it

  std::unique_ptr<mysql::Session> session_;
  std::unique_ptr<ShardWriter> writer_;
  bool use_load_data_ = true;
  std::uint64_t connection_id_ = 0;         // of the last connection, to end it after it was lost
  std::uint64_t server_start_seconds_ = 0;  // unix seconds; another value means that ids are another server's
  std::unordered_set<std::string> open_dead_letters_;  // owner ids
  std::vector<std::string> superseded_;                // those the open transaction removes

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::unique_ptr<LaneBatch>> queue_;
  std::uint64_t enqueued_ = 0;
  std::uint64_t committed_ = 0;  // batches
  bool stopping_ = false;
  std::uint64_t inserted_round_ = 0;
  std::unordered_set<std::string> open_conflicts_;  // the part of open_dead_letters_ that clashed
  std::string place_;
  std::thread thread_;
};

}  // namespace shardlift::migrate
