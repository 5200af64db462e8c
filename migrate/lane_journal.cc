// The parts of a lane's transaction that are others' to say: the run's journal, errands.
#include <unordered_map>

#include "migrate/lane.h"
#include "migrate/lane_errand.h"

namespace shardlift::migrate {

using base::Result;
using base::Status;

Status Lane::AskJournal(const Step& step, std::unordered_set<std::string_view>* settled) {
  if (state_->journal == nullptr) return base::Ok();
  std::vector<std::string_view> owners;
  for (const auto& [owner_id, state] : step.batch->owners) {
    if (state.by_name && step.Covers(state)) owners.push_back(owner_id);
  }
  if (owners.empty()) return base::Ok();
  SL_ASSIGN(const std::vector<OwnedRow> rows, writer_->LockOwners(owners));
  std::unordered_map<std::string_view, const OwnedRow*> there;
  for (const OwnedRow& row : rows) there.emplace(row.owner_id, &row);
  std::vector<JournalEntry> entries;
  for (const std::string_view owner_id : owners) {
    const auto found = there.find(owner_id);
    const OwnerState& state = step.batch->owners.at(std::string(owner_id));
    entries.push_back({owner_id, found == there.end() ? nullptr : &found->second->columns, state.fields});
  }
  SL_ASSIGN(const std::vector<bool> admitted, state_->journal->Admit(shard_, entries));
  for (std::size_t i = 0; i < owners.size(); ++i) {
    if (!admitted[i]) settled->insert(owners[i]);
  }
  return base::Ok();
}

Status Lane::RunErrand(LaneErrand& errand) {
  LanePlace place{shard_, *session_, *writer_, superseded_};
  return errand.Work(place);
}

}  // namespace shardlift::migrate
