// What the language refuses, with the caret under the place.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "mapping/parser.h"
#include "tests/mapping/support.h"

namespace shardlift::mapping {
namespace {

using mysql::ColumnType;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

mysql::TableSchema Schema() {
  mysql::TableSchema schema;
  schema.name = {"s", "msg_07"};
  schema.columns = {testing::MakeColumn("id", ColumnType::kBigInt, "bigint"),
                    testing::Unsigned(testing::MakeColumn("u", ColumnType::kBigInt, "bigint unsigned")),
                    testing::TextColumn("name", ColumnType::kVarchar, 20, "utf8mb4"),
                    testing::TextColumn("wide", ColumnType::kVarchar, 20, "ucs2"),
                    testing::MakeColumn("bin", ColumnType::kVarbinary, "varbinary(9)"),
                    testing::TimeColumn("dt6", ColumnType::kDateTime, 6),
                    testing::TimeColumn("d", ColumnType::kDate, 0),
                    testing::MakeColumn("price", ColumnType::kDecimal, "decimal(10,2)"),
                    testing::MakeColumn("f", ColumnType::kDouble, "double"),
                    testing::MakeColumn("j", ColumnType::kJson, "json")};
  return schema;
}

struct Case {
  const char* text;
  const char* message;  // its start
  int caret;            // column
};

class Refused : public ::testing::TestWithParam<Case> {};

TEST_P(Refused, WithCaret) {
  const Case& c = GetParam();
  auto compiled = testing::CompileExpression(Schema(), c.text);
  ASSERT_FALSE(compiled.ok()) << c.text;
  EXPECT_EQ(compiled.status().code(), base::Code::kUsage);
  const std::string message = compiled.status().message();
  EXPECT_THAT(message, StartsWith(c.message));
  EXPECT_THAT(message, EndsWith("\n  " + std::string(c.text) + "\n  " +
                                std::string(static_cast<std::size_t>(c.caret), ' ') + "^"));
}

INSTANTIATE_TEST_SUITE_P(
    Lexer, Refused,
    ::testing::Values(
        Case{"id + \"a\"", "use single quotes", 5}, Case{"'abc", "this text has no closing quote", 0},
        Case{"'abc\\", "this text has no closing quote", 0}, Case{"`id", "this name has no closing", 0},
        Case{"``", "this name is empty", 0}, Case{"1e3", "floating-point literals", 0},
        Case{"12ab", "a name may not start with a digit", 0}, Case{"x'6'", "a hexadecimal literal needs an even", 0},
        Case{"x'6g'", "this is not a hexadecimal literal", 0}, Case{"0x123", "a hexadecimal literal needs an even", 0},
        Case{"x'61", "this hexadecimal literal has no closing quote", 0}, Case{"id || u", "|| depends on sql_mode", 3},
        Case{"id && u", "write AND", 3}, Case{"id /* c */", "comments are not supported", 3},
        Case{"id -- c", "write - (-x)", 3}, Case{"@a", "variables are not supported", 0},
        Case{"id ; u", "this character has no meaning here", 3}, Case{"_gbk'a'", "text with a prefix", 0},
        // The caret counts characters, not bytes.
        Case{"CONCAT('\xE4\xB8\xAD\xE6\x96\x87', \"a\")", "use single quotes", 13}));

INSTANTIATE_TEST_SUITE_P(
    Parser, Refused,
    ::testing::Values(
        Case{"", "the expression ends too early", 0}, Case{"id +", "the expression ends too early", 4},
        Case{"(id", "expected ) here", 3}, Case{"id)", "unexpected )", 2}, Case{"id id", "unexpected id", 3},
        Case{"id IS 5", "expected NULL, TRUE or FALSE", 6}, Case{"id IN ()", "unexpected )", 7},
        Case{"id BETWEEN 1 OR 2", "expected AND here", 13}, Case{"CASE id END", "expected WHEN here", 8},
        Case{"CASE WHEN id THEN 1", "expected END here", 19}, Case{"CASE WHEN id 1 END", "expected THEN here", 13},
        Case{"name REGEXP 'a%'", "REGEXP is not supported", 5}, Case{"name LIKE 'a' ESCAPE '|'", "ESCAPE is not", 14},
        Case{"INTERVAL 1 DAY + dt6", "INTERVAL stands behind + or -", 0},
        Case{"dt6 + INTERVAL 1 FORTNIGHT", "expected MICROSECOND, SECOND", 17},
        Case{"CAST(id AS DECIMAL(39,0))", "DECIMAL takes 0 to 38", 19},
        Case{"CAST(id AS DECIMAL(3,4))", "this DECIMAL has fewer digits in all", 11},
        Case{"name COLLATE utf8mb4_bin", "COLLATE is not supported", 5},
        Case{"18446744073709551616", "this number is above", 0},
        Case{"-9223372036854775809", "this number is below", 0}, Case{"'a' 'b'", "two texts side by side", 4},
        Case{"IF(id, 1)", "IF takes three arguments", 0}, Case{"CAST(id AS FLOAT)", "CAST knows CHAR, BINARY", 11},
        Case{"CAST(id AS CHAR(5))", "CHAR(n) would cut", 15},
        Case{"CAST(d AS DATETIME(7))", "DATETIME takes 0 to 6", 19},
        Case{"CONVERT(id, CHAR)", "write CONVERT(x USING utf8mb4)", 10},
        Case{"CONVERT(name USING gbk)", "CONVERT to another character set", 0},
        Case{"TRIM(LEADING 'x' name)", "expected FROM here", 17},
        Case{"CURRENT_TIMESTAMP", "CURRENT_TIMESTAMP depends on more than the row", 0}));

INSTANTIATE_TEST_SUITE_P(
    Types, Refused,
    ::testing::Values(
        Case{"idx", "there is no column idx in s.msg_07", 0}, Case{"NOW()", "NOW depends on more than the row", 0},
        Case{"1 + RAND()", "RAND depends on more than the row", 4}, Case{"UUID()", "UUID depends", 0},
        Case{"CONCATT(name)", "unknown function CONCATT; did you mean CONCAT?", 0},
        Case{"SOUNDEX(name)", "unknown function SOUNDEX\n", 0},
        Case{"LOWER(name, name)", "LOWER does not take 2 arguments", 0},
        Case{"id = 'x'", "cannot compare a number with text", 5},
        Case{"name = 5", "cannot compare text with a number", 7},
        Case{"name = bin", "cannot compare text with a binary", 7},
        Case{"id IN (1, 'a')", "cannot compare a number with text", 10},
        Case{"dt6 = name", "cannot compare a DATETIME with text", 6}, Case{"dt6 > '2023-1-1'", "write the time as", 6},
        Case{"name + 1", "a number is needed here, this is text", 0},
        Case{"CAST(u AS DECIMAL(20,0)) * u", "this needs 40 digits, 38 are supported", 25},
        Case{"ROUND(1.5, id)", "the number of digits must be a literal", 11},
        Case{"MD5(name)", "MD5 is not in MySQL 9 without a component; write SHA2", 0},
        Case{"SQRT(id)", "SQRT gives floating-point numbers", 0},
        Case{"UNIX_TIMESTAMP()", "UNIX_TIMESTAMP does not take 0 arguments", 0},
        Case{"SHA2(name, 1)", "the bits of SHA2 must be one of", 11},
        Case{"name LIKE name", "the pattern of LIKE must be a literal", 10},
        Case{"name LIKE 'a\\\\'", "the escape character at the end", 10},
        Case{"CAST(CONVERT(name USING gbk) AS BINARY)", "column name has character set utf8mb4, write", 5},
        Case{"CAST(CONVERT('a' USING gbk) AS BINARY)", "the bytes of a column only", 13},
        Case{"JSON_EXTRACT(name, '$.a')", "a JSON column is needed here, this is text", 13},
        Case{"d + INTERVAL 1 HOUR", "this is a DATE; write CAST", 0}, Case{"HOUR(d)", "a DATETIME is needed here", 5},
        Case{"id & name", "a number is needed here, this is text", 5}, Case{"-u", "- of an unsigned number", 0},
        Case{"IF(name, 1, 2)", "a condition is needed here, this is text", 3},
        Case{"NOT name", "a condition is needed here", 4},
        Case{"IF(id, 1, 'a')", "the branches give a number and text", 10},
        Case{"COALESCE(id, u)", "the branches mix signed and unsigned", 0},
        Case{"COALESCE(d, dt6)", "the branches give a DATE and a DATETIME", 12},
        Case{"CAST(dt6 AS DATETIME(3))", "this would drop fractional digits", 0},
        Case{"CAST(name AS UNSIGNED) + f", "column f has type double", 25},
        Case{"wide", "column wide has character set ucs2", 0},
        Case{"CAST(dt6 AS SIGNED)", "cannot CAST a DATETIME to a number", 0},
        Case{"CAST(id AS DATETIME)", "cannot CAST a number to DATETIME", 0},
        Case{"CAST(NULL AS CHAR)", "this CAST is always NULL", 0},
        Case{"CONCAT(name, NULL)", "CONCAT with NULL is always NULL", 13},
        Case{"LOWER(id)", "text or a binary string is needed", 6},
        Case{"LOWER(bin)", "LOWER and UPPER do nothing to binary", 0},
        Case{"REPLACE(name, bin, 'a')", "text and binary strings are mixed", 14},
        Case{"LPAD(name, id, ' ')", "a literal length from 0 to 65535", 11},
        Case{"LPAD(name, 5, '')", "a literal that is not empty", 14}, Case{"UNHEX(bin)", "UNHEX needs text", 6},
        Case{"CONVERT_TZ(dt6, 'Asia/Nowhere', '+00:00')", "there is no time zone Asia/Nowhere", 16},
        Case{"CONVERT_TZ(dt6, '+15:00', '+00:00')", "there is no time zone +15:00", 16},
        Case{"CONVERT_TZ(d, '+08:00', '+00:00')", "CONVERT_TZ needs a DATETIME", 11},
        Case{"JSON_OBJECT('a')", "JSON_OBJECT takes pairs", 0},
        Case{"JSON_OBJECT(name, 1)", "a key of JSON_OBJECT", 12},
        Case{"JSON_OBJECT('a', id = 1)", "the servers print conditions differently", 20},
        Case{"JSON_OBJECT('a', price)", "a DECIMAL has no exact form", 17},
        Case{"JSON_OBJECT('a', 1, 'a', 2)", "this key is there twice", 20},
        Case{"COMPOSE_ID(name)", "a number is needed here", 11},
        Case{"SUBSTRING(name, 'a')", "a number is needed here", 16},
        Case{"HEX(dt6)", "text or a binary string is needed", 4}));

TEST(ExpressionError, NamesTheLineOfALongExpression) {
  auto compiled = testing::CompileExpression(Schema(), "CONCAT(name,\n  NOPE(id),\n  name)");
  ASSERT_FALSE(compiled.ok());
  EXPECT_THAT(compiled.status().message(), HasSubstr("\n    NOPE(id),\n    ^"));
}

TEST(ExpressionError, DeepNestingIsRefusedNotACrash) {
  for (const char* piece : {"(", "NOT ", "- ", "+", "CONCAT("}) {
    std::string text;
    for (int i = 0; i < 20000; ++i) text += piece;
    EXPECT_FALSE(Parse(text).ok()) << piece;
  }
}

TEST(ExpressionError, TableSuffixNeedsDigits) {
  mysql::TableSchema schema = Schema();
  EXPECT_TRUE(testing::CompileExpression(schema, "TABLE_SUFFIX()").ok());
  schema.name.table = "messages";
  EXPECT_FALSE(testing::CompileExpression(schema, "TABLE_SUFFIX()").ok());
}

}  // namespace
}  // namespace shardlift::mapping
