// `shardlift binlog dump --sql` and `--flashback` loaded back into the servers the files are from, by their own
// clients.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/binlog/random_changes.h"
#include "tests/cmd/binlog_on_servers.h"
#include "tests/cmd/program.h"
#include "tests/live/live.h"

namespace shardlift::cmd::testing {
namespace {

using binlog::RandomChanges;
using binlog::TableState;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using States = std::map<std::string, TableState>;

class BinlogSqlOnServers : public BinlogOnServers {
 protected:
  void SetUp() override {
    BinlogOnServers::SetUp();
    if (HasFatalFailure()) return;
    Sql("SET SESSION sql_mode = ''");
  }
  void TearDown() override {
    BinlogOnServers::TearDown();
    if (maria()) Sql("SET GLOBAL log_bin_compress = 0, log_bin_compress_min_len = 256");
  }

  Output Dump(const std::string& file, std::vector<std::string> flags, bool from_server) const {
    flags.insert(flags.begin(), {"binlog", "dump", file});
    if (from_server) flags.insert(flags.end(), {"--source", "here", "-c", job_});
    return RunProgram(flags);
  }

  // By the server's own client, as a user would; it stops at the first statement that the server refuses.
  void Load(const std::string& sql) const {
    const std::string path = live::Directory() + "/load.sql";
    std::ofstream(path) << sql;
    std::string program = "mariadb --no-defaults";
    if (!maria()) {
      const auto root = rehearse::MySqlRoot();
      ASSERT_TRUE(root.ok()) << root.status().message();
      program = fmt::format(
          "{0}/usr/lib64/ld-linux-x86-64.so.2 --library-path {0}/usr/lib/x86_64-linux-gnu:"
          "{0}/usr/lib/mysql/private {0}/usr/bin/mysql --no-defaults --character-sets-dir={0}/usr/share/mysql/charsets",
          *root);
    }
    program += fmt::format(" -h 127.0.0.1 -P {} -u {}", Where().port, Where().user);
    setenv("MYSQL_PWD", Where().password.c_str(), 1);
    std::FILE* pipe = popen(fmt::format("{} < {} 2>&1", program, path).c_str(), "r");
    ASSERT_NE(pipe, nullptr);
    std::string text;
    char piece[4096];
    for (std::size_t n = 0; (n = fread(piece, 1, sizeof(piece), pipe)) > 0;) text.append(piece, n);
    EXPECT_EQ(pclose(pipe), 0) << text.substr(0, 1000);
  }

  static void ExpectSame(const RandomChanges& changes, const States& expected, const States& actual, const char* what) {
    for (const auto& [name, rows] : expected) {
      const mysql::TableSchema& schema = changes.tables().at(name).schema;
      ASSERT_EQ(rows.size(), actual.at(name).size()) << what << ": " << name;
      for (const auto& [rid, row] : rows) {
        const auto found = actual.at(name).find(rid);
        ASSERT_NE(found, actual.at(name).end()) << what << ": " << name << " lacks row " << rid;
        for (std::size_t i = 0; i < row->size(); ++i) {
          const mysql::Value want = (*row)[i].Get();
          const mysql::Value have = (*found->second)[i].Get();
          ASSERT_TRUE(mysql::SameValue(want, have))
              << what << ": " << name << "." << schema.columns[i].name << " ("
              << schema.columns[i].column_type.substr(0, 60) << ") of row " << rid << "\n expected "
              << binlog::Describe(want) << "\n loaded   " << binlog::Describe(have);
        }
      }
    }
  }

  struct Settings {
    const char* metadata;
    bool compressed;
    bool partial_json;
    bool from_server;
  };
  void ThereAndBack(const std::vector<binlog::TestTable>& tables, std::uint64_t seed, const Settings& settings);
};

void BinlogSqlOnServers::ThereAndBack(const std::vector<binlog::TestTable>& tables, std::uint64_t seed,
                                      const Settings& settings) {
  Sql(fmt::format("SET GLOBAL binlog_row_metadata = '{}'", settings.metadata));
  if (maria()) {
    Sql(fmt::format("SET GLOBAL log_bin_compress = {}, log_bin_compress_min_len = 10", settings.compressed));
    session_ = Connect();
    Sql("USE db");
    Sql("SET SESSION sql_mode = ''");
  } else {
    Sql(fmt::format("SET SESSION binlog_transaction_compression = {}, binlog_row_value_options = '{}'",
                    settings.compressed, settings.partial_json ? "PARTIAL_JSON" : ""));
  }
  RandomChanges changes(*session_, GetParam(), seed);
  changes.CreateTables(tables);
  if (HasFatalFailure()) return;
  changes.Run(1);
  const States before = changes.ReadAll();
  const std::string file = NewFile();
  changes.InsertBoundaries();
  changes.Run(2);
  const States after = changes.ReadAll();
  NewFile();

  const Output undo = Dump(file, {"--flashback"}, settings.from_server);
  ASSERT_EQ(undo.exit_code, 0) << undo.err;
  EXPECT_EQ(undo.err, "");
  Load(undo.out);
  ExpectSame(changes, before, changes.ReadAll(), "after the flashback");
  if (HasFailure()) return;
  const Output again = Dump(file, {"--sql"}, settings.from_server);
  ASSERT_EQ(again.exit_code, 0) << again.err;
  Load(again.out);
  ExpectSame(changes, after, changes.ReadAll(), "after the SQL");
}

TEST_P(BinlogSqlOnServers, AllTypes_SchemaFromTheServer_FlashbackAndSqlRestoreTheRows) {
  ThereAndBack(binlog::MatrixTables(GetParam()), 1, {maria() ? "NO_LOG" : "MINIMAL", true, true, true});
}

// What the file tells by itself: no generated columns, and of MariaDB's types no UUID or INET.
TEST_P(BinlogSqlOnServers, AllTypes_FullMetadata_FlashbackAndSqlRestoreTheRows) {
  std::vector<binlog::TestTable> tables = binlog::MatrixTables(GetParam());
  std::erase_if(tables, [](const binlog::TestTable& table) { return table.name == "computed"; });
  for (binlog::TestTable& table : tables) {
    std::erase_if(table.cases,
                  [](const binlog::TypeCase& each) { return each.ddl == "UUID" || each.ddl.starts_with("INET"); });
  }
  ThereAndBack(tables, 2, {"FULL", false, false, false});
}

TEST_P(BinlogSqlOnServers, Source_NamesColumnsBehindTheLastDdlOnly_AndSaysSoOnce) {
  const std::string file = NewFile();
  Sql("CREATE TABLE t (id INT UNSIGNED PRIMARY KEY, v VARCHAR(10) CHARACTER SET sjis)");
  Sql("INSERT INTO t VALUES (4000000000, 'a')");
  Sql("INSERT INTO t VALUES (1, 'a')");
  Sql("ALTER TABLE t CHANGE v w VARCHAR(10) CHARACTER SET sjis");
  Sql("INSERT INTO t VALUES (3000000000, _utf8mb4 X'E8A1A8')");
  Sql("TRUNCATE TABLE t");
  Sql("INSERT INTO t VALUES (2000000000, NULL)");
  NewFile();
  const Output output = Dump(file, {}, true);
  EXPECT_EQ(output.exit_code, 0) << output.err;
  EXPECT_EQ(std::count(output.err.begin(), output.err.end(), '\n'), 1) << output.err;
  EXPECT_THAT(output.err, AllOf(HasSubstr("db.t"), HasSubstr("DDL")));
  EXPECT_THAT(output.out, AllOf(HasSubstr("\"@1\":1"), HasSubstr("{\"id\":3000000000,\"w\":\"\xE8\xA1\xA8\"}"),
                                HasSubstr("{\"id\":2000000000,\"w\":null}"), Not(HasSubstr("\"v\":"))));
  const Output sql = Dump(file, {"--sql"}, true);
  EXPECT_EQ(sql.exit_code, 4);
  EXPECT_THAT(sql.err, HasSubstr("does not name the columns"));
}

TEST_P(BinlogSqlOnServers, Source_WhoseTableHasOtherColumns_IsNotUsed) {
  Sql("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(10))");
  const std::string file = NewFile();
  Sql("INSERT INTO t VALUES (1, 'a')");
  NewFile();
  Sql("ALTER TABLE t ADD w INT");
  const Output more = Dump(file, {}, true);
  EXPECT_EQ(more.exit_code, 0) << more.err;
  EXPECT_THAT(more.err, AllOf(HasSubstr("db.t"), HasSubstr("2 columns in the binlog, 3")));
  EXPECT_THAT(more.out, HasSubstr("{\"@1\":1,\"@2\":\"a\"}"));
  Sql("DROP TABLE t");
  const Output none = Dump(file, {"--flashback"}, true);
  EXPECT_EQ(none.exit_code, 4);
  EXPECT_EQ(none.out, "");
  EXPECT_THAT(none.err, AllOf(HasSubstr("no such table"), HasSubstr("--source")));
}

TEST_P(BinlogSqlOnServers, Source_MustBeOneOfTheJobFile) {
  const std::string file = NewFile();
  NewFile();
  const Output other = RunProgram({"binlog", "dump", file, "--source", "there", "-c", job_}, {"HERE_PASSWORD=x"});
  EXPECT_EQ(other.exit_code, 2);
  EXPECT_THAT(other.err, AllOf(HasSubstr("there"), HasSubstr("here")));
  EXPECT_EQ(RunProgram({"binlog", "dump", file, "--source", "here"}).exit_code, 2);
  EXPECT_EQ(RunProgram({"binlog", "dump", file, "-c", job_}).exit_code, 2);
}

SL_BOTH_FLAVOURS(BinlogSqlOnServers);

class BinlogSqlOnMySql : public BinlogSqlOnServers {};

TEST_P(BinlogSqlOnMySql, JsonWithBytesOfAColumnType_IsRefused) {
  Sql("CREATE TABLE b (id INT PRIMARY KEY, v BLOB)");
  Sql("INSERT INTO b VALUES (1, 'x')");
  Sql("CREATE TABLE j (id INT PRIMARY KEY, j JSON)");
  const std::string file = NewFile();
  Sql("INSERT INTO j SELECT id, JSON_ARRAY(v) FROM b");
  NewFile();
  const Output output = Dump(file, {"--sql"}, true);
  EXPECT_EQ(output.exit_code, 4);
  EXPECT_THAT(output.err, AllOf(HasSubstr("column j"), HasSubstr("type 252")));
  EXPECT_THAT(output.out, Not(HasSubstr("INSERT")));
}

INSTANTIATE_TEST_SUITE_P(Servers, BinlogSqlOnMySql, ::testing::Values(mysql::Flavour::kMySql), live::FlavourOf);

}  // namespace
}  // namespace shardlift::cmd::testing
