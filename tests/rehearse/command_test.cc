// `shardlift rehearse` itself: a planted fault is named, and nothing is left behind however it ends.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <thread>

#include "rehearse/child.h"
#include "tests/rehearse/processes.h"

namespace shardlift::rehearse {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

class CommandTest : public testing::Test {
 protected:
  void SetUp() override {
    char path[] = "/tmp/sl-command-XXXXXX";
    ASSERT_NE(mkdtemp(path), nullptr);
    directory_ = path;
    std::filesystem::permissions(directory_, std::filesystem::perms(0755));  // the servers' user passes through
    std::filesystem::create_directory(directory_ + "/servers");
    std::filesystem::permissions(directory_ + "/servers", std::filesystem::perms(0755));
  }
  void TearDown() override {
    std::error_code ignored;  // after a failure something may still be at work there
    std::filesystem::remove_all(directory_, ignored);
  }
  std::unique_ptr<Child> Start(const std::vector<std::string>& flags) const {
    ChildOptions options;
    options.program = "/usr/bin/env";
    options.argv = {"env", "TMPDIR=" + directory_ + "/servers", SHARDLIFT_PROGRAM, "rehearse"};
    options.argv.insert(options.argv.end(), flags.begin(), flags.end());
    options.stdout_path = directory_ + "/out";
    options.stderr_path = directory_ + "/err";
    auto child = Child::Start(options);
    EXPECT_TRUE(child.ok());
    return std::move(child).value();
  }
  // Waits until migrate runs as a child of the rehearsal.
  bool MigrateRuns(const Child& rehearsal) const {
    const auto deadline = Clock::now() + 120s;
    while (Clock::now() < deadline) {
      for (const std::string& pid : ProcessesMentioning(directory_ + "/servers")) {
        const std::string line = ReadProcFile("/proc/" + pid + "/cmdline");
        if (line.find("--events-fd") != std::string::npos && pid != std::to_string(rehearsal.pid())) return true;
      }
      std::this_thread::sleep_for(50ms);
    }
    return false;
  }
  void ExpectNothingLeft() const {
    const auto deadline = Clock::now() + 10s;
    while (Clock::now() < deadline && (!std::filesystem::is_empty(directory_ + "/servers") ||
                                       !ProcessesMentioning(directory_ + "/servers").empty())) {
      std::this_thread::sleep_for(50ms);
    }
    EXPECT_TRUE(std::filesystem::is_empty(directory_ + "/servers"));
    EXPECT_THAT(ProcessesMentioning(directory_ + "/servers"), testing::IsEmpty());
  }
  std::string directory_;
};

TEST_F(CommandTest, NamesAPlantedFault) {
  // Rules that are not the default: accounts with buckets of their own, a pinned family.
  std::ofstream(directory_ + "/routing.json") << R"({"strategy": "lookup", "buckets": 1024,
      "lookup": [{"account_type": 1, "account_key": "100001", "bucket": 1030}],
      "pins": [{"biz_tag": 2, "first": 1024, "buckets": 4}]})";
  const auto child = Start({"--rows", "2000", "--seed", "5", "--faults", "plant:lost,plant:bit", "--json", "--routing",
                            directory_ + "/routing.json"});
  ASSERT_EQ(child->WaitFor(300s), 1) << FileTail(directory_ + "/err", 4000);
  const auto report = nlohmann::json::parse(FileTail(directory_ + "/out", 1 << 20));
  EXPECT_EQ(report["schema"], "shardlift.rehearse/1");
  EXPECT_EQ(report["failures"].size(), 0U) << report["failures"].dump();
  ASSERT_EQ(report["planted"].size(), 2U);
  EXPECT_TRUE(report["planted"][0]["found"]);
  EXPECT_TRUE(report["planted"][1]["found"]);
  EXPECT_EQ(report["verify"]["findings"].size(), 2U);
  EXPECT_GE(report["writers"]["changes_per_second"], 400);
  ExpectNothingLeft();
}

TEST_F(CommandTest, SigtermEndsEverythingCleanly) {
  const auto child = Start({"--rows", "2000"});
  ASSERT_TRUE(MigrateRuns(*child)) << FileTail(directory_ + "/err", 4000);
  child->Terminate();
  EXPECT_EQ(child->WaitFor(60s), 5);
  ExpectNothingLeft();
}

TEST_F(CommandTest, KillLeavesNothing) {
  const auto child = Start({"--rows", "2000"});
  ASSERT_TRUE(MigrateRuns(*child)) << FileTail(directory_ + "/err", 4000);
  EXPECT_GE(ProcessesMentioning(directory_ + "/servers").size(), 5U);
  child->Kill();
  ExpectNothingLeft();
}

TEST_F(CommandTest, WrongFlagsAreUsageErrors) {
  EXPECT_EQ(Start({"--faults", "plant:cat"})->WaitFor(60s), 2);
  EXPECT_EQ(Start({"--pairing", "oracle:mysql"})->WaitFor(60s), 2);
  EXPECT_EQ(Start({"--with-mysql", "--pairing", "mysql:mysql"})->WaitFor(60s), 2);
  EXPECT_EQ(Start({"--rows", "none"})->WaitFor(60s), 2);
  ExpectNothingLeft();
}

}  // namespace
}  // namespace shardlift::rehearse
