// Planted faults: after the catch-up, wrong rows are made by plain SQL on one shard; the verifier must name each.
//
//   lost   a row is deleted                                     extra  a copy of a row under a key that no source has
//   bit    one bit of a body is flipped                         shard  a row is moved to another shard
//   stale  body and status are those of an older version
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/status.h"
#include "rehearse/rehearse.h"
#include "rehearse/run_directory.h"

namespace shardlift::rehearse {

// Every fault hits another row, drawn by the seed. kEnvironment when a shard cannot be written or has no row to spoil.
base::Result<std::vector<Planted>> PlantFaults(std::span<const PlantKind> kinds, std::span<const ShardPlace> shards,
                                               std::uint64_t seed);

}  // namespace shardlift::rehearse
