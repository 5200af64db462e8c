// The message store's schema on all shards of a job.
#pragma once

#include <vector>

#include "base/status.h"
#include "job/config.h"
#include "store/schema_diff.h"

namespace shardlift::cmd {

enum class SchemaState { kMissing, kComplete };

// One per shard; kMissing when tables are missing. kRefused when a table is there with other columns or keys. Writes
// nothing.
base::Result<std::vector<SchemaState>> CompareSchemas(const job::JobConfig& config);

// Creates missing tables, on all shards, after all were compared: nothing is created anywhere when one of them is
// refused.
base::Status ApplySchemas(const job::JobConfig& config);

// All differences, one list per shard. Writes nothing.
base::Result<std::vector<std::vector<store::Difference>>> DiffSchemas(const job::JobConfig& config);
// Creates and adds what is missing; kRefused, and nothing done on any shard, when one needs a change or a drop.
base::Status AddMissing(const job::JobConfig& config, const std::vector<std::vector<store::Difference>>& differences);

}  // namespace shardlift::cmd
