// What travels from a source's stream thread to a lane: owner states, chunk rows, and the checkpoint they reach.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "mysql/position.h"

namespace shardlift::migrate {

class Lane;
class OwnerLook;

// A legacy row's name in the target: origin (1 byte), table ordinal (2 bytes, big-endian), canonical legacy key.
// Origin and table are those of the catalog; the bytes order as the unique owner index does.
std::string MakeOwnerId(std::uint32_t origin, std::uint32_t table_ordinal, std::string_view legacy_key);
struct OwnerIdParts {
  std::uint32_t origin;
  std::uint32_t table_ordinal;
  std::string_view legacy_key;
};
OwnerIdParts SplitOwnerId(std::string_view owner_id);

// Rows packed one behind the other: owner id and mapped fields (mapping::MappedRow::fields), each length-prefixed.
class PackedRows {
 public:
  void Add(std::string_view owner_id, std::string_view fields);
  std::uint64_t count() const { return count_; }
  std::uint64_t bytes() const { return data_.size(); }
  bool empty() const { return count_ == 0; }
  // fn(owner_id, fields) for each row in order.
  template <class Fn>
  void ForEach(Fn&& fn) const {
    std::string_view rest = data_;
    while (!rest.empty()) {
      const std::string_view owner = Take(&rest);
      const std::string_view fields = Take(&rest);
      fn(owner, fields);
    }
  }

 private:
  static std::string_view Take(std::string_view* rest);
  std::string data_;
  std::uint64_t count_ = 0;
};

// Reasons of dead letters: a value that fits no target column, a target key that another owner's row has, a value that
// the shard's server refused.
inline constexpr const char* kBadValue = "bad-value";
inline constexpr const char* kConflict = "conflict";
inline constexpr const char* kRejected = "rejected";

// A row that could not be written: its owner, why, and where it came from. No user data.
struct DeadLetter {
  std::string owner_id;
  std::string reason;
  std::string detail;
};

// The last known state of one owner on one shard within a round.
struct OwnerState {
  std::optional<std::string> fields;  // nullopt: the owner has no row here (any more)
  bool moved_away = false;            // emptied because its row moved to another shard: waits for the insert there
  std::optional<DeadLetter> dead_letter;
  bool by_name = false;  // read by name: the journal, if the run has one, is asked before it is written
};

// One shard's share of a chunk and the copy mark that goes with it.
struct ChunkPart {
  std::uint32_t origin = 0;
  std::uint32_t table_ordinal = 0;
  std::string copied_upto;  // the mark: everything up to this cursor is in this shard once the lane has committed
  bool done = false;        // the last chunk of the table
  std::uint64_t rows_left_behind = 0;
  PackedRows rows;
  std::vector<DeadLetter> dead_letters;
};

struct LaneBatch {
  std::uint64_t round = 0;
  std::unordered_map<std::string, OwnerState> owners;  // by owner id
  std::vector<Lane*> wait_for;  // lanes whose inserts of this round commit before moved_away deletes
  std::optional<ChunkPart> chunk;
  std::shared_ptr<OwnerLook> look;  // of this batch alone
  std::uint64_t row_changes = 0;    // source row changes that went into `owners`, for the counters
  std::uint64_t bytes = 0;
  // The checkpoint after this batch; nullopt: a part of a group or a chunk, the checkpoint stays where it is.
  std::optional<mysql::SourcePosition> restart;  // where the stream has to start again
  std::optional<mysql::SourcePosition> applied;  // everything this lane has applied; groups inside are skipped
};

}  // namespace shardlift::migrate
