#include "migrate/ddl_guard.h"

#include <algorithm>

#include "binlog/statement_names.h"
#include "mapping/table_mapper.h"

namespace shardlift::migrate {
namespace {

// The pattern up to the dot between schema and table; dots inside braces belong to ranges.
std::string SchemaPart(const std::string& pattern) {
  int depth = 0;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '{') ++depth;
    if (pattern[i] == '}') --depth;
    if (pattern[i] == '.' && depth == 0) return pattern.substr(0, i);
  }
  return pattern;
}

bool Matches(const job::JobConfig& config, std::string_view source, std::string_view schema, std::string_view table) {
  for (const mapping::MappingConfig& mapping : config.mappings) {
    if (!mapping.ReadsFrom(source)) continue;
    for (const std::string& pattern : mapping.match) {
      const base::Result<bool> matches = mapping::MatchesPattern(pattern, schema, table);
      if (matches.ok() && *matches) return true;
    }
  }
  return false;
}

}  // namespace

std::string FindMappedTable(const job::JobConfig& config, std::string_view source, std::string_view default_schema,
                            std::string_view sql) {
  const binlog::StatementNames names = binlog::NamesIn(default_schema, sql);
  // Temporary tables of a session are dropped in the binlog too; they are never a mapped table.
  if (names.temporary) return {};
  if (!names.dropped_schema.empty()) {
    for (const mapping::MappingConfig& mapping : config.mappings) {
      if (!mapping.ReadsFrom(source)) continue;
      for (const std::string& pattern : mapping.match) {
        const std::string schema_pattern = SchemaPart(pattern) + ".t";
        const base::Result<bool> matches = mapping::MatchesPattern(schema_pattern, names.dropped_schema, "t");
        if (matches.ok() && *matches) return names.dropped_schema + ".*";
      }
    }
    return {};
  }
  for (const binlog::NamedTable& name : names.tables) {
    if (Matches(config, source, name.schema, name.table)) return name.schema + "." + name.table;
  }
  return {};
}

}  // namespace shardlift::migrate
