#include "store/message_table.h"

#include <limits>

#include "mysql/schema.h"
#include "mysql/session.h"
#include "store/custom_table.h"
#include "store/schema_diff.h"
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

TargetColumn Time6(const char* name, bool nullable) {
  TargetColumn column{name, TargetKind::kDateTime, 0, nullable};
  if (nullable) column.default_sql = "NULL";
  column.fraction = 6;
  return column;
}

std::vector<TargetColumn> MakeMessageColumns() {
  using K = TargetKind;
  return {{"bucket", K::kUnsigned, kU16Max, false},
          {"account_type", K::kUnsigned, kU8Max, false},
          {"account_key", K::kBinary, 191, false},
          {"conversation", K::kBinary, 191, false},
          Time6("sent_at", false),
          {"msg_id", K::kUnsigned, kU64Max, false},
          {"biz_tag", K::kUnsigned, kU16Max, false},
          {"sender", K::kBinary, 191, true, "NULL"},
          {"msg_type", K::kUnsigned, kU16Max, false},
          {"body_codec", K::kUnsigned, kU8Max, false, "0"},
          {"body", K::kBinary, kMediumBlobMax, false},
          {"ext", K::kJson, kJsonMax, true, "NULL"},
          {"status", K::kUnsigned, kU8Max, false, "0"},
          Time6("edited_at", true),
          Time6("recalled_at", true),
          {"client_id", K::kBinary, 64, true, "NULL"},
          {"version", K::kUnsigned, kU32Max, false, "1"},
          {"owner_origin", K::kUnsigned, kU8Max, false},
          {"owner_table", K::kUnsigned, kU16Max, false},
          {"owner_key", K::kBinary, 255, false}};
}

std::string PlaceOf(const mysql::Session& session, std::string_view database, std::string_view table) {
  return "shard " + session.endpoint().Text() + ": " + std::string(database) + "." + std::string(table);
}

}  // namespace

const TargetTablePtr& MessageTarget() {
  static const TargetTablePtr table = [] {
    TargetTable made;
    made.name = "message";
    made.columns = MakeMessageColumns();
    made.bucket = made.Find("bucket");
    made.owner_origin = made.Find("owner_origin");
    made.owner_table = made.Find("owner_table");
    made.owner_key = made.Find("owner_key");
    made.account_type = made.Find("account_type");
    made.account_key = made.Find("account_key");
    made.biz_tag = made.Find("biz_tag");
    return std::make_shared<const TargetTable>(std::move(made));
  }();
  return table;
}

std::span<const TargetColumn> MessageColumns() { return MessageTarget()->columns; }

std::size_t MessageColumnIndex(std::string_view name) { return MessageTarget()->Find(name); }

std::vector<std::string> ShardDdl(mysql::Flavour /*flavour*/) {
  // Both servers take the same text: MariaDB turns JSON into LONGTEXT with a json_valid check by itself.
  std::vector<std::string> ddl;
  for (const TableDefinition& table : TableDefinitions()) ddl.push_back(CreateTableSql(table, ""));
  return ddl;
}

base::Result<std::vector<std::string>> MissingTables(mysql::Session& session, std::string_view database,
                                                     std::span<const CustomTable> own) {
  SL_ASSIGN(const std::vector<Difference> differences, CompareSchema(session, database, own));
  std::vector<std::string> missing;
  for (const Difference& difference : differences) {
    if (difference.remedy == Remedy::kNone) continue;
    if (difference.remedy == Remedy::kCreate) {
      missing.push_back(difference.table);
      continue;
    }
    return Status(Code::kRefused, PlaceOf(session, database, difference.table) +
                                      (difference.name.empty() ? "" : "." + difference.name) + ": " + difference.what +
                                      (difference.remedy == Remedy::kAdd
                                           ? "; run shardlift schema apply"
                                           : "; see shardlift schema diff, or name another database for this shard"));
  }
  return missing;
}

Status ApplySchema(mysql::Session& session, std::string_view database, std::span<const CustomTable> own) {
  SL_ASSIGN(std::vector<std::string> missing, MissingTables(session, database, own));
  if (missing.empty()) return base::Ok();
  const std::string quoted = mysql::QuoteIdentifier(database);
  SL_TRY(session.Execute("CREATE DATABASE IF NOT EXISTS " + quoted + " CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
                         "create the store's database"));
  for (const TableDefinition& table : TableDefinitions()) {
    SL_TRY(session.Execute(CreateTableSql(table, quoted + "."), std::string("create table ") + table.name));
  }
  for (const CustomTable& table : own) {
    SL_TRY(session.Execute(CreateCustomSql(table, quoted + "."), "create target table " + table.name));
  }
  SL_ASSIGN(missing, MissingTables(session, database, own));
  if (missing.empty()) return base::Ok();
  return Status(Code::kRefused, PlaceOf(session, database, missing.front()) +
                                    " is missing right after it was created: see whether another program drops it");
}

}  // namespace shardlift::store
