#include <gmock/gmock.h>

#include "mysql/schema.h"
#include "tests/mysql/live.h"

namespace shardlift::mysql {
namespace {

using base::Code;
using ::testing::ElementsAre;

class LiveSchemaTest : public LiveTest {
 protected:
  TableSchema Read(const std::string& table) {
    auto s = ReadTableSchema(*session_, {"d", table});
    EXPECT_TRUE(s.ok()) << s.status().message();
    return s.ok() ? *s : TableSchema();
  }
};
SL_BOTH_FLAVOURS(LiveSchemaTest);

TEST_P(LiveSchemaTest, ReadsColumnsOfEveryType) {
  Sql("CREATE TABLE t (a TINYINT UNSIGNED, b SMALLINT, c MEDIUMINT, d INT(5) UNSIGNED ZEROFILL, e BIGINT UNSIGNED, f "
      "FLOAT, "
      "g DOUBLE(10,2), h DECIMAL(20,6), i BIT(12), j YEAR, k DATE, l TIME(2), m DATETIME(6), n TIMESTAMP(3) NULL, "
      "o CHAR(7) CHARACTER SET gbk, p VARCHAR(300) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin, q LONGTEXT, r BINARY(4), "
      "s VARBINARY(9), u MEDIUMBLOB, v ENUM('a','b''c','d,e','\xE4\xB8\xAD') CHARACTER SET gbk, w SET('x','y'), z "
      "JSON, "
      "aa POINT, ab INT AS (b + 1) STORED, ac INT AS (b + 2) VIRTUAL, ad DATETIME DEFAULT CURRENT_TIMESTAMP, "
      "`Groups` INT NOT NULL)");
  const TableSchema s = Read("t");
  ASSERT_EQ(s.columns.size(), 28u);
  using T = ColumnType;
  const T types[] = {T::kTinyInt,
                     T::kSmallInt,
                     T::kMediumInt,
                     T::kInt,
                     T::kBigInt,
                     T::kFloat,
                     T::kDouble,
                     T::kDecimal,
                     T::kBit,
                     T::kYear,
                     T::kDate,
                     T::kTime,
                     T::kDateTime,
                     T::kTimestamp,
                     T::kChar,
                     T::kVarchar,
                     T::kLongText,
                     T::kBinary,
                     T::kVarbinary,
                     T::kMediumBlob,
                     T::kEnum,
                     T::kSet,
                     maria() ? T::kLongText : T::kJson,
                     T::kGeometry,
                     T::kInt,
                     T::kInt,
                     T::kDateTime,
                     T::kInt};
  for (std::size_t i = 0; i < 28; ++i)
    EXPECT_EQ(static_cast<int>(s.columns[i].type), static_cast<int>(types[i])) << s.columns[i].name;
  const auto col = [&](const char* name) -> const Column& { return s.columns[static_cast<std::size_t>(s.Find(name))]; };
  EXPECT_TRUE(col("a").is_unsigned);
  EXPECT_FALSE(col("b").is_unsigned);
  EXPECT_TRUE(col("d").is_unsigned);
  EXPECT_TRUE(col("j").is_unsigned);
  EXPECT_EQ(col("h").precision, 20);
  EXPECT_EQ(col("h").fraction, 6);
  EXPECT_EQ(col("i").length, 12u);
  EXPECT_EQ(col("l").fraction, 2);
  EXPECT_EQ(col("m").fraction, 6);
  EXPECT_EQ(col("o").length, 7u);
  EXPECT_EQ(col("o").charset, "gbk");
  EXPECT_EQ(col("p").length, 300u);
  EXPECT_EQ(col("p").collation, "utf8mb4_bin");
  EXPECT_EQ(col("r").length, 4u);
  EXPECT_EQ(col("r").charset, "");
  EXPECT_THAT(col("v").members, ElementsAre("a", "b'c", "d,e", "\xE4\xB8\xAD"));
  EXPECT_THAT(col("w").members, ElementsAre("x", "y"));
  EXPECT_TRUE(col("ab").generated);
  EXPECT_TRUE(col("ac").generated);
  EXPECT_FALSE(col("ad").generated);
  EXPECT_TRUE(col("a").nullable);
  EXPECT_FALSE(col("groups").nullable);
  EXPECT_EQ(s.Find("nothing"), -1);
}

TEST_P(LiveSchemaTest, KeepsOnlyUsableKeys) {
  Sql("CREATE TABLE t (a INT NOT NULL, b INT NOT NULL, c INT NULL, d VARCHAR(50) NOT NULL, UNIQUE KEY `a first` (b, "
      "a), "
      "UNIQUE KEY n (a, c), UNIQUE KEY p (d(10)), KEY plain (a), PRIMARY KEY (d, a))");
  const TableSchema s = Read("t");
  ASSERT_EQ(s.unique_keys.size(), 2u);
  EXPECT_EQ(s.unique_keys[0].name, "PRIMARY");
  EXPECT_THAT(s.unique_keys[0].columns, ElementsAre(3, 0));
  EXPECT_EQ(s.unique_keys[1].name, "a first");
  EXPECT_THAT(s.unique_keys[1].columns, ElementsAre(1, 0));
  Sql("CREATE TABLE u (a INT)");
  EXPECT_TRUE(Read("u").unique_keys.empty());
  EXPECT_EQ(ReadTableSchema(*session_, {"d", "missing"}).status().code(), Code::kUsage);
}

TEST_P(LiveSchemaTest, ListsBaseTablesOnly) {
  Sql("CREATE TABLE zz (a INT)");
  Sql("CREATE TABLE `A b` (a INT)");
  Sql("CREATE VIEW v AS SELECT 1");
  auto tables = ListTables(*session_);
  ASSERT_TRUE(tables.ok());
  EXPECT_THAT(*tables, ElementsAre(TableName{"d", "A b"}, TableName{"d", "zz"}));
}

TEST_P(LiveSchemaTest, SelectedTextsParseToExactValues) {
  Sql("CREATE TABLE t (id INT PRIMARY KEY, f FLOAT, g FLOAT(7,3), d DOUBLE, e DOUBLE(10,2), b BIT(64), en "
      "ENUM('z','b','a'), "
      "st SET('x','y','w'), y YEAR, bi BINARY(4), u BIGINT UNSIGNED ZEROFILL, c DECIMAL(8,2) ZEROFILL, ti TIME(3))");
  Sql("INSERT INTO t VALUES (1, 16777215, 1.125, 0.1, 1.25, 0xFFFFFFFFFFFFFFFF, 'a', 'x,w', 2024, x'4142', 7, 12.5, "
      "'-12:00:00.5'), (2, 1e-38, 0, -0e0, 0, 0, NULL, '', 0, '', 18446744073709551615, 0, '838:59:59')");
  const TableSchema s = Read("t");
  std::string items;
  for (const Column& c : s.columns) items += (items.empty() ? "" : ", ") + SelectItem(c);
  auto rows = session_->Query("SELECT " + items + " FROM t ORDER BY id", "test");
  ASSERT_TRUE(rows.ok()) << rows.status().message();
  ASSERT_EQ(rows->rows.size(), 2u);
  const auto value = [&](std::size_t row, const char* name) {
    const auto i = static_cast<std::size_t>(s.Find(name));
    const auto& text = rows->rows[row][i];
    if (!text) return Value::Null();
    auto v = ParseText(s.columns[i], *text);
    EXPECT_TRUE(v.ok()) << name << " " << *text;
    return v.ok() ? *v : Value::Absent();
  };
  const auto expect = [&](std::size_t row, const char* name, const Value& want) {
    EXPECT_TRUE(SameValue(value(row, name), want)) << name << " in row " << row;
  };
  expect(0, "f", Value::Float(16777215.0f));
  expect(0, "g", Value::Float(1.125f));
  expect(0, "d", Value::Double(0.1));
  expect(0, "e", Value::Double(1.25));
  expect(0, "b", Value::UInt(~0ull));
  expect(0, "en", Value::UInt(3));
  expect(0, "st", Value::UInt(5));
  expect(0, "y", Value::UInt(2024));
  expect(0, "bi", Value::Bytes(std::string_view("AB\0\0", 4)));
  expect(0, "u", Value::UInt(7));
  expect(0, "c", Value::Bytes("12.50"));
  expect(0, "ti", Value::Bytes("-12:00:00.500"));
  expect(1, "f", Value::Float(1e-38f));
  expect(1, "d", Value::Double(maria() ? 0.0 : -0.0));  // MariaDB stores no negative zero
  expect(1, "en", Value::Null());
  expect(1, "st", Value::UInt(0));
  expect(1, "y", Value::UInt(0));
  expect(1, "bi", Value::Bytes(std::string_view("\0\0\0\0", 4)));
  expect(1, "u", Value::UInt(~0ull));
  expect(1, "c", Value::Bytes("0.00"));
  expect(1, "ti", Value::Bytes("838:59:59.000"));
}

TEST_P(LiveSchemaTest, FloatsKeepEveryBit) {
  Sql("CREATE TABLE t (id INT PRIMARY KEY, f FLOAT, d DOUBLE)");
  std::string values;
  std::vector<std::pair<float, double>> want;
  std::uint64_t x = 88172645463325252ull;
  for (int i = 0; i < 300; ++i) {
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    const float f = static_cast<float>(static_cast<double>(x % 1000003) / 7919.0 * (i % 2 ? 1e-20 : 1e15));
    const double d = static_cast<double>(x) / 3.0 * (i % 3 ? 1e-200 : -1e90);
    want.emplace_back(f, d);
    char buffer[100];
    std::snprintf(buffer, sizeof buffer, "%s(%d,%.9g,%.17g)", i ? "," : "", i, static_cast<double>(f), d);
    values += buffer;
  }
  Sql("INSERT INTO t VALUES " + values);
  const TableSchema s = Read("t");
  auto rows = session_->Query(
      "SELECT " + SelectItem(s.columns[1]) + ", " + SelectItem(s.columns[2]) + " FROM t ORDER BY id", "t");
  ASSERT_TRUE(rows.ok());
  for (std::size_t i = 0; i < want.size(); ++i) {
    EXPECT_TRUE(SameValue(*ParseText(s.columns[1], *rows->rows[i][0]), Value::Float(want[i].first)))
        << *rows->rows[i][0];
    EXPECT_TRUE(SameValue(*ParseText(s.columns[2], *rows->rows[i][1]), Value::Double(want[i].second)))
        << *rows->rows[i][1];
  }
}

// A mask of 64 bits is more than a DOUBLE holds.
TEST_P(LiveSchemaTest, SetsOf64Members) {
  std::string members;
  for (int i = 0; i < 64; ++i) members += (i == 0 ? "'m" : ", 'm") + std::to_string(i) + "'";
  Sql("CREATE TABLE t (id INT PRIMARY KEY, s SET(" + members + "))");
  const std::vector<std::uint64_t> masks = {0, 1, 0x20000000000001, 0x8000000000000001, 0xFFFFFFFFFFFFFFFF};
  for (std::size_t i = 0; i < masks.size(); ++i) {
    Sql("INSERT INTO t VALUES (" + std::to_string(i) + ", " + std::to_string(masks[i]) + ")");
  }
  const TableSchema s = Read("t");
  const auto rows = session_->Query("SELECT " + SelectItem(s.columns[1]) + " FROM t ORDER BY id", "t");
  ASSERT_TRUE(rows.ok());
  for (std::size_t i = 0; i < masks.size(); ++i) {
    const auto value = ParseText(s.columns[1], *rows->rows[i][0]);
    ASSERT_TRUE(value.ok()) << value.status().message();
    EXPECT_TRUE(SameValue(*value, Value::UInt(masks[i]))) << *rows->rows[i][0];
  }
}

}  // namespace
}  // namespace shardlift::mysql
