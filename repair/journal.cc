#include "repair/journal.h"

#include <fmt/format.h>

#include "base/sync_point.h"
#include "mapping/table_mapper.h"
#include "migrate/batch.h"
#include "verify/compare.h"
#include "verify/findings_file.h"

namespace shardlift::repair {
namespace {

using base::Result;

using RowViews = std::vector<std::optional<std::string_view>>;

// As verify::CompareColumns takes them: the owner key first.
RowViews ViewsOf(const std::vector<std::optional<std::string>>& columns) {
  RowViews views(verify::kFirstColumnField);
  for (const auto& column : columns) views.emplace_back(column);
  return views;
}

RowViews ViewsOf(std::string_view fields) {
  RowViews views(verify::kFirstColumnField);
  for (mapping::FieldReader reader(fields); !reader.AtEnd();) views.push_back(reader.Next());
  return views;
}

// What follows from the others (TargetTable::columns) is no part of the row.
RowViews Stored(const store::TargetTable& target, RowViews row) {
  row.resize(verify::kFirstColumnField + target.stored());
  return row;
}

// "none" for no row: every digest of a row is one of all its columns, their lengths and NULLs included.
std::string DigestOf(const RowViews& row) {
  if (row.empty()) return "none";
  std::string bytes;
  for (const auto& column : row) bytes += column ? fmt::format("{},{}", column->size(), *column) : "N";
  return Sha256Hex(bytes);
}

bool IsRight(const store::TargetTable& target, const RowViews& before, const RowViews& after) {
  if (before.empty() || after.empty()) return before.empty() && after.empty();
  std::vector<std::size_t> differing;
  verify::CompareColumns(std::span(target.columns).first(target.stored()), after, before, &differing);
  return differing.empty();
}

}  // namespace

std::vector<std::pair<std::string, std::string>> OwnerFields(std::string_view owner_id,
                                                             const verify::Finding* finding) {
  const migrate::OwnerIdParts parts = migrate::SplitOwnerId(owner_id);
  std::vector<std::pair<std::string, std::string>> fields{
      {"origin", std::to_string(parts.origin)},
      {"table_ordinal", std::to_string(parts.table_ordinal)},
      {"owner_key", verify::UpperHex(parts.legacy_key)},
      {"verdict", finding == nullptr ? "conflict" : std::string(verify::FindingKindName(finding->kind))}};
  if (finding != nullptr) {
    fields.emplace_back("mapping", finding->mapping);
    fields.emplace_back("source", finding->source);
    fields.emplace_back("table", finding->table);
  }
  return fields;
}

Result<std::vector<bool>> RepairJournal::Admit(std::uint32_t shard, std::span<const migrate::JournalEntry> entries) {
  std::vector<bool> admitted;
  std::vector<AuditRecord> records;
  std::vector<std::string> keys;
  const std::lock_guard lock(mutex_);
  for (const migrate::JournalEntry& entry : entries) {
    const store::TargetTable& target = catalog_.TargetOf(migrate::SplitOwnerId(entry.owner_id).table_ordinal);
    const RowViews before = entry.before == nullptr ? RowViews() : Stored(target, ViewsOf(*entry.before));
    const RowViews after = entry.after ? Stored(target, ViewsOf(*entry.after)) : RowViews();
    admitted.push_back(!IsRight(target, before, after));
    if (!admitted.back()) continue;
    const std::string owner_id(entry.owner_id);
    const auto found = findings_.find(owner_id);
    AuditRecord record{"write", {{"run", run_}, {"shard", config_.shards[shard].endpoint.name}}};
    for (auto& field : OwnerFields(owner_id, found == findings_.end() ? nullptr : &found->second)) {
      record.fields.push_back(std::move(field));
    }
    record.fields.emplace_back("before", DigestOf(before));
    record.fields.emplace_back("after", DigestOf(after));
    // A transaction that is made again asks again.
    std::string key = fmt::format("{}:{}:{}:{}", shard, DigestOf(before), DigestOf(after), owner_id);
    if (recorded_.contains(key)) continue;
    records.push_back(std::move(record));
    keys.push_back(std::move(key));
  }
  if (!records.empty()) {
    SL_TRY(audit_->Append(records));
    base::SyncPoint("repair.recorded");
  }
  for (std::string& key : keys) recorded_.insert(std::move(key));
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (admitted[i]) changed_.emplace(entries[i].owner_id);
  }
  return admitted;
}

bool RepairJournal::changed(const std::string& owner_id) {
  const std::lock_guard lock(mutex_);
  return changed_.contains(owner_id);
}

}  // namespace shardlift::repair
