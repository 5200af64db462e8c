// OwnerPart: some of the owners of one legacy table, as a condition on either side.
//
// Parts are ranges of the owner key where the indexes of both sides are in that order (all key columns are integers,
// and the target has owner columns, or a declared key that ascends with them). Else, because the order of a collation
// is not that of the key's bytes, a part is a set of slices: owners by the CRC32 of their key. The parts of a table
// cover every owner that there can be, so that rows which no source row names are found.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "mapping/table_mapper.h"

namespace shardlift::verify {

struct OwnerPart {
  std::string after;                // excluded; empty: from the first owner on
  std::optional<std::string> upto;  // included; none: to the last, wherever the source's last key is
  std::uint32_t slices = 0;         // 0: not sliced
  std::vector<std::uint32_t> slice_list;
  std::vector<std::string> owners{};  // not empty: these owner keys alone
};

// True if the owners of a table can be told apart by ranges.
bool HasKeyRanges(const mapping::TableMapper& mapper);

// Conditions over the legacy table's columns ("1" for all rows), and over those of the target table.
std::string SourcePartSql(const mapping::TableMapper& mapper, const OwnerPart& part);
std::string ShardPartSql(const mapping::OwnerSql& owners, const OwnerPart& part);
// The slice of a row as an SQL expression.
std::string SliceSql(const std::string& owner_key_sql, std::uint32_t slices);

// The owner key `rows` rows into the part, if it has so many, by the table's own key order.
std::string BoundarySql(const mapping::TableMapper& mapper, const OwnerPart& part, std::uint64_t rows);
// Least and greatest value of the first key column; NULLs for an empty table.
std::string FirstKeyColumnRangeSql(const mapping::TableMapper& mapper);
// Parts that cover the table, cut at values of the first key column that lie evenly between its least and greatest
// (their texts, as FirstKeyColumnRangeSql gives them).
std::vector<OwnerPart> EvenParts(const mapping::TableMapper& mapper, const std::string& least,
                                 const std::string& greatest, std::uint32_t parts);

}  // namespace shardlift::verify
