#include "store/message_table.h"

#include <limits>

#include "mysql/schema.h"
#include "mysql/session.h"
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
          {"edited_at", K::kDateTime6, kDateTime6Bytes, true, "NULL"},
          {"recalled_at", K::kDateTime6, kDateTime6Bytes, true, "NULL"},
          {"client_id", K::kBinary, 64, true, "NULL"},
          {"version", K::kUnsigned, kU32Max, false, "1"},
          {"owner_origin", K::kUnsigned, kU8Max, false, nullptr},
          {"owner_table", K::kUnsigned, kU16Max, false, nullptr},
          {"owner_key", K::kBinary, 255, false, nullptr}};
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
  SL_ASSIGN(const std::vector<Difference> differences, CompareSchema(session, database));
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
