#include <gmock/gmock.h>

#include <chrono>
#include <thread>

#include "tests/mysql/live.h"

namespace shardlift::mysql {
namespace {

using base::Code;
using base::Effect;
using ::testing::HasSubstr;
using ::testing::Not;
using namespace std::chrono_literals;

class LiveSessionTest : public LiveTest {};
SL_BOTH_FLAVOURS(LiveSessionTest);

TEST_P(LiveSessionTest, KnowsItsServerAndPinsItsSettings) {
  EXPECT_EQ(session_->flavour(), GetParam());
  EXPECT_EQ(session_->server_version(), One("SELECT VERSION()"));
  EXPECT_EQ(std::to_string(session_->connection_id()), One("SELECT CONNECTION_ID()"));
  // A server whose defaults would change results.
  for (const char* sql :
       {"SET GLOBAL time_zone = '+08:00'", "SET GLOBAL sql_mode = 'ANSI_QUOTES,PAD_CHAR_TO_FULL_LENGTH'",
        "SET GLOBAL sql_select_limit = 2", "SET GLOBAL div_precision_increment = 9", "SET GLOBAL autocommit = 0",
        "SET GLOBAL TRANSACTION ISOLATION LEVEL SERIALIZABLE"}) {
    Sql(sql);
  }
  SessionOptions options;
  options.isolation = Isolation::kRepeatableRead;
  options.lock_wait_timeout = 7s;
  auto other = Connect(options);
  ASSERT_NE(other, nullptr);
  EXPECT_EQ(live::OneOn(*other, "SELECT @@time_zone"), "+00:00");
  EXPECT_EQ(live::OneOn(*other, "SELECT @@autocommit"), "1");
  EXPECT_EQ(live::OneOn(*other, "SELECT @@innodb_lock_wait_timeout"), "7");
  EXPECT_EQ(live::OneOn(*other, "SELECT @@lock_wait_timeout"), "7");
  EXPECT_EQ(live::OneOn(*other, "SELECT 1/3"), "0.3333");
  EXPECT_EQ(live::OneOn(*other, maria() ? "SELECT @@tx_isolation" : "SELECT @@transaction_isolation"),
            "REPEATABLE-READ");
  EXPECT_EQ(live::OneOn(*other, "SELECT @@character_set_results IS NULL"), "1");
  auto rows = other->Query("SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3", "test");
  ASSERT_TRUE(rows.ok());
  EXPECT_EQ(rows->rows.size(), 3u);
  for (const char* sql : {"SET GLOBAL time_zone = 'SYSTEM'", "SET GLOBAL sql_mode = DEFAULT",
                          "SET GLOBAL sql_select_limit = DEFAULT", "SET GLOBAL div_precision_increment = DEFAULT",
                          "SET GLOBAL autocommit = 1", "SET GLOBAL TRANSACTION ISOLATION LEVEL REPEATABLE READ"}) {
    Sql(sql);
  }
}

TEST_P(LiveSessionTest, BytesArriveUnconverted) {
  Sql("CREATE TABLE t (g VARCHAR(20) CHARACTER SET gbk, l VARCHAR(20) CHARACTER SET latin1, b VARBINARY(20))");
  Sql("INSERT INTO t VALUES (_utf8mb4 0xE4B8AD, _utf8mb4 0xC3A9, 0x00ff27)");
  auto rows = session_->Query("SELECT g, l, b FROM t", "test");
  ASSERT_TRUE(rows.ok());
  EXPECT_EQ(*rows->rows[0][0], "\xD6\xD0");
  EXPECT_EQ(*rows->rows[0][1], "\xE9");
  EXPECT_EQ(*rows->rows[0][2], std::string("\0\xff'", 3));
}

TEST_P(LiveSessionTest, QuoteAndHexKeepEveryByte) {
  std::string all;
  for (int i = 0; i < 256; ++i) all.push_back(static_cast<char>(i));
  const std::string text = "'\"\\%_\n\r\x1a\xF0\x9F\x98\x80 \xE4\xB8\xAD" + std::string(1, '\0') + "x";
  Sql("CREATE TABLE t (id INT PRIMARY KEY, b VARBINARY(300), s VARCHAR(100) CHARACTER SET utf8mb4)");
  Sql("INSERT INTO t VALUES (1, " + session_->Quote(all) + ", " + session_->Quote(text) + ")");
  Sql("INSERT INTO t VALUES (2, " + HexLiteral(all) + ", " + session_->Quote("") + ")");
  for (const char* id : {"1", "2"}) {
    EXPECT_EQ(One(std::string("SELECT HEX(b) FROM t WHERE id = ") + id),
              HexLiteral(all).substr(2).empty() ? "" : One("SELECT HEX(" + HexLiteral(all) + ")"));
  }
  EXPECT_EQ(One("SELECT b FROM t WHERE id = 2"), all);
  EXPECT_EQ(One("SELECT b FROM t WHERE id = 1"), all);
  EXPECT_EQ(One("SELECT s FROM t WHERE id = 1"), text);
}

TEST_P(LiveSessionTest, CountsChangedRows) {
  Sql("CREATE TABLE t (id INT PRIMARY KEY, v INT)");
  auto n = session_->ExecuteCount("INSERT INTO t VALUES (1, 1), (2, 2)", "test");
  ASSERT_TRUE(n.ok());
  EXPECT_EQ(*n, 2u);
  n = session_->ExecuteCount("UPDATE t SET v = 2", "test");
  ASSERT_TRUE(n.ok());
  EXPECT_EQ(*n, 1u);  // changed, not found
  n = session_->ExecuteCount("SELECT * FROM t", "test");
  ASSERT_TRUE(n.ok());
  EXPECT_EQ(One("SELECT COUNT(*) FROM t"), "2");
  EXPECT_EQ(session_->Query("SELECT id FROM t", "x")->Single().status().code(), Code::kInternal);
}

TEST_P(LiveSessionTest, ErrorsHoldNoValues) {
  Sql("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(5) UNIQUE, CONSTRAINT c CHECK (id < 100))");
  Sql("INSERT INTO t VALUES (1, 'abcde')");
  const struct {
    const char* sql;
    Code code;
  } cases[] = {
      {"INSERT INTO t VALUES (2, 'abcde')", Code::kDuplicate},
      {"INSERT INTO t VALUES (3, 'abcdef')", Code::kRefused},
      {"INSERT INTO t VALUES ('abcde', 'x')", Code::kRefused},
      {"INSERT INTO t VALUES (100, 'abcdx')", Code::kRefused},
      {"INSERT INTO t VALUES (4, 'abcde' oops)", Code::kRefused},
      {"SELECT * FROM missing WHERE v = 'abcde'", Code::kRefused},
      {"SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'abcde'", Code::kRefused},
  };
  for (const auto& c : cases) {
    const base::Status status = session_->Execute(c.sql, "the step");
    EXPECT_EQ(status.code(), c.code) << c.sql;
    EXPECT_THAT(status.message(), Not(HasSubstr("abcd"))) << c.sql;
    EXPECT_THAT(status.message(), HasSubstr(Where().Text() + ": the step: server error"));
    EXPECT_NE(status.server_errno(), 0u);
    EXPECT_EQ(status.effect(), Effect::kNotApplied);
  }
  EXPECT_TRUE(session_->alive());
}

TEST_P(LiveSessionTest, LoginFailuresAreUsage) {
  Endpoint wrong = Where();
  wrong.password = "not-the-password";
  auto s = Session::Open(wrong, {});
  EXPECT_EQ(s.status().code(), Code::kUsage);
  EXPECT_EQ(s.status().server_errno(), 1045u);
  EXPECT_THAT(s.status().message(), Not(HasSubstr("not-the-password")));
  SessionOptions options;
  options.database = "no_such_database";
  EXPECT_EQ(Session::Open(Where(), options).status().code(), Code::kUsage);
  Endpoint closed = Where();
  closed.port = 1;
  s = Session::Open(closed, {});
  EXPECT_EQ(s.status().code(), Code::kEnvironment);
  EXPECT_EQ(s.status().effect(), Effect::kNotApplied);
  Endpoint socket = Where();
  socket.socket = "/nonexistent/socket";
  EXPECT_EQ(Session::Open(socket, {}).status().code(), Code::kEnvironment);
}

TEST_P(LiveSessionTest, ConnectsThroughAUnixSocket) {
  Endpoint socket = Where();
  socket.socket = ServerOf(GetParam()).data_directory() + "/server.sock";
  auto s = Session::Open(socket, {});
  ASSERT_TRUE(s.ok()) << s.status().message();
  EXPECT_EQ(live::OneOn(**s, "SELECT 1"), "1");
}

TEST_P(LiveSessionTest, AKilledConnectionIsUnknownThenGone) {
  auto victim = Connect();
  ASSERT_NE(victim, nullptr);
  base::Status status;
  std::thread sleeper([&] { status = victim->Execute("DO SLEEP(30)", "sleep"); });
  std::this_thread::sleep_for(300ms);
  EXPECT_TRUE(session_->Kill(victim->connection_id()).ok());
  sleeper.join();
  // MySQL first reports the interrupted statement (1317), then closes.
  EXPECT_EQ(status.code(), Code::kEnvironment) << status.message();
  status = victim->Execute("DO 1", "next");
  if (victim->alive()) status = victim->Execute("DO 1", "next");
  EXPECT_EQ(status.code(), Code::kEnvironment) << status.message();
  EXPECT_FALSE(victim->alive());
  status = victim->Execute("DO 1", "later");
  EXPECT_EQ(status.code(), Code::kEnvironment);
  EXPECT_EQ(status.effect(), Effect::kNotApplied);
  EXPECT_TRUE(session_->Kill(victim->connection_id()).ok());  // gone already
}

TEST_P(LiveSessionTest, ShutdownEndsAStatementOfAnotherThread) {
  auto victim = Connect();
  ASSERT_NE(victim, nullptr);
  base::Status status;
  const auto begin = std::chrono::steady_clock::now();
  std::thread sleeper([&] { status = victim->Execute("DO SLEEP(30)", "sleep"); });
  std::this_thread::sleep_for(300ms);
  victim->Shutdown();
  sleeper.join();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 10s);
  EXPECT_EQ(status.code(), Code::kEnvironment);
  EXPECT_EQ(status.effect(), Effect::kUnknown);
  EXPECT_FALSE(victim->alive());
}

TEST_P(LiveSessionTest, ASilentServerFailsTheStatement) {
  SessionOptions options;
  options.read_timeout = 1s;
  auto s = Connect(options);
  ASSERT_NE(s, nullptr);
  const base::Status status = s->Execute("DO SLEEP(20)", "sleep");
  EXPECT_EQ(status.code(), Code::kEnvironment);
  EXPECT_EQ(status.effect(), Effect::kUnknown);
  EXPECT_FALSE(s->alive());
}

TEST_P(LiveSessionTest, LockWaitsAndDeadlocksAreRetryable) {
  Sql("CREATE TABLE t (id INT PRIMARY KEY) ENGINE=InnoDB");
  Sql("INSERT INTO t VALUES (1)");
  Sql("BEGIN");
  Sql("DELETE FROM t");
  SessionOptions options;
  options.database = "d";
  options.lock_wait_timeout = 1s;
  auto other = Connect(options);
  ASSERT_NE(other, nullptr);
  const base::Status status = other->Execute("DELETE FROM t WHERE id = 1", "lane");
  EXPECT_EQ(status.code(), Code::kEnvironment);
  EXPECT_EQ(status.effect(), Effect::kNotApplied);
  EXPECT_EQ(status.server_errno(), 1205u);
  EXPECT_TRUE(other->alive());
  Sql("ROLLBACK");
}

TEST_P(LiveSessionTest, StreamsRows) {
  Sql("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(200) NULL)");
  std::string values;
  for (int i = 0; i < 5000; ++i)
    values += (i ? ",(" : "(") + std::to_string(i) + (i % 7 ? ",REPEAT('x',150))" : ",NULL)");
  Sql("INSERT INTO t VALUES " + values);
  {
    auto stream = session_->OpenStream("SELECT id, v FROM t ORDER BY id", "test");
    ASSERT_TRUE(stream.ok()) << stream.status().message();
    EXPECT_EQ((*stream)->columns(), 2u);
    int n = 0;
    for (;; ++n) {
      auto more = (*stream)->Next();
      ASSERT_TRUE(more.ok());
      if (!*more) break;
      ASSERT_EQ(*(*stream)->row()[0], std::to_string(n));
      ASSERT_EQ((*stream)->row()[1].has_value(), n % 7 != 0);
    }
    EXPECT_EQ(n, 5000);
    EXPECT_FALSE(*(*stream)->Next());
  }
  {
    auto stream = session_->OpenStream("SELECT id FROM t ORDER BY id LIMIT 900", "test");
    ASSERT_TRUE(stream.ok());
    ASSERT_TRUE(*(*stream)->Next());
  }
  EXPECT_TRUE(session_->alive());  // a short rest is drained
  EXPECT_EQ(One("SELECT COUNT(*) FROM t"), "5000");
  {
    auto stream = session_->OpenStream("SELECT a.id FROM t a, t b, t c", "test");
    ASSERT_TRUE(stream.ok());
    ASSERT_TRUE(*(*stream)->Next());
  }
  EXPECT_FALSE(session_->alive());  // a long one is not
  session_ = Connect();
}

TEST_P(LiveSessionTest, AStreamCutShortIsAnError) {
  Sql("CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT)");
  Sql("INSERT INTO t VALUES (1),(2),(3),(4),(5),(6),(7),(8),(9),(10)");
  SessionOptions options;
  options.database = "d";
  auto reader = Connect(options);
  ASSERT_NE(reader, nullptr);
  auto stream = reader->OpenStream("SELECT a.id FROM t a, t b, t c, t d, t e, t f, t g, t h", "read chunk");
  ASSERT_TRUE(stream.ok());
  ASSERT_TRUE(*(*stream)->Next());
  ASSERT_TRUE(session_->Kill(reader->connection_id()).ok());
  base::Result<bool> more = true;
  while (more.ok() && *more) more = (*stream)->Next();
  EXPECT_EQ(more.status().code(), Code::kEnvironment) << more.status().message();
}

TEST_P(LiveSessionTest, AStatementWithoutRowsIsNoStream) {
  EXPECT_EQ(session_->OpenStream("DO 1", "x").status().code(), Code::kInternal);
  EXPECT_EQ(session_->OpenStream("SELECT * FROM missing", "x").status().server_errno(), 1146u);
  EXPECT_EQ(One("SELECT 1"), "1");
}

}  // namespace
}  // namespace shardlift::mysql
