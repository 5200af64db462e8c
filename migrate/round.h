// Round: the changes of some groups of one source, coalesced per owner and shard, until they are handed to the lanes.
//
// Per owner and shard only the last state is kept: deletes of all touched owners run before inserts of final rows, so a
// batch may skip intermediate states. Not thread-safe; owned by the source's stream thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "migrate/batch.h"
#include "migrate/lane.h"

namespace shardlift::migrate {

class Round {
 public:
  explicit Round(std::size_t shards) : batches_(shards) { Reset(); }

  // `owner_id` has this row on `shard` now.
  void Put(std::uint32_t shard, const std::string& owner_id, std::string fields);
  // `owner_id` has no row on `shard` any more. `moved_away`: its row is on another shard now.
  void Empty(std::uint32_t shard, const std::string& owner_id, bool moved_away);
  void AddDeadLetter(std::uint32_t shard, DeadLetter letter);
  // What the owner has on `shard` was read by name, and stays so when a change of the stream comes in the same round.
  void MarkByName(std::uint32_t shard, const std::string& owner_id) {
    batches_[shard]->owners[owner_id].by_name = true;
  }
  void CountChange(std::uint32_t shard) { ++batches_[shard]->row_changes; }

  bool empty() const { return changes_ == 0; }
  std::uint64_t changes() const { return changes_; }
  std::uint64_t bytes() const { return bytes_; }

  // Hands the batches to the lanes (index = shard) and starts over. With positions the checkpoint moves, in lanes
  // without changes too when `all_lanes`; without (a part of a group) it stays. `applied` is what this run has handled;
  // what a lane had applied before, and skips, is added to its own checkpoint only.
  void Flush(const std::vector<std::unique_ptr<Lane>>& lanes, const mysql::SourcePosition* restart,
             const mysql::SourcePosition* applied, bool all_lanes);

 private:
  OwnerState& Touch(std::uint32_t shard, const std::string& owner_id);
  void SettleMoves(const std::vector<std::unique_ptr<Lane>>& lanes);
  void Reset();
  std::vector<std::unique_ptr<LaneBatch>> batches_;
  std::uint64_t number_ = 0;
  std::uint64_t changes_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace shardlift::migrate
