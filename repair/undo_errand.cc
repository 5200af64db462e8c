#include "repair/undo_errand.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <unordered_map>

#include "base/sync_point.h"
#include "migrate/batch.h"
#include "verify/findings_file.h"

namespace shardlift::repair {
namespace {

using base::Code;
using base::Status;
using migrate::LanePlace;
using migrate::OwnedRow;

RowViews ViewsOfImage(const std::optional<RowColumns>& row) { return row ? ViewsOf(*row) : RowViews(); }

using RowsByOwner = std::unordered_map<std::string_view, const OwnedRow*>;

RowsByOwner ByOwner(const std::vector<OwnedRow>& rows) {
  RowsByOwner by_owner;
  for (const OwnedRow& row : rows) by_owner.emplace(row.owner_id, &row);
  return by_owner;
}

RowViews ViewsIn(const RowsByOwner& rows, const std::string& owner_id) {
  const auto found = rows.find(owner_id);
  return found == rows.end() ? RowViews() : ViewsOf(found->second->columns);
}

std::vector<std::string_view> OwnersOf(std::span<UndoItem* const> items) {
  std::vector<std::string_view> owners;
  for (const UndoItem* item : items) owners.push_back(item->place.owner_id);
  return owners;
}

}  // namespace

Status UndoRecorder::Record(std::uint32_t shard, std::span<const Change> changes) {
  std::vector<AuditRecord> records;
  std::vector<std::string> keys;
  const std::lock_guard lock(mutex_);
  for (const Change& change : changes) {
    // A transaction that is made again asks again.
    std::string key = fmt::format("{}:{}:{}:{}", shard, change.before, change.after, change.owner_id);
    if (recorded_.contains(key)) continue;
    keys.push_back(std::move(key));
    const migrate::OwnerIdParts owner = migrate::SplitOwnerId(change.owner_id);
    records.push_back({"undo",
                       {{"run", run_},
                        {"undoes", undoes_},
                        {"shard", config_.shards[shard].endpoint.name},
                        {"origin", std::to_string(owner.origin)},
                        {"table_ordinal", std::to_string(owner.table_ordinal)},
                        {"owner_key", verify::UpperHex(owner.legacy_key)},
                        {"before", change.before},
                        {"after", change.after}}});
  }
  if (records.empty()) return base::Ok();
  SL_TRY(audit_->Append(records));
  for (std::string& key : keys) recorded_.insert(std::move(key));
  base::SyncPoint("undo.recorded");
  return base::Ok();
}

void CompareItems(const job::Catalog& catalog, const std::vector<OwnedRow>& rows, std::span<UndoItem* const> items) {
  const RowsByOwner there = ByOwner(rows);
  for (UndoItem* item : items) {
    const OwnerOnShard& place = item->place;
    const store::TargetTable& target = catalog.TargetOf(migrate::SplitOwnerId(place.owner_id).table_ordinal);
    const RowViews row = ViewsIn(there, place.owner_id);
    item->state = IsSameRow(target, row, ViewsOfImage(place.after))    ? UndoState::kAsLeft
                  : IsSameRow(target, row, ViewsOfImage(place.before)) ? UndoState::kAsBefore
                                                                       : UndoState::kChanged;
  }
}

Status UndoErrand::Work(LanePlace& place) {
  SL_ASSIGN(const std::vector<OwnedRow> rows, place.writer.LockOwners(OwnersOf(items_)));
  CompareItems(catalog_, rows, items_);
  if (move_ == UndoMove::kCompare) return base::Ok();
  const bool restores = move_ == UndoMove::kRestore;
  std::vector<UndoItem*> written;
  for (UndoItem* item : items_) {
    item->clashed = false;
    if (item->state == (restores ? UndoState::kAsLeft : UndoState::kAsBefore)) written.push_back(item);
  }
  SL_TRY(Write(place, &written));
  if (written.empty()) return base::Ok();
  const RowsByOwner there = ByOwner(rows);
  std::vector<UndoRecorder::Change> changes;
  for (const UndoItem* item : written) {
    changes.push_back({item->place.owner_id, DigestOf(ViewsIn(there, item->place.owner_id)),
                       DigestOf(ViewsOfImage(WantedOf(*item)))});
  }
  SL_TRY(recorder_->Record(place.shard, changes));
  for (UndoItem* item : written) {
    item->state = restores ? UndoState::kAsBefore : UndoState::kAsLeft;
    item->place.undone |= restores;
  }
  return base::Ok();
}

// All rows leave before the others come, so that owners may exchange target keys. Those whose row finds its key taken
// are left out, and the rest is done again without them.
Status UndoErrand::Write(LanePlace& place, std::vector<UndoItem*>* items) const {
  for (bool careful = false; !items->empty();) {
    SL_TRY(place.session.Execute("SAVEPOINT sl_errand", "set a savepoint"));
    std::map<std::string_view, std::string> packed;
    for (const UndoItem* item : *items) {
      if (const auto& wanted = WantedOf(*item)) packed.emplace(item->place.owner_id, Packed(*wanted));
    }
    std::vector<migrate::RowRef> rows;
    for (const auto& [owner_id, fields] : packed) rows.push_back({owner_id, fields});
    SL_TRY(place.writer.DeleteOwners(OwnersOf(*items)));
    std::vector<migrate::DeadLetter> refused;
    const Status status = careful ? place.writer.InsertCareful(rows, &refused) : place.writer.InsertFast(rows);
    if (status.ok() && refused.empty()) return base::Ok();
    if (!status.ok() && status.code() != Code::kDuplicate) return status;
    SL_TRY(place.session.Execute("ROLLBACK TO SAVEPOINT sl_errand", "roll back to a savepoint"));
    careful = true;
    for (const migrate::DeadLetter& one : refused) {
      const auto found = std::find_if(items->begin(), items->end(),
                                      [&](const UndoItem* item) { return item->place.owner_id == one.owner_id; });
      (*found)->clashed = true;
      items->erase(found);
    }
  }
  return base::Ok();
}

}  // namespace shardlift::repair
