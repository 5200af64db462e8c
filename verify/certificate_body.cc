#include "verify/certificate_body.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace shardlift::verify {
namespace {

using nlohmann::json;

json PairsJson(const std::vector<std::pair<std::string, std::string>>& pairs) {
  json out = json::array();
  for (const auto& [name, value] : pairs) out.push_back({name, value});
  return out;
}

// Only its hash goes into a certificate: expressions may hold values.
std::string MappingSha256(const mapping::MappingConfig& mapping) {
  const json text{{"name", mapping.name},
                  {"origin", mapping.origin},
                  {"sources", mapping.sources},
                  {"target", mapping.target},
                  {"match", mapping.match},
                  {"key", mapping.key},
                  {"where", mapping.where},
                  {"columns", PairsJson(mapping.columns)},
                  {"ignore", mapping.ignore},
                  {"charsets", PairsJson(mapping.charsets)},
                  {"bad_values", PairsJson(mapping.bad_values)},
                  {"on_bad_value", static_cast<unsigned>(mapping.on_bad_value)},
                  {"on_conflict", static_cast<unsigned>(mapping.on_conflict)}};
  return Sha256Of(text.dump(-1, ' ', true, json::error_handler_t::replace));
}

json ServerJson(const ServerIdentity& server) {
  return {
      {"name", server.name}, {"version", server.version}, {"uuid", server.uuid}, {"session_settings", server.settings}};
}

json SourcesJson(const Claim& claim) {
  json out = json::array();
  for (std::size_t i = 0; i < claim.before.sources.size(); ++i) {
    const SourceSnapshot& before = claim.before.sources[i];
    const SourceSnapshot& after = claim.after.sources[i];
    json source = ServerJson(before.server);
    const auto end = [](const SourceSnapshot& at) {
      return json{{"fenced", at.fenced}, {"position", at.position.ToText()}, {"prepared_xa", at.prepared_xa}};
    };
    source["begin"] = end(before);
    source["end"] = end(after);
    out.push_back(std::move(source));
  }
  return out;
}

json ShardsJson(const CertificateParts& parts) {
  json out = json::array();
  for (std::size_t i = 0; i < parts.claim.before.shards.size(); ++i) {
    const ShardSnapshot& before = parts.claim.before.shards[i];
    const ShardSnapshot& after = parts.claim.after.shards[i];
    json shard = ServerJson(before.server);
    shard["database"] = parts.config.shards[i].database;
    const auto end = [](const ShardSnapshot& at) {
      json lanes = json::array();
      for (const LaneSnapshot& lane : at.lanes) {
        lanes.push_back({{"source", lane.source},
                         {"epoch", lane.epoch},
                         {"seq", lane.seq},
                         {"applied", lane.applied ? lane.applied->ToText() : std::string()}});
      }
      return json{{"rules_sha256", at.rules_sha256},
                  {"map_epoch", at.map_epoch},
                  {"shard_map", at.shard_map},
                  {"lanes", std::move(lanes)}};
    };
    shard["begin"] = end(before);
    shard["end"] = end(after);
    std::uint64_t rows = 0;
    for (const TableSums& table : parts.sums) {
      for (const auto& [range, sum] : table.shards) {
        if (parts.ranges[static_cast<std::size_t>(range)].shard == i) rows += sum.rows;
      }
    }
    shard["rows"] = rows;
    out.push_back(std::move(shard));
  }
  return out;
}

json PartJson(const CertificateParts& parts, const TableSums& table, std::int32_t range, const Digest& shard) {
  const store::BucketRange& buckets = parts.ranges[static_cast<std::size_t>(range)];
  json part{{"shard", parts.config.shards[buckets.shard].endpoint.name},
            {"first_bucket", buckets.first},
            {"last_bucket", buckets.last},
            {"rows", shard.rows},
            {"first", SumText(shard.first)},
            {"second", SumText(shard.second)}};
  if (table.form.with_json) return part;
  const Digest& source = table.source.at(range);
  const Digest& plain = table.source_no_json.at(range);
  part["source_first"] = SumText(source.first);
  part["source_second"] = SumText(source.second);
  part["no_json_first"] = SumText(plain.first);
  part["no_json_second"] = SumText(plain.second);
  return part;
}

json TableJson(const CertificateParts& parts, const job::CatalogTable& table, const TableSums& sums) {
  json out{{"mapping", table.mapper->config().name},
           {"source", parts.config.sources[table.source].endpoint.name},
           {"schema", table.schema().name.schema},
           {"table", table.schema().name.table},
           {"origin", table.mapper->config().origin},
           {"ordinal", table.ordinal},
           {"target", table.target().name},
           {"hash", std::string(SumsName(sums.form.by))},
           {"json", sums.form.with_json ? "same_text" : "same_meaning"},
           {"parts", json::array()}};
  std::uint64_t rows = 0;
  for (const auto& [range, sum] : sums.shards) {
    rows += sum.rows;
    out["parts"].push_back(PartJson(parts, sums, range, sum));
  }
  out["rows"] = rows;
  return out;
}

json MappingJson(const CertificateParts& parts, const mapping::MappingConfig& mapping, const MappingBalance& balance) {
  Digest total;
  std::uint64_t tables = 0;
  for (std::size_t i = 0; i < parts.sums.size(); ++i) {
    if (parts.catalog.tables[i].mapper->config().name != mapping.name) continue;
    ++tables;
    for (const auto& [range, sum] : parts.sums[i].shards) {
      total.rows += sum.rows;
      total.first += sum.first;
      total.second += sum.second;
    }
  }
  return {{"name", mapping.name},
          {"sha256", MappingSha256(mapping)},
          {"tables", tables},
          {"source_rows", balance.source_rows},
          {"left_behind", balance.left_behind},
          {"equal", balance.equal},
          {"dead_letters", balance.dead_letters},
          {"rows", total.rows},
          {"first", SumText(total.first)},
          {"second", SumText(total.second)}};
}

json PassJson(const CertificateParts& parts) {
  return {{"kind", parts.claim.pass},
          {"method", std::string(VerifyMethodName(parts.report.method))},
          {"begin", parts.claim.before.time},
          {"end", parts.claim.after.time},
          {"rows_compared", parts.report.rows_compared},
          {"findings", parts.report.findings_total()},
          {"dead_letters", parts.report.dead_letters},
          {"not_verified", parts.report.not_verified.size()}};
}

}  // namespace

std::string SumText(std::uint64_t sum) { return fmt::format("{:016x}", sum); }

namespace {

json RoutingJson(const CertificateParts& parts) {
  json ranges = json::array();
  for (const store::BucketRange& range : parts.ranges) {
    ranges.push_back({{"shard", parts.config.shards[range.shard].endpoint.name},
                      {"first_bucket", range.first},
                      {"last_bucket", range.last}});
  }
  return {{"version", parts.router.rules().rules().version},
          {"buckets", parts.router.buckets()},
          {"rules_sha256", Sha256Of(parts.router.rules().Text())},
          {"map_epoch", parts.router.epoch()},
          {"shard_map", parts.router.MapText()},
          {"ranges", std::move(ranges)}};
}

}  // namespace

json CertificateDocument(const CertificateParts& parts) {
  json out{{"schema", kCertificateSchema},
           {"tool", {{"name", "shardlift"}, {"version", parts.claim.tool_version}}},
           {"job",
            {{"name", parts.config.name},
             {"file_sha256", parts.job_file_sha256},
             {"fingerprint", parts.catalog.fingerprint}}},
           {"routing", RoutingJson(parts)},
           {"pass", PassJson(parts)},
           {"sources", SourcesJson(parts.claim)},
           {"shards", ShardsJson(parts)},
           {"mappings", json::array()},
           {"tables", json::array()}};
  std::uint64_t rows = 0;
  for (std::size_t i = 0; i < parts.config.mappings.size(); ++i) {
    json mapping = MappingJson(parts, parts.config.mappings[i], parts.report.per_mapping[i]);
    rows += mapping["rows"].get<std::uint64_t>();
    out["mappings"].push_back(std::move(mapping));
  }
  for (std::size_t i = 0; i < parts.sums.size(); ++i) {
    out["tables"].push_back(TableJson(parts, parts.catalog.tables[i], parts.sums[i]));
  }
  out["beyond_rows"] = json::array();
  for (const BeyondCheck& check : parts.report.beyond) {
    out["beyond_rows"].push_back(
        {{"check", check.name}, {"state", std::string(BeyondStateName(check.state))}, {"looked_at", check.looked_at}});
  }
  out["totals"] = {{"tables", parts.sums.size()}, {"rows", rows}};
  return out;
}

}  // namespace shardlift::verify
