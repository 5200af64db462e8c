// The canonical legacy key: the bytes that name a legacy row inside its table (design 3.2).
//
// Fixed for life: it is stored in every target row. Per key column, in key order:
//   integers        8 bytes, big-endian; signed ones with the sign bit flipped (value + 2^63)
//   CHAR, VARCHAR, TEXT, BINARY, VARBINARY, BLOB
//                   the column's own bytes (its own character set), every 0x00 as 0x00 0xFF, then 0x00 0x01
// so that memcmp of two keys orders integers by number and strings by bytes, and no key is a prefix of another. Other
// types are refused as key columns. Both servers compute the same bytes by OwnerKeySql.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "mysql/schema.h"
#include "mysql/value.h"

namespace shardlift::mapping {

inline constexpr std::size_t kOwnerKeyBytesMax = 255;

// True for the column types that may be part of a key.
bool IsOwnerKeyColumn(const mysql::Column& column);

// The columns with these names, as indexes; kUsage when they are no unique key of NOT NULL columns that may be one.
base::Result<std::vector<std::size_t>> OwnerKeyColumns(const mysql::TableSchema& schema,
                                                       std::span<const std::string> names);

// Replaces `out` by the key of the row. nullptr, else the reason why there is none.
const char* EncodeOwnerKey(const mysql::TableSchema& schema, std::span<const std::size_t> key,
                           std::span<const mysql::Value> row, std::string* out);

// The key columns' values as text: integers in decimal, strings as their bytes. nullopt when the bytes are no key of
// this table.
std::optional<std::vector<std::string>> DecodeOwnerKey(const mysql::TableSchema& schema,
                                                       std::span<const std::size_t> key, std::string_view bytes);

// The same bytes as an SQL expression over the table's columns.
std::string OwnerKeySql(const mysql::TableSchema& schema, std::span<const std::size_t> key);
// One column's part of it, of an integer or of a binary string.
std::string IntegerPartSql(const std::string& integer, bool is_signed);
std::string BytesPartSql(const std::string& bytes);
// An ORDER BY list that gives ascending keys: the plain columns when all are integers.
std::string OwnerKeyOrder(const mysql::TableSchema& schema, std::span<const std::size_t> key);

}  // namespace shardlift::mapping
