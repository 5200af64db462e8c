// `shardlift binlog stream` against both servers, live and from their files.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <csignal>
#include <sstream>

#include "tests/cmd/binlog_on_servers.h"
#include "tests/cmd/program.h"

namespace shardlift::cmd::testing {
namespace {

using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using Lines = std::vector<std::string>;

Lines LinesOf(const std::string& text) {
  Lines lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}
bool IsPosition(const std::string& line) { return line.find("\"commit\":") != std::string::npos; }
// A text or number of a line, without its quotes.
std::string KeyOf(const std::string& line, const std::string& key) {
  const std::string name = "\"" + key + "\":";
  const std::size_t at = line.find(name);
  if (at == std::string::npos) return "none";
  const bool quoted = line[at + name.size()] == '"';
  const std::size_t begin = at + name.size() + (quoted ? 1 : 0);
  return line.substr(begin, line.find_first_of(quoted ? "\"" : ",}", begin) - begin);
}
// "insert 1", by the column `id`.
Lines ChangesOf(const Lines& lines) {
  Lines changes;
  for (const std::string& line : lines) {
    if (!IsPosition(line)) changes.push_back(KeyOf(line, "op") + " " + KeyOf(line, "id"));
  }
  return changes;
}

class BinlogStream : public BinlogOnServers {
 protected:
  void SetUp() override {
    BinlogOnServers::SetUp();
    if (HasFatalFailure()) return;
    Full();
    Sql("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(200) CHARACTER SET utf8mb4)");
  }
  void Full() {
    Sql("SET GLOBAL binlog_row_metadata = 'FULL'");
    session_ = Connect();
    Sql("USE db");
  }
  std::vector<std::string> Live(std::vector<std::string> flags) const {
    flags.insert(flags.begin(), {"binlog", "stream", "--source", "here", "-c", job_, "--table", "db.*"});
    return flags;
  }
  Lines LiveLines(const std::vector<std::string>& flags) const {
    const Output output = RunProgram(Live(flags));
    EXPECT_EQ(output.exit_code, 0) << output.err;
    return LinesOf(output.out);
  }
  Lines FileLines(const std::string& file, std::vector<std::string> flags = {}) const {
    flags.insert(flags.begin(), {"binlog", "stream", file, "--table", "db.*"});
    const Output output = RunProgram(flags);
    EXPECT_EQ(output.exit_code, 0) << output.err;
    return LinesOf(output.out);
  }
  // "FILE:OFFSET", where the binlog ends.
  std::string End() {
    const mysql::Rows rows = Query(StatusStatement());
    return *rows.rows.at(0).at(0) + ":" + *rows.rows.at(0).at(1);
  }
  void WaitForDumpThread() {
    for (int i = 0; i < 500; ++i) {
      if (One("SELECT COUNT(*) FROM information_schema.processlist WHERE command LIKE 'Binlog Dump%'") != "0") return;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    FAIL() << "no stream";
  }
  void Insert(int id) { Sql(fmt::format("INSERT INTO t VALUES ({0}, 'text {0}')", id)); }
  void RestartServer() {
    SL_ASSERT_OK(ServerOf(GetParam()).StartAgain());
    session_ = Connect();
    Sql("USE db");
  }
  // Transactions of all kinds; returns what of them was committed, in that order.
  Lines MakeTransactions();
};

Lines BinlogStream::MakeTransactions() {
  Insert(1);
  Sql("START TRANSACTION");
  Insert(2);
  Sql("UPDATE t SET v = 'caf\xc3\xa9' WHERE id = 1");
  Sql("COMMIT");
  // What is rolled back stays in MariaDB's binlog when a temporary table or one without transactions was changed too.
  Sql("CREATE TABLE plain (id INT PRIMARY KEY) ENGINE = MyISAM");
  Sql("CREATE TEMPORARY TABLE other (id INT)");
  Sql("START TRANSACTION");
  Insert(3);
  Sql("DROP TEMPORARY TABLE other");
  Sql("ROLLBACK");
  Sql("START TRANSACTION");
  Insert(4);
  Sql("SAVEPOINT s");
  Insert(5);
  if (maria()) Sql("INSERT INTO plain VALUES (50)");
  Sql("ROLLBACK TO s");
  Insert(6);
  Sql("COMMIT");
  Sql("XA START 'x'");
  Insert(7);
  Sql("XA END 'x'");
  Sql("XA PREPARE 'x'");
  session_ = Connect();
  Sql("USE db");
  Insert(8);
  Sql("DELETE FROM t WHERE id = 2");
  Sql("XA COMMIT 'x'");
  Sql("INSERT INTO t SELECT id + 100, v FROM t");
  return {"insert 1", "insert 2",   "update 1",   "insert 4",   "insert 6",   "insert 8",  "delete 2",
          "insert 7", "insert 101", "insert 104", "insert 106", "insert 107", "insert 108"};
}

TEST_P(BinlogStream, TransactionsOfAllKinds_CommittedOnesInTheirOrder_FilesAndServerAlike) {
  const std::string file = NewFile();
  const std::string from = End();
  const Lines expected = MakeTransactions();
  Lines files = FileLines(file);
  EXPECT_EQ(files, LiveLines({"--from", from, "--until-now"}));
  // The table without transactions is changed at once: its place is the server's choice.
  std::erase_if(files, [](const std::string& line) { return KeyOf(line, "table") == "plain"; });
  EXPECT_EQ(ChangesOf(files), expected);
  // The same objects as dump prints, but that those of an XA transaction have the GTID of its XA COMMIT.
  const Output output = RunProgram({"binlog", "dump", file, "--table", "db.t"});
  std::string dump = output.out;
  const std::string directory = ServerOf(GetParam()).data_directory() + "/";
  for (std::size_t at = 0; (at = dump.find(directory)) != std::string::npos;) dump.erase(at, directory.size());
  const Lines dumped = LinesOf(dump);
  for (const std::string& line : files) {
    if (KeyOf(line, "id") == "7") continue;
    EXPECT_THAT(dumped, Contains(line));
  }
}

TEST_P(BinlogStream, FromEachPositionPrinted_NoGapAndNoDouble) {
  const std::string file = NewFile();
  const std::string from = End();
  MakeTransactions();
  const Lines live = LiveLines({"--from", from, "--until-now", "--positions"});
  const Lines files = FileLines(file, {"--positions"});
  const auto rows_behind = [](const Lines& lines, std::size_t at) {
    Lines rows(lines.begin() + static_cast<std::ptrdiff_t>(at), lines.end());
    std::erase_if(rows, IsPosition);
    return rows;
  };
  ASSERT_TRUE(IsPosition(live.back()) && IsPosition(files.back()));
  std::size_t with_prepared = 0;
  for (std::size_t i = 0; i < live.size(); ++i) {
    if (!IsPosition(live[i])) continue;
    const std::string position = KeyOf(live[i], "position");
    with_prepared += position.find(',') != std::string::npos ? 1u : 0u;
    EXPECT_EQ(LiveLines({"--from", position, "--until-now"}), rows_behind(live, i)) << position;
    EXPECT_EQ(FileLines(file, {"--from", position}), rows_behind(live, i)) << position;
  }
  EXPECT_EQ(with_prepared, 2u);
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (!IsPosition(files[i])) continue;
    EXPECT_EQ(FileLines(file, {"--from", KeyOf(files[i], "position")}), rows_behind(files, i));
  }
}

// The server's GTIDs as they are after a transaction.
TEST_P(BinlogStream, FromGtids_BeginsBehindThem) {
  const std::string file = NewFile();
  Insert(1);
  const std::string seen = One(maria() ? "SELECT @@gtid_binlog_pos" : "SELECT @@gtid_executed");
  Insert(2);
  Insert(3);
  EXPECT_THAT(ChangesOf(LiveLines({"--from", seen, "--until-now"})), ElementsAre("insert 2", "insert 3"));
  EXPECT_THAT(ChangesOf(FileLines(file, {"--from", seen})), ElementsAre("insert 2", "insert 3"));
  // On MySQL a position of GTIDs goes on as such.
  const Lines lines = LiveLines({"--from", seen, "--until-now", "--positions"});
  EXPECT_THAT(ChangesOf(LiveLines({"--from", KeyOf(lines.at(1), "position"), "--until-now"})), ElementsAre("insert 3"));
  // Of files that begin behind the GTIDs nothing could be known of what lies between.
  Sql("FLUSH BINARY LOGS");
  Insert(4);
  const std::string later = NewFile();
  const Output gap = RunProgram({"binlog", "stream", later, "--from", seen});
  EXPECT_EQ(gap.exit_code, 2);
  EXPECT_THAT(gap.err, HasSubstr("give the earlier files too"));
}

TEST_P(BinlogStream, Follow_FromNow_ServerIsKilledAndComesBack_EachChangeOnce_SigtermIsExit0) {
  Insert(1);
  Running stream(Live({"--positions"}));
  WaitForDumpThread();
  Insert(2);
  ASSERT_TRUE(stream.WaitForOutput("text 2", seconds(20))) << stream.SoFar().err;
  SL_ASSERT_OK(ServerOf(GetParam()).KillNow());
  ASSERT_TRUE(stream.WaitForOutput("source here is lost", seconds(20)));
  RestartServer();
  ASSERT_TRUE(stream.WaitForOutput("source here is back", seconds(20)));
  Insert(3);
  ASSERT_TRUE(stream.WaitForOutput("text 3", seconds(20)));
  stream.Signal(SIGTERM);
  const Output output = stream.Wait();
  EXPECT_EQ(output.exit_code, 0) << output.err;
  EXPECT_THAT(ChangesOf(LinesOf(output.out)), ElementsAre("insert 2", "insert 3"));
}

TEST_P(BinlogStream, Follow_ServerStaysAway_Exit3_BinlogIsAnother_Exit4) {
  WriteJob(1);
  {
    Running stream(Live({}));
    WaitForDumpThread();
    Insert(1);
    ASSERT_TRUE(stream.WaitForOutput("text 1", seconds(20)));
    SL_ASSERT_OK(ServerOf(GetParam()).KillNow());
    const Output output = stream.Wait();
    EXPECT_EQ(output.exit_code, 3) << output.err;
    EXPECT_THAT(output.err, HasSubstr("here"));
  }
  RestartServer();
  WriteJob(60);
  Running stream(Live({}));
  WaitForDumpThread();
  Insert(2);
  ASSERT_TRUE(stream.WaitForOutput("text 2", seconds(20)));
  stream.Signal(SIGSTOP);
  SL_ASSERT_OK(ServerOf(GetParam()).KillNow());
  RestartServer();
  Sql(maria() ? "RESET MASTER" : "RESET BINARY LOGS AND GTIDS");
  Insert(3);
  stream.Signal(SIGCONT);
  const Output output = stream.Wait();
  EXPECT_EQ(output.exit_code, 4) << output.err;
  EXPECT_THAT(ChangesOf(LinesOf(output.out)), ElementsAre("insert 2"));
}

// Names are the server's where the binlog has none: only where they are sure to be those of the rows.
TEST_P(BinlogStream, ColumnNames_FromTheServer_ChangeWithIts) {
  Sql(fmt::format("SET GLOBAL binlog_row_metadata = '{}'", maria() ? "NO_LOG" : "MINIMAL"));
  session_ = Connect();
  Sql("USE db");
  const std::string from = End();
  Insert(1);
  Sql("ALTER TABLE t CHANGE v w VARCHAR(200) CHARACTER SET utf8mb4");
  Insert(2);
  Running stream(Live({"--from", from}));
  ASSERT_TRUE(stream.WaitForOutput("text 2", seconds(20))) << stream.SoFar().err;
  Sql("ALTER TABLE t ADD COLUMN x INT DEFAULT 7");
  Sql("INSERT INTO t VALUES (3, 'text 3', 8)");
  ASSERT_TRUE(stream.WaitForOutput("text 3", seconds(20))) << stream.SoFar().err;
  stream.Signal(SIGINT);
  const Output output = stream.Wait();
  EXPECT_EQ(output.exit_code, 0) << output.err;
  const Lines lines = LinesOf(output.out);
  ASSERT_THAT(lines, SizeIs(3));
  EXPECT_THAT(lines[0], HasSubstr(R"("after":{"@1":1,"@2":"text 1"})"));
  EXPECT_THAT(lines[1], HasSubstr(R"("after":{"id":2,"w":"text 2"})"));
  EXPECT_THAT(lines[2], HasSubstr(R"("after":{"id":3,"w":"text 3","x":8})"));
  EXPECT_THAT(output.err, HasSubstr("a DDL statement on it stands"));
  // The same of the file: what the server's schema is now stands for rows behind the last statement alone.
  const std::string path = ServerOf(GetParam()).data_directory() + "/" + from.substr(0, from.find(':'));
  const Output file =
      RunProgram({"binlog", "stream", path, "--from", from, "--source", "here", "-c", job_, "--table", "db.t"});
  EXPECT_EQ(file.exit_code, 0) << file.err;
  ASSERT_THAT(LinesOf(file.out), SizeIs(3));
  EXPECT_THAT(LinesOf(file.out)[1], HasSubstr(R"("after":{"@1":2,"@2":"text 2"})"));
  EXPECT_EQ(LinesOf(file.out)[2], lines[2]);
}

TEST_P(BinlogStream, WhoReadsGoesAway_EndsQuietlyWithExit3) {
  const std::string errors = live::Directory() + "/errors";
  const std::string command = fmt::format(
      "bash -c '{} binlog stream --source here -c {} --table \"db.*\" --from {} 2>{} | head -n 1 >/dev/null; "
      "exit ${{PIPESTATUS[0]}}'",
      SHARDLIFT_PROGRAM, job_, End(), errors);
  Insert(1);
  EXPECT_EQ(WEXITSTATUS(std::system(command.c_str())), 3);
  std::ifstream in(errors);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(in), {}), "");
}

TEST_P(BinlogStream, ManyRowsAndTheEndOfTheTime) {
  const std::string from = End();
  Sql("INSERT INTO t VALUES (1, REPEAT('x', 190))");
  for (int rows = 1; rows < 16384; rows *= 2) Sql(fmt::format("INSERT INTO t SELECT id + {}, v FROM t", rows));
  const Output output = RunProgram(Live({"--from", from, "--until-now"}));
  EXPECT_EQ(output.exit_code, 0) << output.err;
  EXPECT_EQ(LinesOf(output.out).size(), 16384u);
  const Output gone = RunProgram(Live({"--from", from, "--max-duration", "1s", "--table", "db2.*", "--positions"}));
  EXPECT_EQ(gone.exit_code, 0) << gone.err;
}

TEST_P(BinlogStream, ChangesInStatementFormat_AreRefused) {
  const std::string file = NewFile();
  Insert(1);
  Sql("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ");
  Sql("SET SESSION binlog_format = 'STATEMENT'");
  Sql("UPDATE t SET v = 'secret' WHERE id = 1");
  Insert(2);
  const Output output = RunProgram({"binlog", "stream", file, "--table", "db.t"});
  EXPECT_EQ(output.exit_code, 4);
  EXPECT_THAT(ChangesOf(LinesOf(output.out)), ElementsAre("insert 1"));
  EXPECT_THAT(output.err, AllOf(HasSubstr("statement format"), HasSubstr("--from"), Not(HasSubstr("secret"))));
  EXPECT_EQ(RunProgram({"binlog", "stream", file, "--table", "db.other"}).exit_code, 0);
}

TEST_P(BinlogStream, PositionsThatCannotBe) {
  const std::string file = NewFile();
  const std::string name = std::filesystem::path(file).filename();
  Sql("START TRANSACTION");
  Insert(1);
  Insert(2);
  Sql("COMMIT");
  const Lines lines = FileLines(file);
  ASSERT_THAT(lines, SizeIs(2));
  const std::string inside = name + ":" + KeyOf(lines[0], "pos");
  // The event of the table stands before that of its rows: rows could be read from there, but not the whole
  // transaction.
  std::string at_table;
  for (const auto& event : Query("SHOW BINLOG EVENTS IN '" + name + "'").rows) {
    if (*event.at(2) == "Table_map" && at_table.empty()) at_table = name + ":" + *event.at(1);
  }
  const std::string other_gtids = maria() ? "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5" : "0-1-5";
  const auto expect = [&](const std::vector<std::string>& arguments, int exit_code, const std::string& text) {
    const Output output = RunProgram(arguments);
    EXPECT_EQ(output.exit_code, exit_code) << ::testing::PrintToString(arguments) << output.err;
    EXPECT_THAT(output.err, HasSubstr(text));
    EXPECT_THAT(output.out, IsEmpty());
  };
  for (const bool live : {false, true}) {
    const auto with = [&](const std::string& from) {
      return live ? Live({"--until-now", "--from", from})
                  : std::vector<std::string>{"binlog", "stream", file, "--from", from};
    };
    expect(with("yesterday"), 2, "--from yesterday: write now, FILE:OFFSET");
    expect(with(name), 2, "write now");
    expect(with(inside), 2, "inside a transaction");
    expect(with(at_table), 2, "inside a transaction");
    expect(with(name + ":1,"), 2, "write now");
    expect(with(other_gtids), 2, "GTIDs");
    expect(with(name + ":99999999"), live ? 4 : 2, "behind the end");
    expect(with(name + ":5"), live ? 4 : 2, live ? name : "inside an event");
    expect(with("none.000001:4"), live ? 4 : 2, live ? "here" : "none of the files");
  }
  if (!maria()) expect(Live({"--from", "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5"}), 4, "has not executed");
  expect(Live({"--max-duration", "soon"}), 2, "duration");
  expect({"binlog", "stream", file, "--until-now"}, 2, "--until-now");
  expect({"binlog", "stream", file, "--from", "now"}, 2, "--from now");
  expect({"binlog", "stream", file, "--table", "t"}, 2, "SCHEMA.TABLE");
  expect({"binlog", "stream"}, 2, "--source NAME -c JOB.json");
  expect({"binlog", "stream", "--source", "here"}, 2, "--config");
  expect({"binlog", "stream", "--source", "there", "-c", job_}, 2, "no such source");
  expect({"binlog", "stream", "/none/none.000001"}, 3, "none.000001");
}

SL_BOTH_FLAVOURS(BinlogStream);

}  // namespace
}  // namespace shardlift::cmd::testing
