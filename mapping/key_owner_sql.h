// OwnerSql of tables with a declared key. Internal to mapping/.
//
// The proof that such a key names the legacy row stands here: each of its columns is made of the legacy key alone, and
// SQL takes the legacy key back from them (mapping/key_inverse_sql.h). That no other legacy table gives the same values
// is AreApart's to say.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "base/status.h"
#include "mapping/column_reader.h"
#include "mapping/config.h"
#include "mapping/owner_sql.h"
#include "mapping/table_mapper.h"
#include "mapping/target_column.h"

namespace shardlift::mapping {

// Parts of a compiled mapping; all must outlive what is made of them.
struct KeyOwnerParts {
  const MappingConfig& config;
  const TableContext& context;
  std::span<const std::size_t> legacy_key;
  const ContentCharsets& charsets;
  const std::vector<ColumnReader>& readers;
  std::vector<const TargetExpression*> expressions;  // by target column; nullptr where the tool fills it
};

// kRefused with mapping, table, column and reason, when it cannot be shown that the key names the legacy row.
base::Result<std::unique_ptr<const OwnerSql>> KeyOwnerSql(KeyOwnerParts parts);

}  // namespace shardlift::mapping
