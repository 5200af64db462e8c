// SourcePipeline: one source's stream, windows, rounds and lanes. All that is written to the target goes through here.
//
// Threads: the stream thread (reads groups, maps rows, merges chunks, fills lanes), the chunk readers, one per lane.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/status.h"
#include "binlog/stream.h"
#include "job/catalog.h"
#include "job/config.h"
#include "migrate/chunk_reader.h"
#include "migrate/conflict_reader.h"
#include "migrate/lane.h"
#include "migrate/lane_claim.h"
#include "migrate/migrate.h"
#include "migrate/owner_look.h"
#include "migrate/patience.h"
#include "migrate/round.h"
#include "migrate/run_state.h"
#include "migrate/window.h"
#include "store/router.h"

namespace shardlift::migrate {

class SourcePipeline {
 public:
  // The references must outlive the pipeline.
  SourcePipeline(const job::JobConfig& config, const job::Catalog& catalog, std::uint32_t source,
                 const store::Router& router, const MigrateOptions& options, RunState* state);
  ~SourcePipeline();

  // Claims the lanes, finds the start position and opens the stream; nothing is written to the target's rows yet.
  base::Status Prepare();
  // Starts lanes, readers and the stream thread. From here on a lost shard is waited for.
  void Start();
  // For a run that follows its source (not until_caught_up), once it is started. AskSettle: settled() is true once all
  // that the source had committed before the call, and all that Reread has merged, is committed on the shards.
  // Reread blocks until these owners' rows, as they are now, are merged into the stream, or the run stops.
  void AskSettle() { settle_asked_.store(true); }
  bool settled() const { return !settle_asked_.load(); }
  base::Status Reread(const job::CatalogTable& table, std::span<const std::string> owner_ids);
  // Blocks until both sides of these owners (their ids) were read, or to the deadline. From any thread.
  base::Result<LookOutcome> Look(const job::CatalogTable& table, std::vector<std::string> owner_ids,
                                 std::shared_ptr<OwnerLook> look, std::chrono::steady_clock::time_point deadline);
  void RequestStop() { stopping_.store(true); }
  void Join();
  bool copy_done() const { return copy_done_.load(); }
  bool caught_up() const { return caught_up_.load(); }
  bool finished() const { return finished_.load(); }
  std::int64_t lag_seconds() const { return lag_seconds_.load(); }
  std::uint64_t rows_estimated() const { return rows_estimated_; }
  std::uint64_t spool_bytes() const { return spool_bytes_.load(); }

 private:
  base::Result<mysql::SourcePosition> FindStart();
  base::Status OpenControl();
  base::Status OpenStream();
  base::Status LoadDeadOwners();
  std::vector<std::uint64_t> Enqueued();  // by lane: its batches so far
  bool HaveCommitted(const std::vector<std::uint64_t>& batches);
  ReaderContext NewReaderContext();
  void StartReaders();
  void StreamLoop();
  base::Status Stream();
  void NoteConnection();
  base::Status HandleItem(binlog::StreamItem& item);
  base::Status HandleGroup(const binlog::CommitGroup& group);
  base::Status HandleRow(const binlog::CommitGroup& group, const binlog::RowChange& change);
  // `before_owner` is empty for an insert.
  base::Status HandleAfter(const binlog::CommitGroup& group, const job::CatalogTable& table,
                           const binlog::RowChange& change, const std::string& before_owner);
  base::Status EmptyBefore(const job::CatalogTable& table, const binlog::RowChange& change, std::string* owner,
                           std::optional<std::uint32_t>* shard);
  base::Status CheckStatement(const binlog::CommitGroup& group, const binlog::Statement& statement) const;
  void ChooseSkippingLanes(const binlog::CommitGroup& group);
  void Put(std::uint32_t shard, const std::string& owner_id, const std::string& fields);
  void Empty(std::uint32_t shard, const std::string& owner_id, bool moved_away);
  void ClearDeadOwner(const std::string& owner_id);
  void FlushRound(bool all_lanes);
  base::Status TrimSpool();
  void MergeReadyChunks();
  void MergeChunk(ChunkWindow& window);
  void MergeKeys(const ChunkWindow& window);
  void MergeLook(ChunkWindow& window);
  base::Status CheckGoals();
  base::Status FindGoal(std::optional<mysql::SourcePosition>* goal);
  base::Status CheckSettle();
  base::Status CheckCopyIsDone();
  bool CopyIsCommitted();
  bool ConflictsSettled(bool last_look);
  std::vector<std::string> OpenConflicts();
  bool MayStay(const std::vector<std::string>& conflicts);
  base::Status DrainLanes();
  std::string Place(const binlog::CommitGroup& group) const;

  const job::JobConfig& config_;
  const job::Catalog& catalog_;
  const std::uint32_t source_;
  const std::string name_;
  const store::Router& router_;
  const MigrateOptions& options_;
  RunState* const state_;

  std::unique_ptr<mysql::Session> control_;
  mysql::Flavour flavour_ = mysql::Flavour::kMySql;
  std::unordered_map<const mysql::TableSchema*, const job::CatalogTable*> by_schema_;
  std::unordered_map<std::string, const mysql::TableSchema*> by_name_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  std::unique_ptr<binlog::GroupStream> stream_;
  std::unique_ptr<WindowBook> book_;
  TableQueue queue_;
  std::vector<std::thread> readers_;
  std::thread thread_;
  std::atomic<std::uint32_t> readers_running_{0};
  std::mutex looker_mutex_;
  std::unique_ptr<ChunkReader> looker_;  // opened when first needed

  // Stream thread only.
  SourceClaim claim_;
  Round round_;
  std::chrono::steady_clock::time_point round_started_;
  std::chrono::steady_clock::time_point idle_checkpoint_at_;
  mysql::SourcePosition passed_;       // everything between groups so far
  mysql::SourcePosition handled_;      // as passed_, but moved by groups only: what is visible can be asked of it
  mysql::SourcePosition had_applied_;  // what any lane had applied before this run
  mysql::SourcePosition restart_;      // where a new stream would have to start
  mysql::SourcePosition stored_;       // restart_ as all lanes were last told
  std::optional<mysql::SourcePosition> trim_to_;  // restart_ as it was when these were the lanes' batches
  std::vector<std::uint64_t> trim_batches_;
  std::vector<bool> skips_;                      // by lane: it has this group already
  bool new_job_ = false;                         // no lane had a checkpoint
  bool resuming_ = true;                         // some lane may still have to skip
  std::unordered_set<std::string> dead_owners_;  // owners with a dead letter on shard 0 (values that do not fit)
  std::vector<std::uint64_t> copy_batches_;  // by lane: its batches up to the last chunk; empty while chunks are open
  std::optional<mysql::SourcePosition> goal_;
  std::optional<mysql::SourcePosition> settle_goal_;
  Patience goal_patience_;
  bool stream_lost_ = false;
  std::uint64_t reconnects_ = 0;  // of the stream, as far as they were noted
  std::unique_ptr<ConflictReader> conflict_reader_;
  std::chrono::steady_clock::time_point next_conflict_pass_;
  bool took_last_look_ = false;
  std::unordered_set<std::string> looked_at_;  // conflicts whose rows were read again, by owner
  mapping::MapScratchPtr scratch_ = mapping::NewMapScratch();
  mapping::MappedRow mapped_;

  std::uint64_t rows_estimated_ = 0;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> copy_done_{false};
  std::atomic<bool> caught_up_{false};
  std::atomic<bool> settle_asked_{false};
  std::atomic<bool> finished_{false};
  std::atomic<std::int64_t> lag_seconds_{0};
  std::atomic<std::uint64_t> spool_bytes_{0};
};

}  // namespace shardlift::migrate
