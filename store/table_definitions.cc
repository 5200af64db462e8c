#include "store/table_definitions.h"

#include "mysql/schema.h"

namespace shardlift::store {

namespace {

constexpr const char* kU8 = "tinyint unsigned";
constexpr const char* kU16 = "smallint unsigned";
constexpr const char* kU32 = "int unsigned";
constexpr const char* kU64 = "bigint unsigned";
constexpr const char* kName = "varchar(64)";
constexpr const char* kKey = "varbinary(191)";
constexpr const char* kShortKey = "varbinary(64)";
constexpr const char* kOwnerKey = "varbinary(255)";
constexpr const char* kTime6 = "datetime(6)";

TableDefinition MessageTable() {
  return {"message",
          {{"bucket", kU16},
           {"account_type", kU8},
           {"account_key", kKey},
           {"conversation", kKey},
           {"sent_at", kTime6},
           {"msg_id", kU64},
           {"biz_tag", kU16},
           {"sender", kKey, true},
           {"msg_type", kU16},
           {"body_codec", kU8, false, "0"},
           {"body", "mediumblob"},
           {"ext", "json", true},
           {"status", kU8, false, "0"},
           {"edited_at", kTime6, true},
           {"recalled_at", kTime6, true},
           {"client_id", kShortKey, true},
           {"version", kU32, false, "1"},
           {"owner_origin", kU8},
           {"owner_table", kU16},
           {"owner_key", kOwnerKey}},
          {{"PRIMARY", true, {"bucket", "account_type", "account_key", "sent_at", "msg_id"}},
           {"owner", true, {"owner_origin", "owner_table", "owner_key"}},
           {"conversation", false, {"bucket", "account_type", "account_key", "conversation", "sent_at", "msg_id"}}}};
}

TableDefinition ConversationTable() {
  return {"conversation",
          {{"bucket", kU16},
           {"account_type", kU8},
           {"account_key", kKey},
           {"conversation", kKey},
           {"first_sent_at", kTime6},
           {"last_sent_at", kTime6},
           {"last_msg_id", kU64},
           {"messages", kU64}},
          {{"PRIMARY", true, {"bucket", "account_type", "account_key", "conversation"}},
           {"recent", false, {"bucket", "account_type", "account_key", "last_sent_at", "last_msg_id"}}}};
}

TableDefinition ReadCursorTable() {
  return {"read_cursor",
          {{"bucket", kU16},
           {"account_type", kU8},
           {"account_key", kKey},
           {"conversation", kKey},
           {"read_sent_at", kTime6},
           {"read_msg_id", kU64}},
          {{"PRIMARY", true, {"bucket", "account_type", "account_key", "conversation"}}}};
}

TableDefinition MessageTagTable() {
  return {"message_tag",
          {{"bucket", kU16},
           {"account_type", kU8},
           {"account_key", kKey},
           {"tag", kShortKey},
           {"sent_at", kTime6},
           {"msg_id", kU64}},
          {{"PRIMARY", true, {"bucket", "account_type", "account_key", "tag", "sent_at", "msg_id"}}}};
}

TableDefinition MessageDedupTable() {
  return {"message_dedup",
          {{"bucket", kU16},
           {"account_type", kU8},
           {"account_key", kKey},
           {"client_id", kShortKey},
           {"sent_at", kTime6},
           {"msg_id", kU64}},
          {{"PRIMARY", true, {"bucket", "account_type", "account_key", "client_id"}}}};
}

TableDefinition LaneTable() {
  return {"sl_lane",
          {{"source", kName},
           {"lane", kU16},
           {"job", kName},
           {"epoch", kU64},
           {"seq", kU64},
           {"position", "mediumtext"},
           {"applied", "mediumtext"},
           {"row_changes", kU64, false, "0"},
           {"fingerprint", "char(64)"},
           {"lane_count", kU16},
           {"format_version", kU16},
           {"holder", "varchar(128)"},
           {"updated_at", kTime6}},
          {{"PRIMARY", true, {"source", "lane"}}}};
}

TableDefinition CopyTable() {
  return {"sl_copy",
          {{"source", kName},
           {"lane", kU16},
           {"table_ordinal", kU16},
           {"copied_upto", "varbinary(2048)"},
           {"done", kU8},
           {"rows_written", kU64},
           {"rows_left_behind", kU64}},
          {{"PRIMARY", true, {"source", "lane", "table_ordinal"}}}};
}

TableDefinition DeadLetterTable() {
  return {"sl_dead_letter",
          {{"owner_origin", kU8},
           {"owner_table", kU16},
           {"owner_key", kOwnerKey},
           {"source", kName},
           {"position", "text"},
           {"reason", kName},
           {"detail", "varchar(255)"},
           {"created_at", kTime6}},
          {{"PRIMARY", true, {"owner_origin", "owner_table", "owner_key"}}}};
}

TableDefinition SourceTableTable() {
  return {"sl_source_table",
          {{"ordinal", kU16}, {"origin", kU8}, {"source", kName}, {"schema_name", kName}, {"table_name", kName}},
          {{"PRIMARY", true, {"ordinal"}}, {"physical", true, {"origin", "source", "schema_name", "table_name"}}}};
}

TableDefinition RoutingTable() {
  return {"sl_routing",
          {{"id", kU8},
           {"routing_version", kU32},
           {"buckets", kU32},
           {"map_epoch", kU64},
           {"shard_map", "mediumtext"},
           {"shard_index", kU16},
           {"shard_count", kU16},
           {"updated_at", kTime6},
           {"rules", "mediumtext", true}},  // NULL: from before this column, when all rules were the default ones
          {{"PRIMARY", true, {"id"}}}};
}

TableDefinition IdNodeTable() {
  return {"sl_id_node",
          {{"node", kU16},
           {"generation", kU64},
           {"holder", "varchar(128)"},
           {"lease_until", kTime6},
           {"ids_until_ms", kU64}},
          {{"PRIMARY", true, {"node"}}}};
}

}  // namespace

std::string ColumnSql(const ColumnDefinition& column) {
  std::string sql = mysql::QuoteIdentifier(column.name) + " " + column.type + (column.nullable ? " NULL" : " NOT NULL");
  if (column.default_value != nullptr) sql += std::string(" DEFAULT ") + column.default_value;
  return sql;
}

std::string KeySql(const KeyDefinition& key) {
  bool primary = std::string_view(key.name) == "PRIMARY";
  std::string sql =
      primary ? "PRIMARY KEY (" : (key.unique ? "UNIQUE KEY " : "KEY ") + mysql::QuoteIdentifier(key.name) + " (";
  for (std::size_t i = 0; i < key.columns.size(); ++i) {
    if (i > 0) sql += ", ";
    sql += mysql::QuoteIdentifier(key.columns[i]);
  }
  return sql + ")";
}

std::span<const TableDefinition> TableDefinitions() {
  static const std::vector<TableDefinition> tables = {
      MessageTable(), ConversationTable(), ReadCursorTable(),  MessageTagTable(), MessageDedupTable(), LaneTable(),
      CopyTable(),    DeadLetterTable(),   SourceTableTable(), RoutingTable(),    IdNodeTable()};
  return tables;
}

std::string CreateTableSql(const TableDefinition& table, std::string_view prefix) {
  std::string sql = "CREATE TABLE IF NOT EXISTS ";
  sql += prefix;
  sql += mysql::QuoteIdentifier(table.name) + " (\n";
  for (const ColumnDefinition& column : table.columns) sql += "  " + ColumnSql(column) + ",\n";
  for (std::size_t i = 0; i < table.keys.size(); ++i) {
    sql += "  " + KeySql(table.keys[i]) + (i + 1 < table.keys.size() ? ",\n" : "\n");
  }
  return sql + ") ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=" + kStoreCollation;
}

}  // namespace shardlift::store
