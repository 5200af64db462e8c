// Which parts of an expression give several values one. Internal to mapping/.
#pragma once

#include <string>
#include <vector>

#include "mapping/ast.h"

namespace shardlift::mapping {

// Over the tree as parsed: function names are still those that were written. Each is added once.
void FindLossy(const Expr& expr, std::vector<std::string>* found);

}  // namespace shardlift::mapping
