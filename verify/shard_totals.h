// What the shards hold as a whole: rows by legacy table, dead letters, and rows that belong to no table of the job.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "job/catalog.h"
#include "job/config.h"
#include "verify/verify.h"

namespace shardlift::verify {

using OwnerTable = std::pair<std::uint32_t, std::uint32_t>;  // origin, table ordinal

// Rows of a legacy table in one of the store's tables.
struct StoredRows {
  std::string target;
  OwnerTable owner;
  auto operator<=>(const StoredRows&) const = default;
};

struct ShardTotals {
  // Per shard; counted on the owner index. Rows whose declared key no legacy table of the job gives have owner {0, 0}.
  std::vector<std::map<StoredRows, std::uint64_t>> rows;
  std::map<OwnerTable, std::uint64_t> dead_letters;  // over all shards
  std::set<OwnerTable> registered;                   // in sl_source_table of any shard, by any job
};

// A failed Status of a shard names it. Without `count_rows` the rows stay empty.
base::Result<ShardTotals> ReadShardTotals(const job::JobConfig& config, const job::Catalog& catalog,
                                          bool count_rows = true);

// True if the rows of `table` are another job's: registered in the store under an origin that this job does not have.
bool IsForeign(const ShardTotals& totals, const job::JobConfig& config, OwnerTable table);

// Rows of tables that neither this job nor another one knows, and rows in another table than their mapping's: counted
// into report->counts as extra, and listed after the findings that are there already.
base::Status AddUnknownOwners(const job::JobConfig& config, const job::Catalog& catalog, const ShardTotals& totals,
                              std::size_t findings_max, VerifyReport* report);

// Fills Finding::dead_letter of the listed missing rows.
base::Status NameDeadLetters(const job::JobConfig& config, VerifyReport* report);

}  // namespace shardlift::verify
