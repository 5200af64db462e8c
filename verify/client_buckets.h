// Buckets of rows under routing rules that no SQL computes: filled in here, from the account columns of the same row.
#pragma once

#include <cstdint>
#include <memory>

#include "store/router.h"
#include "store/target_table.h"
#include "verify/row_source.h"

namespace shardlift::verify {

enum class BucketField : std::uint8_t {
  kColumn,      // the column `bucket`: what the source computes
  kRecomputed,  // behind the columns: what a shard computes from its own account columns
};

// `rows` itself where SQL computes the rules. Else the field is what the rules say, or NULL where the row has no
// bucket. `target` and `rules` must outlive it.
std::unique_ptr<RowSource> WithBuckets(std::unique_ptr<RowSource> rows, const store::TargetTable& target,
                                       const store::BucketRules& rules, BucketField field);

}  // namespace shardlift::verify
