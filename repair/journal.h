// RepairJournal: leaves rows alone that are right, and puts each change on record before it is committed.
#pragma once

#include <mutex>
#include <span>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/status.h"
#include "job/catalog.h"
#include "job/config.h"
#include "migrate/write_journal.h"
#include "repair/audit.h"
#include "repair/image_log.h"
#include "verify/verify.h"

namespace shardlift::repair {

using Findings = std::unordered_map<std::string, verify::Finding>;  // by owner id (migrate/batch.h)

class RepairJournal final : public migrate::WriteJournal {
 public:
  // Borrows what it is given. `images` nullptr: the rows are not kept.
  RepairJournal(const job::JobConfig& config, const job::Catalog& catalog, std::string run, const Findings& findings,
                AuditLog* audit, ImageLog* images)
      : config_(config), catalog_(catalog), run_(std::move(run)), findings_(findings), audit_(audit), images_(images) {}
  base::Result<std::vector<bool>> Admit(std::uint32_t shard, std::span<const migrate::JournalEntry> entries) override;
  // True if a change of this owner was admitted.
  bool changed(const std::string& owner_id);

 private:
  const job::JobConfig& config_;
  const job::Catalog& catalog_;
  const std::string run_;
  const Findings& findings_;
  AuditLog* const audit_;
  ImageLog* const images_;
  std::mutex mutex_;
  std::unordered_set<std::string> changed_;  // owner ids
  std::unordered_set<std::string> recorded_;
};

// The fields that name an owner in the audit.
std::vector<std::pair<std::string, std::string>> OwnerFields(std::string_view owner_id, const verify::Finding* finding);

}  // namespace shardlift::repair
