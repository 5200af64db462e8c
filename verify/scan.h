// The scan plan: both sides are read once, each in the order in which its rows lie, and only what differs is looked at
// by owner.
//
// Digests by (table, bucket range) are sums, so each side may be added up from pieces that suit it: ranges of the key
// on the source, ranges of buckets on a shard, where the rows of all tables lie side by side. That spares the shards
// the way through the owner index. A table whose sums differ is left to RunChecks, which knows owners.
//
// For a time when nothing writes: the two sides of a table are read far apart.
#pragma once

#include <vector>

#include "base/status.h"
#include "verify/shard_totals.h"
#include "verify/table_check.h"

namespace shardlift::verify {

// One result for each table of the catalog; is_settled says which ones are right as a whole, the others are empty. A
// failed Status: the run ended before its end.
base::Status ScanTables(const CheckContext& context, const ShardTotals& totals, std::vector<TableResult>* results);

}  // namespace shardlift::verify
