// The packed form of a mapped row (MappedRow::fields). Internal to mapping/; FieldReader takes it apart.
#pragma once

#include <string>
#include <vector>

#include "mapping/column_reader.h"

namespace shardlift::mapping {

// Replaces `out`.
void Pack(const std::vector<Val>& fields, std::string* out);

}  // namespace shardlift::mapping
