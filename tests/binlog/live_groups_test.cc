// Transactions, savepoints, XA, DDL, rotation and settings on both real servers.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <set>
#include <thread>

#include "tests/binlog/live.h"

namespace shardlift::binlog {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class LiveGroups : public LiveTest {
 protected:
  void SetUp() override {
    LiveTest::SetUp();
    Sql("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(100)) ENGINE=InnoDB");
    Watch("t");
  }
  static std::vector<GroupKind> Kinds(const std::vector<OwnedGroup>& groups) {
    std::vector<GroupKind> kinds;
    for (const OwnedGroup& group : groups) kinds.push_back(group.kind);
    return kinds;
  }
  // What the stream has passed contains what the server has executed.
  void ExpectPassedAll() {
    auto executed = mysql::ReadUpperBound(*session_);
    ASSERT_TRUE(executed.ok()) << executed.status().message();
    // MariaDB writes some events of its own in the background.
    for (int i = 0; i < 50 && !stream_->position().Contains(*executed); ++i) {
      auto item = stream_->Next(std::chrono::milliseconds(100));
      ASSERT_TRUE(item.ok()) << item.status().message();
    }
    EXPECT_TRUE(stream_->position().Contains(*executed))
        << stream_->position().ToText() << " does not contain " << executed->ToText();
  }
};

TEST_P(LiveGroups, CommitAndAutocommit) {
  OpenStream();
  Sql("INSERT INTO t VALUES (1, 'a'), (2, 'b')");
  Sql("START TRANSACTION");
  Sql("UPDATE t SET v = 'c' WHERE id = 1");
  Sql("DELETE FROM t WHERE id = 2");
  Sql("COMMIT");
  Sql("START TRANSACTION");
  Sql("INSERT INTO t VALUES (3, 'gone')");
  Sql("ROLLBACK");
  const std::vector<OwnedGroup> groups = ReadAll();
  EXPECT_THAT(Kinds(groups), ElementsAre(GroupKind::kCommit, GroupKind::kCommit));
  EXPECT_THAT(Texts(groups), ElementsAre("I 1 a", "I 2 b", "U 1 a > 1 c", "D 2 b"));
  EXPECT_EQ(groups[0].end, groups[1].begin);
  if (!maria()) {
    EXPECT_EQ(groups[0].gtid.number + 1, groups[1].gtid.number);
  }
  ExpectPassedAll();
}

TEST_P(LiveGroups, Savepoints) {
  OpenStream();
  Sql("START TRANSACTION");
  Sql("SAVEPOINT early");
  Sql("INSERT INTO t VALUES (1, 'a')");
  Sql("SAVEPOINT `a``B`");
  Sql("INSERT INTO t VALUES (2, 'b')");
  Sql("SAVEPOINT c");
  Sql("INSERT INTO t VALUES (3, 'c')");
  Sql("ROLLBACK TO C");
  Sql("INSERT INTO t VALUES (4, 'd')");
  Sql("ROLLBACK TO `A``b`");
  Sql("INSERT INTO t VALUES (5, 'e')");
  Sql("RELEASE SAVEPOINT `a``b`");
  Sql("COMMIT");
  EXPECT_THAT(Texts(ReadAll()), ElementsAre("I 1 a", "I 5 e"));
}

// With a change that cannot be undone in the transaction the servers write out what was rolled back, and the ROLLBACK
// TO.
TEST_P(LiveGroups, SavepointsWithATemporaryTable) {
  OpenStream();
  for (const char* end : {"COMMIT", "ROLLBACK"}) {
    Sql("CREATE TEMPORARY TABLE tmp (a INT)");
    Sql("START TRANSACTION");
    Sql("SAVEPOINT early");
    Sql("INSERT INTO t VALUES (1, 'a')");
    Sql("SAVEPOINT late");
    Sql("INSERT INTO t VALUES (2, 'b')");
    Sql("DROP TEMPORARY TABLE tmp");
    Sql("ROLLBACK TO late");
    Sql("INSERT INTO t VALUES (3, 'c')");
    Sql(end);
    if (std::string_view(end) == "COMMIT") {
      EXPECT_THAT(Texts(ReadAll()), ElementsAre("I 1 a", "I 3 c"));
    } else {
      EXPECT_THAT(Texts(ReadAll()), IsEmpty());
    }
    Sql("DELETE FROM t");
    ReadAll();
  }
  Sql("CREATE TEMPORARY TABLE tmp (a INT)");
  Sql("START TRANSACTION");
  Sql("SAVEPOINT early");
  Sql("INSERT INTO t VALUES (1, 'a')");
  Sql("DROP TEMPORARY TABLE tmp");
  Sql("ROLLBACK TO early");
  Sql("INSERT INTO t VALUES (2, 'b')");
  Sql("COMMIT");
  EXPECT_THAT(Texts(ReadAll()), ElementsAre("I 2 b"));
  EXPECT_EQ(One("SELECT COUNT(*) FROM t"), "1");
  ExpectPassedAll();
}

TEST_P(LiveGroups, RolledBackRowsInTheBinlog) {
  OpenStream();
  Sql("CREATE TEMPORARY TABLE tmp (a INT)");
  Sql("START TRANSACTION");
  Sql("INSERT INTO t VALUES (1, 'a')");
  Sql("DROP TEMPORARY TABLE tmp");
  Sql("ROLLBACK");
  const std::vector<OwnedGroup> groups = ReadAll();
  EXPECT_THAT(Texts(groups), IsEmpty());
  if (maria()) {
    EXPECT_THAT(Kinds(groups), Contains(GroupKind::kRolledBack));
  }
  ExpectPassedAll();
}

TEST_P(LiveGroups, XaCommitRollbackAndPending) {
  OpenStream();
  auto other = Connect(GetParam());
  const auto xa = [&](std::string_view name, int id) {
    SqlOn(*other, fmt::format("XA START '{}'", name));
    SqlOn(*other, fmt::format("INSERT INTO db.t VALUES ({}, 'xa')", id));
    SqlOn(*other, fmt::format("XA END '{}'", name));
    SqlOn(*other, fmt::format("XA PREPARE '{}'", name));
  };
  xa("one", 1);
  EXPECT_THAT(Texts(ReadAll()), IsEmpty());
  ExpectPassedAll();
  auto executed = mysql::ReadUpperBound(*session_);
  ASSERT_TRUE(executed.ok());
  EXPECT_FALSE(stream_->SafePosition().Contains(*executed));
  const mysql::SourcePosition safe = stream_->SafePosition();

  Sql("INSERT INTO t VALUES (2, 'between')");
  SqlOn(*other, "XA COMMIT 'one'");
  std::vector<OwnedGroup> groups = ReadAll();
  EXPECT_THAT(Texts(groups), ElementsAre("I 2 between", "I 1 xa"));
  EXPECT_EQ(groups.back().kind, GroupKind::kXaCommit);
  EXPECT_TRUE(groups.back().has_xa_rows);
  EXPECT_EQ(stream_->SafePosition(), stream_->position());

  xa("two", 3);
  EXPECT_THAT(Texts(ReadAll()), IsEmpty());
  SqlOn(*other, "XA ROLLBACK 'two'");
  groups = ReadAll();
  EXPECT_THAT(Texts(groups), IsEmpty());
  EXPECT_THAT(Kinds(groups), Contains(GroupKind::kXaRollback));
  EXPECT_EQ(stream_->SafePosition(), stream_->position());

  // From the safe position of the time of the pending PREPARE, another reader gets its rows.
  OpenStreamAt(safe);
  EXPECT_THAT(Texts(ReadAll()), AllOf(Contains("I 1 xa"), Contains("I 2 between")));
}

TEST_P(LiveGroups, XaOnePhase) {
  OpenStream();
  Sql("XA START 'x', X'00ff', 77");
  Sql("INSERT INTO t VALUES (1, 'a')");
  Sql("XA END 'x', X'00ff', 77");
  Sql("XA COMMIT 'x', X'00ff', 77 ONE PHASE");
  EXPECT_THAT(Texts(ReadAll()), ElementsAre("I 1 a"));
  EXPECT_EQ(stream_->SafePosition(), stream_->position());
}

TEST_P(LiveGroups, XaWithABinaryXid) {
  OpenStream();
  auto other = Connect(GetParam());
  const std::string xid = R"('it''s', X'00ff27', 4294967)";
  SqlOn(*other, "XA START " + xid);
  SqlOn(*other, "INSERT INTO db.t VALUES (1, 'a')");
  SqlOn(*other, "XA END " + xid);
  SqlOn(*other, "XA PREPARE " + xid);
  other.reset();
  // The server lets go of the transaction only when it has noticed that its connection is gone.
  base::Status committed(base::Code::kInternal, "not tried");
  for (int i = 0; i < 100 && !committed.ok(); ++i) {
    committed = session_->Execute("XA COMMIT " + xid, "test");
    if (!committed.ok()) std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  ASSERT_TRUE(committed.ok()) << committed.message();
  EXPECT_THAT(Texts(ReadAll()), ElementsAre("I 1 a"));
}

TEST_P(LiveGroups, XaCommitWhosePrepareWasNotSeen) {
  auto other = Connect(GetParam());
  SqlOn(*other, "XA START 'early'");
  SqlOn(*other, "INSERT INTO db.t VALUES (1, 'a')");
  SqlOn(*other, "XA END 'early'");
  SqlOn(*other, "XA PREPARE 'early'");
  OpenStream();
  SqlOn(*other, "XA COMMIT 'early'");
  base::Result<StreamItem> item = StreamItem{};
  for (int i = 0; i < 50 && item.ok(); ++i) item = stream_->Next(std::chrono::milliseconds(100));
  ASSERT_FALSE(item.ok());
  EXPECT_EQ(item.status().code(), base::Code::kRefused);
  EXPECT_THAT(item.status().message(), HasSubstr("PREPARE lies before the start position"));
}

TEST_P(LiveGroups, ManyRows) {
  OpenStream();
  Sql("START TRANSACTION");
  for (int batch = 0; batch < 10; ++batch) {
    std::string sql = "INSERT INTO t VALUES ";
    for (int i = 0; i < 1000; ++i) sql += fmt::format("{}({}, 'value {}')", i == 0 ? "" : ",", batch * 1000 + i, i);
    Sql(sql);
  }
  Sql("COMMIT");
  const std::vector<OwnedGroup> groups = ReadAll();
  ASSERT_THAT(groups, SizeIs(1));
  ASSERT_THAT(groups[0].changes, SizeIs(10000));
  for (int i = 0; i < 10000; ++i) ASSERT_EQ(groups[0].changes[static_cast<std::size_t>(i)].after[0].value.i, i);
}

TEST_P(LiveGroups, DdlAndOtherStatements) {
  OpenStream();
  Sql("CREATE TABLE u (id INT PRIMARY KEY)");
  Sql("ALTER TABLE u ADD c INT");
  Sql("TRUNCATE TABLE t");
  Sql("ANALYZE TABLE t");
  Sql("DROP TABLE u");
  std::vector<std::string> ddl;
  for (const OwnedGroup& group : ReadAll()) {
    for (const Statement& statement : group.statements) {
      EXPECT_FALSE(statement.is_dml) << statement.sql;
      EXPECT_EQ(statement.default_schema, "db");
      if (statement.is_ddl) ddl.push_back(statement.sql.substr(0, statement.sql.find(' ')));
    }
  }
  EXPECT_THAT(ddl, ElementsAre("CREATE", "ALTER", "TRUNCATE", "DROP"));
  ExpectPassedAll();
}

TEST_P(LiveGroups, CreateTableSelect) {
  Sql("INSERT INTO t VALUES (1, 'a'), (2, 'b')");
  watched_["u"] = std::make_unique<mysql::TableSchema>(*watched_["t"]);
  watched_["u"]->name.table = "u";
  OpenStream();
  Sql("CREATE TABLE u (id INT PRIMARY KEY, v VARCHAR(100)) SELECT id, v FROM t");
  Sql("INSERT INTO t VALUES (3, 'c')");
  const std::vector<OwnedGroup> groups = ReadAll();
  EXPECT_THAT(Texts(groups), ElementsAre("I 1 a", "I 2 b", "I 3 c"));
  EXPECT_THAT(groups, Contains(Field(&OwnedGroup::statements, Contains(Field(&Statement::is_ddl, true)))));
}

TEST_P(LiveGroups, StatementFormat) {
  OpenStream();
  auto other = Connect(GetParam());
  SqlOn(*other, "SET SESSION binlog_format = 'STATEMENT'");
  SqlOn(*other, "USE db");
  SqlOn(*other, "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ");
  SqlOn(*other, "INSERT INTO t VALUES (1, 'secret')");
  const std::vector<OwnedGroup> groups = ReadAll();
  EXPECT_THAT(groups, Contains(Field(&OwnedGroup::statements, Contains(Field(&Statement::is_dml, true)))));
}

TEST_P(LiveGroups, Rotation) {
  OpenStream();
  for (int i = 0; i < 5; ++i) {
    Sql(fmt::format("INSERT INTO t VALUES ({}, 'a')", i));
    Sql("FLUSH BINARY LOGS");
  }
  const std::vector<OwnedGroup> groups = ReadAll();
  EXPECT_THAT(Texts(groups), SizeIs(5));
  std::set<std::string> files;
  for (const OwnedGroup& group : groups) files.insert(group.end.file);
  EXPECT_GE(files.size(), 5u);
  ExpectPassedAll();
}

TEST_P(LiveGroups, PositionMovesWithoutGroups) {
  OpenStream();
  if (maria()) {
    Sql("FLUSH BINARY LOGS");
    auto end = mysql::ReadUpperBound(*session_);
    ASSERT_TRUE(end.ok());
    for (int i = 0; i < 50 && !stream_->position().Contains(*end); ++i) {
      auto item = stream_->Next(std::chrono::milliseconds(100));
      ASSERT_TRUE(item.ok()) << item.status().message();
      EXPECT_FALSE(item->group);
    }
  }
  ExpectPassedAll();
}

TEST_P(LiveGroups, AtEndAfterAHeartbeat) {
  OpenStream();
  Sql("INSERT INTO t VALUES (1, 'a')");
  EXPECT_THAT(Texts(ReadAll()), SizeIs(1));
  EXPECT_FALSE(stream_->at_end());
  for (int i = 0; i < 50 && !stream_->at_end(); ++i) {
    auto item = stream_->Next(std::chrono::milliseconds(100));
    ASSERT_TRUE(item.ok()) << item.status().message();
  }
  EXPECT_TRUE(stream_->at_end());
  EXPECT_NEAR(stream_->last_event_seconds(), std::stod(One("SELECT UNIX_TIMESTAMP()")), 10);
}

TEST_P(LiveGroups, ResumesAtEveryPosition) {
  OpenStream();
  Sql("INSERT INTO t VALUES (1, 'a')");
  Sql("INSERT INTO t VALUES (2, 'b')");
  ReadAll();
  const mysql::SourcePosition middle = stream_->position();
  Sql("INSERT INTO t VALUES (3, 'c')");
  EXPECT_THAT(Texts(ReadAll()), ElementsAre("I 3 c"));
  auto parsed = mysql::SourcePosition::Parse(middle.ToText());
  ASSERT_TRUE(parsed.ok());
  OpenStreamAt(*parsed);
  EXPECT_THAT(Texts(ReadAll()), ElementsAre("I 3 c"));
}

TEST_P(LiveGroups, PurgedStartIsRefused) {
  Sql("INSERT INTO t VALUES (1, 'a')");
  auto start = mysql::ReadUpperBound(*session_);
  ASSERT_TRUE(start.ok());
  if (!maria()) start = mysql::SourcePosition();
  Sql("FLUSH BINARY LOGS");
  Sql("INSERT INTO t VALUES (2, 'b')");
  Sql("FLUSH BINARY LOGS");
  const std::string last = One(maria() ? "SHOW MASTER STATUS" : "SHOW BINARY LOG STATUS");
  Sql(fmt::format("PURGE BINARY LOGS TO '{}'", last));
  OpenStreamAt(*start);
  base::Result<StreamItem> item = StreamItem{};
  for (int i = 0; i < 50 && item.ok(); ++i) item = stream_->Next(std::chrono::milliseconds(100));
  ASSERT_FALSE(item.ok());
  EXPECT_EQ(item.status().code(), base::Code::kRefused) << item.status().message();
  EXPECT_EQ(item.status().server_errno(), 1236u);
  EXPECT_THAT(item.status().message(), HasSubstr("purged"));
}

TEST_P(LiveGroups, MinimalImages) {
  OpenStream();
  auto other = Connect(GetParam());
  SqlOn(*other, "SET SESSION binlog_row_image = 'MINIMAL'");
  SqlOn(*other, "INSERT INTO db.t VALUES (1, 'a')");
  SqlOn(*other, "UPDATE db.t SET v = NULL WHERE id = 1");
  SqlOn(*other, "DELETE FROM db.t WHERE id = 1");
  EXPECT_THAT(Texts(ReadAll()), ElementsAre("I 1 a", "U 1 absent > absent NULL", "D 1 absent"));
}

TEST_P(LiveGroups, ChangedShapeIsRefused) {
  OpenStream();
  Sql("ALTER TABLE t MODIFY v VARCHAR(100) FIRST");
  Sql("INSERT INTO t VALUES ('a', 1)");
  base::Result<StreamItem> item = StreamItem{};
  for (int i = 0; i < 50 && item.ok(); ++i) item = stream_->Next(std::chrono::milliseconds(100));
  ASSERT_FALSE(item.ok());
  EXPECT_EQ(item.status().code(), base::Code::kRefused);
  EXPECT_THAT(item.status().message(), HasSubstr("table db.t changed shape at "));
}

// Global settings, each with every kind of change; put back at the end.
class LiveSettings : public LiveGroups {
 protected:
  void With(const std::vector<std::pair<std::string, std::string>>& settings) {
    std::vector<std::string> undo;
    for (const auto& [name, value] : settings) {
      const std::string old = One("SELECT @@global." + name);
      const bool number = old.find_first_not_of("0123456789") == std::string::npos;
      undo.push_back(fmt::format("SET GLOBAL {} = {}{}{}", name, number ? "" : "'", old, number ? "" : "'"));
      Sql(fmt::format("SET GLOBAL {} = {}", name, value));
    }
    session_ = Connect(GetParam());  // session values come from the global ones
    Sql("USE db");
    OpenStream();
    const std::string text(90, 'x');
    Sql(fmt::format("INSERT INTO t VALUES (1, '{}'), (2, NULL)", text));
    Sql("START TRANSACTION");
    Sql("UPDATE t SET v = 'b' WHERE id = 1");
    Sql("DELETE FROM t WHERE id = 2");
    Sql("COMMIT");
    Sql("ALTER TABLE t COMMENT 'a long enough comment for any compression to think that it is worth its while, and "
        "more'");
    EXPECT_THAT(Texts(ReadAll()), ElementsAre("I 1 " + text, "I 2 NULL", "U 1 " + text + " > 1 b", "D 2 NULL"));
    ExpectPassedAll();
    for (const std::string& sql : undo) Sql(sql);
    Sql("INSERT INTO t VALUES (5, 'after')");
    EXPECT_THAT(Texts(ReadAll()), ElementsAre("I 5 after"));
  }
};

TEST_P(LiveSettings, ChecksumNone) { With({{"binlog_checksum", "'NONE'"}}); }

TEST_P(LiveSettings, RowMetadataFull) { With({{"binlog_row_metadata", "'FULL'"}}); }

TEST_P(LiveSettings, RowMetadataMinimal) { With({{"binlog_row_metadata", "'MINIMAL'"}}); }

TEST_P(LiveSettings, Compression) {
  if (maria()) {
    With({{"log_bin_compress", "1"}, {"log_bin_compress_min_len", "10"}});
  } else {
    With({{"binlog_transaction_compression", "1"}});
  }
}

TEST_P(LiveSettings, CompressionWithoutChecksum) {
  if (maria()) {
    With({{"binlog_checksum", "'NONE'"}, {"log_bin_compress", "1"}, {"log_bin_compress_min_len", "10"}});
  } else {
    With({{"binlog_checksum", "'NONE'"}, {"binlog_transaction_compression", "1"}});
  }
}

INSTANTIATE_TEST_SUITE_P(Servers, LiveGroups, ::testing::Values(mysql::Flavour::kMariaDb, mysql::Flavour::kMySql),
                         FlavourOf);
INSTANTIATE_TEST_SUITE_P(Servers, LiveSettings, ::testing::Values(mysql::Flavour::kMariaDb, mysql::Flavour::kMySql),
                         FlavourOf);

class LiveMySql : public LiveGroups {};

TEST_P(LiveMySql, TaggedGtids) {
  OpenStream();
  Sql("SET gtid_next = 'AUTOMATIC:orders_1'");
  Sql("INSERT INTO t VALUES (1, 'a')");
  Sql("SET gtid_next = 'AUTOMATIC'");
  Sql("INSERT INTO t VALUES (2, 'b')");
  const std::vector<OwnedGroup> groups = ReadAll();
  EXPECT_THAT(Texts(groups), ElementsAre("I 1 a", "I 2 b"));
  EXPECT_EQ(groups.at(0).gtid.tag, "orders_1");
  EXPECT_EQ(groups.at(0).gtid.number, 1u);
  EXPECT_EQ(mysql::UuidText(groups.at(0).gtid.uuid), One("SELECT @@server_uuid"));
  ExpectPassedAll();
  const mysql::SourcePosition position = stream_->position();
  Sql("INSERT INTO t VALUES (3, 'c')");
  OpenStreamAt(position);
  EXPECT_THAT(Texts(ReadAll()), ElementsAre("I 3 c")) << "a set with tags is understood by the server";
}

INSTANTIATE_TEST_SUITE_P(Servers, LiveMySql, ::testing::Values(mysql::Flavour::kMySql), FlavourOf);

}  // namespace
}  // namespace shardlift::binlog
