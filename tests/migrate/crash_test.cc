// kill -9 and second processes, with the real program on real servers. Tests are named by the order of events.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <thread>

#include "tests/migrate/fixture.h"
#include "tests/migrate/program.h"

namespace shardlift::migrate::testing {
namespace {

using mysql::Flavour;

class Crash : public MigrateTest {
 protected:
  void SetUp() override {
    MigrateTest::SetUp();
    MakeTable(10);
    job_ = WriteJobFile();
    log_ = job_ + ".log";
  }
  Program Start(std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = {"migrate", "-c", job_};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return Program(arguments, log_);
  }
  void FinishAndExpect(int id, const std::string& body) {
    Program program = Start({"--until-caught-up"});
    EXPECT_EQ(program.Wait(), 0) << program.Log();
    for (int i = 1; i <= 10; ++i) EXPECT_EQ(TargetBody(i), i == id ? body : fmt::format("old-{}", i)) << "row " << i;
    EXPECT_EQ(TargetRows(), 10);
  }
  std::uintmax_t SpoolBytes() const {
    std::uintmax_t bytes = 0;
    for (const auto& file : std::filesystem::recursive_directory_iterator(config_.spool.directory)) {
      if (file.is_regular_file()) bytes += file.file_size();
    }
    return bytes;
  }
  void PurgeBinlogs() {
    const auto source = SourceSession();
    for (int i = 0; i < 100; ++i) {  // until the server is done with the files
      const mysql::Rows files = live::RowsOn(*source, "SHOW BINARY LOGS");
      if (files.rows.size() == 1) return;
      live::SqlOn(*source, fmt::format("PURGE BINARY LOGS TO '{}'", files.rows.back()[0].value()));
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    FAIL() << "the server keeps its binlogs";
  }
  std::string job_;
  std::string log_;
};

TEST_P(Crash, ChunkRead_Killed_RowUpdated_Resumed_UpdateArrives) {
  Program program = Start({"--pause-at", "chunk.read:2"});
  ASSERT_NE(program.WaitForEvent({"\"pause\"", "chunk.read"}, 30), "") << program.Log();
  program.Kill();
  OnSource("UPDATE legacy.msg SET body = 'new-8' WHERE id = 8");
  FinishAndExpect(8, "new-8");
}

TEST_P(Crash, RowsWritten_KilledBeforeCommit_Resumed_AllRowsOnce) {
  Program program = Start({"--pause-at", "lane.in_transaction:2"});
  ASSERT_NE(program.WaitForEvent({"\"pause\"", "lane.in_transaction"}, 30), "") << program.Log();
  program.Kill();
  FinishAndExpect(0, "");
}

// Two groups of ten rows, each a round of its own. The first lane that writes is held while the other applies both;
// then the one behind is killed between the two. It must not skip the second because the other lane has it.
TEST_P(Crash, OneLaneAhead_Resumed_KilledBetweenGroupsOfTheOtherLane_Resumed_NoGroupSkipped) {
  config_.apply.batch_changes_max = 1;
  job_ = WriteJobFile();
  ASSERT_EQ(Start({"--until-caught-up"}).Wait(), 0);
  {
    Program one_ahead = Start({"--pause-at", "lane.in_transaction:1"});
    OnSource("UPDATE legacy.msg SET body = 'first'");
    OnSource("UPDATE legacy.msg SET body = 'second'");
    ASSERT_NE(one_ahead.WaitForEvent({"\"pause\"", "lane.in_transaction"}, 30), "") << one_ahead.Log();
    const int ahead = WaitForTargetRowsWith("second");
    ASSERT_GT(ahead, 0) << "no lane got ahead";
    ASSERT_LT(ahead, 10) << "both lanes got ahead";
  }
  {
    Program between = Start({"--pause-at", "lane.in_transaction:2"});
    ASSERT_NE(between.WaitForEvent({"\"pause\"", "lane.in_transaction"}, 30), "") << between.Log();
  }
  ASSERT_EQ(Start({"--until-caught-up"}).Wait(), 0);
  EXPECT_EQ(TargetRowsWith("second"), 10);
}

TEST_P(Crash, EventDeliveredAndApplied_Killed_Resumed_CommitVisible_ChunkWaitsAndUpdateStays) {
  Program program = Start({"--pause-at", "chunk.read:2"});
  ASSERT_NE(program.WaitForEvent({"\"pause\"", "chunk.read"}, 30), "") << program.Log();
  SemiSyncStall stall(GetParam(), std::chrono::milliseconds(8000));
  std::thread writer([&] { OnSource("UPDATE legacy.msg SET body = 'new-8' WHERE id = 8"); });
  EXPECT_TRUE(WaitForTargetBody(8, "new-8"));
  program.Kill();
  EXPECT_EQ(SourceSession()->Query("SELECT body FROM legacy.msg WHERE id = 8", "look")->rows.at(0).at(0), "old-8");
  FinishAndExpect(8, "new-8");
  writer.join();
}

TEST_P(Crash, FirstProcessRuns_SecondStarts_SecondIsRefused) {
  Program first = Start({"--pause-at", "chunk.read:2"});
  ASSERT_NE(first.WaitForEvent({"\"pause\"", "chunk.read"}, 30), "") << first.Log();
  Program second({"migrate", "-c", job_}, log_ + ".second");
  EXPECT_EQ(second.Wait(), 4) << second.Log();
  EXPECT_NE(second.Log().find("another process is migrating"), std::string::npos) << second.Log();
  EXPECT_NE(second.Log().find("--takeover"), std::string::npos) << second.Log();
  first.Kill();
  FinishAndExpect(0, "");
}

TEST_P(Crash, FirstProcessInsideLaneTransaction_Stopped_TakenOver_Continued_FirstCanNotWrite) {
  Program first = Start({"--until-caught-up"});
  first.WaitForEvent({"\"chunk\"", "\"reading\""}, 30);
  first.Signal(SIGSTOP);
  // As on another machine: here the first one would have to be ended, as it has the spool.
  config_.spool.directory += "-second";
  job_ = WriteJobFile();
  Program second = Start({"--until-caught-up", "--takeover"});
  EXPECT_EQ(second.Wait(), 0) << second.Log();
  OnSource("UPDATE legacy.msg SET body = 'new-8' WHERE id = 8");
  first.Signal(SIGCONT);
  const int code = first.Wait();
  EXPECT_TRUE(code == 4 || code == 3 || code == 0) << first.Log();
  FinishAndExpect(8, "new-8");
}

// The lanes stand still, the source's binlog does not. Its last transaction must be left, to prove that it goes on.
TEST_P(Crash, SpoolAheadOfTheLanes_Killed_SourcePurgesItsBinlog_Resumed_ChangesArrive) {
  ASSERT_EQ(Start({"--until-caught-up"}).Wait(), 0);
  {
    Program program = Start({"--pause-at", "lane.in_transaction:1"});
    OnSource("UPDATE legacy.msg SET body = 'first'");
    ASSERT_NE(program.WaitForEvent({"\"pause\"", "lane.in_transaction"}, 30), "") << program.Log();
    OnSource("UPDATE legacy.msg SET body = 'second'");
    OnSource("FLUSH BINARY LOGS");
    std::this_thread::sleep_for(std::chrono::milliseconds(1500));
    const std::uintmax_t before = SpoolBytes();
    OnSource("UPDATE legacy.msg SET body = 'third' WHERE id = 3");
    for (int i = 0; i < 300 && SpoolBytes() == before; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(50));
    ASSERT_GT(SpoolBytes(), before);
    program.Kill();
  }
  PurgeBinlogs();
  ASSERT_EQ(Start({"--until-caught-up"}).Wait(), 0);
  EXPECT_EQ(TargetRowsWith("second"), 9);
  EXPECT_EQ(TargetBody(3), "third");
  EXPECT_EQ(TargetRows(), 10);
}

INSTANTIATE_TEST_SUITE_P(Servers, Crash, ::testing::Values(Flavour::kMariaDb, Flavour::kMySql), FlavourParamName);

}  // namespace
}  // namespace shardlift::migrate::testing
