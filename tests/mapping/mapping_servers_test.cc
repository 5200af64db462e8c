// Invariant I4 on the real servers: for every row and every expression, what our evaluator gives is byte for byte what
// the server gives for the SQL text of the same expression.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>

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
  void CompareFamily(const std::string& name, const std::string& schema, const std::string& table, int bad_values_max);
};

void MappingOnServers::CompareExpression(const TableRows& table, const std::string& text) {
  auto compiled = CompileExpression(table.schema, text);
  ASSERT_TRUE(compiled.ok()) << compiled.status().message();
  std::string sql = ToSql({&table.schema, session_->flavour()}, *compiled->expr);
  mysql::Rows server = Query("SELECT " + sql + " FROM " + table.schema.name.Quoted() + " ORDER BY id");
  ASSERT_EQ(server.rows.size(), table.rows.size()) << text;
  std::size_t bad = 0;
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    std::string ours = EvalToString(table.schema, *compiled->expr, table.rows[i], session_->flavour());
    if (ours.starts_with("bad value: ")) {
      ++bad;
      continue;
    }
    ASSERT_EQ(ours, server.rows[i][0].value_or("NULL")) << text << "\nrow " << i << "\n" << sql;
  }
  EXPECT_LE(bad, table.rows.size() * 8 / 10) << text << ": too few rows were compared";
}

TEST_P(MappingOnServers, RandomValues) {
  Sql("CREATE DATABASE random_values");
  Sql(testing::kRandomTableDdl);
  std::mt19937_64 random(11);
  Fill("random_values.r", kRandomRows, [&](int id) { return testing::RandomRow(random, id); });
  TableRows table = Read("random_values", "r", "id");
  ASSERT_EQ(table.rows.size(), static_cast<std::size_t>(kRandomRows));
  for (const char* text : testing::kExpressions) CompareExpression(table, text);
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
