#include "store/message_table.h"

#include <algorithm>
#include <limits>
#include <map>

#include "mysql/schema.h"
#include "mysql/session.h"
#include "store/table_definitions.h"

namespace shardlift::store {

using base::Code;
using base::Status;

namespace {

constexpr std::uint64_t kU8Max = 0xFF;
constexpr std::uint64_t kU16Max = 0xFFFF;
constexpr std::uint64_t kU32Max = 0xFFFFFFFF;
constexpr std::uint64_t kU64Max = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint64_t kMediumBlobMax = 0xFFFFFF;
constexpr std::uint64_t kJsonMax = 1ull << 30;  // max_allowed_packet cannot be larger
constexpr std::uint64_t kDateTime6Bytes = 26;

std::vector<TargetColumn> MakeMessageColumns() {
  using K = TargetKind;
  return {{"bucket", K::kUnsigned, kU16Max, false, nullptr},
          {"account_type", K::kUnsigned, kU8Max, false, nullptr},
          {"account_key", K::kBinary, 191, false, nullptr},
          {"conversation", K::kBinary, 191, false, nullptr},
          {"sent_at", K::kDateTime6, kDateTime6Bytes, false, nullptr},
          {"msg_id", K::kUnsigned, kU64Max, false, nullptr},
          {"biz_tag", K::kUnsigned, kU16Max, false, nullptr},
          {"sender", K::kBinary, 191, true, "NULL"},
          {"msg_type", K::kUnsigned, kU16Max, false, nullptr},
          {"body_codec", K::kUnsigned, kU8Max, false, "0"},
          {"body", K::kBinary, kMediumBlobMax, false, nullptr},
          {"ext", K::kJson, kJsonMax, true, "NULL"},
          {"status", K::kUnsigned, kU8Max, false, "0"},
          {"version", K::kUnsigned, kU32Max, false, "1"},
          {"owner_origin", K::kUnsigned, kU8Max, false, nullptr},
          {"owner_table", K::kUnsigned, kU16Max, false, nullptr},
          {"owner_key", K::kBinary, 255, false, nullptr}};
}

struct LiveColumn {
  std::string name;
  std::string type;
  bool nullable = false;
  std::string default_value;  // empty: none
};

struct LiveKey {
  bool unique = false;
  std::vector<std::string> columns;  // a prefix length is appended as "(n)"
  bool operator==(const LiveKey&) const = default;
};

struct LiveTable {
  std::string engine;
  std::vector<LiveColumn> columns;
  std::map<std::string, LiveKey> keys;
};
using LiveTables = std::map<std::string, LiveTable, std::less<>>;

// One spelling for what the servers print differently: MariaDB keeps display widths ("bigint(20) unsigned") and shows
// JSON as the longtext it is.
std::string NormalisedType(std::string type) {
  if (std::size_t open = type.find("int("); open != std::string::npos) {
    std::size_t close = type.find(')', open);
    if (close != std::string::npos) type.erase(open + 3, close - open - 2);
  }
  return type;
}

std::string WantedType(const ColumnDefinition& column, mysql::Flavour flavour) {
  std::string type = column.type;
  return flavour == mysql::Flavour::kMariaDb && type == "json" ? "longtext" : type;
}

std::string OrEmpty(const std::optional<std::string>& text) { return text.value_or(std::string()); }

base::Result<LiveTables> ReadLiveTables(mysql::Session& session, std::string_view database) {
  const std::string in_schema = " WHERE TABLE_SCHEMA = " + session.Quote(database);
  LiveTables live;
  SL_ASSIGN(mysql::Rows tables, session.Query("SELECT TABLE_NAME, ENGINE FROM information_schema.TABLES" + in_schema,
                                              "list the store's tables"));
  for (const auto& row : tables.rows) live[OrEmpty(row[0])].engine = OrEmpty(row[1]);
  SL_ASSIGN(mysql::Rows columns,
            session.Query("SELECT TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE, COLUMN_DEFAULT FROM "
                          "information_schema.COLUMNS" +
                              in_schema + " ORDER BY TABLE_NAME, ORDINAL_POSITION",
                          "read the store's columns"));
  for (const auto& row : columns.rows) {
    std::string value = OrEmpty(row[4]);
    if (value == "NULL") value.clear();  // MariaDB's way to say that the default is NULL
    live[OrEmpty(row[0])].columns.push_back({OrEmpty(row[1]), NormalisedType(OrEmpty(row[2])), row[3] == "YES", value});
  }
  SL_ASSIGN(mysql::Rows keys, session.Query("SELECT TABLE_NAME, INDEX_NAME, NON_UNIQUE, COLUMN_NAME, SUB_PART FROM "
                                            "information_schema.STATISTICS" +
                                                in_schema + " ORDER BY TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX",
                                            "read the store's keys"));
  for (const auto& row : keys.rows) {
    LiveKey& key = live[OrEmpty(row[0])].keys[OrEmpty(row[1])];
    key.unique = row[2] == "0";
    key.columns.push_back(OrEmpty(row[3]) + (row[4] ? "(" + *row[4] + ")" : std::string()));
  }
  return live;
}

Status CompareColumns(const TableDefinition& wanted, const LiveTable& live, mysql::Flavour flavour,
                      const std::string& place) {
  for (std::size_t i = 0; i < wanted.columns.size(); ++i) {
    const ColumnDefinition& want = wanted.columns[i];
    std::string column = place + "." + want.name;
    if (i >= live.columns.size() || live.columns[i].name != want.name) {
      return Status(Code::kRefused, column + ": column " + std::to_string(i + 1) + " should be " + want.name +
                                        " but is " + (i < live.columns.size() ? live.columns[i].name : "missing"));
    }
    const LiveColumn& have = live.columns[i];
    if (have.type != WantedType(want, flavour)) {
      return Status(Code::kRefused, column + ": its type is " + have.type + ", wanted is " + WantedType(want, flavour));
    }
    if (have.nullable != want.nullable) {
      return Status(Code::kRefused, column + ": it should be " + (want.nullable ? "NULL" : "NOT NULL"));
    }
    if (have.default_value != (want.default_value == nullptr ? "" : want.default_value)) {
      return Status(Code::kRefused, column + ": its default is not the wanted one");
    }
  }
  if (live.columns.size() > wanted.columns.size()) {
    return Status(Code::kRefused,
                  place + "." + live.columns[wanted.columns.size()].name + ": a column that is not part of the store");
  }
  return base::Ok();
}

Status CompareKeys(const TableDefinition& wanted, const LiveTable& live, const std::string& place) {
  for (const KeyDefinition& want : wanted.keys) {
    LiveKey key{want.unique, {want.columns.begin(), want.columns.end()}};
    auto have = live.keys.find(want.name);
    if (have == live.keys.end() || have->second != key) {
      return Status(Code::kRefused, place + ": key " + want.name + " is missing or has other columns");
    }
  }
  // Further plain keys only cost time; a further unique key would refuse rows that the store must take.
  for (const auto& [name, key] : live.keys) {
    bool known = std::any_of(wanted.keys.begin(), wanted.keys.end(), [&](const auto& k) { return name == k.name; });
    if (!known && key.unique)
      return Status(Code::kRefused, place + ": unique key " + name + " is not part of the store");
  }
  return base::Ok();
}

Status CompareTable(const TableDefinition& wanted, const LiveTable& live, mysql::Flavour flavour,
                    const std::string& place) {
  const std::string remedy = "; move that table away or name another database for this shard";
  Status status = CompareColumns(wanted, live, flavour, place);
  if (status.ok()) status = CompareKeys(wanted, live, place);
  if (status.ok() && live.engine != "InnoDB") {
    status = Status(Code::kRefused, place + ": its engine is " + live.engine + ", wanted is InnoDB");
  }
  return status.ok() ? status : Status(status.code(), status.message() + remedy);
}

std::string PlaceOf(const mysql::Session& session, std::string_view database, std::string_view table) {
  return "shard " + session.endpoint().Text() + ": " + std::string(database) + "." + std::string(table);
}

}  // namespace

std::span<const TargetColumn> MessageColumns() {
  static const std::vector<TargetColumn> columns = MakeMessageColumns();
  return columns;
}

std::size_t MessageColumnIndex(std::string_view name) {
  std::span<const TargetColumn> columns = MessageColumns();
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].name == name) return i;
  }
  return std::string_view::npos;
}

std::vector<std::string> ShardDdl(mysql::Flavour /*flavour*/) {
  // Both servers take the same text: MariaDB turns JSON into LONGTEXT with a json_valid check by itself.
  std::vector<std::string> ddl;
  for (const TableDefinition& table : TableDefinitions()) ddl.push_back(CreateTableSql(table, ""));
  return ddl;
}

base::Result<std::vector<std::string>> MissingTables(mysql::Session& session, std::string_view database) {
  SL_ASSIGN(LiveTables live, ReadLiveTables(session, database));
  std::vector<std::string> missing;
  for (const TableDefinition& wanted : TableDefinitions()) {
    const auto found = live.find(wanted.name);
    if (found == live.end()) {
      missing.emplace_back(wanted.name);
    } else {
      SL_TRY(CompareTable(wanted, found->second, session.flavour(), PlaceOf(session, database, wanted.name)));
    }
  }
  return missing;
}

Status ApplySchema(mysql::Session& session, std::string_view database) {
  SL_ASSIGN(std::vector<std::string> missing, MissingTables(session, database));
  if (missing.empty()) return base::Ok();
  const std::string quoted = mysql::QuoteIdentifier(database);
  SL_TRY(session.Execute("CREATE DATABASE IF NOT EXISTS " + quoted + " CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
                         "create the store's database"));
  for (const TableDefinition& table : TableDefinitions()) {
    SL_TRY(session.Execute(CreateTableSql(table, quoted + "."), std::string("create table ") + table.name));
  }
  SL_ASSIGN(missing, MissingTables(session, database));
  if (missing.empty()) return base::Ok();
  return Status(Code::kRefused, PlaceOf(session, database, missing.front()) +
                                    " is missing right after it was created: see whether another program drops it");
}

}  // namespace shardlift::store
