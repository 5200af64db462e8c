#include "store/target_table.h"

#include "mysql/schema.h"
#include "store/router.h"

namespace shardlift::store {

std::size_t TargetTable::Find(std::string_view column) const {
  for (std::size_t i = 0; i < columns.size(); ++i) {
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
    default: return name;
  }
}

std::string ShownBucketSql(const TargetTable& table, std::uint32_t buckets) {
  const std::string type = table.account_type == TargetTable::kNone ? std::to_string(table.account_type_fixed)
                                                                    : ShownSql(table.columns[table.account_type]);
  return BucketSql(type, ShownSql(table.columns[table.account_key]), buckets);
}

}  // namespace shardlift::store
