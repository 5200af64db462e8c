// The routing version and shard map that every shard carries (sl_routing, design 4): two jobs that route differently
// must never write into one store.
#pragma once

#include "base/status.h"
#include "job/config.h"

namespace shardlift::migrate {

// Stores the job's routing in shards that have none and takes over a larger map epoch. kRefused naming the shard when
// it holds another routing version, another number of buckets or shards, another place in the list, or a larger map
// epoch.
base::Status CheckRouting(const job::JobConfig& config);

}  // namespace shardlift::migrate
