#include "tests/mapping/family_tables.h"

#include "tests/mapping/support.h"

namespace shardlift::mapping::testing {

using mysql::ColumnType;
using mysql::Value;

mysql::TableSchema ImTable() {
  mysql::TableSchema schema;
  schema.name = {"im_2", "msg_07"};
  schema.columns = {Unsigned(MakeColumn("id", ColumnType::kBigInt, "bigint unsigned")),
                    Unsigned(MakeColumn("from_uid", ColumnType::kBigInt, "bigint unsigned")),
                    Unsigned(MakeColumn("to_uid", ColumnType::kBigInt, "bigint unsigned")),
                    MakeColumn("kind", ColumnType::kTinyInt, "tinyint"),
                    Unsigned(MakeColumn("flags", ColumnType::kTinyInt, "tinyint unsigned")),
                    TextColumn("content", ColumnType::kText, 65535, "utf8mb4"),
                    Unsigned(MakeColumn("ctime", ColumnType::kInt, "int unsigned")),
                    Unsigned(MakeColumn("mtime", ColumnType::kInt, "int unsigned"))};
  schema.unique_keys = {{"PRIMARY", {0}}};
  return schema;
}

mysql::TableSchema PushTable() {
  mysql::TableSchema schema;
  schema.name = {"push", "push_202310"};
  schema.columns = {MakeColumn("push_id", ColumnType::kBigInt, "bigint"),
                    TextColumn("open_id", ColumnType::kVarchar, 64, "utf8mb4"),
                    TextColumn("app_code", ColumnType::kVarchar, 16, "utf8mb4"),
                    TextColumn("template_code", ColumnType::kVarchar, 32, "utf8mb4"),
                    Nullable(MakeColumn("params", ColumnType::kJson, "json")),
                    TimeColumn("created_at", ColumnType::kDateTime, 3),
                    Nullable(TimeColumn("read_at", ColumnType::kDateTime, 3)),
                    MakeColumn("deleted", ColumnType::kTinyInt, "tinyint(1)")};
  schema.unique_keys = {{"PRIMARY", {0}}};
  return schema;
}

mysql::TableSchema NoticeTable() {
  mysql::TableSchema schema;
  schema.name = {"oldsys", "sys_notice"};
  schema.columns = {Unsigned(MakeColumn("region", ColumnType::kSmallInt, "smallint unsigned")),
                    Unsigned(MakeColumn("seq", ColumnType::kInt, "int unsigned")),
                    TextColumn("username", ColumnType::kVarchar, 40, "gbk"),
                    TextColumn("title", ColumnType::kVarchar, 120, "gbk"),
                    TextColumn("body", ColumnType::kText, 65535, "gbk"),
                    MemberColumn("state", ColumnType::kEnum, {"new", "read", "archived", "recalled"}),
                    TimeColumn("post_time", ColumnType::kDateTime, 0)};
  schema.unique_keys = {{"PRIMARY", {0, 1}}};
  return schema;
}

std::vector<Value> ImValues() {
  return {Value::UInt(77),         Value::UInt(500), Value::UInt(39),
          Value::Int(3),           Value::UInt(1),   Value::Bytes("\xE4\xBD\xA0\xE5\xA5\xBD"),
          Value::UInt(1696118400), Value::UInt(5)};
}

std::vector<Value> PushValues() {
  return {Value::Int(5),
          Value::Bytes("ou_1"),
          Value::Bytes("mall"),
          Value::Bytes("a_template_with_a_long_name"),
          Value::Bytes(R"({"b": "a text that does not fit into a short string"})"),
          Value::Bytes("2023-10-05 01:02:03.456"),
          Value::Null(),
          Value::Int(0)};
}

std::vector<Value> NoticeValues() {
  return {Value::UInt(255),
          Value::UInt(4294967295u),
          Value::Bytes("ZhangSan\xD6\xD0"),
          Value::Bytes("\xD6\xD0"),
          Value::Bytes("a body that does not fit into a short string \xD6\xD0"),
          Value::UInt(4),
          Value::Bytes("2023-01-01 07:00:00")};
}

}  // namespace shardlift::mapping::testing
