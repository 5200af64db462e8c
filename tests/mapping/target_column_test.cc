// What each kind of target column takes: values that it would store as others, or not at all, are bad ones.
#include "mapping/target_column.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "tests/mapping/support.h"

namespace shardlift::mapping {
namespace {

using mysql::ColumnType;
using mysql::Value;
using store::TargetColumn;
using store::TargetKind;
using ::testing::HasSubstr;

const mysql::TableSchema& Schema() {
  static const mysql::TableSchema schema = [] {
    mysql::TableSchema made;
    made.name = {"legacy", "t"};
    made.columns = {testing::TextColumn("c", ColumnType::kVarchar, 100, "utf8mb4"),
                    testing::MakeColumn("d", ColumnType::kDouble, "double"),
                    testing::MakeColumn("f", ColumnType::kFloat, "float")};
    return made;
  }();
  return schema;
}

base::Result<TargetExpression> CompileFor(const TargetColumn& column, std::string_view text,
                                          std::vector<std::string>* notes) {
  std::vector<bool> used(Schema().columns.size());
  return TargetExpression::Compile(
      {text, &Schema(), 5, 7, &used, notes, testing::DefaultRules().get(), mysql::Flavour::kMySql}, column);
}

// What the column gets of the expression where `c` (and `d`, and `f` as far as it goes) is this; "bad: " and the
// reason; or "refused: " and the message.
std::string Fill(const TargetColumn& column, std::string_view text, std::string_view c, double d = 0) {
  std::vector<std::string> notes;
  const auto expression = CompileFor(column, text, &notes);
  if (!expression.ok()) return "refused: " + expression.status().message();
  std::vector<ColumnReader> readers;
  for (const mysql::Column& each : Schema().columns) readers.emplace_back(each);
  const std::vector<Value> row = {Value::Bytes(c), Value::Double(d), Value::Float(static_cast<float>(d))};
  StringPool pool;
  Evaluator evaluator(row, readers, pool, false);
  Val value;
  const char* reason = "";
  bool replaced = false;
  if (!expression->Eval(evaluator, pool, &value, &reason, &replaced)) return std::string("bad: ") + reason;
  return value.null ? "NULL" : std::string(value.bytes);
}

TargetColumn Column(TargetKind kind, std::uint64_t limit = 0) {
  TargetColumn column;
  column.name = "target";
  column.kind = kind;
  column.limit = limit;
  return column;
}

TEST(TargetColumn, Integers) {
  TargetColumn signed_byte = Column(TargetKind::kSigned, 127);
  signed_byte.least = 128;
  constexpr const char* kNumber = "CAST(c AS SIGNED)";
  EXPECT_EQ(Fill(signed_byte, kNumber, "-128"), "-128");
  EXPECT_EQ(Fill(signed_byte, kNumber, "127"), "127");
  EXPECT_THAT(Fill(signed_byte, kNumber, "-129"), HasSubstr("bad: a number out of"));
  EXPECT_THAT(Fill(signed_byte, kNumber, "128"), HasSubstr("bad: a number out of"));
  EXPECT_EQ(Fill(signed_byte, "-5", ""), "-5");
  EXPECT_EQ(Fill(signed_byte, "5", ""), "5");
  EXPECT_THAT(Fill(signed_byte, "200", ""), HasSubstr("bad: a number out of"));
  EXPECT_THAT(Fill(signed_byte, "c", "1"), HasSubstr("write CAST(... AS SIGNED)"));
  TargetColumn counter = Column(TargetKind::kUnsigned, 255);
  counter.least = 1;
  EXPECT_THAT(Fill(counter, kNumber, "0"), HasSubstr("bad: a number out of"));
  EXPECT_THAT(Fill(counter, "0", ""), HasSubstr("bad: a number out of"));
  EXPECT_EQ(Fill(counter, "1", ""), "1");
}

TEST(TargetColumn, Decimals) {
  TargetColumn column = Column(TargetKind::kDecimal);
  column.precision = 5;
  column.fraction = 2;
  EXPECT_EQ(Fill(column, "7", ""), "7.00");
  EXPECT_EQ(Fill(column, "CAST(c AS DECIMAL(5, 2))", "-1.50"), "-1.50");
  EXPECT_EQ(Fill(column, "CAST(c AS DECIMAL(9, 1))", "999.9"), "999.90");
  EXPECT_THAT(Fill(column, "CAST(c AS DECIMAL(9, 1))", "1000.0"), HasSubstr("bad: "));
  EXPECT_THAT(Fill(column, "CAST(c AS DECIMAL(9, 3))", "1.125"),
              HasSubstr("holds 2 digits behind the point, this has 3"));
  EXPECT_THAT(Fill(column, "c", "1"), HasSubstr("refused: "));
}

TEST(TargetColumn, Times) {
  TargetColumn column = Column(TargetKind::kDateTime);
  column.fraction = 3;
  constexpr const char* kSix = "CAST(c AS DATETIME(6))";
  EXPECT_EQ(Fill(column, kSix, "2024-01-02 03:04:05.120000"), "2024-01-02 03:04:05.120");
  EXPECT_THAT(Fill(column, kSix, "2024-01-02 03:04:05.120001"), HasSubstr("bad: a time with more digits"));
  EXPECT_EQ(Fill(column, "CAST(c AS DATETIME)", "2024-01-02 03:04:05"), "2024-01-02 03:04:05.000");
  column.fraction = 0;
  EXPECT_EQ(Fill(column, kSix, "2024-01-02 03:04:05.000000"), "2024-01-02 03:04:05");
  EXPECT_THAT(Fill(column, kSix, "2024-01-02 03:04:05.000001"), HasSubstr("bad: a time with more digits"));
  EXPECT_THAT(Fill(column, "c", ""), HasSubstr("write CAST(... AS DATETIME(0))"));
  column.is_timestamp = true;
  EXPECT_EQ(Fill(column, kSix, "2038-01-19 03:14:07"), "2038-01-19 03:14:07");
  EXPECT_THAT(Fill(column, kSix, "2038-01-19 03:14:08"), HasSubstr("bad: a time that TIMESTAMP"));
  EXPECT_THAT(Fill(column, kSix, "1970-01-01 00:00:00"), HasSubstr("bad: a time that TIMESTAMP"));
  EXPECT_EQ(Fill(Column(TargetKind::kDate), "CAST(c AS DATE)", "2024-02-29"), "2024-02-29");
  EXPECT_THAT(Fill(Column(TargetKind::kDate), kSix, "2024-02-29 00:00:00"), HasSubstr("write CAST(... AS DATE)"));
  std::vector<std::string> notes;
  const auto expression = CompileFor(column, kSix, &notes);
  ASSERT_TRUE(expression.ok());
  EXPECT_EQ(expression->Sql({&Schema(), mysql::Flavour::kMySql}),
            "CAST(CAST(CAST((`c` COLLATE utf8mb4_bin) AS DATETIME(6)) AS DATETIME(0)) AS CHAR CHARACTER SET utf8mb4)");
}

TEST(TargetColumn, FloatingPointKeepsItsBits) {
  constexpr double kTiny = 5e-324;
  const TargetColumn wide = Column(TargetKind::kDouble);
  EXPECT_EQ(Fill(wide, "d", "", -0.0), "-0");
  EXPECT_EQ(Fill(wide, "d", "", kTiny), "5e-324");
  EXPECT_EQ(Fill(wide, "d", "", std::numeric_limits<double>::max()), "1.7976931348623157e+308");
  EXPECT_EQ(Fill(wide, "d", "", 0.1), "0.1");
  EXPECT_EQ(Fill(wide, "f", "", 0.5), "0.5");
  TargetColumn narrow = Column(TargetKind::kFloat);
  EXPECT_EQ(Fill(narrow, "f", "", 16777215), "16777215");
  EXPECT_EQ(Fill(narrow, "f", "", 0.1f), "0.10000000149011612");
  EXPECT_EQ(Fill(narrow, "f", "", std::numeric_limits<float>::max()), "3.4028234663852886e+38");
  EXPECT_EQ(Fill(narrow, "d", "", 0.5), "0.5");
  for (const double other : {0.1, 16777217.0, 1e38, kTiny}) {
    EXPECT_THAT(Fill(narrow, "d", "", other), HasSubstr("bad: a number that FLOAT does not hold")) << other;
  }
  narrow.not_below_zero = true;
  EXPECT_THAT(Fill(narrow, "f", "", -1), HasSubstr("bad: a number below zero"));
  EXPECT_THAT(Fill(wide, "1.5", ""), HasSubstr("a FLOAT or DOUBLE column is needed"));
  EXPECT_THAT(Fill(wide, "d * 2", ""), HasSubstr("column d has type double"));
  EXPECT_THAT(Fill(wide, "COALESCE(d, d)", ""), HasSubstr("column d has type double"));
  EXPECT_THAT(Fill(Column(TargetKind::kText, 100), "d", ""), HasSubstr("give the target a column of that type"));
  EXPECT_THAT(Fill(Column(TargetKind::kText, 100), "CONCAT(d, 'x')", ""), HasSubstr("column d has type double"));
  std::vector<std::string> notes;
  const auto expression = CompileFor(Column(TargetKind::kFloat), "d", &notes);
  ASSERT_TRUE(expression.ok());
  EXPECT_THAT(notes, ::testing::ElementsAre(HasSubstr("numbers that FLOAT does not hold exactly are bad values")));
  EXPECT_EQ(expression->Sql({&Schema(), mysql::Flavour::kMySql}), "(`d`*1e0)");
}

TEST(TargetColumn, BitsAndYears) {
  constexpr const char* kNumber = "CAST(c AS UNSIGNED)";
  EXPECT_EQ(Fill(Column(TargetKind::kBit, 7), kNumber, "7"), "7");
  EXPECT_THAT(Fill(Column(TargetKind::kBit, 7), kNumber, "8"), HasSubstr("bad: a number out of"));
  EXPECT_EQ(Fill(Column(TargetKind::kBit, ~0ull), kNumber, "18446744073709551615"), "18446744073709551615");
  const TargetColumn year = Column(TargetKind::kYear);
  for (const char* fine : {"1901", "2155", "2024"}) EXPECT_EQ(Fill(year, kNumber, fine), fine);
  EXPECT_EQ(Fill(year, kNumber, "0"), "0000") << "of 0 as a text the server makes 2000";
  for (const char* other : {"1", "99", "1900", "2156"}) {
    EXPECT_THAT(Fill(year, kNumber, other), HasSubstr("bad: a number that is no YEAR"));
  }
  EXPECT_THAT(Fill(year, "c", "2024"), HasSubstr("write CAST(... AS UNSIGNED)"));
}

TEST(TargetColumn, Texts) {
  TargetColumn column = Column(TargetKind::kText, 16);
  column.characters_max = 4;
  column.charset = "utf8mb4";
  EXPECT_EQ(Fill(column, "c", "\xE4\xB8\xAD\xF0\x9F\x98\x80 a"), "\xE4\xB8\xAD\xF0\x9F\x98\x80 a");
  EXPECT_THAT(Fill(column, "c", "abcde"), HasSubstr("bad: more characters"));
  EXPECT_EQ(Fill(column, "c", "ab  "), "ab  ");
  column.pads = true;
  EXPECT_THAT(Fill(column, "c", "ab  "), HasSubstr("bad: spaces at the end"));
  column.charset = "utf8mb3";
  EXPECT_EQ(Fill(column, "c", "\xE4\xB8\xAD"), "\xE4\xB8\xAD");
  EXPECT_THAT(Fill(column, "c", "\xF0\x9F\x98\x80"), HasSubstr("bad: a character that"));
  column.charset = "ascii";
  EXPECT_THAT(Fill(column, "c", "\xC3\xA9"), HasSubstr("bad: a character that"));
  column.charset = "latin1";
  EXPECT_EQ(Fill(column, "c", "\xC3\xA9"), "\xC3\xA9");
  EXPECT_THAT(Fill(column, "c", "\xE4\xB8\xAD"), HasSubstr("bad: a character that"));
  column.charset = "ucs2";
  EXPECT_THAT(Fill(column, "c", "a"), HasSubstr("texts are not written in the column's character set ucs2"));
  column = Column(TargetKind::kText, 3);
  column.charset = "gbk";
  EXPECT_EQ(Fill(column, "c", "\xE4\xB8\xADx"), "\xE4\xB8\xADx") << "three bytes in gbk";
  EXPECT_THAT(Fill(column, "c", "\xE4\xB8\xAD\xE4\xB8\xAD"), HasSubstr("bad: more bytes"));
}

TEST(TargetColumn, MembersAndBytes) {
  TargetColumn column = Column(TargetKind::kEnum);
  column.members = {"new", "read", ""};
  EXPECT_EQ(Fill(column, "c", "read"), "read");
  EXPECT_EQ(Fill(column, "c", ""), "");
  for (const char* other : {"Read", "read ", "2"})
    EXPECT_THAT(Fill(column, "c", other), HasSubstr("bad: a text that is no"));
  EXPECT_THAT(Fill(column, "1", ""), HasSubstr("refused: "));
  column = Column(TargetKind::kSet);
  column.members = {"a", "b", "c"};
  for (const char* fine : {"", "a", "a,c", "a,b,c"}) EXPECT_EQ(Fill(column, "c", fine), fine);
  for (const char* other : {"c,a", "a,a", "a,", ",a", "d", "A"})
    EXPECT_THAT(Fill(column, "c", other), HasSubstr("bad: "));
  column = Column(TargetKind::kBinary, 3);
  EXPECT_EQ(Fill(column, "c", "ab"), "ab");
  column.pads = true;
  EXPECT_EQ(Fill(column, "c", "abc"), "abc");
  EXPECT_THAT(Fill(column, "c", "ab"), HasSubstr("bad: fewer bytes"));
  EXPECT_THAT(Fill(column, "c", "abcd"), HasSubstr("bad: more bytes"));
}

}  // namespace
}  // namespace shardlift::mapping
