#include "migrate/round.h"

#include <algorithm>

namespace shardlift::migrate {

namespace {
constexpr std::uint64_t kStateOverheadBytes = 128;
}

void Round::Reset() {
  ++number_;
  changes_ = 0;
  bytes_ = 0;
  for (auto& batch : batches_) {
    batch = std::make_unique<LaneBatch>();
    batch->round = number_;
  }
}

OwnerState& Round::Touch(std::uint32_t shard, const std::string& owner_id) {
  ++changes_;
  auto [state, added] = batches_[shard]->owners.try_emplace(owner_id);
  if (added) bytes_ += owner_id.size() + kStateOverheadBytes;
  state->second.moved_away = false;
  state->second.dead_letter.reset();
  return state->second;
}

void Round::Put(std::uint32_t shard, const std::string& owner_id, std::string fields) {
  bytes_ += fields.size();
  Touch(shard, owner_id).fields = std::move(fields);
}

void Round::Empty(std::uint32_t shard, const std::string& owner_id, bool moved_away) {
  OwnerState& state = Touch(shard, owner_id);
  state.fields.reset();
  state.moved_away = moved_away;
}

void Round::AddDeadLetter(std::uint32_t shard, DeadLetter letter) {
  OwnerState& state = Touch(shard, letter.owner_id);
  state.fields.reset();
  state.dead_letter = std::move(letter);
}

// An emptied place waits for the insert only if that insert is in this round.
void Round::SettleMoves(const std::vector<std::unique_ptr<Lane>>& lanes) {
  for (std::size_t from = 0; from < batches_.size(); ++from) {
    LaneBatch& batch = *batches_[from];
    for (auto& [owner_id, state] : batch.owners) {
      if (!state.moved_away) continue;
      state.moved_away = false;
      for (std::size_t to = 0; to < batches_.size(); ++to) {
        if (to == from) continue;
        const auto found = batches_[to]->owners.find(owner_id);
        if (found == batches_[to]->owners.end() || !found->second.fields) continue;
        state.moved_away = true;
        Lane* const lane = lanes[to].get();
        if (std::find(batch.wait_for.begin(), batch.wait_for.end(), lane) == batch.wait_for.end()) {
          batch.wait_for.push_back(lane);
        }
      }
    }
  }
}

void Round::Flush(const std::vector<std::unique_ptr<Lane>>& lanes, const mysql::SourcePosition* restart,
                  const mysql::SourcePosition* applied, bool all_lanes) {
  SettleMoves(lanes);
  for (std::size_t shard = 0; shard < batches_.size(); ++shard) {
    LaneBatch& batch = *batches_[shard];
    if (batch.owners.empty() && !all_lanes) continue;
    if (restart != nullptr && applied != nullptr) {
      batch.restart = *restart;
      batch.applied = *applied;
      batch.applied->MergeWith(lanes[shard]->applied_at_claim());
    }
    batch.bytes = bytes_;
    lanes[shard]->Enqueue(std::move(batches_[shard]));
  }
  Reset();
}

}  // namespace shardlift::migrate
