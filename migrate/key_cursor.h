// KeyCursor: the key of the last row of a chunk, as text that survives a restart and as SQL.
//
// Text: one item per key column, comma separated: 'n' and the decimal number, or 'x' and the bytes in hex.
// SQL: boundaries are typed literals (character set, hex, collation), so the server compares as the key's index orders.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "mysql/schema.h"

namespace shardlift::migrate {

// `key_texts`: text-protocol bytes of the key columns of one row.
std::string EncodeCursor(const mysql::TableSchema& schema, std::span<const std::size_t> key_columns,
                         std::span<const std::string_view> key_texts);

// "(`a` > 1) OR (`a` = 1 AND `b` > 2)" in a form both servers turn into a range; "1" for an empty cursor.
base::Result<std::string> CursorCondition(const mysql::TableSchema& schema, std::span<const std::size_t> key_columns,
                                          std::string_view cursor);
// "(`a` = 1 AND `b` = 2)" for the row whose key columns have these texts.
std::string KeyCondition(const mysql::TableSchema& schema, std::span<const std::size_t> key_columns,
                         std::span<const std::string> key_texts);
// "`a`, `b`"
std::string OrderByKey(const mysql::TableSchema& schema, std::span<const std::size_t> key_columns);
// For events and messages: numbers in clear, bytes as their size ("<5 bytes>").
std::string PrintableCursor(std::string_view cursor);

}  // namespace shardlift::migrate
