// The message store's table and the tool's own tables, as DDL and as column metadata (design 4; docs/store.md).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "mysql/position.h"

namespace shardlift::mysql {
class Session;
}

namespace shardlift::store {

// How a target column's bytes travel and compare.
enum class TargetKind : std::uint8_t {
  kUnsigned,   // decimal text, at most `limit`
  kDateTime6,  // "YYYY-MM-DD hh:mm:ss.ffffff" UTC
  kBinary,     // bytes, at most `limit` of them
  kJson,       // UTF-8 JSON text
};

struct TargetColumn {
  std::string name;
  TargetKind kind;
  std::uint64_t limit;  // kUnsigned: largest value; kBinary and kJson: most bytes
  bool nullable;
  const char* default_sql;  // used when a mapping does not name the column; nullptr: the mapping must name it
};

// The columns a mapping fills, in table order; `bucket` first and the owner columns last are filled by the tool:
//   bucket | account_type account_key conversation sent_at msg_id biz_tag sender msg_type body_codec body ext status
//   edited_at recalled_at client_id version | owner_origin owner_table owner_key
std::span<const TargetColumn> MessageColumns();
std::size_t MessageColumnIndex(std::string_view name);  // npos (-1) if there is none

// CREATE TABLE statements for one shard, each "CREATE TABLE IF NOT EXISTS ...": message, conversation, read_cursor,
// message_tag, message_dedup, then the tool's own sl_lane, sl_copy, sl_dead_letter, sl_source_table, sl_routing,
// sl_id_node.
std::vector<std::string> ShardDdl(mysql::Flavour flavour);

// Creates the database if it is missing, then every missing table. kRefused naming shard, table and column when a table
// is there with other columns or keys; nothing is created in that case (the comparison runs first). What differs in
// detail, and what may be added to tables that are there: store/schema_diff.h.
base::Status ApplySchema(mysql::Session& session, std::string_view database);
// The comparison alone: the names of the tables that are missing, none when the schema is complete. kRefused as above.
base::Result<std::vector<std::string>> MissingTables(mysql::Session& session, std::string_view database);

}  // namespace shardlift::store
