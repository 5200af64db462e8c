// What the property test makes expressions of, for every entry of the tables of mapping/functions.h.
#pragma once

#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace shardlift::mapping::testing {

// Templates with {g} for a column of group g (matrix_rows.h); empty when the entry has none.
const std::vector<const char*>& TemplatesOf(std::string_view name);
// One of them with columns.
std::string Instance(std::mt19937_64& random, const std::vector<const char*>& templates);

}  // namespace shardlift::mapping::testing
