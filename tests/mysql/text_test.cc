#include <gtest/gtest.h>

#include <bit>
#include <limits>

#include "mysql/schema.h"
#include "mysql/session.h"

namespace shardlift::mysql {
namespace {

Column Make(ColumnType type, bool is_unsigned = false) {
  Column c;
  c.name = "c`1";
  c.type = type;
  c.is_unsigned = is_unsigned;
  return c;
}

TEST(TextTest, Quoting) {
  EXPECT_EQ(QuoteIdentifier("a`b"), "`a``b`");
  EXPECT_EQ((TableName{"s", "Groups"}).Quoted(), "`s`.`Groups`");
  EXPECT_EQ(HexLiteral(""), "''");
  EXPECT_EQ(HexLiteral(std::string_view("a\0\xff", 3)), "0x6100ff");
}

TEST(TextTest, SelectItems) {
  EXPECT_EQ(SelectItem(Make(ColumnType::kInt)), "`c``1`");
  EXPECT_EQ(SelectItem(Make(ColumnType::kEnum)), "`c``1`+0");
  EXPECT_EQ(SelectItem(Make(ColumnType::kSet)), "`c``1`|0");
  EXPECT_EQ(SelectItem(Make(ColumnType::kFloat)), "`c``1`*1e0");
}

TEST(TextTest, ParsesTexts) {
  const auto same = [](base::Result<Value> got, const Value& want) { return got.ok() && SameValue(*got, want); };
  EXPECT_TRUE(same(ParseText(Make(ColumnType::kInt), "-5"), Value::Int(-5)));
  EXPECT_TRUE(same(ParseText(Make(ColumnType::kBigInt, true), "18446744073709551615"),
                   Value::UInt(std::numeric_limits<std::uint64_t>::max())));
  EXPECT_TRUE(same(ParseText(Make(ColumnType::kInt, true), "00005"), Value::UInt(5)));
  EXPECT_TRUE(same(ParseText(Make(ColumnType::kSet), "9223372036854775808"), Value::UInt(1ull << 63)));
  EXPECT_TRUE(same(ParseText(Make(ColumnType::kDecimal), "00012.50"), Value::Bytes("12.50")));
  EXPECT_TRUE(same(ParseText(Make(ColumnType::kDecimal), "0.50"), Value::Bytes("0.50")));
  EXPECT_TRUE(same(ParseText(Make(ColumnType::kFloat), "16777215"), Value::Float(16777215.0f)));
  EXPECT_TRUE(same(ParseText(Make(ColumnType::kDouble), "-0"), Value::Double(-0.0)));
  EXPECT_FALSE(same(ParseText(Make(ColumnType::kDouble), "0"), Value::Double(-0.0)));
  EXPECT_TRUE(same(ParseText(Make(ColumnType::kVarchar), "005"), Value::Bytes("005")));
  EXPECT_EQ(ParseText(Make(ColumnType::kInt), "x").status().code(), base::Code::kCorrupt);
  EXPECT_EQ(ParseText(Make(ColumnType::kInt), "").status().code(), base::Code::kCorrupt);
  EXPECT_EQ(ParseText(Make(ColumnType::kInt, true), "-1").status().code(), base::Code::kCorrupt);
}

TEST(ValueTest, KindsAndBits) {
  EXPECT_TRUE(SameValue(Value::Null(), Value::Null()));
  EXPECT_FALSE(SameValue(Value::Null(), Value::Absent()));
  EXPECT_FALSE(SameValue(Value::Int(1), Value::UInt(1)));
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_TRUE(SameValue(Value::Float(nan), Value::Float(nan)));
  EXPECT_FALSE(SameValue(Value::Bytes("a"), Value::Bytes("a ")));
}

}  // namespace
}  // namespace shardlift::mysql
