#include "migrate/routing_record.h"

#include <fmt/format.h>

#include <string>

#include "mysql/session.h"

namespace shardlift::migrate {
namespace {

using base::Code;
using base::Status;

Status CheckShard(const job::JobConfig& config, std::size_t index) {
  const job::ShardConfig& shard = config.shards[index];
  const job::RoutingConfig& routing = config.routing;
  mysql::SessionOptions options;
  options.database = shard.database;
  SL_ASSIGN(auto session, mysql::Session::Open(shard.endpoint, options));
  SL_ASSIGN(auto rows,
            session->Query(
                "SELECT routing_version, buckets, shard_index, shard_count, map_epoch FROM sl_routing WHERE id = 1",
                "read routing"));
  if (rows.rows.empty()) {
    return session->Execute(
        fmt::format("INSERT INTO sl_routing (id, routing_version, buckets, map_epoch, shard_index, shard_count, "
                    "updated_at) VALUES "
                    "(1, {}, {}, {}, {}, {}, NOW(6))",
                    routing.version, routing.buckets, routing.map_epoch, index, config.shards.size()),
        "store routing");
  }
  const auto& row = rows.rows[0];
  const std::string there = fmt::format("version {}, {} buckets, shard {} of {}", row[0].value_or(""),
                                        row[1].value_or(""), row[2].value_or(""), row[3].value_or(""));
  const std::string here = fmt::format("version {}, {} buckets, shard {} of {}", routing.version, routing.buckets,
                                       index, config.shards.size());
  if (there != here) {
    return Status(Code::kRefused,
                  fmt::format("shard {} belongs to a store with other routing ({}; the job says {}); use the store's "
                              "own routing or fresh shards",
                              shard.endpoint.Text(), there, here));
  }
  const std::uint64_t epoch = std::stoull(row[4].value_or("0"));
  if (epoch > routing.map_epoch) {
    return Status(Code::kRefused,
                  fmt::format("shard {} has shard map epoch {}, the job an older one, {}; take the newer map",
                              shard.endpoint.Text(), epoch, routing.map_epoch));
  }
  if (epoch == routing.map_epoch) return base::Ok();
  return session->Execute(
      fmt::format("UPDATE sl_routing SET map_epoch = {}, updated_at = NOW(6) WHERE id = 1 AND map_epoch = {}",
                  routing.map_epoch, epoch),
      "store shard map epoch");
}

}  // namespace

Status CheckRouting(const job::JobConfig& config) {
  for (std::size_t i = 0; i < config.shards.size(); ++i) SL_TRY(CheckShard(config, i));
  return base::Ok();
}

}  // namespace shardlift::migrate
