// Invariant I4 on the real servers: for every row and every expression, what our evaluator gives is byte for byte what
// the server gives for the SQL text of the same expression.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "mapping/good_value_sql.h"
#include "mapping/owner_key.h"
#include "mapping/reverse_mapper.h"
#include "mapping/sql.h"
#include "store/message_table.h"
#include "tests/live/live.h"
#include "tests/mapping/random_rows.h"
#include "tests/mapping/support.h"

namespace shardlift::mapping {
namespace {

using testing::CompileExpression;
using testing::EvalToString;

constexpr int kRows = 10000;
constexpr int kRandomRows = 1000;  // property_test has more kinds of expressions

// All rows of a table as SelectItem texts, with the Values made of them.
struct TableRows {
  mysql::TableSchema schema;
  std::vector<std::vector<std::optional<std::string>>> texts;
  std::vector<std::vector<mysql::Value>> rows;
};

class MappingOnServers : public live::LiveTest {
 protected:
  // Fills a table with the generator's rows, 500 a statement.
  template <class Generator>
  void Fill(const std::string& table, int rows, Generator&& one_row) {
    for (int done = 0; done < rows;) {
      std::string values;
      for (int i = 0; i < 500 && done < rows; ++i, ++done) values += (i > 0 ? "," : "") + one_row(done);
      Sql("INSERT INTO " + table + " VALUES " + values);
      if (HasFatalFailure()) return;
    }
  }

  TableRows Read(const std::string& schema_name, const std::string& table, const std::string& order_by) {
    TableRows out;
    auto schema = mysql::ReadTableSchema(*session_, {schema_name, table});
    EXPECT_TRUE(schema.ok()) << schema.status().message();
    out.schema = std::move(schema).value();
    std::string items;
    for (const mysql::Column& column : out.schema.columns)
      items += (items.empty() ? "" : ", ") + mysql::SelectItem(column);
    out.texts = Query("SELECT " + items + " FROM " + out.schema.name.Quoted() + " ORDER BY " + order_by).rows;
    for (const auto& text : out.texts) {
      std::vector<mysql::Value>& row = out.rows.emplace_back();
      for (std::size_t i = 0; i < text.size(); ++i) {
        if (!text[i]) {
          row.push_back(mysql::Value::Null());
          continue;
        }
        auto value = mysql::ParseText(out.schema.columns[i], *text[i]);
        EXPECT_TRUE(value.ok()) << value.status().message();
        row.push_back(value.ok() ? *value : mysql::Value::Null());
      }
    }
    return out;
  }

  void CompareExpression(const TableRows& table, const std::string& text);
  void CompareGoodRows(const TableRows& table, const std::string& text, const Expr& expr,
                       const std::vector<bool>& is_bad);
  void CompareMapped(const MappingConfig& config, const TableRows& table);
  void CompareFamily(const std::string& name, const std::string& schema, const std::string& table, int bad_values_max);

  int never_bad_ = 0;  // expressions
  int told_ = 0;
  std::size_t bad_ = 0;  // rows
  std::size_t replaced_ = 0;
};

void MappingOnServers::CompareExpression(const TableRows& table, const std::string& text) {
  auto compiled = CompileExpression(table.schema, text);
  ASSERT_TRUE(compiled.ok()) << compiled.status().message();
  std::string sql = ToSql({&table.schema, session_->flavour()}, *compiled->expr);
  mysql::Rows server = Query("SELECT " + sql + " FROM " + table.schema.name.Quoted() + " ORDER BY id");
  ASSERT_EQ(server.rows.size(), table.rows.size()) << text;
  std::vector<bool> is_bad;
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    std::string ours = EvalToString(table.schema, *compiled->expr, table.rows[i], session_->flavour());
    is_bad.push_back(ours.starts_with("bad value: "));
    if (is_bad.back()) continue;
    ASSERT_EQ(ours, server.rows[i][0].value_or("NULL")) << text << "\nrow " << i << "\n" << sql;
  }
  const auto bad = static_cast<std::size_t>(std::count(is_bad.begin(), is_bad.end(), true));
  EXPECT_LE(bad, table.rows.size() * 8 / 10) << text << ": too few rows were compared";
  CompareGoodRows(table, text, *compiled->expr, is_bad);
}

// The SQL that tells bad values, where there is one, tells them of the same rows; where it is empty no row has one.
void MappingOnServers::CompareGoodRows(const TableRows& table, const std::string& text, const Expr& expr,
                                       const std::vector<bool>& is_bad) {
  const auto good = GoodValueSql({&table.schema, session_->flavour()}, text, expr);
  if (!good.ok()) return;
  ++(good->empty() ? never_bad_ : told_);
  if (good->empty()) {
    EXPECT_EQ(std::count(is_bad.begin(), is_bad.end(), true), 0) << text;
    return;
  }
  mysql::Rows server = Query("SELECT " + *good + " FROM " + table.schema.name.Quoted() + " ORDER BY id");
  ASSERT_EQ(server.rows.size(), table.rows.size()) << text << "\n" << *good;
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    ASSERT_EQ(server.rows[i][0].value_or("NULL"), is_bad[i] ? "0" : "1") << text << "\nrow " << i << "\n" << *good;
  }
}

TEST_P(MappingOnServers, RandomValues) {
  Sql("CREATE DATABASE random_values");
  Sql(testing::kRandomTableDdl);
  std::mt19937_64 random(11);
  Fill("random_values.r", kRandomRows, [&](int id) { return testing::RandomRow(random, id); });
  TableRows table = Read("random_values", "r", "id");
  ASSERT_EQ(table.rows.size(), static_cast<std::size_t>(kRandomRows));
  for (const char* text : testing::kExpressions) CompareExpression(table, text);
  EXPECT_GT(never_bad_, 50);
  EXPECT_GT(told_, 10);
}

// MySQL calls it out of range.
TEST_P(MappingOnServers, AQuotientThatIsTheLeastBigint) {
  Sql("CREATE DATABASE quotients");
  Sql("CREATE TABLE quotients.q (id INT PRIMARY KEY, b BIGINT, t TINYINT)");
  Sql("INSERT INTO quotients.q VALUES (1, -9223372036854775808, 1), (2, -9223372036854775808, 2), "
      "(3, -9223372036854775808, 0), (4, NULL, 1), (5, -9223372036854775808, NULL), (6, 77, 1)");
  const TableRows table = Read("quotients", "q", "id");
  for (const char* text : {"b DIV t", "b DIV 1", "b DIV 2"}) CompareExpression(table, text);
}

constexpr const char* kMislabelledDdl =
    "CREATE TABLE mislabelled.m (id INT UNSIGNED NOT NULL PRIMARY KEY, utf VARCHAR(30) CHARACTER SET latin1, gbk "
    "VARCHAR(30) CHARACTER SET latin1 NOT NULL, raw BLOB, tick INT NOT NULL, word VARCHAR(30) NOT NULL)";

MappingConfig MislabelledMapping() {
  MappingConfig config;
  config.name = config.place = "m";
  config.origin = 5;
  config.key = {"id"};
  config.charsets = {{"utf", "utf8mb4"}, {"gbk", "gbk"}, {"raw", "gbk"}};
  config.columns = {{"account_type", "1"},
                    {"account_key", "id"},
                    {"conversation", "gbk"},
                    {"sent_at", "FROM_UNIXTIME(tick) + INTERVAL tick SECOND"},
                    {"msg_id", "COMPOSE_ID(id)"},
                    {"biz_tag", "1"},
                    {"sender", "utf"},
                    {"msg_type", "CAST(word AS SIGNED)"},
                    {"body", "CONCAT(LEFT(raw, 2), ':', utf)"}};
  return config;
}

// As verify does it: every field of every row that has no bad value is what the server computes.
void MappingOnServers::CompareMapped(const MappingConfig& config, const TableRows& table) {
  auto mapper = TableMapper::Compile(config, {table.schema, session_->flavour(), 7, testing::DefaultRules()});
  ASSERT_TRUE(mapper.ok()) << mapper.status().message();
  std::string items;
  for (const std::string& column : (*mapper)->sql().columns) items += (items.empty() ? "" : ", ") + column;
  mysql::Rows server = Query("SELECT " + items + " FROM " + table.schema.name.Quoted() + " ORDER BY id");
  ASSERT_EQ(server.rows.size(), table.rows.size());
  const MapScratchPtr scratch = NewMapScratch();
  MappedRow mapped;
  for (std::size_t row = 0; row < table.rows.size(); ++row) {
    const base::Status status = (*mapper)->Map(table.rows[row], *scratch, &mapped);
    bad_ += status.ok() ? 0u : 1u;
    replaced_ += mapped.replaced.size();
    if (!status.ok()) continue;
    const std::vector<std::string> fields = testing::Unpack(mapped);
    for (std::size_t i = 0; i < fields.size(); ++i) {
      ASSERT_EQ(fields[i], server.rows[row][i].value_or("NULL"))
          << "row " << row << ", " << store::MessageColumns()[i].name << "\n"
          << (*mapper)->sql().columns[i];
    }
  }
}

TEST_P(MappingOnServers, MislabelledColumns_AndReplacementsOfBadValues) {
  Sql("CREATE DATABASE mislabelled");
  Sql(kMislabelledDdl);
  // Text of each set, text of another one, ends inside a character, codes without one, NULL.
  Sql("INSERT INTO mislabelled.m VALUES (1, x'E4BDA0E5A5BD', x'C4E3BAC3', x'C4E3BAC341', 1700000000, '7'), "
      "(2, 'ascii?', '?', '?', 0, '65535'), (3, NULL, '', NULL, -1, '-1'), "
      "(4, x'E4BD', x'C4', x'C4E3BA', 2147483647, 'seven'), (5, x'C4E3', x'A2A0', x'8181', 1, '7\n'), "
      "(6, x'F09F9880', x'80', x'FEFE', 5, ''), (7, x'EDA080', x'3F81', x'B0', 6, '99999999999999999999')");
  const TableRows table = Read("mislabelled", "m", "id");
  MappingConfig config = MislabelledMapping();
  CompareMapped(config, table);
  EXPECT_EQ(bad_, 5u);
  EXPECT_EQ(replaced_, 0u);
  config.bad_values = {{"conversation", "CONCAT('hex:', HEX(CAST(CONVERT(gbk USING latin1) AS BINARY)))"},
                       {"sent_at", "CAST('1970-01-01 00:00:00' AS DATETIME)"},
                       {"sender", "CONCAT('row ', id)"},
                       {"msg_type", "65535"},
                       {"body", "''"}};
  bad_ = 0;
  CompareMapped(config, table);
  EXPECT_EQ(bad_, 0u);
  EXPECT_GT(replaced_, 15u);
}

void MappingOnServers::CompareFamily(const std::string& name, const std::string& schema, const std::string& table,
                                     int bad_values_max) {
  TableRows rows = Read(schema, table, "1, 2");
  auto mapper = TableMapper::Compile(testing::LoadMappingFile(name),
                                     {rows.schema, session_->flavour(), 9, testing::DefaultRules()});
  ASSERT_TRUE(mapper.ok()) << mapper.status().message();
  const MappingSql& sql = (*mapper)->sql();
  std::string items = sql.owner_key + ", " + sql.where;
  for (const std::string& column : sql.columns) items += ", " + column;
  mysql::Rows by_key = Query("SELECT " + items + " FROM " + rows.schema.name.Quoted() + " ORDER BY " + sql.order_by);
  std::map<std::string, std::vector<std::optional<std::string>>> server;
  std::string previous;
  for (auto& row : by_key.rows) {
    std::string key = row[0].value();
    ASSERT_LT(previous, key) << "order_by does not give ascending owner keys";
    previous = key;
    server.emplace(std::move(key), std::move(row));
  }
  auto reverse = ReverseMapper::Compile(testing::LoadMappingFile(name),
                                        {rows.schema, session_->flavour(), 9, testing::DefaultRules()});
  ASSERT_TRUE(reverse.ok()) << reverse.status().message();
  std::vector<mysql::Value> back;
  MapScratchPtr scratch = NewMapScratch();
  MappedRow mapped;
  int bad = 0;
  int kept = 0;
  for (const auto& row : rows.rows) {
    base::Status status = (*mapper)->Map(row, *scratch, &mapped);
    if (!status.ok()) {
      ASSERT_EQ(status.code(), base::Code::kBadValue) << status.message();
      ++bad;
      continue;
    }
    auto found = server.find(mapped.owner_key);
    ASSERT_NE(found, server.end());
    ASSERT_EQ(mapped.kept, found->second[1] == "1");
    if (!mapped.kept) continue;
    ++kept;
    std::vector<std::string> fields = testing::Unpack(mapped);
    for (std::size_t i = 0; i < fields.size(); ++i) {
      ASSERT_EQ(fields[i], found->second[i + 2].value_or("NULL")) << store::MessageColumns()[i].name << "\n"
                                                                  << sql.columns[i];
    }
    base::Status reversed = (*reverse)->Reverse(mapped.fields, &back);
    ASSERT_TRUE(reversed.ok()) << reversed.message();
    for (std::size_t i = 0; i < back.size(); ++i) {
      ASSERT_EQ(back[i].is_absent(), !(*reverse)->columns()[i].inverts) << rows.schema.columns[i].name;
      if (back[i].is_absent()) continue;
      ASSERT_TRUE(mysql::SameValue(back[i], row[i])) << rows.schema.columns[i].name << " does not come back";
    }
  }
  EXPECT_EQ(rows.rows.size(), static_cast<std::size_t>(kRows));
  EXPECT_LE(bad, bad_values_max);
  EXPECT_GT(kept, kRows / 2);
}

TEST_P(MappingOnServers, FamilyIm) {
  Sql("CREATE DATABASE im_2");
  Sql(testing::kImDdl);
  std::mt19937_64 random(12);
  Fill("im_2.msg_07", kRows, [&](int id) { return testing::ImRow(random, id); });
  CompareFamily("im", "im_2", "msg_07", kRows / 10);
}

TEST_P(MappingOnServers, FamilyPush) {
  Sql("CREATE DATABASE push");
  Sql(testing::kPushDdl);
  std::mt19937_64 random(13);
  Fill("push.push_202310", kRows, [&](int id) { return testing::PushRow(random, id); });
  CompareFamily("push", "push", "push_202310", kRows / 10);
}

TEST_P(MappingOnServers, FamilyNotice) {
  Sql("CREATE DATABASE oldsys");
  Sql(testing::kNoticeDdl);
  std::mt19937_64 random(14);
  Fill("oldsys.sys_notice", kRows, [&](int id) { return testing::NoticeRow(random, id); });
  CompareFamily("notice", "oldsys", "sys_notice", kRows / 4);
}

// Every code of the two converted character sets.
TEST_P(MappingOnServers, CharsetTables) {
  for (const char* name : {"gbk", "latin1"}) {
    Charset charset = FindCharset(name);
    int compared = 0;
    for (unsigned first = 1; first < 256; ++first) {
      std::string items;
      std::vector<std::string> expected;
      for (unsigned second = 0x30; second < 256; ++second) {
        std::string bytes = {static_cast<char>(first), static_cast<char>(second)};
        std::string utf8;
        if (!AppendUtf8(charset, bytes, &utf8)) utf8 = "invalid";
        expected.push_back(utf8);
        items += (items.empty() ? "" : ", ") + std::string("CONVERT(CONVERT(") + mysql::HexLiteral(bytes) + " USING " +
                 name + ") USING utf8mb4)";
      }
      mysql::Rows server = Query("SELECT " + items);
      ASSERT_EQ(server.rows.size(), 1u);
      for (std::size_t i = 0; i < expected.size(); ++i) {
        // The servers turn what has no character into NULL or a question mark.
        std::string theirs = server.rows[0][i].value_or("?");
        if (expected[i] == "invalid") {
          ASSERT_NE(theirs.find('?'), std::string::npos) << name << " " << first << " " << i + 0x30;
        } else {
          ASSERT_EQ(expected[i], theirs) << name << " " << first << " " << i + 0x30;
          ++compared;
        }
      }
    }
    EXPECT_GT(compared, 20000) << name;
  }
}

// LOWER and UPPER leave alone every character that the evaluator lets pass.
TEST_P(MappingOnServers, CharactersWithoutCase) {
  int passed = 0;
  for (std::uint32_t block = 0x80; block < 0x20000; block += 0x80) {
    std::string text;
    for (std::uint32_t c = block; c < block + 0x80; ++c) {
      if (c >= 0xD800 && c <= 0xDFFF) continue;
      std::string one = testing::Utf8(c);
      if (!HasCasedNonAscii(one)) text += one, ++passed;
    }
    if (text.empty()) continue;
    std::string sql = "(CONVERT(" + mysql::HexLiteral(text) + " USING utf8mb4) COLLATE utf8mb4_bin)";
    mysql::Rows server = Query("SELECT LOWER(" + sql + "), UPPER(" + sql + ")");
    ASSERT_EQ(server.rows.size(), 1u);
    EXPECT_EQ(server.rows[0][0].value(), text) << "LOWER, block " << block;
    EXPECT_EQ(server.rows[0][1].value(), text) << "UPPER, block " << block;
  }
  EXPECT_GT(passed, 100000);
}

TEST_P(MappingOnServers, OwnerKeysOfMixedKeys) {
  Sql("CREATE DATABASE owner_keys");
  Sql("CREATE TABLE owner_keys.k (a BIGINT NOT NULL, b VARCHAR(20) CHARACTER SET gbk COLLATE gbk_bin NOT NULL, "
      "c VARBINARY(20) NOT NULL, d TINYINT UNSIGNED NOT NULL, e MEDIUMINT NOT NULL, f BINARY(4) NOT NULL, "
      "g CHAR(6) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL, PRIMARY KEY (a, b, c, d, e, f, g))");
  std::mt19937_64 random(15);
  Fill("owner_keys.k", 2000, [&](int id) { return testing::OwnerKeyRow(random, id); });
  TableRows table = Read("owner_keys", "k", "a");
  std::vector<std::size_t> key = {0, 1, 2, 3, 4, 5, 6};
  mysql::Rows server = Query("SELECT " + OwnerKeySql(table.schema, key) + " FROM owner_keys.k ORDER BY " +
                             OwnerKeyOrder(table.schema, key));
  std::vector<std::string> ours;
  for (const auto& row : table.rows) {
    std::string out;
    ASSERT_EQ(EncodeOwnerKey(table.schema, key, row, &out), nullptr);
    ours.push_back(out);
  }
  std::sort(ours.begin(), ours.end());
  ASSERT_EQ(ours.size(), 2000u);
  ASSERT_EQ(server.rows.size(), ours.size());
  for (std::size_t i = 0; i < ours.size(); ++i) ASSERT_EQ(ours[i], server.rows[i][0].value()) << i;
}

SL_BOTH_FLAVOURS(MappingOnServers);

}  // namespace
}  // namespace shardlift::mapping
