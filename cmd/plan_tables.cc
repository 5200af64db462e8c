#include "cmd/plan_tables.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <memory>
#include <tuple>

#include "job/catalog.h"
#include "job/routing.h"
#include "job/targets.h"
#include "mapping/table_mapper.h"
#include "mysql/schema.h"
#include "mysql/session.h"

namespace shardlift::cmd {
namespace {

using base::Code;
using base::Result;
using base::Status;

constexpr unsigned kUnknownDatabase = 1049;
constexpr unsigned kNoSuchTable = 1146;
constexpr std::uint32_t kAnyOrdinal = 1;  // compiling needs one; what plan shows does not depend on it

using TableKey = std::tuple<std::string, std::string, std::string, std::string>;  // origin, source, schema, table
using Ordinals = std::map<TableKey, std::uint32_t>;

PlannedTable ToPlanned(const job::JobConfig& config, std::uint32_t source, const mapping::TableMapper& mapper,
                       std::optional<std::uint32_t> ordinal) {
  PlannedTable planned;
  planned.mapping = mapper.config().name;
  planned.source = config.sources[source].endpoint.name;
  planned.table = mapper.context().schema.name.Text();
  planned.target = mapper.target().name;
  planned.ordinal = ordinal;
  planned.rows_estimate = mapper.context().schema.rows_estimate;
  planned.key = mapper.config().key;
  planned.where = mapper.config().where;
  planned.notes = mapper.lossy_notes();
  return planned;
}

bool IsAbsent(const Status& status) {
  return status.server_errno() == kUnknownDatabase || status.server_errno() == kNoSuchTable;
}

// Adds what one shard has stored; nothing when it has no such database or table yet.
Status ReadOrdinals(const job::ShardConfig& shard, Ordinals* ordinals) {
  mysql::SessionOptions options;
  options.database = shard.database;
  auto session = mysql::Session::Open(shard.endpoint, options);
  if (!session.ok()) return IsAbsent(session.status()) ? base::Ok() : session.status();
  const auto rows = (*session)->Query("SELECT origin, source, schema_name, table_name, ordinal FROM sl_source_table",
                                      "read table ordinals");
  if (!rows.ok()) return IsAbsent(rows.status()) ? base::Ok() : rows.status();
  for (const auto& row : rows->rows) {
    const std::string text = row[4].value_or("");
    std::uint32_t ordinal = 0;
    std::from_chars(text.data(), text.data() + text.size(), ordinal);
    (*ordinals)[{row[0].value_or(""), row[1].value_or(""), row[2].value_or(""), row[3].value_or("")}] = ordinal;
  }
  return base::Ok();
}

Result<bool> Matches(const mapping::MappingConfig& mapping, const mysql::TableName& table) {
  for (const std::string& pattern : mapping.match) {
    SL_ASSIGN(const bool matches, mapping::MatchesPattern(pattern, table.schema, table.table));
    if (matches) return true;
  }
  return false;
}

Status PlanSource(const job::JobConfig& config, std::uint32_t source, const Ordinals& ordinals,
                  const job::Targets& targets, job::DeclaredKeys* keys, std::vector<PlannedTable>* planned) {
  const std::string& source_name = config.sources[source].endpoint.name;
  SL_ASSIGN(const store::Router router, job::MakeRouter(config.routing));
  SL_ASSIGN(const auto session, mysql::Session::Open(config.sources[source].endpoint, mysql::SessionOptions()));
  SL_ASSIGN(const std::vector<mysql::TableName> tables, mysql::ListTables(*session));
  for (const mysql::TableName& table : tables) {
    for (const mapping::MappingConfig& mapping : config.mappings) {
      if (!mapping.ReadsFrom(source_name)) continue;
      SL_ASSIGN(const bool matches, Matches(mapping, table));
      if (!matches) continue;
      mapping::TableContext context;
      SL_ASSIGN(context.schema, mysql::ReadTableSchema(*session, table));
      context.flavour = session->flavour();
      context.table_ordinal = kAnyOrdinal;
      context.rules = router.shared_rules();
      context.target = targets.at(mapping.target);
      SL_ASSIGN(auto mapper, mapping::TableMapper::Compile(mapping, context));
      const auto found = ordinals.find({std::to_string(mapping.origin), source_name, table.schema, table.table});
      planned->push_back(
          ToPlanned(config, source, *mapper, found == ordinals.end() ? std::nullopt : std::optional(found->second)));
      SL_TRY(keys->Add(source_name, std::move(mapper)));
    }
  }
  return base::Ok();
}

}  // namespace

Result<std::vector<PlannedTable>> PlanTables(const job::JobConfig& config) {
  std::vector<PlannedTable> planned;
  const auto catalog = job::LoadCatalog(config, false);
  if (catalog.ok()) {
    for (const job::CatalogTable& table : catalog->tables) {
      planned.push_back(ToPlanned(config, table.source, *table.mapper, table.ordinal));
    }
    return planned;
  }
  // A new job is refused for its missing ordinals, after everything else about the tables was found right.
  const Status refused = catalog.status();
  const bool new_store = IsAbsent(refused);
  if (refused.code() != Code::kRefused && !new_store) return refused;
  SL_ASSIGN(const job::Targets targets, job::LoadTargets(config));
  Ordinals ordinals;
  for (const job::ShardConfig& shard : config.shards) SL_TRY(ReadOrdinals(shard, &ordinals));
  job::DeclaredKeys keys;
  for (std::uint32_t source = 0; source < config.sources.size(); ++source) {
    SL_TRY(PlanSource(config, source, ordinals, targets, &keys, &planned));
  }
  const bool all_known =
      std::all_of(planned.begin(), planned.end(), [](const PlannedTable& table) { return table.ordinal.has_value(); });
  if (all_known && !new_store) return refused;
  return planned;
}

}  // namespace shardlift::cmd
