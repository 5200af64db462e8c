#include "verify/claim.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <memory>

#include "job/routing.h"
#include "mysql/session.h"
#include "verify/signing.h"

namespace shardlift::verify {
namespace {

using base::Code;
using base::Result;
using base::Status;
using mysql::Flavour;

constexpr unsigned kUnknownVariable = 1193;

std::string NowText() {
  const auto now = std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now());
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}Z", now);
}

Result<std::uint64_t> NumberOf(const std::optional<std::string>& text) {
  std::uint64_t value = 0;
  if (text) {
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
    if (error == std::errc() && end == text->data() + text->size()) return value;
  }
  return Status(Code::kInternal, "a number was expected of the server");
}

Result<std::string> ServerUuid(mysql::Session& session) {
  const char* const sql = session.flavour() == Flavour::kMySql ? "SELECT @@server_uuid" : "SELECT @@server_uid";
  const auto rows = session.Query(sql, "read the server's identity");
  if (rows.ok()) return rows->Single();
  if (rows.status().server_errno() != kUnknownVariable) return rows.status();
  SL_ASSIGN(const mysql::Rows place,
            session.Query("SELECT CONCAT(@@hostname, ':', @@port)", "read the server's identity"));
  return place.Single();
}

// What results depend on, as the session has it.
Result<std::string> SessionSettings(mysql::Session& session) {
  const std::string isolation = session.flavour() == Flavour::kMySql ? "transaction_isolation" : "tx_isolation";
  std::string sql = "SELECT CONCAT_WS(','";
  for (const std::string& name :
       {std::string("sql_mode"), std::string("time_zone"), isolation, std::string("autocommit"),
        std::string("character_set_client"), std::string("character_set_connection"),
        std::string("collation_connection"), std::string("div_precision_increment"), std::string("lc_time_names"),
        std::string("sql_select_limit"), std::string("max_allowed_packet")}) {
    sql += fmt::format(", CONCAT('{0}=', @@{0})", name);
  }
  SL_ASSIGN(const mysql::Rows rows, session.Query(sql + ")", "read the session's settings"));
  return rows.Single();
}

Status IdentifyServer(mysql::Session& session, ServerIdentity* server) {
  server->version = session.server_version();
  SL_ASSIGN(server->uuid, ServerUuid(session));
  SL_ASSIGN(server->settings, SessionSettings(session));
  return base::Ok();
}

Status LookAtSource(const job::SourceConfig& config, SourceSnapshot* out) {
  SL_ASSIGN(const auto session, mysql::Session::Open(config.endpoint, mysql::SessionOptions()));
  SL_TRY(IdentifyServer(*session, &out->server));
  const char* const fence = session->flavour() == Flavour::kMySql ? "super_read_only" : "read_only";
  SL_ASSIGN(const mysql::Rows rows,
            session->Query(fmt::format("SELECT @@GLOBAL.{}", fence), "ask whether writes are fenced"));
  out->fenced = !rows.rows.empty() && rows.rows[0][0] == "1";
  SL_ASSIGN(out->position, mysql::ReadUpperBound(*session));
  SL_ASSIGN(const mysql::Rows prepared, session->Query("XA RECOVER", "list prepared XA transactions"));
  out->prepared_xa = prepared.rows.size();
  return base::Ok();
}

Result<LaneSnapshot> LaneOf(const std::vector<std::optional<std::string>>& row) {
  LaneSnapshot lane;
  lane.source = row[0].value_or("");
  SL_ASSIGN(lane.epoch, NumberOf(row[1]));
  SL_ASSIGN(lane.seq, NumberOf(row[2]));
  if (!row[3].value_or("").empty()) {
    SL_ASSIGN(lane.applied, mysql::SourcePosition::Parse(*row[3]));
  }
  lane.fingerprint = row[4].value_or("");
  return lane;
}

Status LookAtShard(const job::ShardConfig& config, ShardSnapshot* out) {
  mysql::SessionOptions options;
  options.database = config.database;
  SL_ASSIGN(const auto session, mysql::Session::Open(config.endpoint, options));
  SL_TRY(IdentifyServer(*session, &out->server));
  SL_ASSIGN(const auto record, job::ReadRoutingRecord(*session));
  if (record) {
    out->rules_sha256 = Sha256Of(record->rules);
    out->map_epoch = record->map_epoch;
    out->shard_map = record->shard_map;
  }
  SL_ASSIGN(const mysql::Rows rows,
            session->Query("SELECT source, epoch, seq, applied, fingerprint FROM sl_lane ORDER BY source, lane",
                           "read the checkpoints"));
  for (const auto& row : rows.rows) {
    SL_ASSIGN(out->lanes.emplace_back(), LaneOf(row));
  }
  return base::Ok();
}

const char* FenceText(const SourceSnapshot& source) {
  return source.position.flavour() == Flavour::kMySql ? "SET GLOBAL super_read_only = ON" : "SET GLOBAL read_only = ON";
}

void CheckSource(const SourceSnapshot& before, const SourceSnapshot& after, std::vector<std::string>* problems) {
  const std::string& name = before.server.name;
  for (const SourceSnapshot* end : {&before, &after}) {
    const char* const when = end == &before ? "before the pass" : "after the pass";
    if (!end->failure.ok()) {
      problems->push_back(
          fmt::format("source {}: it could not be looked at {}: {}", name, when, end->failure.message()));
      continue;
    }
    if (!end->fenced) {
      problems->push_back(
          fmt::format("source {}: writes were not fenced {}; run {} on it, let migrate catch up, and "
                      "verify again",
                      name, when, FenceText(*end)));
    }
    if (end->prepared_xa > 0) {
      problems->push_back(
          fmt::format("source {}: {} prepared XA transactions {}; commit or roll them back (XA "
                      "RECOVER lists them)",
                      name, end->prepared_xa, when));
    }
  }
  if (!before.failure.ok() || !after.failure.ok()) return;
  if (before.server.uuid != after.server.uuid) {
    problems->push_back(fmt::format("source {}: another server answered after the pass than before it", name));
  } else if (!(before.position == after.position)) {
    problems->push_back(
        fmt::format("source {}: it was written to during the pass: it stood at {} before and at {} "
                    "after it",
                    name, before.position.ToText(), after.position.ToText()));
  }
}

void CheckLanes(const SourceSnapshot& source, const ShardSnapshot& shard, const std::string& fingerprint,
                std::vector<std::string>* problems) {
  const std::string place = fmt::format("shard {}, lane of source {}", shard.server.name, source.server.name);
  bool found = false;
  for (const LaneSnapshot& lane : shard.lanes) {
    if (lane.source != source.server.name) continue;
    found = true;
    const bool passed =
        lane.applied && lane.applied->flavour() == source.position.flavour() && lane.applied->Contains(source.position);
    if (lane.fingerprint != fingerprint) {
      problems->push_back(place + ": its checkpoint was written under other mappings, targets or routing rules");
    } else if (!passed) {
      problems->push_back(
          fmt::format("{}: it is behind: its checkpoint is {}, the source stands at {}; run migrate "
                      "--until-caught-up",
                      place, lane.applied ? lane.applied->ToText() : "empty", source.position.ToText()));
    }
  }
  if (!found) problems->push_back(place + ": there is no checkpoint; run migrate --until-caught-up");
}

void CheckShard(const ShardSnapshot& before, const ShardSnapshot& after, std::vector<std::string>* problems) {
  const std::string& name = before.server.name;
  for (const ShardSnapshot* end : {&before, &after}) {
    if (end->failure.ok()) continue;
    problems->push_back(fmt::format("shard {}: it could not be looked at {}: {}", name,
                                    end == &before ? "before the pass" : "after the pass", end->failure.message()));
  }
  if (!before.failure.ok() || !after.failure.ok()) return;
  if (before.server.uuid != after.server.uuid) {
    problems->push_back(fmt::format("shard {}: another server answered after the pass than before it", name));
  }
  if (before.rules_sha256.empty()) {
    problems->push_back(fmt::format("shard {}: it has no record of the routing; run migrate", name));
  }
  if (before.map_epoch != after.map_epoch || before.shard_map != after.shard_map ||
      before.rules_sha256 != after.rules_sha256) {
    problems->push_back(fmt::format("shard {}: its routing or shard map changed during the pass", name));
  }
  if (before.lanes != after.lanes) {
    problems->push_back(
        fmt::format("shard {}: its checkpoints moved during the pass: something migrated into it", name));
  }
}

}  // namespace

ServersSnapshot ReadServers(const job::JobConfig& config) {
  ServersSnapshot servers;
  servers.time = NowText();
  for (const job::SourceConfig& source : config.sources) {
    SourceSnapshot& out = servers.sources.emplace_back();
    out.server.name = source.endpoint.name;
    out.failure = LookAtSource(source, &out);
  }
  for (const job::ShardConfig& shard : config.shards) {
    ShardSnapshot& out = servers.shards.emplace_back();
    out.server.name = shard.endpoint.name;
    out.failure = LookAtShard(shard, &out);
  }
  return servers;
}

std::vector<std::string> ClaimProblems(const Claim& claim, const std::string& fingerprint) {
  std::vector<std::string> problems = claim.problems;
  if (claim.pass != "full") {
    problems.push_back(fmt::format("the pass was not a full one ({}); only a full pass can be certified", claim.pass));
  }
  for (std::size_t i = 0; i < claim.before.sources.size(); ++i) {
    CheckSource(claim.before.sources[i], claim.after.sources[i], &problems);
  }
  for (std::size_t i = 0; i < claim.before.shards.size(); ++i) {
    const ShardSnapshot& shard = claim.after.shards[i];
    CheckShard(claim.before.shards[i], shard, &problems);
    if (!shard.failure.ok()) continue;
    for (const SourceSnapshot& source : claim.after.sources) {
      if (source.failure.ok()) CheckLanes(source, shard, fingerprint, &problems);
    }
  }
  return problems;
}

}  // namespace shardlift::verify
