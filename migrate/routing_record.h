// The routing rules and shard map that every shard carries (sl_routing, design 4): two jobs that route differently
// must never write into one store.
#pragma once

#include "base/status.h"
#include "job/config.h"
#include "store/router.h"

namespace shardlift::migrate {

// Stores the job's routing in shards that have none and takes over a larger map epoch. kRefused naming the shard, with
// nothing stored in any, when one holds other routing rules, another number of shards, another place in the list or a
// larger map epoch; or another shard map, unless all shards are still empty and the epoch grows.
base::Status CheckRouting(const job::JobConfig& config, const store::Router& router);

}  // namespace shardlift::migrate
