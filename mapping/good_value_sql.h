// SQL that tells for which rows an expression has no bad value, for columns whose bad values the mapping replaces: the
// verifier's SQL must take the replacement for the same rows as the evaluator. Internal to mapping/.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"
#include "mapping/ast.h"
#include "mapping/sql.h"

namespace shardlift::mapping {

// A condition that is 1 where Evaluator::Eval succeeds and 0 where it does not, never NULL and never an error; empty
// when it always succeeds. kUsage with a caret in `text` for a part whose bad values no SQL can tell.
base::Result<std::string> GoodValueSql(const SqlContext& context, std::string_view text, const Expr& expr);

// Both conditions, the second evaluated only where the first is true; an empty one is true.
std::string BothGood(const std::string& first, const std::string& second);

}  // namespace shardlift::mapping
