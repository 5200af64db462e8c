// A job's own target table: what its definition becomes on a shard, and what the shard made of it.
//
// The definition is SQL that only the server understands. It is given the columns that name a row's bucket and owner
// and the unique key on the owner (those of `message`); types, keys and defaults are then read from the server. Writing
// by owner needs no more than that, whatever else is in the table. A table with a declared key gets nothing added.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "store/schema_diff.h"
#include "store/target_table.h"

namespace shardlift::mysql {
class Session;
struct TableSchema;
}  // namespace shardlift::mysql

namespace shardlift::store {

// True for `message`, the tables that follow from it, and the tool's own.
bool IsStoreTable(std::string_view name);

// The body of one "CREATE TABLE [IF NOT EXISTS] `name` (...) ...". kUsage when it is something else or another table's;
// the message begins with what is wrong.
base::Result<std::string> CreateTableBody(std::string_view sql, std::string_view name);

// A definition as SHOW CREATE TABLE prints it, without the number that its AUTO_INCREMENT stands at.
std::string WithoutCounter(std::string definition);
// Columns and unique keys of a legacy table, one a line, in one spelling for both servers.
std::string FormOf(const mysql::TableSchema& schema);

// With the bucket, the owner columns and the owner's unique key in front, unless the table has a declared key; `prefix`
// as in CreateTableSql.
std::string CreateCustomSql(const CustomTable& table, std::string_view prefix);

// What the table lacks of what writing by owner needs, or the whole table when it is not there. With a body also where
// it is not as the body says; the server tells that of a temporary table. Partitioned tables are not compared that way.
base::Result<std::vector<Difference>> CompareCustom(mysql::Session& session, std::string_view database,
                                                    const CustomTable& table);

// The table as the shard has it. kRefused when it is not there, or could not be written and compared faithfully: a
// column type that no mapping fills, triggers, foreign keys, another engine, a declared key that is none.
base::Result<TargetTable> ReadTarget(mysql::Session& session, std::string_view database, const CustomTable& table);

}  // namespace shardlift::store
