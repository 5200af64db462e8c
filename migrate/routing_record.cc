#include "migrate/routing_record.h"

#include <fmt/format.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "job/routing.h"
#include "mysql/schema.h"
#include "mysql/session.h"

namespace shardlift::migrate {
namespace {

using base::Code;
using base::Result;
using base::Status;

struct Shard {
  std::unique_ptr<mysql::Session> session;
  std::optional<job::RoutingRecord> record;
};

std::string PlaceOf(const Shard& shard) { return "shard " + shard.session->endpoint().Text(); }

// kRefused when the shard belongs to another routing, or to a newer map.
Status ReadRecord(const job::JobConfig& config, const store::Router& router, std::size_t index, Shard* shard) {
  SL_ASSIGN(shard->record, job::ReadRoutingRecord(*shard->session));
  if (!shard->record) return base::Ok();
  SL_TRY(job::CheckRecord(config, router, index, *shard->record));
  if (shard->record->map_epoch <= router.epoch()) return base::Ok();
  return Status(Code::kRefused, fmt::format("{} has shard map epoch {}, the job an older one, {}; take the newer map",
                                            PlaceOf(*shard), shard->record->map_epoch, router.epoch()));
}

// Checkpoints count as well: a lane's stream is passed by what its buckets were while it ran.
Result<bool> HoldsAnything(mysql::Session& session, const job::JobConfig& config) {
  std::string sql =
      "SELECT EXISTS (SELECT 1 FROM sl_dead_letter) OR EXISTS (SELECT 1 FROM sl_lane WHERE position <> '')";
  for (const std::string& target : config.TargetNames()) {
    sql += fmt::format(" OR EXISTS (SELECT 1 FROM {})", mysql::QuoteIdentifier(target));
  }
  SL_ASSIGN(auto rows, session.Query(sql, "look for rows"));
  return rows.rows.empty() || rows.rows[0][0] != "0";
}

// Buckets may move only while nothing is in them: this program moves no rows between shards.
Status CheckMap(const std::vector<Shard>& shards, const job::JobConfig& config, std::uint64_t epoch,
                const std::string& map) {
  const Shard* other = nullptr;
  for (const Shard& shard : shards) {
    if (other == nullptr && shard.record && shard.record->shard_map != map) other = &shard;
  }
  if (other == nullptr) return base::Ok();
  for (const Shard& shard : shards) {
    SL_ASSIGN(const bool holds, HoldsAnything(*shard.session, config));
    if (!holds) continue;
    return Status(Code::kRefused,
                  fmt::format("{} holds rows or checkpoints, and routing.map (epoch {}) gives buckets to other shards "
                              "than the map they were written under (epoch {} in {}); rows are not moved between "
                              "shards: use the old map, or start with empty shards",
                              PlaceOf(shard), epoch, other->record->map_epoch, PlaceOf(*other)));
  }
  if (other->record->map_epoch < epoch) return base::Ok();
  return Status(Code::kRefused, fmt::format("{} has another shard map of the same epoch, {}; use that map, or give the "
                                            "new one a larger routing.map_epoch",
                                            PlaceOf(*other), epoch));
}

Status Store(const Shard& shard, const job::JobConfig& config, const store::Router& router, std::size_t index) {
  const store::RoutingRules& rules = router.rules().rules();
  const std::string map = shard.session->Quote(router.MapText());
  const std::string text = shard.session->Quote(router.rules().Text());
  if (!shard.record) {
    return shard.session->Execute(
        fmt::format("INSERT INTO sl_routing (id, routing_version, buckets, map_epoch, shard_map, shard_index, "
                    "shard_count, updated_at, rules) VALUES (1, {}, {}, {}, {}, {}, {}, NOW(6), {})",
                    rules.version, rules.buckets, router.epoch(), map, index, config.shards.size(), text),
        "store routing");
  }
  if (shard.record->map_epoch == router.epoch() && shard.record->rules_stored) return base::Ok();
  return shard.session->Execute(
      fmt::format("UPDATE sl_routing SET map_epoch = {}, shard_map = {}, rules = {}, updated_at = NOW(6) WHERE id = 1 "
                  "AND map_epoch = {}",
                  router.epoch(), map, text, shard.record->map_epoch),
      "store shard map");
}

}  // namespace

Status CheckRouting(const job::JobConfig& config, const store::Router& router) {
  std::vector<Shard> shards(config.shards.size());
  for (std::size_t i = 0; i < shards.size(); ++i) {
    mysql::SessionOptions options;
    options.database = config.shards[i].database;
    SL_ASSIGN(shards[i].session, mysql::Session::Open(config.shards[i].endpoint, options));
    SL_TRY(ReadRecord(config, router, i, &shards[i]));
  }
  SL_TRY(CheckMap(shards, config, router.epoch(), router.MapText()));
  for (std::size_t i = 0; i < shards.size(); ++i) SL_TRY(Store(shards[i], config, router, i));
  return base::Ok();
}

}  // namespace shardlift::migrate
