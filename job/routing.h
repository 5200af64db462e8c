// The job's routing made ready, and what the shards have stored of it.
//
// MakeRouter is the only way from a job to a router: every command that asks where a row belongs asks this one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "base/status.h"
#include "job/config.h"
#include "mysql/session.h"
#include "store/router.h"

namespace shardlift::job {

// kUsage, naming the key of the job file ("routing.pins: ..."), for rules or a map that contradict themselves.
base::Result<store::Router> MakeRouter(const RoutingConfig& routing);

// The row of sl_routing: under which rules the shard's rows were routed, and by which map.
struct RoutingRecord {
  std::string rules;          // store::BucketRules::Text()
  bool rules_stored = false;  // false: the store is older than the column, and its rules are the default ones
  std::uint32_t shard_index = 0;
  std::uint32_t shard_count = 0;
  std::uint64_t map_epoch = 0;
  std::string shard_map;
};

// nullopt: nothing was migrated to the shard yet. kRefused when the table lacks a column ("schema apply").
base::Result<std::optional<RoutingRecord>> ReadRoutingRecord(mysql::Session& shard);

// kRefused, naming shard and remedy, when the record's rules or place in the store are not the job's.
base::Status CheckRecord(const JobConfig& config, const store::Router& router, std::size_t shard,
                         const RoutingRecord& record);

// Both for all shards; writes nothing. Shards without database or tables have no record.
base::Status CheckStoredRules(const JobConfig& config, const store::Router& router);

}  // namespace shardlift::job
