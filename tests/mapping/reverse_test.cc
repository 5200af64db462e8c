// The way back, column by column. The round trip of whole tables is in mapping_servers_test.
#include <gtest/gtest.h>

#include "mapping/reverse_mapper.h"
#include "tests/mapping/family_tables.h"
#include "tests/mapping/support.h"

namespace shardlift::mapping {
namespace {

using mysql::ColumnType;
using mysql::Value;

TableContext OfMySql(mysql::TableSchema schema) {
  return {std::move(schema), mysql::Flavour::kMySql, 9, testing::DefaultRules()};
}

std::string HowOf(const ReverseMapper& reverse, std::string_view column) {
  for (const ColumnReverse& each : reverse.columns()) {
    if (each.column == column) return (each.inverts ? "from " : "one-way: ") + each.how;
  }
  return "no such column";
}

TEST(ReverseMapper, SampleMappings_OneWayColumnsAreNamedWithTheirReason) {
  auto im = ReverseMapper::Compile(testing::LoadMappingFile("im"), OfMySql(testing::ImTable()));
  ASSERT_TRUE(im.ok()) << im.status().message();
  EXPECT_TRUE((*im)->inverts());
  EXPECT_EQ(HowOf(**im, "id"), "from owner_key");
  EXPECT_EQ(HowOf(**im, "mtime"), "from ext");
  auto push = ReverseMapper::Compile(testing::LoadMappingFile("push"), OfMySql(testing::PushTable()));
  ASSERT_TRUE(push.ok()) << push.status().message();
  EXPECT_FALSE((*push)->inverts());
  EXPECT_EQ(HowOf(**push, "read_at"), "one-way: status: a condition chooses between values");
  EXPECT_EQ(HowOf(**push, "params"), "from ext");
  auto notice = ReverseMapper::Compile(testing::LoadMappingFile("notice"), OfMySql(testing::NoticeTable()));
  ASSERT_TRUE(notice.ok()) << notice.status().message();
  EXPECT_EQ(HowOf(**notice, "username"), "one-way: account_key: upper and lower case are lost");
  EXPECT_EQ(HowOf(**notice, "title"), "one-way: body: its parts run into each other");
  EXPECT_EQ(HowOf(**notice, "state"), "from status");
}

// One expression in body (or another column), one legacy column x beside the key.
struct Case {
  const char* target;
  const char* expression;
  mysql::Column column;
  Value value;
  bool inverts;
};

class ReverseOf : public ::testing::TestWithParam<Case> {};

TEST_P(ReverseOf, GivesTheLegacyValue) {
  mysql::TableSchema schema;
  schema.name = {"s", "t_07"};
  schema.columns = {testing::Unsigned(testing::MakeColumn("id", ColumnType::kBigInt, "bigint unsigned")),
                    GetParam().column};
  schema.unique_keys = {{"PRIMARY", {0}}};
  MappingConfig config;
  config.name = "one";
  config.origin = 5;
  config.key = {"id"};
  for (auto [target, expression] : {std::pair{"account_type", "1"},
                                    {"account_key", "id"},
                                    {"conversation", "'c'"},
                                    {"sent_at", "CAST('2024-01-01 00:00:00' AS DATETIME)"},
                                    {"msg_id", "COMPOSE_ID(id)"},
                                    {"biz_tag", "1"},
                                    {"msg_type", "0"},
                                    {"body", "'b'"}}) {
    if (std::string_view(target) != GetParam().target) config.columns.emplace_back(target, expression);
  }
  config.columns.emplace_back(GetParam().target, GetParam().expression);
  auto forward = TableMapper::Compile(config, OfMySql(schema));
  ASSERT_TRUE(forward.ok()) << forward.status().message();
  auto reverse = ReverseMapper::Compile(config, OfMySql(schema));
  ASSERT_TRUE(reverse.ok()) << reverse.status().message();
  EXPECT_EQ((*reverse)->columns()[1].inverts, GetParam().inverts) << HowOf(**reverse, "x");
  MapScratchPtr scratch = NewMapScratch();
  MappedRow mapped;
  const std::vector<Value> row = {Value::UInt(77), GetParam().value};
  base::Status status = (*forward)->Map(row, *scratch, &mapped);
  ASSERT_TRUE(status.ok()) << status.message();
  std::vector<Value> back;
  status = (*reverse)->Reverse(mapped.fields, &back);
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(back[0].u, 77u);
  EXPECT_EQ(!back[1].is_absent(), GetParam().inverts);
  EXPECT_EQ(mysql::SameValue(back[1], row[1]), GetParam().inverts) << back[1].bytes;
}

mysql::Column X(mysql::Column column) {
  column.name = "x";
  return column;
}
mysql::Column Int() { return X(testing::MakeColumn("x", ColumnType::kBigInt, "bigint")); }
mysql::Column Text(const char* charset) { return X(testing::TextColumn("x", ColumnType::kVarchar, 60, charset)); }
mysql::Column Time(std::uint8_t digits) { return X(testing::TimeColumn("x", ColumnType::kDateTime, digits)); }

INSTANTIATE_TEST_SUITE_P(
    Expressions, ReverseOf,
    ::testing::Values(
        Case{"body", "x", Text("gbk"), Value::Bytes("\xD6\xD0 a"), true},
        Case{"body", "x", Text("latin1"), Value::Bytes("\x80\xE9"), true},
        Case{"body", "CAST(CONVERT(x USING latin1) AS BINARY)", Text("latin1"), Value::Bytes("\xE4\xB8\xAD"), true},
        Case{"body", "CONCAT('m:', x, ':', id)", Text("utf8mb4"), Value::Bytes("a:7:b"), true},
        Case{"body", "CONCAT(id, x)", Text("utf8mb4"), Value::Bytes("7"), false},
        Case{"body", "CONCAT(id, ':', -x)", Int(), Value::Int(-12), true},
        Case{"body", "HEX(x)", Int(), Value::Int(-12), true},
        Case{"body", "HEX(x)", Text("gbk"), Value::Bytes("\xD6\xD0"), true},
        Case{"body", "TO_BASE64(x)", Text("utf8mb4"), Value::Bytes("abcd"), true},
        Case{"body", "LOWER(x)", Text("utf8mb4"), Value::Bytes("abcd"), false},
        Case{"body", "COALESCE(x, 'none')", testing::Nullable(Text("utf8mb4")), Value::Null(), false},
        Case{"ext", "JSON_OBJECT('a', x)", testing::Nullable(Text("utf8mb4")), Value::Null(), true},
        Case{"ext", "JSON_OBJECT('a', x + 5, 'b', id)", Int(), Value::Int(-12), true},
        Case{"msg_type", "10 - x", Int(), Value::Int(-12), true}, Case{"msg_type", "x * 3", Int(), Value::Int(4), true},
        Case{"msg_type", "x DIV 3", Int(), Value::Int(4), false},
        Case{"msg_type", "ABS(x)", Int(), Value::Int(4), false},
        Case{"msg_type", "CASE x WHEN 'a' THEN 7 WHEN 'b' THEN 9 END", Text("utf8mb4"), Value::Bytes("b"), true},
        Case{"msg_type", "CASE x WHEN 'a' THEN 7 ELSE 9 END", Text("utf8mb4"), Value::Bytes("b"), false},
        Case{"sent_at", "x", Time(3), Value::Bytes("2024-01-01 00:00:00.123"), true},
        Case{"sent_at", "CONVERT_TZ(x, '+08:00', '+00:00')", Time(0), Value::Bytes("2024-01-01 00:00:00"), true},
        Case{"sent_at", "CONVERT_TZ(x, 'Asia/Shanghai', 'UTC')", Time(0), Value::Bytes("2024-01-01 00:00:00"), false},
        Case{"sent_at", "x + INTERVAL 3 DAY", Time(0), Value::Bytes("2024-01-01 00:00:00"), true},
        Case{"sent_at", "x + INTERVAL 3 MONTH", Time(0), Value::Bytes("2024-01-01 00:00:00"), false},
        Case{"sent_at", "FROM_UNIXTIME(x)", Int(), Value::Int(1700000000), true},
        Case{"sent_at", "FROM_UNIXTIME(x / 1000)", Int(), Value::Int(1700000000123), true},
        Case{"sent_at", "FROM_UNIXTIME(x * 0.001)", Int(), Value::Int(1700000000123), true},
        Case{"sent_at", "FROM_UNIXTIME(0.000001 * x)", testing::Nullable(Int()), Value::Int(1700000000123456), true},
        Case{"sent_at", "FROM_UNIXTIME(x / 1000000)", Int(), Value::Int(1700000000123456), false},
        Case{"body", "CAST(x * 2.50 AS CHAR)", Int(), Value::Int(-3), true},
        Case{"body", "CAST(x * 0.00 AS CHAR)", Int(), Value::Int(-3), false},
        Case{"body", "CAST(x / 3 AS CHAR)", Int(), Value::Int(9), false}));

TEST(ReverseMapper, ValueThatNoLegacyRowGives_IsABadValue) {
  auto reverse = ReverseMapper::Compile(testing::LoadMappingFile("im"), OfMySql(testing::ImTable()));
  auto forward = TableMapper::Compile(testing::LoadMappingFile("im"), OfMySql(testing::ImTable()));
  ASSERT_TRUE(reverse.ok() && forward.ok());
  MapScratchPtr scratch = NewMapScratch();
  MappedRow mapped;
  ASSERT_TRUE((*forward)->Map(testing::ImValues(), *scratch, &mapped).ok());
  std::string changed = mapped.fields;
  const std::size_t at = changed.find("{\"mtime\"");
  ASSERT_NE(at, std::string::npos);
  changed[at + 2] = 'x';
  std::vector<Value> row;
  base::Status status = (*reverse)->Reverse(changed, &row);
  EXPECT_EQ(status.code(), base::Code::kBadValue);
  EXPECT_NE(status.message().find("ext"), std::string::npos) << status.message();
}

}  // namespace
}  // namespace shardlift::mapping
