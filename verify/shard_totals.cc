#include "verify/shard_totals.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <string>

#include "mysql/schema.h"
#include "mysql/session.h"

namespace shardlift::verify {
namespace {

using base::Code;
using base::Result;
using base::Status;

Result<std::unique_ptr<mysql::Session>> OpenShard(const job::ShardConfig& shard) {
  mysql::SessionOptions options;
  options.database = shard.database;
  auto session = mysql::Session::Open(shard.endpoint, options);
  if (!session.ok()) return session.status().WithContext("shard " + shard.endpoint.name);
  return session;
}

Result<std::uint64_t> ToNumber(const std::optional<std::string>& text) {
  std::uint64_t value = 0;
  if (text) {
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
    if (error == std::errc() && end == text->data() + text->size()) return value;
  }
  return Status(Code::kInternal, "a number was expected of the server");
}

Result<std::map<OwnerTable, std::uint64_t>> CountByOwnerTable(mysql::Session& session, const std::string& table,
                                                              std::string_view hint) {
  SL_ASSIGN(const mysql::Rows rows,
            session.Query(fmt::format("SELECT owner_origin, owner_table, COUNT(*) FROM {} {} GROUP BY owner_origin, "
                                      "owner_table",
                                      mysql::QuoteIdentifier(table), hint),
                          fmt::format("count rows of {}", table)));
  std::map<OwnerTable, std::uint64_t> counts;
  for (const auto& row : rows.rows) {
    SL_ASSIGN(const std::uint64_t origin, ToNumber(row[0]));
    SL_ASSIGN(const std::uint64_t ordinal, ToNumber(row[1]));
    SL_ASSIGN(counts[OwnerTable(origin, ordinal)], ToNumber(row[2]));
  }
  return counts;
}

Status ReadOneShard(const job::JobConfig& config, const job::ShardConfig& shard, bool count_rows, ShardTotals* totals) {
  SL_ASSIGN(const auto session, OpenShard(shard));
  auto& stored = totals->rows.emplace_back();
  for (const std::string& target : count_rows ? config.TargetNames() : std::vector<std::string>()) {
    SL_ASSIGN(const auto counts, CountByOwnerTable(*session, target, "FORCE INDEX (owner)"));
    for (const auto& [owner, rows] : counts) stored[{target, owner}] = rows;
  }
  SL_ASSIGN(const auto dead_letters, CountByOwnerTable(*session, "sl_dead_letter", ""));
  for (const auto& [table, count] : dead_letters) totals->dead_letters[table] += count;
  SL_ASSIGN(const mysql::Rows rows,
            session->Query("SELECT origin, ordinal FROM sl_source_table", "read table ordinals"));
  for (const auto& row : rows.rows) {
    SL_ASSIGN(const std::uint64_t origin, ToNumber(row[0]));
    SL_ASSIGN(const std::uint64_t ordinal, ToNumber(row[1]));
    totals->registered.emplace(origin, ordinal);
  }
  return base::Ok();
}

Status ListUnknown(const job::ShardConfig& shard, const StoredRows& table, std::size_t findings_max,
                   VerifyReport* report) {
  SL_ASSIGN(const auto session, OpenShard(shard));
  SL_ASSIGN(const mysql::Rows rows,
            session->Query(fmt::format("SELECT owner_key FROM {} FORCE INDEX (owner) WHERE owner_origin = {} AND "
                                       "owner_table = {} ORDER BY owner_key LIMIT {}",
                                       mysql::QuoteIdentifier(table.target), table.owner.first, table.owner.second,
                                       findings_max - report->findings.size()),
                           "list rows without a legacy table"));
  for (const auto& row : rows.rows) {
    Finding finding;
    finding.kind = FindingKind::kExtra;
    finding.origin = table.owner.first;
    finding.table_ordinal = table.owner.second;
    finding.owner_key = row[0].value_or("");
    finding.shard = shard.endpoint.name;
    finding.shards = {finding.shard};
    report->findings.push_back(std::move(finding));
  }
  return base::Ok();
}

}  // namespace

Result<ShardTotals> ReadShardTotals(const job::JobConfig& config, bool count_rows) {
  ShardTotals totals;
  for (const job::ShardConfig& shard : config.shards) SL_TRY(ReadOneShard(config, shard, count_rows, &totals));
  return totals;
}

bool IsForeign(const ShardTotals& totals, const job::JobConfig& config, OwnerTable table) {
  const bool ours = std::any_of(config.mappings.begin(), config.mappings.end(),
                                [&](const mapping::MappingConfig& mapping) { return mapping.origin == table.first; });
  return !ours && totals.registered.contains(table);
}

Status AddUnknownOwners(const job::JobConfig& config, const job::Catalog& catalog, const ShardTotals& totals,
                        std::size_t findings_max, VerifyReport* report) {
  std::set<StoredRows> known;
  for (const job::CatalogTable& table : catalog.tables) {
    known.insert({table.target().name, {table.mapper->config().origin, table.ordinal}});
  }
  for (std::size_t shard = 0; shard < totals.rows.size(); ++shard) {
    for (const auto& [table, rows] : totals.rows[shard]) {
      if (known.contains(table) || IsForeign(totals, config, table.owner)) continue;
      report->counts[static_cast<std::size_t>(FindingKind::kExtra)] += rows;
      if (report->findings.size() < findings_max) {
        SL_TRY(ListUnknown(config.shards[shard], table, findings_max, report));
      }
    }
  }
  return base::Ok();
}

Status NameDeadLetters(const job::JobConfig& config, VerifyReport* report) {
  if (report->dead_letters == 0) return base::Ok();
  for (const job::ShardConfig& shard : config.shards) {
    SL_ASSIGN(const auto session, OpenShard(shard));
    for (Finding& finding : report->findings) {
      if (finding.kind != FindingKind::kMissing || !finding.dead_letter.empty()) continue;
      SL_ASSIGN(const mysql::Rows rows,
                session->Query(fmt::format("SELECT reason FROM sl_dead_letter WHERE owner_origin = {} AND owner_table "
                                           "= {} AND owner_key = {}",
                                           finding.origin, finding.table_ordinal, mysql::HexLiteral(finding.owner_key)),
                               "look up a dead letter"));
      if (!rows.rows.empty()) finding.dead_letter = rows.rows[0][0].value_or("");
    }
  }
  return base::Ok();
}

}  // namespace shardlift::verify
