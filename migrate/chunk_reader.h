// ChunkReader: copies tables of one source in key order, chunk by chunk, without locks, while writes go on.
//
// Several readers of a source share a TableQueue; each takes one table at a time and keeps at most two chunks under
// way, so that reading goes on while the previous chunk waits for the stream and the lanes.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "job/catalog.h"
#include "job/config.h"
#include "mapping/table_mapper.h"
#include "migrate/lane_claim.h"
#include "migrate/run_state.h"
#include "migrate/window.h"
#include "mysql/session.h"
#include "store/router.h"

namespace shardlift::migrate {

struct TableToCopy {
  const job::CatalogTable* table = nullptr;
  CopyMark from;
};

class TableQueue {
 public:
  void Push(TableToCopy table) { tables_.push_back(std::move(table)); }
  std::optional<TableToCopy> Pop();

 private:
  std::mutex mutex_;
  std::deque<TableToCopy> tables_;
};

struct ReaderContext {
  const job::JobConfig* config = nullptr;
  std::uint32_t source = 0;
  const store::Router* router = nullptr;
  WindowBook* book = nullptr;
  TableQueue* queue = nullptr;
  RunState* state = nullptr;
  const std::atomic<bool>* stopping = nullptr;
  bool unsafe_binlog_order = false;  // MigrateOptions::unsafe_windows_by_binlog_order
};

class ChunkReader {
 public:
  explicit ChunkReader(const ReaderContext& context);
  // Until the queue is empty, or the run stops or fails.
  base::Status Run();
  // Reads these rows again as they are now; what the window rule drops the stream has brought. Ends when all are
  // merged, or the run stops.
  base::Status Reread(const job::CatalogTable& table, std::span<const std::string> owner_ids);
  // Reads the source's side of a look; the window is merged later. nullptr: it could not be read by the deadline, or
  // not now.
  base::Result<std::shared_ptr<ChunkWindow>> Look(const job::CatalogTable& table, std::vector<std::string> owner_ids,
                                                  std::shared_ptr<OwnerLook> look,
                                                  std::chrono::steady_clock::time_point deadline);

 private:
  base::Status CopyTable(const TableToCopy& job);
  base::Status RereadKeys(const job::CatalogTable& table, const std::vector<std::string>& owner_ids);
  base::Status WaitUntilVisible(const mysql::SourcePosition& position);
  base::Status ReadSide(const ChunkWindow& window, ChunkData* data);
  // False when the window was voided: a row lock was not released in time, or the server was lost and is back.
  base::Result<bool> ReadChunk(const std::shared_ptr<ChunkWindow>& window);
  base::Result<bool> TryChunk(const std::shared_ptr<ChunkWindow>& window);
  base::Status Reopen();
  base::Status ReadRows(const ChunkWindow& window, ChunkData* data);
  base::Status TakeRow(const ChunkWindow& window, const mysql::TableSchema& schema, ChunkData* data);
  base::Status OpenSession();
  bool Stopping() const { return context_.stopping->load() || context_.state->aborted(); }
  std::string Where(const job::CatalogTable& table) const;

  const ReaderContext context_;
  std::unique_ptr<mysql::Session> session_;
  mapping::MapScratchPtr scratch_ = mapping::NewMapScratch();
  std::vector<mysql::Value> values_;
  mapping::MappedRow mapped_;
  std::vector<std::string_view> key_texts_;
  std::span<const std::optional<std::string_view>> texts_;
  double mapped_row_bytes_average_ = 0;
  std::optional<std::chrono::steady_clock::time_point> look_deadline_;  // of the look under way
};

}  // namespace shardlift::migrate
