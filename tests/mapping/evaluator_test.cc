// Meaning of the language, value by value. The servers confirm the same in mapping_servers_test.
#include <gtest/gtest.h>

#include "tests/mapping/support.h"

namespace shardlift::mapping {
namespace {

using mysql::ColumnType;
using mysql::Value;

mysql::TableSchema Schema() {
  mysql::TableSchema schema;
  schema.name = {"s", "msg_07"};
  auto text = [](const char* name, const char* charset) {
    return testing::Nullable(testing::TextColumn(name, ColumnType::kVarchar, 60, charset));
  };
  schema.columns = {
      testing::Nullable(testing::MakeColumn("i", ColumnType::kBigInt, "bigint")),
      testing::Unsigned(testing::MakeColumn("u", ColumnType::kBigInt, "bigint unsigned")),
      testing::Nullable(testing::MakeColumn("n", ColumnType::kInt, "int")),
      text("t", "utf8mb4"),
      text("g", "gbk"),
      text("l", "latin1"),
      testing::MakeColumn("v", ColumnType::kVarbinary, "varbinary(20)"),
      testing::TimeColumn("dt", ColumnType::kDateTime, 0),
      testing::TimeColumn("dt3", ColumnType::kDateTime, 3),
      testing::TimeColumn("d", ColumnType::kDate, 0),
      testing::MemberColumn("e", ColumnType::kEnum, {"new", "\xE5\xB7\xB2\xE8\xAF\xBB"}),
      testing::MemberColumn("s", ColumnType::kSet, {"x", "y", "z"}),
      testing::TimeColumn("zero", ColumnType::kDateTime, 0),
      testing::MakeColumn("absent", ColumnType::kInt, "int"),
  };
  return schema;
}

std::vector<Value> Row() {
  return {Value::Int(-7),
          Value::UInt(18446744073709551615u),
          Value::Null(),
          Value::Bytes("a\xE4\xB8\xAD\xF0\x9F\x98\x80z "),
          Value::Bytes("\xD6\xD0\xCE\xC4"),
          Value::Bytes("\x80\xE9"),
          Value::Bytes(std::string_view("\x00\x01\xFF", 3)),
          Value::Bytes("2024-03-01 00:30:00"),
          Value::Bytes("2023-12-31 23:59:59.987"),
          Value::Bytes("2023-12-31"),
          Value::UInt(2),
          Value::UInt(5),
          Value::Bytes("0000-00-00 00:00:00"),
          Value::Absent()};
}

struct Case {
  const char* text;
  std::string expected;
};

class Evaluates : public ::testing::TestWithParam<Case> {};

TEST_P(Evaluates, To) {
  mysql::TableSchema schema = Schema();
  auto compiled = testing::CompileExpression(schema, GetParam().text);
  ASSERT_TRUE(compiled.ok()) << compiled.status().message();
  EXPECT_EQ(testing::EvalToString(schema, *compiled->expr, Row(), mysql::Flavour::kMySql), GetParam().expected)
      << GetParam().text;
}

INSTANTIATE_TEST_SUITE_P(
    Numbers, Evaluates,
    ::testing::Values(
        Case{"1 + 2 * 3", "7"}, Case{"(1 + 2) * 3", "9"}, Case{"10 - 2 - 3", "5"}, Case{"7 DIV 2", "3"},
        Case{"-7 DIV 2", "-3"}, Case{"-7 MOD 3", "-1"}, Case{"7 % -3", "1"}, Case{"7 DIV 0", "NULL"},
        Case{"7 MOD 0", "NULL"}, Case{"i + 1", "-6"}, Case{"n + 1", "NULL"}, Case{"u - 1", "18446744073709551614"},
        Case{"u + 1", "bad value: the result of an arithmetic expression is out of range"},
        Case{"u * u", "bad value: the result of an arithmetic expression is out of range"},
        Case{"1 - u", "bad value: the result of an arithmetic expression is out of range"},
        Case{"-9223372036854775808", "-9223372036854775808"},
        Case{"-9223372036854775808 DIV -1", "bad value: the result of an arithmetic expression is out of range"},
        Case{"-(i)", "7"}, Case{"CAST(-i AS UNSIGNED)", "7"}, Case{"CAST(u - u AS SIGNED)", "0"},
        Case{"CAST(i AS UNSIGNED)", "bad value: the result of an arithmetic expression is out of range"},
        Case{"CAST(u AS SIGNED)", "bad value: the result of an arithmetic expression is out of range"},
        Case{"CAST('042' AS SIGNED)", "42"},
        Case{"CAST('-1' AS UNSIGNED)", "bad value: text that is not a number in range"},
        Case{"CAST(' 1' AS SIGNED)", "bad value: text that is not a number in range"},
        Case{"CAST('9223372036854775808' AS SIGNED)", "bad value: text that is not a number in range"},
        Case{"COMPOSE_ID(3)", "360295666771034115"}, Case{"COMPOSE_ID(1099511627775)", "360296766282661887"},
        Case{"COMPOSE_ID(1099511627776)", "bad value: an id that does not fit in 40 bits"},
        Case{"COMPOSE_ID(i)", "bad value: an id that does not fit in 40 bits"}, Case{"COMPOSE_ID(n)", "NULL"},
        Case{"CAST(TABLE_SUFFIX() AS UNSIGNED) + 1", "8"}, Case{"TABLE_SUFFIX()", "07"},
        Case{"absent", "bad value: a column is not in the row image"}));

INSTANTIATE_TEST_SUITE_P(
    Logic, Evaluates,
    ::testing::Values(Case{"i < u", "1"}, Case{"u = -1", "0"}, Case{"n = n", "NULL"}, Case{"n <=> NULL", "1"},
                      Case{"i <=> n", "0"}, Case{"n IS NULL AND i IS NOT NULL", "1"}, Case{"NULL AND FALSE", "0"},
                      Case{"NULL AND TRUE", "NULL"}, Case{"NULL OR TRUE", "1"}, Case{"NULL OR FALSE", "NULL"},
                      Case{"NOT NULL", "NULL"}, Case{"NOT 5", "0"}, Case{"NOT 1 = 2", "1"}, Case{"1 = 2 OR 1", "1"},
                      Case{"i IN (1, -7)", "1"}, Case{"i IN (1, NULL)", "NULL"}, Case{"i NOT IN (1, NULL)", "NULL"},
                      Case{"i NOT IN (1, -7, NULL)", "0"}, Case{"n IN (1)", "NULL"}, Case{"i BETWEEN -8 AND -7", "1"},
                      Case{"i NOT BETWEEN -8 AND -7", "0"}, Case{"i BETWEEN NULL AND -9", "0"},
                      Case{"i BETWEEN NULL AND 0", "NULL"}, Case{"i NOT BETWEEN 1 AND NULL", "1"},
                      Case{"(n = 1) IS NOT TRUE", "1"}, Case{"(i = -7) IS FALSE", "0"}, Case{"1 < 2 = 1", "1"},
                      Case{"TRUE + TRUE", "2"}, Case{"t = 'A\xE4\xB8\xAD\xF0\x9F\x98\x80z '", "0"},
                      Case{"t = 'a\xE4\xB8\xAD\xF0\x9F\x98\x80z'", "0"}, Case{"g = '\xE4\xB8\xAD\xE6\x96\x87'", "1"},
                      Case{"'a' < 'b'", "1"}, Case{"v = x'0001FF'", "1"}, Case{"dt > '2024-03-01'", "1"},
                      Case{"dt = '2024-03-01 00:30:00.000'", "1"}, Case{"d < dt", "1"},
                      Case{"dt3 BETWEEN d AND '2024-01-01'", "1"}, Case{"e = '\xE5\xB7\xB2\xE8\xAF\xBB'", "1"}));

INSTANTIATE_TEST_SUITE_P(
    Branches, Evaluates,
    ::testing::Values(Case{"CASE WHEN n THEN 1 WHEN i < 0 THEN 2 ELSE 3 END", "2"},
                      Case{"CASE WHEN n THEN 1 END", "NULL"},
                      Case{"CASE e WHEN 'new' THEN 'N' WHEN '\xE5\xB7\xB2\xE8\xAF\xBB' THEN 'R' END", "R"},
                      Case{"CASE n WHEN NULL THEN 1 ELSE 2 END", "2"}, Case{"IF(n, 1, 2)", "2"},
                      Case{"IFNULL(n, 5)", "5"}, Case{"COALESCE(n, n, i)", "-7"}, Case{"COALESCE(NULL, n)", "NULL"},
                      Case{"NULLIF(i, -7)", "NULL"}, Case{"NULLIF(i, n)", "-7"},
                      Case{"NULLIF(t, 'x')", "a\xE4\xB8\xAD\xF0\x9F\x98\x80z "},
                      Case{"COALESCE(dt, dt3)", "2024-03-01 00:30:00.000"}, Case{"IF(i < 0, 0, u)", "0"}));

INSTANTIATE_TEST_SUITE_P(
    Text, Evaluates,
    ::testing::Values(Case{"CONCAT('im:', i, ':', u)", "im:-7:18446744073709551615"}, Case{"CONCAT(t, n)", "NULL"},
                      Case{"SUBSTRING(t, 2, 2)", "\xE4\xB8\xAD\xF0\x9F\x98\x80"}, Case{"SUBSTRING(t, -2)", "z "},
                      Case{"SUBSTRING(t, 0)", ""}, Case{"SUBSTRING(t, -9)", ""}, Case{"SUBSTRING(t, 9)", ""},
                      Case{"SUBSTRING(t, 2, 0)", ""}, Case{"SUBSTRING(t, 5, u)", " "}, Case{"SUBSTRING(v, 3)", "\xFF"},
                      Case{"LEFT(t, 2)", "a\xE4\xB8\xAD"}, Case{"RIGHT(t, 3)", "\xF0\x9F\x98\x80z "},
                      Case{"LEFT(t, -1)", ""}, Case{"RIGHT(t, 99)", "a\xE4\xB8\xAD\xF0\x9F\x98\x80z "},
                      Case{"LOWER('ABC\xE4\xB8\xAD')", "abc\xE4\xB8\xAD"}, Case{"UPPER('abz{')", "ABZ{"},
                      Case{"LOWER(l)", "bad value: a letter with case outside ASCII under LOWER or UPPER"},
                      Case{"TRIM('  a b  ')", "a b"}, Case{"LTRIM('  a ')", "a "}, Case{"RTRIM('  a ')", "  a"},
                      Case{"TRIM('\\t a')", "\t a"}, Case{"REPLACE('aaa', 'aa', 'b')", "ba"},
                      Case{"REPLACE('abc', '', 'x')", "abc"}, Case{"HEX(g)", "E4B8ADE69687"}, Case{"HEX(v)", "0001FF"},
                      Case{"HEX(i)", "FFFFFFFFFFFFFFF9"}, Case{"HEX(0)", "0"}, Case{"UNHEX('414')", "\x04\x14"},
                      Case{"UNHEX('4z')", "NULL"}, Case{"LPAD('abc', 6, 'xy')", "xyxabc"},
                      Case{"LPAD('abc', 2, 'x')", "ab"}, Case{"CHAR_LENGTH(t)", "5"}, Case{"LENGTH(t)", "10"},
                      Case{"LENGTH(v)", "3"}, Case{"CAST(l AS CHAR)", "\xE2\x82\xAC\xC3\xA9"},
                      Case{"CAST(v AS CHAR)", "bad value: a binary string that is not UTF-8"},
                      Case{"CAST(x'E4B8AD' AS CHAR)", "\xE4\xB8\xAD"}, Case{"'it''s\\n\\\\ \\'q\\''", "it's\n\\ 'q'"},
                      Case{"'\\%\\_\\x'", "\\%\\_x"}, Case{"0x6162", "ab"}, Case{"s", "x,z"},
                      Case{"e", "\xE5\xB7\xB2\xE8\xAF\xBB"}));

INSTANTIATE_TEST_SUITE_P(
    TimeAndJson, Evaluates,
    ::testing::Values(
        Case{"FROM_UNIXTIME(0)", "1970-01-01 00:00:00"}, Case{"FROM_UNIXTIME(4294967295)", "2106-02-07 06:28:15"},
        Case{"FROM_UNIXTIME(951782400)", "2000-02-29 00:00:00"},
        Case{"FROM_UNIXTIME(253402300799)", "9999-12-31 23:59:59"},
        Case{"FROM_UNIXTIME(253402300800)", "bad value: seconds outside 1970 to 9999 under FROM_UNIXTIME"},
        Case{"FROM_UNIXTIME(u)", "bad value: seconds outside 1970 to 9999 under FROM_UNIXTIME"},
        Case{"FROM_UNIXTIME(i)", "bad value: seconds outside 1970 to 9999 under FROM_UNIXTIME"},
        Case{"CONVERT_TZ(dt, '+08:00', '+00:00')", "2024-02-29 16:30:00"},
        Case{"CONVERT_TZ(dt3, '-05:30', '+00:00')", "2024-01-01 05:29:59.987"},
        Case{"CAST(d AS DATETIME(2))", "2023-12-31 00:00:00.00"},
        Case{"CAST(dt AS DATETIME(6))", "2024-03-01 00:30:00.000000"},
        Case{"CAST(CAST(dt3 AS CHAR) AS DATETIME(3))", "2023-12-31 23:59:59.987"},
        Case{"CAST(CONCAT(d, ' 25:00:00') AS DATETIME)", "bad value: text that is not a date and time"},
        Case{"CAST(CONCAT('2023-02-', 29) AS DATETIME)", "bad value: text that is not a date and time"},
        Case{"zero", "bad value: a zero or impossible date"},
        Case{"zero IS NULL", "bad value: a zero or impossible date"}, Case{"JSON_OBJECT()", "{}"},
        Case{"JSON_OBJECT('bb', n, 'a', i, 'c', '\"\\\\\\n')", R"({"a": -7, "c": "\"\\\n", "bb": null})"}));

TEST(Evaluator, ControlCharactersInJsonFollowTheFlavour) {
  mysql::TableSchema schema = Schema();
  auto compiled = testing::CompileExpression(schema, "JSON_OBJECT('k', CAST(x'1F' AS CHAR))");
  ASSERT_TRUE(compiled.ok()) << compiled.status().message();
  EXPECT_EQ(testing::EvalToString(schema, *compiled->expr, Row(), mysql::Flavour::kMySql), R"({"k": "\u001f"})");
  EXPECT_EQ(testing::EvalToString(schema, *compiled->expr, Row(), mysql::Flavour::kMariaDb), R"({"k": "\u001F"})");
}

TEST(Evaluator, CarriesTypesThatTheTargetNeeds) {
  mysql::TableSchema schema = Schema();
  auto range = [&](const char* text) {
    auto compiled = testing::CompileExpression(schema, text);
    EXPECT_TRUE(compiled.ok()) << compiled.status().message();
    return std::pair{static_cast<long long>(compiled->expr->type.min),
                     static_cast<long long>(compiled->expr->type.max)};
  };
  EXPECT_EQ(range("n + 1"), (std::pair{-2147483647ll, 2147483648ll}));
  EXPECT_EQ(range("n * -2"), (std::pair{-4294967294ll, 4294967296ll}));
  EXPECT_EQ(range("n - n"), (std::pair{-4294967295ll, 4294967295ll}));
  EXPECT_EQ(range("IF(n, 1, -1)"), (std::pair{-1ll, 1ll}));
}

}  // namespace
}  // namespace shardlift::mapping
