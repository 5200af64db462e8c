// Equality of target columns: what the source's SQL says the value is against what the shard holds.
//
// Bytes decide, except for JSON: the two servers print one value differently (MySQL sorts keys and normalises numbers,
// MariaDB keeps the text it was given), so texts that differ are parsed and compared by meaning: objects without regard
// to key order, integers exactly, other numbers as doubles (that is what MySQL stores). Text that does not parse is
// equal to nothing but itself.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "store/target_table.h"
#include "verify/row_source.h"

namespace shardlift::verify {

bool JsonEqual(std::string_view a, std::string_view b);

// Indexes (of `columns`, the target's) of the columns in which two rows differ; appended to `differing`. True if a
// column that does not differ has different bytes.
bool CompareColumns(std::span<const store::TargetColumn> columns, RowFields source, RowFields target,
                    std::vector<std::size_t>* differing);

}  // namespace shardlift::verify
