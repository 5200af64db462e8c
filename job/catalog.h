// Catalog: the legacy tables a job moves: matched, given their persisted ordinals, their mappings compiled.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "job/config.h"
#include "mapping/table_mapper.h"
#include "mysql/session.h"

namespace shardlift::job {

struct CatalogTable {
  std::uint32_t source = 0;   // index into JobConfig::sources
  std::uint32_t ordinal = 0;  // persisted in every shard's sl_source_table, never reused
  std::unique_ptr<mapping::TableMapper> mapper;
  const mysql::TableSchema& schema() const { return mapper->context().schema; }
  const store::TargetTable& target() const { return mapper->target(); }
};

struct Catalog {
  std::vector<CatalogTable> tables;  // by (source, schema, table)
  std::string fingerprint;           // the job's, with the definitions of its own targets as the shards have them
  const CatalogTable* Find(std::uint32_t table_ordinal) const;  // nullptr for an ordinal that is not among `tables`
  // The table that rows of this legacy table are in; `message` for an ordinal that is not among `tables`.
  const store::TargetTable& TargetOf(std::uint32_t table_ordinal) const;
};

// Opens sessions, lists and matches tables, reads or allocates ordinals (inserted into every shard's sl_source_table;
// shard 0 is written first), compiles the mappings. A table matched by two mappings with the same origin, a pattern
// that matches nothing, and a matched table without usable key are kUsage errors that name mapping and table.
// `allocate` false: a table without ordinal is kRefused ("run migrate first").
base::Result<Catalog> LoadCatalog(const JobConfig& config, bool allocate);

}  // namespace shardlift::job
