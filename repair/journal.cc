#include "repair/journal.h"

#include <fmt/format.h>

#include "base/sync_point.h"
#include "migrate/batch.h"
#include "verify/findings_file.h"

namespace shardlift::repair {
namespace {

using base::Result;

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
  std::vector<RowImage> images;
  std::vector<std::string> keys;
  const std::lock_guard lock(mutex_);
  for (const migrate::JournalEntry& entry : entries) {
    const RowViews before = entry.before == nullptr ? RowViews() : ViewsOf(*entry.before);
    const RowViews after = entry.after ? ViewsOfPacked(*entry.after) : RowViews();
    const std::uint32_t ordinal = migrate::SplitOwnerId(entry.owner_id).table_ordinal;
    admitted.push_back(!IsSameRow(catalog_.TargetOf(ordinal), before, after));
    if (!admitted.back()) continue;
    const std::string owner_id(entry.owner_id);
    const auto found = findings_.find(owner_id);
    AuditRecord record{"write", {{"run", run_}, {"shard", config_.shards[shard].endpoint.name}}};
    for (auto& field : OwnerFields(owner_id, found == findings_.end() ? nullptr : &found->second)) {
      record.fields.push_back(std::move(field));
    }
    record.fields.emplace_back("before", DigestOf(before));
    record.fields.emplace_back("after", DigestOf(after));
    if (images_ == nullptr) record.fields.emplace_back("images", "none");
    // A transaction that is made again asks again.
    std::string key = fmt::format("{}:{}:{}:{}", shard, DigestOf(before), DigestOf(after), owner_id);
    if (recorded_.contains(key)) continue;
    records.push_back(std::move(record));
    const migrate::OwnerIdParts parts = migrate::SplitOwnerId(owner_id);
    images.push_back({run_, config_.shards[shard].endpoint.name, parts.origin, parts.table_ordinal,
                      std::string(parts.legacy_key), before, after});
    keys.push_back(std::move(key));
  }
  if (!records.empty()) {
    // First, so that what the audit speaks of can be undone.
    if (images_ != nullptr) SL_TRY(images_->Append(images));
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
