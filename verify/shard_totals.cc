#include "verify/shard_totals.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <string>

#include "mapping/owner_sql.h"
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

constexpr OwnerTable kNoOwner{0, 0};

const store::TargetTable* WithDeclaredKey(const job::Catalog& catalog, const std::string& target) {
  for (const job::CatalogTable& table : catalog.tables) {
    if (table.target().name == target && !table.target().key.empty()) return &table.target();
  }
  return nullptr;
}

Result<std::uint64_t> CountWhere(mysql::Session& session, const std::string& from, const std::string& condition) {
  SL_ASSIGN(const mysql::Rows rows, session.Query(fmt::format("SELECT COUNT(*) FROM {} WHERE {}", from, condition),
                                                  "count rows of a target table"));
  return ToNumber(rows.rows.at(0).at(0));
}

// Of a table with a declared key: table by table, and what is left.
Status CountByConditions(mysql::Session& session, const job::Catalog& catalog, const store::TargetTable& target,
                         std::map<StoredRows, std::uint64_t>* stored) {
  const std::string name = mysql::QuoteIdentifier(target.name);
  const std::string indexed = name + " FORCE INDEX (" + mysql::QuoteIdentifier(target.owner_index) + ")";
  std::uint64_t known = 0;
  for (const job::CatalogTable& table : catalog.tables) {
    if (table.target().name != target.name) continue;
    SL_ASSIGN(const std::uint64_t rows, CountWhere(session, indexed, table.mapper->owners().OfTable()));
    (*stored)[{target.name, {table.mapper->config().origin, table.ordinal}}] = rows;
    known += rows;
  }
  SL_ASSIGN(const std::uint64_t all, CountWhere(session, name, "1"));
  if (all > known) (*stored)[{target.name, kNoOwner}] = all - known;
  return base::Ok();
}

Status ReadOneShard(const job::JobConfig& config, const job::Catalog& catalog, const job::ShardConfig& shard,
                    bool count_rows, ShardTotals* totals) {
  SL_ASSIGN(const auto session, OpenShard(shard));
  auto& stored = totals->rows.emplace_back();
  for (const std::string& target : count_rows ? config.TargetNames() : std::vector<std::string>()) {
    if (const store::TargetTable* keyed = WithDeclaredKey(catalog, target); keyed != nullptr) {
      SL_TRY(CountByConditions(*session, catalog, *keyed, &stored));
      continue;
    }
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

// Rows that are of none of the job's tables, named by their declared key: its columns in the encoding of owner keys.
std::string UnknownKeysSql(const job::Catalog& catalog, const store::TargetTable& target) {
  std::string conditions;
  for (const job::CatalogTable& table : catalog.tables) {
    if (table.target().name != target.name) continue;
    conditions +=
        fmt::format("{}(({}) IS NOT TRUE)", conditions.empty() ? "" : " AND ", table.mapper->owners().OfTable());
  }
  std::string key;
  for (const std::size_t column : target.key) {
    key += (key.empty() ? "CONCAT(" : ", ") + mapping::OwnerKeyPartSql(target.columns[column]);
  }
  return fmt::format("SELECT {}) AS `_key` FROM {} WHERE {} ORDER BY `_key`", key, mysql::QuoteIdentifier(target.name),
                     conditions);
}

Status ListUnknown(const job::ShardConfig& shard, const job::Catalog& catalog, const StoredRows& table,
                   std::size_t findings_max, VerifyReport* report) {
  SL_ASSIGN(const auto session, OpenShard(shard));
  const store::TargetTable* keyed = WithDeclaredKey(catalog, table.target);
  const std::string select = keyed != nullptr
                                 ? UnknownKeysSql(catalog, *keyed)
                                 : fmt::format(
                                       "SELECT owner_key FROM {} FORCE INDEX (owner) WHERE owner_origin = {} AND "
                                       "owner_table = {} ORDER BY owner_key",
                                       mysql::QuoteIdentifier(table.target), table.owner.first, table.owner.second);
  SL_ASSIGN(const mysql::Rows rows,
            session->Query(fmt::format("{} LIMIT {}", select, findings_max - report->findings.size()),
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

Result<ShardTotals> ReadShardTotals(const job::JobConfig& config, const job::Catalog& catalog, bool count_rows) {
  ShardTotals totals;
  for (const job::ShardConfig& shard : config.shards) {
    SL_TRY(ReadOneShard(config, catalog, shard, count_rows, &totals));
  }
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
        SL_TRY(ListUnknown(config.shards[shard], catalog, table, findings_max, report));
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
