// A server dies in the middle: the run waits for it and goes on, or ends with exit code 3, names the server and the
// remedy, and the next run goes on.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "tests/migrate/fixture.h"

namespace shardlift::migrate::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class ServerLoss : public MigrateTest {
 protected:
  void SetUp() override {
    MigrateTest::SetUp();
    MakeTable(10);
    config_.apply.retry_seconds = 2;
    options_.max_duration = std::chrono::seconds(60);  // a run that does not see the loss ends, with another code
  }
  void TearDown() override {
    MigrateTest::TearDown();
    Restart();
  }
  void Restart() {
    for (rehearse::Server* server : {&SourceServer(GetParam()), &ShardServer(GetParam())}) {
      if (server->pid() == 0) SL_ASSERT_OK(server->StartAgain());
    }
  }
  // Runs with `server` killed at the first passage of `point`; the run must have failed for it.
  void RunAndLose(rehearse::Server& server, std::string_view point) {
    std::atomic<bool> killed = false;
    const auto result = Run([&](std::string_view passed, std::string_view) {
      if (passed != point || killed.exchange(true)) return;
      const base::Status status = server.KillNow();
      EXPECT_TRUE(status.ok()) << status.message();
    });
    ASSERT_TRUE(killed) << point << " was not passed";
    EXPECT_EQ(base::ExitCodeOf(result.status()), 3) << result.status().message();
    EXPECT_THAT(result.status().message(), AllOf(HasSubstr(fmt::format("127.0.0.1:{}", server.endpoint().port)),
                                                 HasSubstr("the same command goes on from there")));
    message_ = result.status().message();
    Restart();
  }
  // Runs with the source killed at the first passage of `point`; a second later it is back and written to.
  base::Result<MigrateSummary> RunWithASourceThatComesBack(std::string_view point, std::string_view sql) {
    config_.apply.retry_seconds = 60;
    std::atomic<bool> killed = false;
    std::thread back;
    auto result = Run([&](std::string_view passed, std::string_view) {
      if (passed != point || killed.exchange(true)) return;
      const base::Status status = SourceServer(GetParam()).KillNow();
      EXPECT_TRUE(status.ok()) << status.message();
      back = std::thread([&] {
        std::this_thread::sleep_for(std::chrono::seconds(1));
        Restart();
        OnSource(std::string(sql));
      });
    });
    EXPECT_TRUE(killed) << point << " was not passed";
    if (back.joinable()) back.join();
    return result;
  }
  void FinishAndExpect(const std::string& body) {
    SL_ASSERT_OK(Run().status());
    EXPECT_EQ(TargetRows(), 10);
    for (int id = 1; id <= 10; ++id) EXPECT_EQ(TargetBody(id), fmt::format("{}-{}", body, id));
  }

  std::string message_;
};

TEST_P(ServerLoss, SourceDiesDuringTheCopy_ExitCodeThree_NextRunMovesAllRows) {
  RunAndLose(SourceServer(GetParam()), "chunk.read");
  EXPECT_THAT(message_, HasSubstr("source"));
  FinishAndExpect("old");
}

// Nothing is left to be copied, so the lane transaction is one of changes.
TEST_P(ServerLoss, SourceDiesDuringCatchUp_ExitCodeThree_NextRunMovesAllChanges) {
  SL_ASSERT_OK(Run().status());
  OnSource("UPDATE legacy.msg SET body = CONCAT('new-', id) WHERE id <= 5");
  OnSource("UPDATE legacy.msg SET body = CONCAT('new-', id) WHERE id > 5");
  options_.until_caught_up = false;
  RunAndLose(SourceServer(GetParam()), "lane.in_transaction");
  EXPECT_THAT(message_, HasSubstr("source"));
  options_.until_caught_up = true;
  FinishAndExpect("new");
}

TEST_P(ServerLoss, ShardDiesInsideALaneTransaction_ExitCodeThreeAfterTheRetries_NextRunMovesAllRows) {
  RunAndLose(ShardServer(GetParam()), "lane.in_transaction");
  EXPECT_THAT(message_, AllOf(HasSubstr("shard"), HasSubstr("gave up after 2 s (apply.retry_seconds)"),
                              HasSubstr("when the shard is back")));
  FinishAndExpect("old");
}

// The windows that were open are void: what they saw may be gone with the server.
TEST_P(ServerLoss, SourceDiesDuringTheCopyAndComesBack_TheRunGoesOn) {
  const auto result = RunWithASourceThatComesBack("chunk.read", "UPDATE legacy.msg SET body = CONCAT('new-', id)");
  SL_ASSERT_OK(result.status());
  EXPECT_GT(result->chunks_voided, 0u);
  FinishAndExpect("new");
}

TEST_P(ServerLoss, SourceDiesDuringCatchUpAndComesBack_TheRunGoesOn) {
  SL_ASSERT_OK(Run().status());
  OnSource("UPDATE legacy.msg SET body = CONCAT('new-', id) WHERE id <= 5");
  const auto result = RunWithASourceThatComesBack("lane.in_transaction",
                                                  "UPDATE legacy.msg SET body = CONCAT('new-', id) WHERE id > 5");
  SL_ASSERT_OK(result.status());
  FinishAndExpect("new");
}

SL_BOTH_FLAVOURS(ServerLoss);

}  // namespace
}  // namespace shardlift::migrate::testing
