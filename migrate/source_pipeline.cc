#include "migrate/source_pipeline.h"

#include <fmt/format.h>

#include <filesystem>
#include <set>

#include "base/events.h"
#include "base/sync_point.h"

namespace shardlift::migrate {
namespace {

using base::Code;
using base::Result;
using base::Status;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto kRoundAgeMax = 100ms;
constexpr auto kIdleCheckpointEvery = 2s;
constexpr auto kXaWait = 30s;
constexpr auto kSpoolLockWait = 15s;  // of a process that was taken over, until it has noticed

}  // namespace

SourcePipeline::SourcePipeline(const job::JobConfig& config, const job::Catalog& catalog, std::uint32_t source,
                               const store::Router& router, const MigrateOptions& options, RunState* state)
    : config_(config),
      catalog_(catalog),
      source_(source),
      name_(config.sources[source].endpoint.name),
      router_(router),
      options_(options),
      state_(state),
      round_(config.shards.size()),
      skips_(config.shards.size(), false),
      goal_patience_(config.apply.retry_seconds) {
  for (const job::CatalogTable& table : catalog.tables) {
    if (table.source != source) continue;
    by_schema_[&table.schema()] = &table;
    by_name_[table.schema().name.Text()] = &table.schema();
    rows_estimated_ += table.schema().rows_estimate;
  }
}

SourcePipeline::~SourcePipeline() {
  stopping_.store(true);
  Join();
  lanes_.clear();
}

void SourcePipeline::Join() {
  if (thread_.joinable()) thread_.join();
  for (std::thread& reader : readers_) {
    if (reader.joinable()) reader.join();
  }
  if (conflict_reader_) conflict_reader_->Join();
}

Status SourcePipeline::Prepare() {
  SL_TRY(OpenControl());
  flavour_ = control_->flavour();
  book_ = std::make_unique<WindowBook>(flavour_);
  SL_ASSIGN(claim_, ClaimSource(config_, catalog_, source_));
  if (options_.copy_must_be_done) SL_TRY(CheckCopyIsDone());
  bool any_fresh = false;
  new_job_ = true;
  std::optional<mysql::SourcePosition> start;
  for (const LaneClaim& lane : claim_.lanes) {
    any_fresh |= lane.fresh;
    new_job_ &= lane.fresh;
    if (lane.fresh) continue;
    // A crash while the lanes were being set up: those that have a position got the same one.
    if (!start) start = lane.restart;
    start->IntersectWith(lane.restart);
  }
  if (any_fresh) {
    if (!start) {
      SL_ASSIGN(start.emplace(), FindStart());
    }
    SL_TRY(StoreStart(config_, source_, *start, &claim_));
  }
  restart_ = claim_.lanes[0].restart;
  had_applied_ = claim_.lanes[0].applied;
  for (const LaneClaim& lane : claim_.lanes) {
    restart_.IntersectWith(lane.restart);
    had_applied_.MergeWith(lane.applied);
  }
  passed_ = handled_ = restart_;
  {
    const auto lock = book_->Lock();
    book_->SetMustSee(had_applied_);
  }
  SL_TRY(LoadDeadOwners());
  return OpenStream();
}

void SourcePipeline::Start() {
  for (std::uint32_t shard = 0; shard < config_.shards.size(); ++shard) {
    lanes_.push_back(std::make_unique<Lane>(config_, catalog_, source_, shard, claim_.lanes[shard], state_));
  }
  for (const job::CatalogTable& table : catalog_.tables) {
    if (table.source != source_) continue;
    const CopyMark& mark = claim_.marks.at(table.ordinal);
    if (!mark.done) queue_.Push({&table, mark});
  }
  StartReaders();
  thread_ = std::thread([this] { StreamLoop(); });
}

// A prepared XA transaction whose PREPARE lies before the start could commit later without its rows ever being
// streamed.
Result<mysql::SourcePosition> SourcePipeline::FindStart() {
  const auto deadline = Clock::now() + kXaWait;
  while (true) {
    SL_ASSIGN(auto before, control_->Query("XA RECOVER", "list prepared XA transactions"));
    SL_ASSIGN(mysql::SourcePosition start, mysql::ReadVisibleLowerBound(*control_));
    SL_ASSIGN(auto after, control_->Query("XA RECOVER", "list prepared XA transactions"));
    if (before.rows.empty() && after.rows.empty()) return start;
    if (Clock::now() >= deadline) {
      return Status(Code::kRefused,
                    fmt::format("source {}: {} prepared XA transactions are open (XA RECOVER); commit or roll "
                                "them back, then start again",
                                config_.sources[source_].endpoint.Text(), after.rows.size()));
    }
    std::this_thread::sleep_for(200ms);
  }
}

Status SourcePipeline::OpenControl() {
  SL_ASSIGN(control_, mysql::Session::Open(config_.sources[source_].endpoint, {}));
  return base::Ok();
}

Status SourcePipeline::LoadDeadOwners() {
  mysql::SessionOptions session_options;
  session_options.database = config_.shards[0].database;
  SL_ASSIGN(auto session, mysql::Session::Open(config_.shards[0].endpoint, session_options));
  SL_ASSIGN(
      auto rows,
      session->Query(fmt::format("SELECT owner_origin, owner_table, owner_key FROM sl_dead_letter WHERE source = {} "
                                 "AND reason = {}",
                                 session->Quote(name_), session->Quote(kBadValue)),
                     "read dead letters"));
  for (const auto& row : rows.rows) {
    dead_owners_.insert(MakeOwnerId(static_cast<std::uint32_t>(std::stoul(*row[0])),
                                    static_cast<std::uint32_t>(std::stoul(*row[1])), *row[2]));
  }
  return base::Ok();
}

Status SourcePipeline::OpenStream() {
  binlog::StreamOptions stream_options;
  stream_options.endpoint = config_.sources[source_].endpoint;
  stream_options.server_id = config_.sources[source_].server_id;
  stream_options.start = restart_;
  stream_options.reconnect_for = std::chrono::seconds(config_.apply.retry_seconds);
  std::error_code error;
  std::filesystem::create_directories(config_.spool.directory, error);
  if (error) return {Code::kEnvironment, fmt::format("spool {}: {}", config_.spool.directory, error.message())};
  stream_options.spool.emplace();
  stream_options.spool->directory = (std::filesystem::path(config_.spool.directory) / name_).string();
  stream_options.spool->bytes_max = config_.spool.bytes_max;
  stream_options.spool->lock_wait = kSpoolLockWait;
  stream_options.spool_anew = new_job_;
  stream_options.tables = [this](std::string_view schema, std::string_view table) -> const mysql::TableSchema* {
    const auto found = by_name_.find(fmt::format("{}.{}", schema, table));
    return found == by_name_.end() ? nullptr : found->second;
  };
  SL_ASSIGN(stream_, binlog::GroupStream::Open(stream_options));
  return base::Ok();
}

ReaderContext SourcePipeline::NewReaderContext() {
  ReaderContext context;
  context.config = &config_;
  context.source = source_;
  context.router = &router_;
  context.book = book_.get();
  context.queue = &queue_;
  context.state = state_;
  context.stopping = &stopping_;
  context.unsafe_binlog_order = options_.unsafe_windows_by_binlog_order;
  return context;
}

void SourcePipeline::StartReaders() {
  const ReaderContext context = NewReaderContext();
  conflict_reader_ = std::make_unique<ConflictReader>(context, catalog_);
  readers_running_ = config_.copy.readers;
  for (std::uint32_t i = 0; i < config_.copy.readers; ++i) {
    readers_.emplace_back([this, context] {
      ChunkReader reader(context);
      if (Status status = reader.Run(); !status.ok()) state_->Fail(std::move(status));
      --readers_running_;
    });
  }
}

void SourcePipeline::StreamLoop() {
  if (Status status = Stream(); !status.ok())
    state_->Fail(status.WithContext("source " + config_.sources[source_].endpoint.Text()));
  stopping_.store(true);
  stream_->Stop();
  finished_.store(true);
}

Status SourcePipeline::Stream() {
  idle_checkpoint_at_ = Clock::now() + kIdleCheckpointEvery;
  while (!state_->aborted() && !stopping_.load() && !caught_up_.load()) {
    const bool waiting = !round_.empty() || !book_->empty();
    SL_ASSIGN(binlog::StreamItem item, stream_->Next(waiting ? 2ms : 50ms));
    SL_TRY(HandleItem(item));
    NoteConnection();
    MergeReadyChunks();
    const auto now = Clock::now();
    const bool big = round_.changes() >= config_.apply.batch_changes_max * lanes_.size() ||
                     round_.bytes() >= config_.apply.batch_bytes_max;
    if (big || (!round_.empty() && now - round_started_ >= kRoundAgeMax)) FlushRound(false);
    if (now >= idle_checkpoint_at_) {
      if (!(stored_ == restart_)) FlushRound(true);
      SL_TRY(TrimSpool());
      idle_checkpoint_at_ = now + kIdleCheckpointEvery;
    }
    SL_TRY(CheckGoals());
  }
  if (state_->aborted()) return base::Ok();  // the failure is in state_
  FlushRound(true);
  return DrainLanes();
}

// A server that crashed may have shown rows that its binlog does not have: windows that were open are read again.
void SourcePipeline::NoteConnection() {
  if (!stream_->lost().ok() && !stream_lost_) {
    stream_lost_ = true;
    base::EmitEvent("source-lost", {{"source", name_}});
  }
  if (stream_->reconnects() == reconnects_) return;
  reconnects_ = stream_->reconnects();
  stream_lost_ = false;
  book_->VoidAll();
  base::EmitEvent("source-back", {{"source", name_}});
}

Status SourcePipeline::HandleItem(binlog::StreamItem& item) {
  const auto lock = book_->Lock();
  if (item.group) SL_TRY(HandleGroup(*item.group));
  passed_ = stream_->position();
  restart_ = stream_->SafePosition();
  if (item.group) {
    handled_.MergeWith(flavour_ == mysql::Flavour::kMySql ? passed_ : mysql::SourcePosition::FromFile(item.group->end));
    mysql::SourcePosition must_see = handled_;
    must_see.MergeWith(had_applied_);
    book_->SetMustSee(std::move(must_see));
  }
  const auto seconds = static_cast<std::int64_t>(stream_->last_event_seconds());
  const auto now =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  lag_seconds_ = stream_->at_end() || seconds == 0 ? 0 : std::max<std::int64_t>(0, now - seconds);
  return base::Ok();
}

void SourcePipeline::FlushRound(bool all_lanes) {
  round_.Flush(lanes_, &restart_, &handled_, all_lanes);
  if (all_lanes) stored_ = restart_;
}

// What lies behind a checkpoint that all lanes have committed is needed no more.
Status SourcePipeline::TrimSpool() {
  spool_bytes_ = stream_->spool_bytes();
  if (trim_to_ && HaveCommitted(trim_batches_)) {
    SL_TRY(stream_->Trim(*trim_to_));
    trim_to_.reset();
  }
  if (trim_to_ || !(stored_ == restart_)) return base::Ok();
  trim_to_ = stored_;
  trim_batches_ = Enqueued();
  return base::Ok();
}

void SourcePipeline::MergeReadyChunks() {
  std::vector<std::shared_ptr<ChunkWindow>> ready;
  {
    const auto lock = book_->Lock();
    ready = book_->TakeReady(passed_);
  }
  for (const std::shared_ptr<ChunkWindow>& window : ready) {
    if (!window->keys.empty()) {
      window->look ? MergeLook(*window) : MergeKeys(*window);
      book_->SetMerged(window);
      continue;
    }
    state_->CountValues(*window->table->mapper, window->data.values);
    FlushRound(false);  // what was streamed before the chunk reaches the lanes before it
    MergeChunk(*window);
    book_->SetMerged(window);
    ++state_->chunks_merged;
    base::EmitEvent("chunk", {{"state", std::string("merged")},
                              {"source", name_},
                              {"table", window->table->schema().name.Text()},
                              {"rows", static_cast<std::int64_t>(window->data.rows_read)}});
  }
}

void SourcePipeline::MergeChunk(ChunkWindow& window) {
  const std::uint32_t origin = window.table->mapper->config().origin;
  for (std::uint32_t shard = 0; shard < lanes_.size(); ++shard) {
    auto batch = std::make_unique<LaneBatch>();
    ChunkPart& part = batch->chunk.emplace();
    part.origin = origin;
    part.table_ordinal = window.table->ordinal;
    part.copied_upto = EncodeMark(window.data.upto);
    part.done = window.data.upto.done;
    if (window.touched.empty()) {
      part.rows = std::move(window.data.shard_rows[shard]);
    } else {
      window.data.shard_rows[shard].ForEach([&](std::string_view owner_id, std::string_view fields) {
        if (window.touched.contains(std::string(owner_id))) {
          ++state_->rows_dropped_by_windows;
        } else {
          part.rows.Add(owner_id, fields);
        }
      });
      window.data.shard_rows[shard] = {};
    }
    if (shard == 0) {
      part.rows_left_behind = window.data.rows_left_behind;
      state_->rows_left_behind += window.data.rows_left_behind;
      for (DeadLetter& letter : window.data.dead_letters) {
        if (window.touched.contains(letter.owner_id)) continue;
        dead_owners_.insert(letter.owner_id);
        part.dead_letters.push_back(std::move(letter));
      }
    }
    lanes_[shard]->Enqueue(std::move(batch));
  }
}

// Rows read by name: each owner has this row here and nothing elsewhere, or nothing anywhere.
void SourcePipeline::MergeKeys(const ChunkWindow& window) {
  std::set<std::string, std::less<>> wanted;
  for (const std::string& owner_id : window.keys) {
    if (!window.touched.contains(owner_id)) wanted.insert(owner_id);
  }
  if (round_.empty()) round_started_ = Clock::now();
  for (const std::string& owner_id : wanted) {
    for (std::uint32_t shard = 0; shard < lanes_.size(); ++shard) {
      round_.Empty(shard, owner_id, state_->journal != nullptr);  // a misplaced row leaves after the right one is there
      round_.MarkByName(shard, owner_id);
    }
  }
  for (std::uint32_t shard = 0; shard < lanes_.size(); ++shard) {
    window.data.shard_rows[shard].ForEach([&](std::string_view owner_id, std::string_view fields) {
      if (wanted.contains(owner_id)) round_.Put(shard, std::string(owner_id), std::string(fields));
    });
  }
  for (const DeadLetter& letter : window.data.dead_letters) {
    if (!wanted.contains(letter.owner_id)) continue;
    dead_owners_.insert(letter.owner_id);
    round_.AddDeadLetter(0, letter);
  }
}

}  // namespace shardlift::migrate
