#include "migrate/chunk_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <thread>

#include "base/events.h"
#include "base/sync_point.h"
#include "mapping/owner_key.h"
#include "migrate/key_cursor.h"
#include "migrate/patience.h"
#include "mysql/seen_position.h"

namespace shardlift::migrate {
namespace {

using base::Code;
using base::Result;
using base::Status;
using namespace std::chrono_literals;

constexpr std::size_t kChunksUnderWayMax = 2;
constexpr std::size_t kKeysPerReread = 200;
constexpr auto kVisibleDeadline = 60s;

void EmitChunk(const char* state, const std::string& source, const ChunkWindow& window, std::uint64_t rows) {
  if (!base::EventsEnabled()) return;
  base::EmitEvent("chunk", {{"state", std::string(state)},
                            {"source", source},
                            {"table", window.table->schema().name.Text()},
                            {"after", PrintableCursor(window.from.cursor)},
                            {"rows", static_cast<std::int64_t>(rows)}});
}

// The rows of a named-key window; empty when a key does not decode.
std::string KeysCondition(const ChunkWindow& window) {
  const mysql::TableSchema& schema = window.table->schema();
  const std::span<const std::size_t> key = window.table->mapper->key_columns();
  std::string condition;
  for (const std::string& owner_id : window.keys) {
    const auto texts = mapping::DecodeOwnerKey(schema, key, SplitOwnerId(owner_id).legacy_key);
    if (!texts) return {};
    condition += (condition.empty() ? "" : " OR ") + KeyCondition(schema, key, *texts);
  }
  return condition;
}

Result<std::string> ChunkSql(const ChunkWindow& window, std::uint64_t rows_max) {
  const mysql::TableSchema& schema = window.table->schema();
  const std::span<const std::size_t> key = window.table->mapper->key_columns();
  std::string rows;
  if (window.keys.empty()) {
    SL_ASSIGN(const std::string condition, CursorCondition(schema, key, window.from.cursor));
    rows = fmt::format("{} ORDER BY {} LIMIT {}", condition, OrderByKey(schema, key), rows_max);
  } else {
    rows = KeysCondition(window);
    if (rows.empty()) {
      return Status(Code::kCorrupt,
                    fmt::format("table {}: a dead letter's owner key is none of this table's; the key columns of the "
                                "mapping were changed",
                                schema.name.Text()));
    }
  }
  std::string items;
  for (const mysql::Column& column : schema.columns) {
    if (!items.empty()) items += ", ";
    items += mysql::SelectItem(column);
  }
  return fmt::format("SELECT {} FROM {} WHERE {}{}", items, schema.name.Quoted(), rows,
                     window.locking_read ? " LOCK IN SHARE MODE" : "");
}

}  // namespace

std::optional<TableToCopy> TableQueue::Pop() {
  const std::lock_guard lock(mutex_);
  if (tables_.empty()) return std::nullopt;
  TableToCopy table = std::move(tables_.front());
  tables_.pop_front();
  return table;
}

ChunkReader::ChunkReader(const ReaderContext& context) : context_(context) {}

std::string ChunkReader::Where(const job::CatalogTable& table) const {
  return fmt::format("source {}, table {}", context_.config->sources[context_.source].endpoint.Text(),
                     table.schema().name.Text());
}

Status ChunkReader::Run() {
  SL_TRY(OpenSession());
  while (!Stopping()) {
    const std::optional<TableToCopy> job = context_.queue->Pop();
    if (!job) return base::Ok();
    Status status = CopyTable(*job);
    if (!status.ok()) return status.WithContext(Where(*job->table));
  }
  return base::Ok();
}

Status ChunkReader::OpenSession() {
  mysql::SessionOptions options;
  options.isolation = mysql::Isolation::kReadCommitted;
  options.lock_wait_timeout = 5s;
  const job::SourceConfig& source = context_.config->sources[context_.source];
  SL_ASSIGN(session_, mysql::Session::Open(source.reader ? *source.reader : source.endpoint, options));
  if (source.reader && session_->flavour() != mysql::Flavour::kMySql) {
    return Status(Code::kUsage,
                  fmt::format("source {}: \"reader\" is for MySQL; MariaDB's chunks are read on the source itself: "
                              "remove it",
                              source.endpoint.Text()));
  }
  return base::Ok();
}

Status ChunkReader::CopyTable(const TableToCopy& job) {
  std::deque<std::shared_ptr<ChunkWindow>> under_way;
  CopyMark mark = job.from;
  while (!Stopping()) {
    while (!under_way.empty() && context_.book->StateOf(*under_way.front()) == WindowState::kMerged)
      under_way.pop_front();
    if (!under_way.empty() && context_.book->StateOf(*under_way.front()) == WindowState::kVoided) {
      // Later chunks of the table are voided with it; go back to where it started.
      context_.state->chunks_voided += under_way.size();
      EmitChunk("voided", context_.config->sources[context_.source].endpoint.name, *under_way.front(), 0);
      mark = under_way.front()->from;
      for (const auto& window : under_way) context_.book->Void(window);
      under_way.clear();
      continue;
    }
    if (mark.done && under_way.empty()) return base::Ok();
    if (mark.done || under_way.size() >= kChunksUnderWayMax) {
      context_.book->WaitForChange();
      continue;
    }
    std::shared_ptr<ChunkWindow> window = context_.book->Open(job.table, mark);
    SL_ASSIGN(const bool read, ReadChunk(window));
    if (!read) continue;
    mark = window->data.upto;
    under_way.push_back(std::move(window));
  }
  return base::Ok();
}

Status ChunkReader::Reread(const job::CatalogTable& table, std::span<const std::string> owner_ids) {
  if (!session_) SL_TRY(OpenSession());
  for (std::size_t i = 0; i < owner_ids.size() && !Stopping(); i += kKeysPerReread) {
    const auto slice = owner_ids.subspan(i, std::min(kKeysPerReread, owner_ids.size() - i));
    Status status = RereadKeys(table, {slice.begin(), slice.end()});
    if (!status.ok()) return status.WithContext(Where(table));
  }
  return base::Ok();
}

Status ChunkReader::RereadKeys(const job::CatalogTable& table, const std::vector<std::string>& owner_ids) {
  while (!Stopping()) {
    const std::shared_ptr<ChunkWindow> window = context_.book->OpenForKeys(&table, owner_ids);
    SL_ASSIGN(const bool read, ReadChunk(window));
    while (read && !Stopping()) {
      const WindowState state = context_.book->StateOf(*window);
      if (state == WindowState::kMerged) return base::Ok();
      if (state == WindowState::kVoided) break;
      context_.book->WaitForChange();
    }
  }
  return base::Ok();
}

Result<std::shared_ptr<ChunkWindow>> ChunkReader::Look(const job::CatalogTable& table,
                                                       std::vector<std::string> owner_ids,
                                                       std::shared_ptr<OwnerLook> look,
                                                       std::chrono::steady_clock::time_point deadline) {
  if (!session_) SL_TRY(Reopen());
  if (Stopping()) return std::shared_ptr<ChunkWindow>();
  look_deadline_ = deadline;
  std::shared_ptr<ChunkWindow> window = context_.book->OpenForKeys(&table, std::move(owner_ids), std::move(look));
  Result<bool> read = ReadChunk(window);
  if (read.ok()) return *read ? window : nullptr;
  context_.book->Void(window);
  // The wait for visibility ended, and the server is still there.
  if (read.status().code() == Code::kEnvironment && std::chrono::steady_clock::now() >= deadline) {
    return std::shared_ptr<ChunkWindow>();
  }
  return Status(read.status()).WithContext(Where(table));
}

Status ChunkReader::WaitUntilVisible(const mysql::SourcePosition& position) {
  const auto deadline = look_deadline_.value_or(std::chrono::steady_clock::now() + kVisibleDeadline);
  for (auto pause = 1ms; !Stopping(); pause = std::min<std::chrono::milliseconds>(pause * 2, 100ms)) {
    const Result<mysql::SourcePosition> visible = mysql::ReadVisibleLowerBound(*session_);
    // While commits hang the answer may be "cannot be told yet"; that is waited for like a position that is too early.
    if (!visible.ok() && (visible.status().code() != Code::kEnvironment || !session_->alive())) return visible.status();
    if (visible.ok() && visible->Contains(position)) return base::Ok();
    if (std::chrono::steady_clock::now() >= deadline) {
      if (!visible.ok()) return visible.status();
      return Status(
          Code::kEnvironment,
          fmt::format(
              "changes streamed before the chunk were not visible after {} s (visible {}, wanted {}): commits hang "
              "on the source (semi-sync?) or the reader's server lags",
              std::chrono::seconds(kVisibleDeadline).count(), visible->ToText(), position.ToText()));
    }
    std::this_thread::sleep_for(pause);
  }
  return base::Ok();
}

Result<bool> ChunkReader::ReadChunk(const std::shared_ptr<ChunkWindow>& window) {
  Result<bool> read = TryChunk(window);
  if (read.ok() || read.status().code() != Code::kEnvironment || session_->alive()) return read;
  context_.book->Void(window);
  ++context_.state->chunks_voided;
  SL_TRY(Reopen());
  return false;
}

// The server is away: its connections end with it.
Status ChunkReader::Reopen() {
  for (Patience patience(context_.config->apply.retry_seconds); !Stopping();) {
    Status status = OpenSession();
    if (status.ok() || status.code() != Code::kEnvironment) return status;
    if (!patience.Wait()) return patience.GiveUp(std::move(status), "source");
  }
  return base::Ok();
}

Result<bool> ChunkReader::TryChunk(const std::shared_ptr<ChunkWindow>& window) {
  const std::string& source = context_.config->sources[context_.source].endpoint.name;
  EmitChunk("reading", source, *window, context_.config->copy.chunk_rows);
  if (!context_.unsafe_binlog_order) SL_TRY(WaitUntilVisible(window->must_see));
  if (Stopping()) {  // the wait may have ended early
    context_.book->Void(window);
    return false;
  }
  base::SyncPoint("chunk.opened", window->table->schema().name.Text());
  ChunkData data;
  const Status status = ReadSide(*window, &data);
  if (status.server_errno() == 1205 && window->locking_read) {  // a row lock was not released in time: try again
    context_.book->Void(window);
    ++context_.state->chunks_voided;
    return false;
  }
  SL_TRY(status);
  // Of a copied row an image may be newer than H says, since the change comes once more; a look would see a difference.
  SL_ASSIGN(data.high, window->look ? mysql::ReadSeenUpperBound(*session_) : mysql::ReadUpperBound(*session_));
  const std::uint64_t rows = data.rows_read;
  const std::string detail =
      fmt::format("source {} table {} after {} rows {}", source, window->table->schema().name.Text(),
                  PrintableCursor(window->from.cursor), rows);
  base::SyncPoint("chunk.read", detail);
  context_.book->Submit(window, std::move(data));
  EmitChunk("read", source, *window, rows);
  return true;
}

Status ChunkReader::ReadSide(const ChunkWindow& window, ChunkData* data) {
  return window.look ? window.look->AtSource(*session_, window.locking_read) : ReadRows(window, data);
}

Status ChunkReader::ReadRows(const ChunkWindow& window, ChunkData* data) {
  const mysql::TableSchema& schema = window.table->schema();
  const std::span<const std::size_t> key = window.table->mapper->key_columns();
  std::uint64_t rows_max = context_.config->copy.chunk_rows;
  const std::uint64_t bytes_max = context_.config->copy.chunk_bytes_max;
  if (mapped_row_bytes_average_ > 0) {
    rows_max = std::clamp<std::uint64_t>(
        static_cast<std::uint64_t>(static_cast<double>(bytes_max) / mapped_row_bytes_average_), 1, rows_max);
  }
  if (!window.keys.empty()) rows_max = std::numeric_limits<std::uint64_t>::max();
  SL_ASSIGN(const std::string sql, ChunkSql(window, rows_max));
  SL_ASSIGN(auto stream, session_->OpenStream(sql, "read chunk"));
  data->shard_rows.resize(context_.config->shards.size());
  data->upto.chunk_number = window.from.chunk_number + 1;
  data->upto.cursor = window.from.cursor;
  std::uint64_t bytes = 0;
  bool cut = false;
  while (true) {
    SL_ASSIGN(const bool more, stream->Next());
    if (!more) break;
    if (cut) continue;  // the rest of the answer is thrown away and read again with the next chunk
    texts_ = stream->row();
    SL_TRY(TakeRow(window, schema, data));
    bytes += mapped_.fields.size();
    if (bytes >= 2 * bytes_max && window.keys.empty()) cut = true;
    key_texts_.clear();
    for (const std::size_t column : key) key_texts_.push_back(*texts_[column]);
    if (cut || data->rows_read == rows_max) data->upto.cursor = EncodeCursor(schema, key, key_texts_);
  }
  if (data->rows_read > 0)
    mapped_row_bytes_average_ = static_cast<double>(bytes) / static_cast<double>(data->rows_read);
  data->upto.done = !cut && data->rows_read < rows_max;
  return base::Ok();
}

Status ChunkReader::TakeRow(const ChunkWindow& window, const mysql::TableSchema& schema, ChunkData* data) {
  values_.resize(schema.columns.size());
  for (std::size_t i = 0; i < schema.columns.size(); ++i) {
    if (!texts_[i]) {
      values_[i] = mysql::Value::Null();
      continue;
    }
    SL_ASSIGN(values_[i], mysql::ParseText(schema.columns[i], *texts_[i]));
  }
  ++data->rows_read;
  const mapping::TableMapper& mapper = *window.table->mapper;
  const std::uint32_t origin = mapper.config().origin;
  const Status status = mapper.Map(values_, *scratch_, &mapped_);
  if (status.code() == Code::kBadValue && mapper.config().on_bad_value == mapping::BadValuePolicy::kDeadLetter) {
    std::string key;
    SL_TRY(mapper.OwnerKey(values_, &key));
    data->dead_letters.push_back({MakeOwnerId(origin, window.table->ordinal, key), kBadValue, status.message()});
    data->values.CountSetAside(mapped_);
    return base::Ok();
  }
  SL_TRY(status);
  data->values.CountRow(mapped_);
  if (!mapped_.kept) {
    ++data->rows_left_behind;
    return base::Ok();
  }
  data->shard_rows[context_.router->ShardOf(mapped_.bucket)].Add(
      MakeOwnerId(origin, window.table->ordinal, mapped_.owner_key), mapped_.fields);
  return base::Ok();
}

}  // namespace shardlift::migrate
