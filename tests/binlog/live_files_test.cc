// Files that real servers wrote: row counts against the servers' own readers of binlogs, values against SELECT.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <map>

#include "binlog/collation.h"
#include "binlog/event_scan.h"
#include "binlog/row_decoder.h"
#include "binlog/row_walk.h"
#include "tests/binlog/live.h"

namespace shardlift::binlog {
namespace {

// "db.t insert" -> rows.
using Counts = std::map<std::string, std::uint64_t>;

class CountVisitor : public EventVisitor {
 public:
  base::Status OnEvent(const ScannedEvent&, bool*) override { return base::Ok(); }
  base::Status OnRows(const ScannedEvent&, const DescribedTable& table, const RowEventKind& kind,
                      std::string_view data) override {
    static constexpr std::string_view kOps[] = {"INSERT INTO", "UPDATE", "DELETE FROM"};
    const std::string key = fmt::format("{} {}", kOps[static_cast<std::size_t>(kind.op)], table.schema->name.Quoted());
    SL_ASSIGN(const std::uint64_t walked, RowWalk(table.columns).CountRows(kind.op, kind.partial, data));
    walked_[key] += walked;
    RowDecoder decoder;
    return decoder.Decode(table, kind.op, kind.partial, data, [&](const RowChange&) {
      ++decoded_[key];
      return base::Ok();
    });
  }
  Counts walked_, decoded_;
};

class LiveFiles : public LiveTest {
 protected:
  // The lines "### INSERT INTO `db`.`t`" that the server's own program prints.
  Counts CountByServersProgram(const std::string& path) const {
    std::string program = "mariadb-binlog";
    if (!maria()) {
      const auto root = rehearse::MySqlRoot();
      EXPECT_TRUE(root.ok());
      program = fmt::format(
          "{0}/usr/lib64/ld-linux-x86-64.so.2 --library-path {0}/usr/lib/x86_64-linux-gnu:"
          "{0}/usr/lib/mysql/private {0}/usr/bin/mysqlbinlog",
          *root);
    }
    Counts counts;
    std::FILE* pipe =
        popen(fmt::format("{} --no-defaults -v --base64-output=decode-rows {}", program, path).c_str(), "r");
    EXPECT_NE(pipe, nullptr);
    char* line = nullptr;
    std::size_t room = 0;
    while (getline(&line, &room, pipe) > 0) {
      const std::string text(line);
      for (const char* const op : {"INSERT INTO", "UPDATE", "DELETE FROM"}) {
        const std::string mark = fmt::format("### {} ", op);
        if (text.starts_with(mark)) ++counts[text.substr(4, text.find_last_not_of("\r\n") - 3)];
      }
    }
    free(line);
    EXPECT_EQ(pclose(pipe), 0);
    return counts;
  }

  std::string CurrentFile() { return One(maria() ? "SHOW MASTER STATUS" : "SHOW BINARY LOG STATUS"); }
};

TEST_P(LiveFiles, RowsOfEachTable_EqualTheServersOwnProgram) {
  Sql("FLUSH BINARY LOGS");
  const std::string file = CurrentFile();
  Sql("CREATE TABLE a (id INT PRIMARY KEY AUTO_INCREMENT, v VARCHAR(300), j JSON, d DECIMAL(20,6), t DATETIME(3))");
  std::string wide = "CREATE TABLE wide (id INT PRIMARY KEY";
  for (int i = 0; i < 260; ++i) wide += fmt::format(", c{} TINYINT", i);
  Sql(wide + ")");
  Sql(R"(INSERT INTO a (v, j, d, t) VALUES ('x', '{"a": [1, "long long long long"]}', 1.5, NOW(3)), (NULL, NULL, NULL, NULL))");
  for (int i = 0; i < 10; ++i) Sql("INSERT INTO a (v, j, d, t) SELECT v, j, d, t FROM a");
  Sql("UPDATE a SET v = REPEAT('y', id % 300) WHERE id % 3 = 0");
  Sql("DELETE FROM a WHERE id % 7 = 0");
  Sql("INSERT INTO wide (id, c0, c255) VALUES (1, 2, 3), (4, NULL, 5)");
  Sql("UPDATE wide SET c259 = 7");
  Sql("START TRANSACTION");
  Sql("INSERT INTO wide (id) VALUES (10)");
  Sql("SAVEPOINT s");
  Sql("INSERT INTO wide (id) VALUES (11)");
  Sql("ROLLBACK TO s");
  Sql("COMMIT");
  Sql("SET SESSION binlog_row_image = 'MINIMAL'");
  Sql("UPDATE a SET v = 'minimal' WHERE id < 100");
  Sql("DELETE FROM wide");
  Sql("SET SESSION binlog_row_image = 'FULL'");
  auto session = Connect(GetParam());
  if (maria()) {
    Sql("SET GLOBAL log_bin_compress = 1");
    SqlOn(*session, "UPDATE db.a SET v = REPEAT('z', 290)");
    Sql("SET GLOBAL log_bin_compress = 0");
  } else {
    SqlOn(*session, "SET SESSION binlog_transaction_compression = 1, binlog_row_value_options = 'PARTIAL_JSON'");
    SqlOn(*session, "UPDATE db.a SET v = REPEAT('z', 290)");
    SqlOn(*session, "UPDATE db.a SET j = JSON_SET(j, '$.a[0]', 2)");
    SqlOn(*session, "SET SESSION binlog_transaction_compression = 0");
    SqlOn(*session, "UPDATE db.a SET j = JSON_SET(j, '$.a[0]', 3)");
  }
  Sql("FLUSH BINARY LOGS");
  const std::string path = ServerOf(GetParam()).data_directory() + "/" + file;
  auto reader = FileReader::Open(path);
  ASSERT_TRUE(reader.ok()) << reader.status().message();
  CountVisitor visitor;
  ASSERT_TRUE(EventScan(visitor).Scan(**reader).ok());
  EXPECT_EQ((*reader)->end(), FileEnd::kClean) << (*reader)->error().message();
  const Counts expected = CountByServersProgram(path);
  EXPECT_GE(expected.size(), 6u);
  EXPECT_EQ(visitor.walked_, expected);
  EXPECT_EQ(visitor.decoded_, expected);
}

TEST_P(LiveFiles, FileInUse_IsReadToItsEnd) {
  auto reader = FileReader::Open(ServerOf(GetParam()).data_directory() + "/" + CurrentFile());
  ASSERT_TRUE(reader.ok()) << reader.status().message();
  CountVisitor visitor;
  ASSERT_TRUE(EventScan(visitor).Scan(**reader).ok());
  EXPECT_EQ((*reader)->end(), FileEnd::kInUse) << (*reader)->error().message();
}

TEST_P(LiveFiles, FileWithoutChecksums_IsRead) {
  const std::string before = One("SELECT @@global.binlog_checksum");
  Sql("SET GLOBAL binlog_checksum = 'NONE'");
  const std::string file = CurrentFile();
  Sql("INSERT INTO marks VALUES (1000)");
  Sql("SET GLOBAL binlog_checksum = 'CRC32'");
  auto reader = FileReader::Open(ServerOf(GetParam()).data_directory() + "/" + file);
  ASSERT_TRUE(reader.ok()) << reader.status().message();
  CountVisitor visitor;
  ASSERT_TRUE(EventScan(visitor).Scan(**reader).ok());
  EXPECT_EQ((*reader)->end(), FileEnd::kClean) << (*reader)->error().message();
  EXPECT_FALSE((*reader)->format().checksum);
  EXPECT_EQ(visitor.decoded_.at("INSERT INTO `db`.`marks`"), 1u);
  EXPECT_EQ(before, "CRC32");
}

TEST_P(LiveFiles, CharsetsOfAllCollations) {
  const auto rows = session_->Query(
      maria() ? "SELECT id, character_set_name FROM information_schema.collation_character_set_applicability"
              : "SELECT id, character_set_name FROM information_schema.collations",
      "test");
  ASSERT_TRUE(rows.ok()) << rows.status().message();
  EXPECT_GT(rows->rows.size(), 200u);
  for (const auto& row : rows->rows) {
    EXPECT_EQ(CharsetOfCollation(std::stoull(row[0].value_or("0"))), row[1].value_or("")) << row[0].value_or("");
  }
}

INSTANTIATE_TEST_SUITE_P(Servers, LiveFiles, ::testing::Values(mysql::Flavour::kMariaDb, mysql::Flavour::kMySql),
                         FlavourOf);

class LivePartialJson : public LiveTest {};

TEST_P(LivePartialJson, IsTheWholeValue) {
  Sql("CREATE TABLE j (id INT PRIMARY KEY, w JSON, v JSON, x JSON)");
  Watch("j");
  Sql("SET SESSION binlog_row_value_options = 'PARTIAL_JSON'");
  Sql(R"(INSERT INTO j VALUES (1, '[1]', '{"a": "long long long long long", "b": [2, {"c c": [1, 2]}], "e": {}}', NULL))");
  for (const char* change :
       {"JSON_SET(v, '$.b[0]', 3)", "JSON_SET(v, '$.b[5]', 'new')",
        "JSON_SET(v, '$.e.\"x \\\\\"y\"', CAST('1.50' AS DECIMAL(5,2)))", "JSON_REMOVE(v, '$.b[1].\"c c\"[0]')",
        "JSON_REPLACE(v, '$.a', REPEAT('z', 70000))", "JSON_REMOVE(v, '$.a')",
        "JSON_SET(JSON_REMOVE(v, '$.b'), '$.bb', CAST('-1:02:03.4' AS TIME(1)), '$.c', 18446744073709551615)"}) {
    OpenStream();
    Sql(std::string("UPDATE j SET v = ") + change);
    const std::vector<OwnedGroup> groups = ReadAll();
    ASSERT_EQ(groups.size(), 1u) << change;
    const OwnedChange& update = groups[0].changes.at(0);
    EXPECT_EQ(update.after.at(2).bytes, One("SELECT v FROM j")) << change;
    EXPECT_EQ(update.after.at(1).bytes, "[1]") << change;
    EXPECT_TRUE(update.after.at(3).value.is_null()) << change;
  }
  Sql("SET SESSION binlog_row_image = 'MINIMAL'");
  OpenStream();
  Sql("UPDATE j SET v = JSON_SET(v, '$.e', 3)");
  const std::vector<OwnedGroup> groups = ReadAll();
  ASSERT_EQ(groups.size(), 1u);
  const OwnedChange& update = groups[0].changes.at(0);
  EXPECT_TRUE(update.after.at(2).value.is_absent() || update.after.at(2).bytes == One("SELECT v FROM j"));
}

INSTANTIATE_TEST_SUITE_P(Servers, LivePartialJson, ::testing::Values(mysql::Flavour::kMySql), FlavourOf);

}  // namespace
}  // namespace shardlift::binlog
