// The flow of a rehearsal against real servers and a stand-in for the program: what the orchestrator does when migrate
// behaves well, gives up, fails, or finishes too early.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "rehearse/rehearse.h"

namespace shardlift::rehearse {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// A migrate and a verify that only talk. $STATE counts the runs of migrate.
constexpr std::string_view kHead = R"(#!/bin/bash
dir=$(dirname "$0"); n=$(cat $dir/runs 2>/dev/null || echo 0)
if [ "$1" = verify ]; then
  echo '{"schema":"shardlift.verify/1","rows_compared":5,"findings":[],"counts":{},"per_shard":[],"per_mapping":[]}'; exit 0
fi
n=$((n+1)); echo $n > $dir/runs
say() { echo "$1" >&3; }
point=; until=; args=("$@")
for ((i=0;i<$#;i++)); do
  [ "${args[i]}" = --pause-at ] && point=${args[i+1]%%:*}
  [ "${args[i]}" = --until-caught-up ] && until=1
done
trap 'exit 5' TERM
say '{"event":"phase","phase":"copy"}'
say '{"event":"chunk","state":"reading","source":"source1","table":"im_0.msg_00","after":"","rows":5}'
)";
constexpr std::string_view kTail = R"(
[ -n "$point" ] && [ "$point" != catchup.group ] && say "{\"event\":\"pause\",\"point\":\"$point\",\"detail\":\"x\"}" && sleep 100
say '{"event":"phase","phase":"catch-up"}'
[ -n "$point" ] && say "{\"event\":\"pause\",\"point\":\"$point\",\"detail\":\"x\"}" && sleep 100
say '{"event":"progress","rows_copied":5,"changes_applied":9,"lag_seconds":0}'
[ -n "$until" ] && echo '{"schema":"shardlift.migrate/1","changes_applied":1,"changes_total":100}' && exit 0
sleep 100 & wait
)";

class FlowTest : public testing::Test {
 protected:
  void SetUp() override {
    char path[] = "/tmp/shardlift-flow-XXXXXX";
    ASSERT_NE(mkdtemp(path), nullptr);
    directory_ = path;
    std::filesystem::create_directory(directory_ + "/mappings");
    for (const char* name : {"im", "push", "notice"}) {
      std::ofstream(directory_ + "/mappings/" + name + ".json") << "{}\n";
    }
    options_.rows = 400;
    options_.program = directory_ + "/program";
    options_.mappings_directory = directory_ + "/mappings";
    options_.report_directory = directory_ + "/report";
    options_.faults = *ParseFaults("kill");
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  RehearseReport Run(const std::string& middle) {
    std::ofstream(options_.program) << kHead << middle << kTail;
    chmod(options_.program.c_str(), 0755);
    auto report = RunRehearsal(options_);
    EXPECT_TRUE(report.ok()) << report.status().message();
    return report.ok() ? *report : RehearseReport();
  }
  std::string directory_;
  RehearseOptions options_;
};

TEST_F(FlowTest, KillsResumesAndReports) {
  const RehearseReport report = Run("");
  EXPECT_THAT(report.failures, ElementsAre());
  EXPECT_EQ(report.exit_code, 0);
  ASSERT_EQ(report.kills.size(), 5U);
  EXPECT_EQ(report.kills[0].point, "chunk.read");
  EXPECT_EQ(report.kills[0].table, "im_0.msg_00");
  EXPECT_EQ(report.kills[4].phase, "catch-up");
  EXPECT_EQ(report.migrate_runs, 7U);
  EXPECT_EQ(report.changes_applied, 100U);
  EXPECT_GT(report.writers.changes, 0U);
  EXPECT_EQ(report.verify.rows_compared, 5U);
  std::ifstream file(directory_ + "/report/report.json");
  const auto json = nlohmann::json::parse(file);
  EXPECT_EQ(json["kills"].size(), 5U);
  EXPECT_TRUE(std::filesystem::exists(directory_ + "/report/job.json"));
  EXPECT_TRUE(std::filesystem::exists(directory_ + "/report/mappings/im.json"));
  for (const auto& entry : std::filesystem::directory_iterator(directory_ + "/report")) {
    EXPECT_NE(entry.path().extension(), ".password");
  }
}

TEST_F(FlowTest, OneExitWithCodeThreeIsForgiven) {
  const RehearseReport once = Run("[ $n = 2 ] && exit 3");
  EXPECT_EQ(once.exit_code, 0) << ReportText(once);
  EXPECT_EQ(once.migrate_restarts, 1U);
}

TEST_F(FlowTest, ASecondExitOrAnotherCodeIsAFailureWithItsLog) {
  const RehearseReport report = Run("[ $n = 2 ] && echo 'the reason is here' >&2 && exit 4");
  EXPECT_EQ(report.exit_code, 4);
  EXPECT_THAT(report.failure_log, HasSubstr("the reason is here"));
  EXPECT_THAT(ReportText(report), HasSubstr("the reason is here"));
  EXPECT_FALSE(report.verify.done);
}

TEST_F(FlowTest, TooFewKillsIsAFailure) {
  // The copy ends before a chunk could be paused.
  const RehearseReport report =
      Run(R"([ "$point" = chunk.read ] && say '{"event":"phase","phase":"catch-up"}' && sleep 100)");
  EXPECT_EQ(report.exit_code, 3);
  EXPECT_EQ(report.kills.size(), 3U);
  ASSERT_EQ(report.failures.size(), 1U);
  EXPECT_THAT(report.failures[0], HasSubstr("0 of 2 with a chunk in flight"));
}

TEST_F(FlowTest, StopEndsEverything) {
  const std::atomic<bool> stop{true};
  options_.stop = &stop;
  options_.report_directory.clear();
  EXPECT_EQ(RunRehearsal(options_).status().code(), base::Code::kStopped);
}

}  // namespace
}  // namespace shardlift::rehearse
