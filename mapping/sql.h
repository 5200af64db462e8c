// SQL text of a typed expression: the second meaning of a mapping, run by the source server. Internal to mapping/.
//
// The text leaves nothing to session or server defaults: text is always utf8mb4 with COLLATE utf8mb4_bin, comparisons
// of text are comparisons of bytes, branches are cast to the type the checker gave them. Where the servers disagree
// (FROM_UNIXTIME beyond 2038, CONVERT_TZ outside the TIMESTAMP range, JSON_OBJECT's spacing) the text avoids the
// function.
#pragma once

#include <string>

#include "mapping/ast.h"
#include "mysql/position.h"
#include "mysql/schema.h"

namespace shardlift::mapping {

struct SqlContext {
  const mysql::TableSchema* schema = nullptr;
  mysql::Flavour flavour = mysql::Flavour::kMySql;
};

// An expression without need of parentheses around it.
std::string ToSql(const SqlContext& context, const Expr& expr);

}  // namespace shardlift::mapping
