// The lower bound of what is visible, while commits are held between the binlog and the engine by semi-sync.
#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>
#include <utility>
#include <vector>

#include "mysql/seen_position.h"
#include "tests/mysql/live.h"

namespace shardlift::mysql {
namespace {

using base::Code;
using namespace std::chrono_literals;

class LivePositionTest : public LiveTest {
 protected:
  void SetUp() override {
    LiveTest::SetUp();
    Sql("CREATE TABLE t (id INT PRIMARY KEY, v LONGTEXT) ENGINE=InnoDB");
  }
  void TearDown() override {
    if (stalling_) EndStall();
    LiveTest::TearDown();
  }
  SourcePosition Lower(Session& s) {
    auto p = ReadVisibleLowerBound(s);
    EXPECT_TRUE(p.ok()) << p.status().message();
    return p.ok() ? *p : SourcePosition();
  }
  SourcePosition Upper() {
    auto p = ReadUpperBound(*session_);
    EXPECT_TRUE(p.ok()) << p.status().message();
    return p.ok() ? *p : SourcePosition();
  }
  std::string Visible(const std::string& where) { return One("SELECT COUNT(*) FROM d.t WHERE " + where); }

  // A replica that never acknowledges: from now on each commit waits for `timeout`, or until EndStall.
  void BeginStall(std::chrono::milliseconds timeout) {
    const std::string prefix = maria() ? "rpl_semi_sync_master_" : "rpl_semi_sync_source_";
    if (!maria()) session_->Execute("INSTALL PLUGIN rpl_semi_sync_source SONAME 'semisync_source.so'", "test").ok();
    Sql("SET GLOBAL " + prefix + "timeout = " + std::to_string(timeout.count()));
    Sql("SET GLOBAL " + prefix + "wait_point = 'AFTER_SYNC'");
    Sql("SET GLOBAL " + prefix + "enabled = 1");
    auto rows = session_->Query(maria() ? "SHOW MASTER STATUS" : "SHOW BINARY LOG STATUS", "test");
    ASSERT_TRUE(rows.ok());
    replica_ = Connect();
    ASSERT_NE(replica_, nullptr);
    live::SqlOn(*replica_,
                "SET @rpl_semi_sync_slave = 1, @rpl_semi_sync_replica = 1, @master_binlog_checksum = 'CRC32', "
                "@source_binlog_checksum = 'CRC32', @mariadb_slave_capability = 4");
    ASSERT_TRUE(replica_->StartBinlogDump({*rows->rows[0][0], 4}, 990100).ok());
    reader_ = std::thread([this] {
      while (replica_->ReadPacket().ok()) {
      }
    });
    stalling_ = true;
    std::this_thread::sleep_for(500ms);
  }
  void EndStall() {
    stalling_ = false;
    Sql(maria() ? "SET GLOBAL rpl_semi_sync_master_enabled = 0" : "SET GLOBAL rpl_semi_sync_source_enabled = 0");
    replica_->Shutdown();
    reader_.join();
    replica_.reset();
  }
  std::thread Commit(const std::string& sql) {
    return std::thread([this, sql] {
      SessionOptions options;
      options.database = "d";
      auto s = Connect(options);
      if (s != nullptr) live::SqlOn(*s, sql);
    });
  }

  // The ends of all row transactions after `from`, out of the server's own listing.
  std::vector<FilePosition> Commits(const FilePosition& from) {
    std::vector<FilePosition> commits;
    auto files = session_->Query("SHOW BINARY LOGS", "test");
    EXPECT_TRUE(files.ok());
    if (!files.ok()) return commits;
    for (const auto& file : files->rows) {
      if ((FilePosition{*file[0], ~0ull}) < from) continue;
      auto events = session_->Query("SHOW BINLOG EVENTS IN '" + *file[0] + "'", "test");
      EXPECT_TRUE(events.ok()) << events.status().message();
      if (!events.ok()) continue;
      for (const auto& event : events->rows) {
        const FilePosition end{*file[0], std::stoull(*event[4])};
        if (*event[2] == "Xid" && end > from) commits.push_back(end);
      }
    }
    return commits;
  }

  bool stalling_ = false;
  std::unique_ptr<Session> replica_;
  std::thread reader_;
};
SL_BOTH_FLAVOURS(LivePositionTest);

TEST_P(LivePositionTest, AnIdleServersBoundIsItsEnd) {
  // Right after a rotation, and after the binlog checkpoint event that MariaDB writes a little later.
  for (int i = 0; i < 3; ++i) {
    Sql("FLUSH BINARY LOGS");
    for (int k = 0; k < 3; ++k) {
      const SourcePosition end = Upper();
      EXPECT_TRUE(Lower(*session_).Contains(end)) << end.ToText();
      std::this_thread::sleep_for(100ms);
    }
  }
  const SourcePosition before = Upper();
  Sql("INSERT INTO t VALUES (1, 'x')");
  const SourcePosition after = Lower(*session_);
  EXPECT_TRUE(after.Contains(before));
  EXPECT_FALSE(before.Contains(after));
}

TEST_P(LivePositionTest, StaysBehindCommitsThatAreNotVisible) {
  auto watcher = Connect();
  ASSERT_NE(watcher, nullptr);
  const SourcePosition before = Lower(*watcher);
  BeginStall(3000ms);
  std::thread commit = Commit("INSERT INTO t VALUES (10, 'x')");
  std::this_thread::sleep_for(700ms);
  EXPECT_EQ(Visible("id = 10"), "0");  // the stall works
  EXPECT_EQ(Lower(*watcher), before);
  if (maria()) {
    EXPECT_FALSE(before.Contains(Upper()));
  }
  // The session in its commit owns its GTID.
  const auto seen = ReadSeenUpperBound(*session_);
  ASSERT_TRUE(seen.ok()) << seen.status().message();
  EXPECT_TRUE(seen->Contains(Upper()));
  EXPECT_FALSE(before.Contains(*seen));
  // On MariaDB a session that has proven nothing yet waits for the first proof.
  if (!maria()) std::this_thread::sleep_for(3000ms);
  auto fresh = Connect();
  ASSERT_NE(fresh, nullptr);
  const SourcePosition after = Lower(*fresh);
  EXPECT_EQ(Visible("id = 10"), "1");
  EXPECT_TRUE(after.Contains(before));
  EXPECT_FALSE(before.Contains(after));
  commit.join();
  EXPECT_TRUE(Lower(*watcher).Contains(after));
}

TEST_P(LivePositionTest, StaysBehindAcrossARotation) {
  if (maria()) Sql("SET GLOBAL max_binlog_size = 4096");
  auto watcher = Connect();
  ASSERT_NE(watcher, nullptr);
  Lower(*watcher);
  BeginStall(3000ms);
  const SourcePosition before = Lower(*watcher);
  // On MariaDB this commit rotates the log before it is visible.
  std::thread commit = Commit("INSERT INTO t VALUES (20, REPEAT('x', 5000))");
  std::this_thread::sleep_for(700ms);
  EXPECT_EQ(Visible("id = 20"), "0");
  EXPECT_EQ(Lower(*watcher), before);
  if (maria()) {
    EXPECT_GT(Upper().file().file_number(), before.file().file_number());
  }
  commit.join();
  EXPECT_EQ(Visible("id = 20"), "1");
  const SourcePosition after = Lower(*watcher);
  EXPECT_TRUE(after.Contains(before));
  EXPECT_FALSE(before.Contains(after));
  if (maria()) Sql("SET GLOBAL max_binlog_size = DEFAULT");
}

TEST_P(LivePositionTest, XaTransactionsAtRestDoNotHoldItBack) {
  auto xa = Connect();
  ASSERT_NE(xa, nullptr);
  for (const char* sql : {"XA START 'x1'", "INSERT INTO d.t VALUES (30, 'x')", "XA END 'x1'", "XA PREPARE 'x1'"})
    live::SqlOn(*xa, sql);
  const SourcePosition end = Upper();
  auto fresh = Connect();
  ASSERT_NE(fresh, nullptr);
  EXPECT_TRUE(Lower(*fresh).Contains(end));
  xa.reset();  // now it belongs to nobody
  std::this_thread::sleep_for(200ms);
  fresh = Connect();
  ASSERT_NE(fresh, nullptr);
  EXPECT_TRUE(Lower(*fresh).Contains(end));
  base::Status rolled_back;
  for (int i = 0; i < 50; ++i) {
    rolled_back = session_->Execute("XA ROLLBACK 'x1'", "test");
    if (rolled_back.ok()) break;
    std::this_thread::sleep_for(100ms);
  }
  EXPECT_TRUE(rolled_back.ok()) << rolled_back.message();
}

// Each transaction inserts one row, so a bound that holds n of them must come with at least n rows in any later read
// view.
TEST_P(LivePositionTest, EveryBoundIsVisibleUnderLoadAndRotation) {
  const SourcePosition base = Upper();
  std::atomic<bool> stop = false;
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int w = 0; w < 3; ++w) {
    threads.emplace_back([this, w, &stop] {
      SessionOptions options;
      options.database = "d";
      auto s = Connect(options);
      for (int i = 0; s != nullptr && !stop; ++i) {
        live::SqlOn(*s, "INSERT INTO t VALUES (" + std::to_string(1000000 * (w + 1) + i) + ", 'x')");
      }
    });
  }
  threads.emplace_back([this, &stop] {
    auto s = Connect();
    while (s != nullptr && !stop) {
      live::SqlOn(*s, "FLUSH BINARY LOGS");
      std::this_thread::sleep_for(30ms);
    }
  });
  auto watcher = Connect();
  ASSERT_NE(watcher, nullptr);
  std::vector<std::pair<SourcePosition, std::uint64_t>> seen;
  SourcePosition last = Lower(*watcher);
  int moved = 0;
  const auto deadline = std::chrono::steady_clock::now() + 30s;
  while ((seen.size() < 300 || moved <= 50) && std::chrono::steady_clock::now() < deadline) {
    const SourcePosition now = Lower(*watcher);
    seen.emplace_back(now, std::stoull(live::OneOn(*watcher, "SELECT COUNT(*) FROM d.t")));
    ASSERT_TRUE(now.Contains(last));
    if (!last.Contains(now)) ++moved;
    last = now;
  }
  stop = true;
  for (auto& t : threads) t.join();
  EXPECT_GT(moved, 50);
  const std::vector<FilePosition> commits = maria() ? Commits(base.file()) : std::vector<FilePosition>();
  for (const auto& [bound, rows] : seen) {
    const auto within = [&, p = bound.file()](const FilePosition& commit) { return commit <= p; };
    const std::uint64_t held = maria()
                                   ? static_cast<std::uint64_t>(std::count_if(commits.begin(), commits.end(), within))
                                   : bound.gtid_set().Count() - base.gtid_set().Count();
    EXPECT_LE(held, rows) << bound.ToText();
  }
}

TEST_P(LivePositionTest, PrivilegesAndBinlogAreNeeded) {
  Sql("DROP USER IF EXISTS poor@'127.0.0.1'");
  Sql("CREATE USER poor@'127.0.0.1' IDENTIFIED BY 'pw'");
  Sql(maria() ? "GRANT BINLOG MONITOR ON *.* TO poor@'127.0.0.1'" : "GRANT SELECT ON d.* TO poor@'127.0.0.1'");
  Endpoint e = Where();
  e.user = "poor";
  e.password = "pw";
  auto s = Session::Open(e, {});
  ASSERT_TRUE(s.ok()) << s.status().message();
  const auto p = ReadVisibleLowerBound(**s);
  if (maria()) {
    EXPECT_EQ(p.status().code(), Code::kUsage);
    EXPECT_THAT(p.status().message(), ::testing::HasSubstr("PROCESS"));
  } else {
    EXPECT_TRUE(p.ok()) << p.status().message();
  }
}

}  // namespace
}  // namespace shardlift::mysql
