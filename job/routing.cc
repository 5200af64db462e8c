#include "job/routing.h"

#include <fmt/format.h>

#include <charconv>

namespace shardlift::job {
namespace {

using base::Code;
using base::Result;
using base::Status;

constexpr unsigned kUnknownDatabase = 1049;
constexpr unsigned kUnknownColumn = 1054;
constexpr unsigned kNoSuchTable = 1146;

std::string PlaceOfShard(const mysql::Session& shard) { return "shard " + shard.endpoint().Text(); }

template <typename Number>
Result<Number> RecordNumber(const std::optional<std::string>& text) {
  Number value = 0;
  if (text) {
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
    if (error == std::errc() && end == text->data() + text->size()) return value;
  }
  return Status(Code::kCorrupt, "sl_routing holds a number that is none");
}

}  // namespace

Result<store::Router> MakeRouter(const RoutingConfig& routing) {
  SL_TRY(store::BucketRules::Create(routing.rules).status());
  Result<store::Router> router = store::Router::Create(routing.rules, routing.map_epoch, routing.ranges);
  if (!router.ok()) return router.status().WithContext("routing.map");
  return router;
}

Result<std::optional<RoutingRecord>> ReadRoutingRecord(mysql::Session& shard) {
  const auto rows = shard.Query(
      "SELECT routing_version, buckets, shard_index, shard_count, map_epoch, shard_map, rules FROM sl_routing "
      "WHERE id = 1",
      "read routing");
  if (!rows.ok() && rows.status().server_errno() == kUnknownColumn) {
    return Status(
        Code::kRefused,
        PlaceOfShard(shard) + ": the table sl_routing is from before a column of it; run shardlift schema apply");
  }
  if (!rows.ok()) return rows.status();
  std::optional<RoutingRecord> record;
  if (rows->rows.empty()) return record;
  const auto& row = rows->rows[0];
  record.emplace();
  store::RoutingRules rules;
  SL_ASSIGN(rules.version, RecordNumber<std::uint32_t>(row[0]));
  SL_ASSIGN(rules.buckets, RecordNumber<std::uint32_t>(row[1]));
  SL_ASSIGN(record->shard_index, RecordNumber<std::uint32_t>(row[2]));
  SL_ASSIGN(record->shard_count, RecordNumber<std::uint32_t>(row[3]));
  SL_ASSIGN(record->map_epoch, RecordNumber<std::uint64_t>(row[4]));
  record->shard_map = row[5].value_or("");
  record->rules_stored = row[6].has_value();
  if (record->rules_stored) {
    record->rules = *row[6];
  } else {
    SL_ASSIGN(const store::BucketRules made, store::BucketRules::Create(rules));
    record->rules = made.Text();
  }
  return record;
}

Status CheckRecord(const JobConfig& config, const store::Router& router, std::size_t shard,
                   const RoutingRecord& record) {
  const std::string place = "shard " + config.shards[shard].endpoint.Text();
  const std::string rules = router.rules().Text();
  if (record.rules != rules) {
    return Status(
        Code::kRefused,
        fmt::format("{} belongs to a store with other routing rules ({}; the job says {}); its rows lie where "
                    "its own rules put them: use those, or start with empty shards",
                    place, store::SummaryOfRules(record.rules), store::SummaryOfRules(rules)));
  }
  if (record.shard_index != shard || record.shard_count != config.shards.size()) {
    return Status(Code::kRefused,
                  fmt::format("{} is shard {} of {} of its store; the job says shard {} of {}; use the store's own "
                              "order of shards, or start with empty shards",
                              place, record.shard_index, record.shard_count, shard, config.shards.size()));
  }
  return base::Ok();
}

Status CheckStoredRules(const JobConfig& config, const store::Router& router) {
  for (std::size_t i = 0; i < config.shards.size(); ++i) {
    mysql::SessionOptions options;
    options.database = config.shards[i].database;
    const auto session = mysql::Session::Open(config.shards[i].endpoint, options);
    if (!session.ok() && session.status().server_errno() == kUnknownDatabase) continue;
    if (!session.ok()) return session.status();
    const auto record = ReadRoutingRecord(**session);
    if (!record.ok() && record.status().server_errno() == kNoSuchTable) continue;
    if (!record.ok()) return record.status();
    if (*record) SL_TRY(CheckRecord(config, router, i, **record));
  }
  return base::Ok();
}

}  // namespace shardlift::job
