#include "store/target_table.h"

#include <algorithm>

#include "mysql/schema.h"
#include "store/router.h"

namespace shardlift::store {

std::size_t TargetTable::stored() const {
  return key.empty() ? columns.size() : std::min({bucket, owner_origin, owner_table, owner_key});
}

std::size_t TargetTable::Find(std::string_view column) const {
  for (std::size_t i = 0; i < stored(); ++i) {
    if (columns[i].name == column) return i;
  }
  return kNone;
}

std::string ShownSql(const TargetColumn& column) {
  const std::string name = mysql::QuoteIdentifier(column.name);
  switch (column.kind) {
    // Sessions get text in the character set of its column.
    case TargetKind::kText:
    case TargetKind::kEnum:
    case TargetKind::kSet: return "CAST(CONVERT(" + name + " USING utf8mb4) AS BINARY)";
    // A product prints all digits and the sign of -0.0.
    case TargetKind::kFloat:
    case TargetKind::kDouble: return "(" + name + "*1e0)";
    case TargetKind::kBit: return "CAST(" + name + " AS UNSIGNED)";
    case TargetKind::kYear: return "LPAD(" + name + " + 0, 4, '0')";
    default: return name;
  }
}

std::string ShownBucketSql(const TargetTable& table, const BucketRules& rules) {
  if (!rules.has_sql()) return "NULL";
  const auto number_or = [&](std::size_t column, std::uint32_t otherwise) {
    return column == TargetTable::kNone ? std::to_string(otherwise) : ShownSql(table.columns[column]);
  };
  return rules
      .Sql(number_or(table.account_type, table.account_type_fixed), ShownSql(table.columns[table.account_key]),
           number_or(table.biz_tag, 0))
      .value();
}

}  // namespace shardlift::store
