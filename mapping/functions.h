// The functions of the mapping language by name. Internal to mapping/.
#pragma once

#include <cstddef>
#include <string_view>

#include "mapping/ast.h"

namespace shardlift::mapping {

struct Function {
  std::string_view name;  // upper case
  Op op;
  std::size_t args_min;
  std::size_t args_max;
};

// nullptr if there is none. `upper` is in upper case.
const Function* FindFunction(std::string_view upper);
// The reason why a known function of the servers is refused ("changes from call to call ..."); empty if it is not.
std::string_view RefusedFunction(std::string_view upper);
// The known name nearest to `upper`; empty when none is near.
std::string_view NearestFunction(std::string_view upper);

}  // namespace shardlift::mapping
