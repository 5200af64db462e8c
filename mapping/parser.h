// Parser of the mapping language. Internal to mapping/.
//
// Precedence is MySQL's: OR, XOR, AND, NOT, IS, comparison, [NOT] IN / BETWEEN / LIKE, |, &, << >>, + -, * / DIV MOD %,
// ^, unary - and ~.
#pragma once

#include <string_view>

#include "base/status.h"
#include "mapping/ast.h"

namespace shardlift::mapping {

// The tree without types. Fails with kUsage and a caret.
base::Result<ExprPtr> Parse(std::string_view expression);

}  // namespace shardlift::mapping
