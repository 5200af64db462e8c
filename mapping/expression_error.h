// Errors of mapping expressions: what is wrong and a caret under the place. Internal to mapping/.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/status.h"

namespace shardlift::mapping {

// "message\n  <line of the expression>\n  <caret>"; kUsage. `place` is a byte offset; the caret counts characters.
base::Status ExpressionError(std::string_view expression, std::size_t place, std::string_view message);

}  // namespace shardlift::mapping
