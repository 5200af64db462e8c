// SQL text of a typed expression: the second meaning of a mapping, run by the source server. Internal to mapping/.
//
// The text leaves nothing to session or server defaults: text is always utf8mb4 with COLLATE utf8mb4_bin, comparisons
// of text are comparisons of bytes, branches are cast to the type the checker gave them. Where the servers disagree
// (FROM_UNIXTIME beyond 2038, CONVERT_TZ outside the TIMESTAMP range, JSON_OBJECT's spacing) the text avoids the
// function.
#pragma once

#include <string>
#include <string_view>

#include "mapping/ast.h"
#include "mapping/column_reader.h"
#include "mysql/position.h"
#include "mysql/schema.h"

namespace shardlift::mapping {

struct SqlContext {
  const mysql::TableSchema* schema = nullptr;
  mysql::Flavour flavour = mysql::Flavour::kMySql;
  const ContentCharsets* charsets = nullptr;  // none: every column holds what it says
  std::string_view Content(std::size_t column) const {
    return charsets == nullptr ? std::string_view() : charsets->At(column);
  }
};

// An expression without need of parentheses around it.
std::string ToSql(const SqlContext& context, const Expr& expr);
// a = b, as the expressions compare.
std::string EqualSql(const SqlContext& context, const Expr& a, const Expr& b);

}  // namespace shardlift::mapping
