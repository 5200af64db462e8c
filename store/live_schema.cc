#include "store/live_schema.h"

#include <optional>

#include "mysql/session.h"

namespace shardlift::store {
namespace {

std::string OrEmpty(const std::optional<std::string>& text) { return text.value_or(std::string()); }

base::Status ReadColumns(mysql::Session& session, const std::string& in_schema, LiveTables* live) {
  SL_ASSIGN(
      mysql::Rows columns,
      session.Query("SELECT TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE, COLUMN_DEFAULT, COLLATION_NAME, EXTRA "
                    "FROM information_schema.COLUMNS" +
                        in_schema + " ORDER BY TABLE_NAME, ORDINAL_POSITION",
                    "read the store's columns"));
  for (const auto& row : columns.rows) {
    LiveColumn column;
    column.name = OrEmpty(row[1]);
    column.type = NormalisedType(OrEmpty(row[2]));
    column.nullable = row[3] == "YES";
    column.default_value = OrEmpty(row[4]);
    if (column.default_value == "NULL") column.default_value.clear();  // MariaDB's way to say that it is NULL
    column.collation = OrEmpty(row[5]);
    column.extra = OrEmpty(row[6]);
    (*live)[OrEmpty(row[0])].columns.push_back(std::move(column));
  }
  return base::Ok();
}

base::Status ReadKeys(mysql::Session& session, const std::string& in_schema, LiveTables* live) {
  const char* const hidden = session.flavour() == mysql::Flavour::kMariaDb ? "IGNORED = 'YES'" : "IS_VISIBLE = 'NO'";
  SL_ASSIGN(mysql::Rows keys,
            session.Query(std::string("SELECT TABLE_NAME, INDEX_NAME, NON_UNIQUE, COLUMN_NAME, SUB_PART, COLLATION, ") +
                              hidden + " FROM information_schema.STATISTICS" + in_schema +
                              " ORDER BY TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX",
                          "read the store's keys"));
  for (const auto& row : keys.rows) {
    LiveKey& key = (*live)[OrEmpty(row[0])].keys[OrEmpty(row[1])];
    key.unique = row[2] == "0";
    key.columns.push_back(OrEmpty(row[3]) + (row[4] ? "(" + *row[4] + ")" : "") + (row[5] == "D" ? " DESC" : ""));
    key.hidden = row[6] == "1";
  }
  return base::Ok();
}

}  // namespace

// MariaDB keeps display widths: "bigint(20) unsigned".
std::string NormalisedType(std::string type) {
  if (std::size_t open = type.find("int("); open != std::string::npos) {
    std::size_t close = type.find(')', open);
    if (close != std::string::npos) type.erase(open + 3, close - open - 2);
  }
  return type;
}

base::Result<LiveTables> ReadLiveTables(mysql::Session& session, std::string_view database) {
  const std::string in_schema = " WHERE TABLE_SCHEMA = " + session.Quote(database);
  LiveTables live;
  SL_ASSIGN(mysql::Rows tables,
            session.Query("SELECT TABLE_NAME, ENGINE, TABLE_COLLATION FROM information_schema.TABLES" + in_schema,
                          "list the store's tables"));
  for (const auto& row : tables.rows) {
    LiveTable& table = live[OrEmpty(row[0])];
    table.engine = OrEmpty(row[1]);
    table.collation = OrEmpty(row[2]);
  }
  SL_TRY(ReadColumns(session, in_schema, &live));
  SL_TRY(ReadKeys(session, in_schema, &live));
  return live;
}

}  // namespace shardlift::store
