#include "job/catalog.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <set>
#include <tuple>

#include "job/routing.h"
#include "job/targets.h"

namespace shardlift::job {
namespace {

using base::Code;
using base::Result;
using base::Status;

constexpr std::uint32_t kOrdinalMax = 65535;

// A legacy table's identity in sl_source_table.
using TableKey = std::tuple<std::uint32_t, std::string, std::string, std::string>;  // origin, source, schema, table

struct Matched {
  std::uint32_t source;
  const mapping::MappingConfig* mapping;
  mysql::TableName name;
  TableKey Key(const JobConfig& config) const {
    return {mapping->origin, config.sources[source].endpoint.name, name.schema, name.table};
  }
};

Result<bool> MatchesAny(const mapping::MappingConfig& mapping, const mysql::TableName& name,
                        std::set<std::string>* used) {
  bool any = false;
  for (const std::string& pattern : mapping.match) {
    Result<bool> matches = mapping::MatchesPattern(pattern, name.schema, name.table);
    if (!matches.ok()) return matches.status().WithContext(fmt::format("mapping {} ({})", mapping.name, mapping.place));
    if (!*matches) continue;
    any = true;
    used->insert(pattern);
  }
  return any;
}

// Every (mapping, table) pair of one source, in table order.
Result<std::vector<Matched>> MatchSource(const JobConfig& config, std::uint32_t source,
                                         const std::vector<mysql::TableName>& tables,
                                         std::map<const mapping::MappingConfig*, std::set<std::string>>* used) {
  std::vector<Matched> matched;
  for (const mysql::TableName& table : tables) {
    const mapping::MappingConfig* taken_by = nullptr;
    for (const mapping::MappingConfig& mapping : config.mappings) {
      if (!mapping.ReadsFrom(config.sources[source].endpoint.name)) continue;
      SL_ASSIGN(const bool matches, MatchesAny(mapping, table, &(*used)[&mapping]));
      if (!matches) continue;
      if (taken_by != nullptr) {
        return Status(
            Code::kUsage,
            fmt::format("{}: table {} of source {} is matched by mappings {} and {}; narrow one of their "
                        "\"match\" patterns",
                        config.path, table.Text(), config.sources[source].endpoint.name, taken_by->name, mapping.name));
      }
      taken_by = &mapping;
      matched.push_back({source, &mapping, table});
    }
  }
  return matched;
}

Status CheckAllPatternsUsed(const JobConfig& config,
                            const std::map<const mapping::MappingConfig*, std::set<std::string>>& used) {
  for (const mapping::MappingConfig& mapping : config.mappings) {
    const auto found = used.find(&mapping);
    for (const std::string& pattern : mapping.match) {
      if (found != used.end() && found->second.contains(pattern)) continue;
      return Status(Code::kUsage,
                    fmt::format("mapping {} ({}): pattern \"{}\" matches no table on any of its sources; check the "
                                "spelling and the user's SELECT privilege",
                                mapping.name, mapping.place, pattern));
    }
  }
  return base::Ok();
}

Result<std::unique_ptr<mysql::Session>> OpenShard(const ShardConfig& shard) {
  mysql::SessionOptions options;
  options.database = shard.database;
  return mysql::Session::Open(shard.endpoint, options);
}

using Ordinals = std::map<TableKey, std::uint32_t>;

Result<std::uint32_t> ToNumber(const std::optional<std::string>& text) {
  std::uint32_t value = 0;
  if (text) {
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
    if (error == std::errc() && end == text->data() + text->size()) return value;
  }
  return Status(Code::kCorrupt, "sl_source_table holds something that is not a number");
}

Result<Ordinals> ReadOrdinals(mysql::Session& session) {
  SL_ASSIGN(auto rows, session.Query("SELECT origin, source, schema_name, table_name, ordinal FROM sl_source_table",
                                     "read table ordinals"));
  Ordinals ordinals;
  for (const auto& row : rows.rows) {
    SL_ASSIGN(const std::uint32_t origin, ToNumber(row[0]));
    SL_ASSIGN(ordinals[TableKey(origin, row[1].value_or(""), row[2].value_or(""), row[3].value_or(""))],
              ToNumber(row[4]));
  }
  return ordinals;
}

Status InsertOrdinal(mysql::Session& session, const TableKey& key, std::uint32_t ordinal) {
  return session.Execute(
      fmt::format(
          "INSERT INTO sl_source_table (ordinal, origin, source, schema_name, table_name) VALUES ({}, {}, {}, {}, {})",
          ordinal, std::get<0>(key), session.Quote(std::get<1>(key)), session.Quote(std::get<2>(key)),
          session.Quote(std::get<3>(key))),
      "store table ordinal");
}

// What all shards know together: a shard that was restored may lack entries, and an ordinal must never be given twice.
Result<Ordinals> MergeOrdinals(const JobConfig& config, const std::vector<Ordinals>& stored) {
  Ordinals all;
  std::map<std::uint32_t, TableKey> by_ordinal;
  for (std::size_t shard = 0; shard < stored.size(); ++shard) {
    for (const auto& [key, ordinal] : stored[shard]) {
      const auto same_key = all.emplace(key, ordinal).first;
      const auto same_ordinal = by_ordinal.emplace(ordinal, key).first;
      if (same_key->second == ordinal && same_ordinal->second == key) continue;
      return Status(Code::kRefused,
                    fmt::format("shard {}: sl_source_table has ordinal {} for table {}.{} of source {}, another shard "
                                "says otherwise; the shards are not of one store",
                                config.shards[shard].endpoint.Text(), ordinal, std::get<2>(key), std::get<3>(key),
                                std::get<1>(key)));
    }
  }
  return all;
}

// Every shard gets a copy, so that each can be read by itself. Shard 0 is written first: when two jobs allocate at
// once, its unique keys let one of them win.
Result<Ordinals> Allocate(const JobConfig& config, const std::vector<Matched>& matched, bool allocate) {
  std::vector<std::unique_ptr<mysql::Session>> sessions;
  std::vector<Ordinals> stored;
  for (const ShardConfig& shard : config.shards) {
    SL_ASSIGN(sessions.emplace_back(), OpenShard(shard));
    SL_ASSIGN(stored.emplace_back(), ReadOrdinals(*sessions.back()));
  }
  SL_ASSIGN(Ordinals ordinals, MergeOrdinals(config, stored));
  std::uint32_t last = 0;
  for (const auto& [key, ordinal] : ordinals) last = std::max(last, ordinal);
  for (const Matched& table : matched) {
    if (ordinals.contains(table.Key(config))) continue;
    if (!allocate) {
      return Status(Code::kRefused,
                    fmt::format("table {} of source {} has no ordinal in the shards yet; run migrate first",
                                table.name.Text(), config.sources[table.source].endpoint.name));
    }
    if (last == kOrdinalMax) return Status(Code::kRefused, "all 65535 table ordinals of the store are used");
    ordinals[table.Key(config)] = ++last;
  }
  for (std::size_t shard = 0; allocate && shard < sessions.size(); ++shard) {
    for (const auto& [key, ordinal] : ordinals) {
      if (stored[shard].contains(key)) continue;
      Status status = InsertOrdinal(*sessions[shard], key, ordinal);
      if (status.code() != Code::kDuplicate) {
        SL_TRY(status);
        continue;
      }
      return Status(Code::kEnvironment,
                    fmt::format("shard {}: another job gave out table ordinals at this moment; start "
                                "again",
                                config.shards[shard].endpoint.Text()));
    }
  }
  return ordinals;
}

}  // namespace

const CatalogTable* Catalog::Find(std::uint32_t table_ordinal) const {
  const auto found = std::find_if(tables.begin(), tables.end(),
                                  [&](const CatalogTable& table) { return table.ordinal == table_ordinal; });
  return found == tables.end() ? nullptr : &*found;
}

const store::TargetTable& Catalog::TargetOf(std::uint32_t table_ordinal) const {
  const CatalogTable* table = Find(table_ordinal);
  return table == nullptr ? *store::MessageTarget() : table->target();
}

Result<Catalog> LoadCatalog(const JobConfig& config, bool allocate) {
  std::vector<Matched> matched;
  std::map<const mapping::MappingConfig*, std::set<std::string>> used;
  std::vector<std::unique_ptr<mysql::Session>> sources;
  for (std::uint32_t source = 0; source < config.sources.size(); ++source) {
    SL_ASSIGN(sources.emplace_back(), mysql::Session::Open(config.sources[source].endpoint, mysql::SessionOptions()));
    SL_ASSIGN(const std::vector<mysql::TableName> tables, mysql::ListTables(*sources[source]));
    SL_ASSIGN(std::vector<Matched> here, MatchSource(config, source, tables, &used));
    matched.insert(matched.end(), std::make_move_iterator(here.begin()), std::make_move_iterator(here.end()));
  }
  SL_TRY(CheckAllPatternsUsed(config, used));
  SL_ASSIGN(const store::Router router, MakeRouter(config.routing));
  SL_ASSIGN(const Targets targets, LoadTargets(config));
  // Everything that can be wrong with a table is found before anything is stored.
  std::vector<mapping::TableContext> contexts;
  DeclaredKeys keys;
  for (const Matched& table : matched) {
    mapping::TableContext context;
    SL_ASSIGN(context.schema, mysql::ReadTableSchema(*sources[table.source], table.name));
    context.flavour = sources[table.source]->flavour();
    context.rules = router.shared_rules();
    context.table_ordinal = 1;
    context.target = targets.at(table.mapping->target);
    SL_ASSIGN(auto mapper, mapping::TableMapper::Compile(*table.mapping, context));
    SL_TRY(keys.Add(config.sources[table.source].endpoint.name, std::move(mapper)));
    contexts.push_back(std::move(context));
  }
  SL_ASSIGN(const Ordinals ordinals, Allocate(config, matched, allocate));
  Catalog catalog;
  catalog.fingerprint = FingerprintWith(config, targets);
  for (std::size_t i = 0; i < matched.size(); ++i) {
    CatalogTable table;
    table.source = matched[i].source;
    table.ordinal = contexts[i].table_ordinal = ordinals.at(matched[i].Key(config));
    SL_ASSIGN(table.mapper, mapping::TableMapper::Compile(*matched[i].mapping, contexts[i]));
    catalog.tables.push_back(std::move(table));
  }
  return catalog;
}

}  // namespace shardlift::job
