// One path into a JSON text, and JSON strings as text. Internal to mapping/.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mapping/ast.h"

namespace shardlift::mapping {

// "$.name.\"any name\"[3]" as literals: text for members, integers for elements. False for anything else.
bool ParseJsonPath(std::string_view path, std::size_t place, std::vector<ExprPtr>* steps);

enum class JsonStep : std::uint8_t { kFound, kAbsent, kNotAnArray, kDuplicate };

// The text of the part of valid JSON to which the steps lead. kNotAnArray: an element of what is no array (MySQL takes
// the value itself for its element 0, MariaDB does not). kDuplicate: a name is there twice.
JsonStep FindInJson(std::string_view json, std::span<const ExprPtr> steps, std::string_view* out);

// The text of a JSON string, quotes included in `json`. False for a lone surrogate.
bool AppendUnquoted(std::string_view json, std::string* out);

}  // namespace shardlift::mapping
