// The message store's table and the tool's own tables, as DDL and as column metadata (design 4; docs/store.md).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "mysql/position.h"
#include "store/target_table.h"

namespace shardlift::mysql {
class Session;
}

namespace shardlift::store {

// The columns a mapping fills, in table order; `bucket` first and the owner columns last are filled by the tool:
//   bucket | account_type account_key conversation sent_at msg_id biz_tag sender msg_type body_codec body ext status
//   edited_at recalled_at client_id version | owner_origin owner_table owner_key
std::span<const TargetColumn> MessageColumns();
std::size_t MessageColumnIndex(std::string_view name);  // npos (-1) if there is none
const TargetTablePtr& MessageTarget();

// CREATE TABLE statements for one shard, each "CREATE TABLE IF NOT EXISTS ...": message, conversation, read_cursor,
// message_tag, message_dedup, then the tool's own sl_lane, sl_copy, sl_dead_letter, sl_source_table, sl_routing,
// sl_id_node.
std::vector<std::string> ShardDdl(mysql::Flavour flavour);

// Creates the database if it is missing, then every missing table. kRefused naming shard, table and column when a table
// is there with other columns or keys; nothing is created in that case (the comparison runs first). What differs in
// detail, and what may be added to tables that are there: store/schema_diff.h.
base::Status ApplySchema(mysql::Session& session, std::string_view database, std::span<const CustomTable> own = {});
// The comparison alone: the names of the tables that are missing, none when the schema is complete. kRefused as above.
base::Result<std::vector<std::string>> MissingTables(mysql::Session& session, std::string_view database,
                                                     std::span<const CustomTable> own = {});

}  // namespace shardlift::store
