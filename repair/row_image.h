// Rows as images: what a shard had, and has, of one owner: all columns of its target, as bytes, in table order.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/target_table.h"

namespace shardlift::repair {

using RowColumns = std::vector<std::optional<std::string>>;
// As verify::CompareColumns takes a row: a field for the owner key first, then the columns. Empty: no row.
using RowViews = std::vector<std::optional<std::string_view>>;

RowViews ViewsOf(const RowColumns& columns);
RowViews ViewsOfPacked(std::string_view fields);  // of mapping::MappedRow::fields
std::string Packed(const RowColumns& columns);    // the way back

// "none" for no row, else the SHA-256 of all columns, their lengths and NULLs included.
std::string DigestOf(const RowViews& row);

// Both none, or equal in all columns that the table has, JSON by its meaning.
bool IsSameRow(const store::TargetTable& target, const RowViews& a, const RowViews& b);

}  // namespace shardlift::repair
