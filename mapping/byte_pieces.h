// SQL for the bytes of a typed expression's value, where nothing but the bytes counts: in a digest. Internal to
// mapping/.
//
// ToSql gives each text a character set and a collation, which costs a server more than the value itself. Inside a
// CONCAT of binary strings neither matters: numbers and times print the same bytes, and text that is stored as UTF-8
// gives them as it is.
#pragma once

#include <string>
#include <vector>

#include "mapping/ast.h"
#include "mapping/sql.h"

namespace shardlift::mapping {

// Arguments of a CONCAT behind kBytesFirst (table_mapper.h): together they give the bytes of the value's text, and NULL
// for NULL. At least one.
std::vector<std::string> BytePieces(const SqlContext& context, const Expr& expr);

}  // namespace shardlift::mapping
