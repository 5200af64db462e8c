// The message store's schema on all shards of a job.
#pragma once

#include <vector>

#include "base/status.h"
#include "job/config.h"

namespace shardlift::cmd {

enum class SchemaState { kMissing, kComplete };

// One per shard; kMissing when tables are missing. kRefused when a table is there with other columns or keys. Writes
// nothing.
base::Result<std::vector<SchemaState>> CompareSchemas(const job::JobConfig& config);

// Creates what is missing, on all shards, after all were compared: nothing is created anywhere when one of them is
// refused.
base::Status ApplySchemas(const job::JobConfig& config);

}  // namespace shardlift::cmd
