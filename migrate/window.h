// Chunk windows: the watermark rule of design 5.2 (docs/architecture.md, "Chunk windows").
//
// A window opens between two groups of the stream. From then on every owner that a group of its table touches is
// recorded. The chunk is read inside the window; when the stream has passed the read's upper bound H, the chunk's rows
// enter the lanes, less every recorded owner: those rows come from the stream itself, whose images are full. Dropping
// more rows than needed is always safe, dropping fewer never is, so nothing depends on how fast a commit becomes
// visible.
//
// What a group did before the window opened must be visible to the chunk's read: `must_see` (S0).
#pragma once

#include <condition_variable>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_set>
#include <vector>

#include "job/catalog.h"
#include "migrate/batch.h"
#include "migrate/lane_claim.h"
#include "migrate/owner_look.h"
#include "migrate/value_counts.h"
#include "mysql/position.h"

namespace shardlift::migrate {

// What a reader brings back from one chunk.
struct ChunkData {
  mysql::SourcePosition high;            // H: not before anything the read could see
  CopyMark upto;                         // the mark after this chunk
  std::vector<PackedRows> shard_rows;    // by shard
  std::vector<DeadLetter> dead_letters;  // rows whose values do not fit
  std::uint64_t rows_left_behind = 0;
  std::uint64_t rows_read = 0;
  ValueCounts values;
};

enum class WindowState : std::uint8_t { kRecording, kRead, kMerged, kVoided };

struct ChunkWindow {
  const job::CatalogTable* table = nullptr;
  CopyMark from;                            // the mark before this chunk
  std::vector<std::string> keys;            // owner ids: a chunk of these rows, and of no range
  std::shared_ptr<OwnerLook> look;          // set: `keys` are looked at, nothing is written
  std::vector<std::uint64_t> look_batches;  // set by the stream thread before kMerged: what the lanes have to commit
  mysql::SourcePosition must_see;           // S0
  bool locking_read = false;                // the read must wait for row locks (see WindowBook::RecordXa)
  ChunkData data;                           // set by Submit
  WindowState state = WindowState::kRecording;  // guarded by the book's mutex, as is `touched`
  std::unordered_set<std::string> touched;      // owner ids
  std::uint64_t touched_bytes = 0;
};

// The open windows of one source. The stream thread holds Lock() while it handles a group, so that windows open between
// groups only. Thread rules: the functions marked (locked) are for the holder of Lock(); the others take it.
class WindowBook {
 public:
  explicit WindowBook(mysql::Flavour flavour) : flavour_(flavour) {}

  std::unique_lock<std::mutex> Lock() { return std::unique_lock(mutex_); }

  // Readers.
  std::shared_ptr<ChunkWindow> Open(const job::CatalogTable* table, const CopyMark& from);
  // With `look` owners of XA transactions are not dropped but read with row locks (see RecordXa).
  std::shared_ptr<ChunkWindow> OpenForKeys(const job::CatalogTable* table, std::vector<std::string> owner_ids,
                                           std::shared_ptr<OwnerLook> look = nullptr);
  void Submit(const std::shared_ptr<ChunkWindow>& window, ChunkData data);
  void Void(const std::shared_ptr<ChunkWindow>& window);
  // Waits a little for any window to change its state.
  void WaitForChange();
  WindowState StateOf(const ChunkWindow& window);

  // Stream thread.
  void SetMustSee(mysql::SourcePosition position) { must_see_ = std::move(position); }  // (locked)
  void Record(std::uint32_t table_ordinal, const std::string& owner_id);                // (locked)
  // MariaDB may count an XA COMMIT as executed before its rows are visible: these owners are dropped from every later
  // chunk of the table; when there are too many to remember, later chunks are read with row locks instead.
  void RecordXa(std::uint32_t table_ordinal, const std::string& owner_id);  // (locked)
  // Removes and returns the windows whose chunk may enter the lanes now, in the order of their tables' keys.
  std::vector<std::shared_ptr<ChunkWindow>> TakeReady(const mysql::SourcePosition& passed);  // (locked)
  void SetMerged(const std::shared_ptr<ChunkWindow>& window);
  // What the windows have seen of the server no longer counts: all are read again.
  void VoidAll();
  bool empty();

 private:
  std::shared_ptr<ChunkWindow> Add(std::shared_ptr<ChunkWindow> window);
  struct XaOwners {
    std::unordered_set<std::string> owners;
    bool too_many = false;
  };
  const mysql::Flavour flavour_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::list<std::shared_ptr<ChunkWindow>> windows_;  // in the order they were opened
  std::map<std::uint32_t, XaOwners> xa_owners_;      // by table ordinal
  mysql::SourcePosition must_see_;
};

}  // namespace shardlift::migrate
