// The wanted tables of one shard as data: DDL and the comparison with live tables are both made from it, so they cannot
// disagree. Internal to store/.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mysql/position.h"

namespace shardlift::store {

inline constexpr const char* kStoreCollation = "utf8mb4_bin";  // of all tables and their text columns

struct ColumnDefinition {
  const char* name;
  const char* type;  // as MySQL 9.7 prints it in information_schema: lower case, no display width
  bool nullable = false;
  const char* default_value = nullptr;  // literal number; nullptr: none (NULL for nullable columns)
};

struct KeyDefinition {
  const char* name;  // "PRIMARY" for the primary key
  bool unique;
  std::vector<const char*> columns;
};

struct TableDefinition {
  const char* name;
  std::vector<ColumnDefinition> columns;
  std::vector<KeyDefinition> keys;
};

// message first, then the rest of the message store, then the tool's own tables.
std::span<const TableDefinition> TableDefinitions();

// As they stand in CREATE and ALTER TABLE: "`body` mediumblob NOT NULL", "UNIQUE KEY `owner` (...)".
std::string ColumnSql(const ColumnDefinition& column);
std::string KeySql(const KeyDefinition& key);

// "CREATE TABLE IF NOT EXISTS <prefix>`name` (...) ..."; `prefix` is empty or a quoted schema with its dot.
std::string CreateTableSql(const TableDefinition& table, std::string_view prefix);

}  // namespace shardlift::store
