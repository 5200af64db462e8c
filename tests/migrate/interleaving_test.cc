// The watermark rule on real servers. Each test is named by the order of events.
//
// Ten rows, chunks of five, one reader: "chunk.read" is passed first for rows 1 to 5, then for rows 6 to 10. The
// handlers run on the reader's thread, so what they do has happened before the reader goes on.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "migrate/lane_claim.h"
#include "tests/migrate/fixture.h"

namespace shardlift::migrate::testing {
namespace {

using mysql::Flavour;

class Interleaving : public MigrateTest {
 protected:
  void SetUp() override {
    MigrateTest::SetUp();
    MakeTable(10);
  }
  // Calls `action` at the n-th passage of `point`.
  std::function<void(std::string_view, std::string_view)> At(std::string_view point, int n,
                                                             std::function<void()> action) {
    return
        [this, wanted = std::string(point), n, action = std::move(action)](std::string_view passed, std::string_view) {
          if (passed == wanted && ++passages_[wanted] == n) action();
        };
  }
  void ExpectAllRowsBut(int id, const std::string& body) {
    for (int i = 1; i <= 10; ++i) EXPECT_EQ(TargetBody(i), i == id ? body : fmt::format("old-{}", i)) << "row " << i;
  }
  std::map<std::string, int> passages_;
};

TEST_P(Interleaving, NothingChanges_AllRowsArrive) {
  const auto summary = Run();
  ASSERT_TRUE(summary.ok()) << summary.status().message();
  EXPECT_EQ(summary->rows_copied, 10u);
  EXPECT_EQ(TargetRows(), 10);
  ExpectAllRowsBut(0, "");
}

TEST_P(Interleaving, ChunkRead_RowDeleted_ChunkWritten_RowStaysDeleted) {
  const auto summary = Run(At("chunk.read", 2, [&] {
    OnSource("DELETE FROM legacy.msg WHERE id = 8");
    OnSource("INSERT INTO legacy.msg (id, uid, body) VALUES (99, 99, 'marker')");
    EXPECT_TRUE(WaitForTargetBody(99, "marker")) << "the stream did not pass the delete";
  }));
  ASSERT_TRUE(summary.ok()) << summary.status().message();
  EXPECT_EQ(TargetBody(8), "");
  EXPECT_EQ(summary->rows_dropped_by_windows, 1u);
}

TEST_P(Interleaving, WindowOpened_RowUpdated_ChunkRead_UpdateStays) {
  const auto summary =
      Run(At("chunk.opened", 2, [&] { OnSource("UPDATE legacy.msg SET body = 'new-8' WHERE id = 8"); }));
  ASSERT_TRUE(summary.ok()) << summary.status().message();
  ExpectAllRowsBut(8, "new-8");
}

TEST_P(Interleaving, ChunkRead_RowUpdatedAndMovedToOtherShard_ChunkWritten_NewPlaceOnly) {
  const auto summary = Run(At("chunk.read", 2, [&] {
    for (int uid = 100; uid < 120; ++uid) {  // several accounts: some of them on each shard
      OnSource(fmt::format("UPDATE legacy.msg SET uid = {0}, body = 'moved-{0}' WHERE id = 8", uid));
    }
    EXPECT_TRUE(WaitForTargetBody(8, "moved-119"));
  }));
  ASSERT_TRUE(summary.ok()) << summary.status().message();
  ExpectAllRowsBut(8, "moved-119");
  EXPECT_EQ(TargetRows(), 10);
}

TEST_P(Interleaving, ChunkRead_KeysSwapped_ChunkWritten_SwapStays) {
  const auto summary = Run(At("chunk.read", 2, [&] {
    auto session = SourceSession();
    for (const char* sql :
         {"START TRANSACTION", "UPDATE legacy.msg SET id = 1000 WHERE id = 7",
          "UPDATE legacy.msg SET id = 7 WHERE id = 9", "UPDATE legacy.msg SET id = 9 WHERE id = 1000", "COMMIT"}) {
      SL_ASSERT_OK(session->Execute(sql, "swap"));
    }
  }));
  ASSERT_TRUE(summary.ok()) << summary.status().message();
  EXPECT_EQ(TargetBody(7), "old-9");
  EXPECT_EQ(TargetBody(9), "old-7");
  EXPECT_EQ(TargetRows(), 10);
}

TEST_P(Interleaving, LastChunkHeldInOneLane_RowsUpdated_OtherLaneHasTheUpdateMeanwhile) {
  config_.copy.chunk_rows = 100;
  const auto summary = Run(At("lane.in_transaction", 1, [&] {
    OnSource("UPDATE legacy.msg SET body = 'new'");
    const int arrived = WaitForTargetRowsWith("new");
    EXPECT_GT(arrived, 0) << "the stream waits for the lane that is held";
    EXPECT_LT(arrived, 10) << "no lane is held";
  }));
  ASSERT_TRUE(summary.ok()) << summary.status().message();
  EXPECT_EQ(TargetRowsWith("new"), 10);
}

// Target keys that clash: rows of one account and second have one target key here.
class Clash : public Interleaving {
 protected:
  void SetUp() override {
    Interleaving::SetUp();
    for (auto& [column, expression] : config_.mappings[0].columns) {
      if (column == "msg_id") expression = "ctime";
    }
  }
  void ExpectRun(std::uint64_t dead_letters) {
    const auto summary = Run();
    ASSERT_TRUE(summary.ok()) << summary.status().message();
    EXPECT_EQ(summary->dead_letters, dead_letters);
  }
};

TEST_P(Clash, TwoOwnersWithOneTargetKey_Copied_WinnerDeleted_LoserArrives) {
  OnSource("INSERT INTO legacy.msg (id, uid, body) VALUES (11, 1, 'old-11')");
  ExpectRun(1);
  EXPECT_EQ(TargetRows(), 10);
  const bool first_won = TargetRowsWith("old-1") == 1;
  EXPECT_EQ(TargetRowsWith("old-11"), first_won ? 0 : 1);
  OnSource(fmt::format("DELETE FROM legacy.msg WHERE id = {}", first_won ? 1 : 11));
  ExpectRun(0);
  EXPECT_EQ(TargetRows(), 10);
  EXPECT_EQ(TargetRowsWith(first_won ? "old-11" : "old-1"), 1);
}

TEST_P(Clash, TwoOwnersWithOneTargetKey_LoserUpdatedElsewhere_BothArrive) {
  OnSource("INSERT INTO legacy.msg (id, uid, body) VALUES (11, 1, 'old-11')");
  ExpectRun(1);
  OnSource(fmt::format("UPDATE legacy.msg SET ctime = ctime + 1 WHERE id = {}", TargetRowsWith("old-1") == 1 ? 11 : 1));
  ExpectRun(0);
  EXPECT_EQ(TargetRows(), 11);
}

TEST_P(Clash, GroupInSeveralTransactions_TwoOwnersExchangeTheirTargetKey_BothArrive) {
  ExpectRun(0);
  config_.apply.batch_bytes_max = 1;
  auto session = SourceSession();
  for (const char* sql : {"START TRANSACTION", "UPDATE legacy.msg SET uid = 2, body = 'new-1' WHERE id = 1",
                          "UPDATE legacy.msg SET uid = 1, body = 'new-2' WHERE id = 2", "COMMIT"}) {
    SL_ASSERT_OK(session->Execute(sql, "exchange"));
  }
  ExpectRun(0);
  EXPECT_EQ(TargetRows(), 10);
  EXPECT_EQ(TargetRowsWith("new-1"), 1);
  EXPECT_EQ(TargetRowsWith("new-2"), 1);
}

INSTANTIATE_TEST_SUITE_P(Servers, Clash, ::testing::Values(Flavour::kMariaDb, Flavour::kMySql), FlavourParamName);

// Between the passage of the first chunk and the opening of the second, a commit is streamed and applied but not
// visible.
class Stalled : public Interleaving {
 protected:
  base::Result<MigrateSummary> RunWithStalledUpdate() {
    std::unique_ptr<SemiSyncStall> stall;
    std::thread writer;
    auto result = Run(At("chunk.read", 1, [&] {
      stall = std::make_unique<SemiSyncStall>(GetParam(), std::chrono::milliseconds(4000));
      writer = std::thread([&] { OnSource("UPDATE legacy.msg SET body = 'new-8' WHERE id = 8"); });
      EXPECT_TRUE(WaitForTargetBody(8, "new-8")) << "the stream did not deliver the stalled commit";
      auto visible = SourceSession()->Query("SELECT body FROM legacy.msg WHERE id = 8", "look");
      EXPECT_EQ(visible->rows.at(0).at(0), "old-8") << "the commit was not stalled";
    }));
    if (writer.joinable()) writer.join();
    return result;
  }
};

TEST_P(Stalled, EventDelivered_ChunkOpened_CommitVisible_ChunkWaitsAndUpdateStays) {
  const auto summary = RunWithStalledUpdate();
  ASSERT_TRUE(summary.ok()) << summary.status().message();
  ExpectAllRowsBut(8, "new-8");
}

TEST_P(Stalled, DecidedByBinlogOrder_OldImageComesBack) {
  options_.unsafe_windows_by_binlog_order = true;
  const auto summary = RunWithStalledUpdate();
  ASSERT_TRUE(summary.ok()) << summary.status().message();
  EXPECT_EQ(TargetBody(8), "old-8") << "the unsafe rule did not lose the update: the test above proves nothing";
}

class XaInterleaving : public Interleaving {
 protected:
  void RunXa(const char* end) {
    const auto summary = Run([&](std::string_view point, std::string_view) {
      if (point != "chunk.read") return;
      const int passage = ++passages_["chunk.read"];
      if (passage == 1) {
        auto session = SourceSession();
        for (const char* sql :
             {"XA START 'x1'", "UPDATE legacy.msg SET body = 'new-8' WHERE id = 8", "XA END 'x1'", "XA PREPARE 'x1'"}) {
          SL_ASSERT_OK(session->Execute(sql, "xa"));
        }
        session.reset();  // MySQL lets another session end it only when this one is gone
        OnSource("INSERT INTO legacy.msg (id, uid, body) VALUES (99, 99, 'marker')");
        EXPECT_TRUE(WaitForTargetBody(99, "marker"));
      } else if (passage == 2) {
        OnSource(end);
      }
    });
    ASSERT_TRUE(summary.ok()) << summary.status().message();
  }
};

TEST_P(XaInterleaving, XaPrepared_ChunkRead_XaCommitted_UpdateArrives) {
  RunXa("XA COMMIT 'x1'");
  ExpectAllRowsBut(8, "new-8");
}

TEST_P(XaInterleaving, XaPrepared_ChunkRead_XaRolledBack_OldRowStays) {
  RunXa("XA ROLLBACK 'x1'");
  ExpectAllRowsBut(0, "");
}

TEST_P(Interleaving, RunEnds_LocksAreFreeAtOnce) {
  SL_ASSERT_OK(Run().status());
  for (const job::ShardConfig& shard : config_.shards) {
    const std::string free = fmt::format("SELECT IS_FREE_LOCK('{}')", JobLockName(shard.database, 9));
    EXPECT_EQ(live::OneOn(*ShardSession(0), free), "1") << shard.database;
  }
}

TEST_P(Interleaving, ServerStillHoldsLockOfEndedProcess_NextStarts_LockIsFreed_NextRuns) {
  const std::string name = JobLockName(config_.shards[1].database, 9);
  auto holder = ShardSession(-1);
  ASSERT_EQ(live::OneOn(*holder, fmt::format("SELECT GET_LOCK('{}', 0)", name)), "1");
  std::thread frees([&] {
    std::this_thread::sleep_for(std::chrono::seconds(2));
    holder.reset();
  });
  const auto summary = Run();
  frees.join();
  SL_ASSERT_OK(summary.status());
  EXPECT_EQ(TargetRows(), 10);
}

TEST_P(Interleaving, WindowOpened_GroupRolledBackInBinlog_ChunkWritten_RowIsNotLost) {
  const auto summary = Run(At("chunk.opened", 2, [&] {
    auto session = SourceSession();
    // MariaDB writes this group with its rows and a ROLLBACK at the end; MySQL writes nothing.
    for (const char* sql :
         {"CREATE TEMPORARY TABLE legacy.scratch (a INT)", "START TRANSACTION",
          "UPDATE legacy.msg SET body = 'never' WHERE id = 8", "DROP TEMPORARY TABLE legacy.scratch", "ROLLBACK"}) {
      SL_ASSERT_OK(session->Execute(sql, "roll back"));
    }
  }));
  ASSERT_TRUE(summary.ok()) << summary.status().message();
  ExpectAllRowsBut(0, "");
}

TEST_P(Interleaving, WindowOpened_SavepointRolledBack_ChunkWritten_RowIsNotLost) {
  const auto summary = Run(At("chunk.opened", 2, [&] {
    auto session = SourceSession();
    for (const char* sql : {"START TRANSACTION", "UPDATE legacy.msg SET body = 'new-7' WHERE id = 7", "SAVEPOINT s1",
                            "UPDATE legacy.msg SET body = 'never' WHERE id = 8", "ROLLBACK TO s1", "COMMIT"}) {
      SL_ASSERT_OK(session->Execute(sql, "savepoint"));
    }
  }));
  ASSERT_TRUE(summary.ok()) << summary.status().message();
  ExpectAllRowsBut(7, "new-7");
}

// Chunks are read on a replica whose applier stands still from the first chunk on.
class LaggingReader : public Interleaving {
 protected:
  void SetUp() override {
    Interleaving::SetUp();
    config_.sources[0].reader = ReplicaServer().endpoint();
    ReplicateFromNow();
    MakeTable(10);
  }
  void OnReplica(const std::string& sql) {
    auto session = mysql::Session::Open(ReplicaServer().endpoint(), {});
    SL_ASSERT_OK(session.status());
    SL_ASSERT_OK((*session)->Execute(sql, "replica"));
  }
  void ReplicateFromNow() {
    OnSource("DROP DATABASE IF EXISTS legacy");
    OnReplica("STOP REPLICA");
    OnReplica("RESET REPLICA ALL");
    OnReplica("DROP DATABASE IF EXISTS legacy");
    OnReplica("RESET BINARY LOGS AND GTIDS");
    const auto executed = mysql::ReadUpperBound(*SourceSession());
    SL_ASSERT_OK(executed.status());
    OnReplica(fmt::format("SET GLOBAL gtid_purged = '{}'", executed->gtid_set().ToText()));
    const mysql::Endpoint& source = SourceServer(Flavour::kMySql).endpoint();
    OnReplica(
        fmt::format("CHANGE REPLICATION SOURCE TO SOURCE_HOST = '127.0.0.1', SOURCE_PORT = {}, SOURCE_USER = '{}', "
                    "SOURCE_PASSWORD = '{}', SOURCE_AUTO_POSITION = 1, GET_SOURCE_PUBLIC_KEY = 1",
                    source.port, source.user, source.password));
    OnReplica("START REPLICA");
  }
  base::Result<MigrateSummary> RunWithStoppedApplier() {
    std::thread starter;
    auto result = Run(At("chunk.read", 1, [&] {
      OnReplica("STOP REPLICA SQL_THREAD");
      OnSource("UPDATE legacy.msg SET body = 'new-8' WHERE id = 8");
      EXPECT_TRUE(WaitForTargetBody(8, "new-8"));
      starter = std::thread([this] {
        std::this_thread::sleep_for(std::chrono::milliseconds(1500));
        OnReplica("START REPLICA SQL_THREAD");
      });
    }));
    if (starter.joinable()) starter.join();
    return result;
  }
};

TEST_P(LaggingReader, EventDeliveredAndApplied_ReaderLags_ChunkWaitsForReaderAndUpdateStays) {
  const auto summary = RunWithStoppedApplier();
  ASSERT_TRUE(summary.ok()) << summary.status().message();
  ExpectAllRowsBut(8, "new-8");
}

TEST_P(LaggingReader, DecidedByBinlogOrder_OldImageComesBack) {
  options_.unsafe_windows_by_binlog_order = true;
  const auto summary = RunWithStoppedApplier();
  ASSERT_TRUE(summary.ok()) << summary.status().message();
  EXPECT_EQ(TargetBody(8), "old-8");
}

INSTANTIATE_TEST_SUITE_P(Servers, LaggingReader, ::testing::Values(Flavour::kMySql), FlavourParamName);
INSTANTIATE_TEST_SUITE_P(Servers, Interleaving, ::testing::Values(Flavour::kMariaDb, Flavour::kMySql),
                         FlavourParamName);
INSTANTIATE_TEST_SUITE_P(Servers, Stalled, ::testing::Values(Flavour::kMariaDb, Flavour::kMySql), FlavourParamName);
INSTANTIATE_TEST_SUITE_P(Servers, XaInterleaving, ::testing::Values(Flavour::kMariaDb, Flavour::kMySql),
                         FlavourParamName);

}  // namespace
}  // namespace shardlift::migrate::testing
