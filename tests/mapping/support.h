// Helpers of the mapping tests: schemas by hand, expressions compiled and evaluated alone, the mapping files.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "mapping/config.h"
#include "mapping/eval.h"
#include "mapping/table_mapper.h"
#include "mapping/typecheck.h"
#include "mysql/schema.h"
#include "store/router.h"

namespace shardlift::mapping::testing {

mysql::Column MakeColumn(std::string name, mysql::ColumnType type, std::string column_type);
mysql::Column Unsigned(mysql::Column column);
mysql::Column Nullable(mysql::Column column);
mysql::Column TextColumn(std::string name, mysql::ColumnType type, std::uint32_t length, std::string charset);
mysql::Column TimeColumn(std::string name, mysql::ColumnType type, std::uint8_t fraction);
mysql::Column MemberColumn(std::string name, mysql::ColumnType type, std::vector<std::string> members);

std::shared_ptr<const store::BucketRules> MakeRules(store::RoutingRules rules);
const std::shared_ptr<const store::BucketRules>& DefaultRules();  // 4096 buckets

// A typed expression over a schema, as a mapping with origin 5 and table ordinal 7 would compile it.
struct Compiled {
  ExprPtr expr;
  std::vector<bool> used;
  std::vector<std::string> notes;
};
base::Result<Compiled> CompileExpression(const mysql::TableSchema& schema, std::string_view text,
                                         mysql::Flavour flavour = mysql::Flavour::kMySql,
                                         const store::BucketRules* rules = nullptr);  // nullptr: DefaultRules()

// "NULL", "bad value: <reason>", or the value: numbers in decimal, everything else its bytes.
std::string EvalToString(const mysql::TableSchema& schema, const Expr& expr, std::span<const mysql::Value> row,
                         mysql::Flavour flavour);

// configs/mappings/<name>.json of the source tree (the working directory of tests).
MappingConfig LoadMappingFile(const std::string& name);

// The fields of a packed row; NULL as "NULL".
std::vector<std::string> Unpack(const MappedRow& row);

}  // namespace shardlift::mapping::testing
