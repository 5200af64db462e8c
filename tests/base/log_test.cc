#include "base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <thread>

namespace shardlift::base {
namespace {

class LogTest : public testing::Test {
 protected:
  void SetUp() override {
    SetLogSink([this](std::string_view line) { lines_.emplace_back(line); });
  }
  void TearDown() override {
    SetLogSink(nullptr);
    ConfigureLog(LogLevel::kInfo, LogFormat::kText);
  }
  std::vector<std::string> lines_;
};

TEST_F(LogTest, TextHasTimeLevelMessageAndFields) {
  ConfigureLog(LogLevel::kInfo, LogFormat::kText);
  LogInfo("chunk merged", {{"table", std::string("im_0.msg_03")},
                           {"rows", std::int64_t{10000}},
                           {"ok", true},
                           {"note", std::string("two words=\"x\"")}});
  ASSERT_EQ(lines_.size(), 1u);
  EXPECT_THAT(lines_[0], testing::ContainsRegex("^[0-9]+-[0-9]+-[0-9]+T[0-9:.]+Z info    chunk merged "));
  EXPECT_THAT(lines_[0], testing::EndsWith("table=im_0.msg_03 rows=10000 ok=true note=\"two words=\\\"x\\\"\"\n"));
}

TEST_F(LogTest, JsonLinesParse) {
  ConfigureLog(LogLevel::kDebug, LogFormat::kJson);
  LogDebug("a \"quoted\"\nmessage", {{"seconds", 1.5}, {"lane", std::int64_t{-1}}, {"text", std::string("t\tx")}});
  ASSERT_EQ(lines_.size(), 1u);
  const auto json = nlohmann::json::parse(lines_[0]);
  EXPECT_EQ(json["level"], "debug");
  EXPECT_EQ(json["message"], "a \"quoted\"\nmessage");
  EXPECT_EQ(json["seconds"], 1.5);
  EXPECT_EQ(json["lane"], -1);
  EXPECT_EQ(json["text"], "t\tx");
  EXPECT_EQ(lines_[0].find('\n'), lines_[0].size() - 1);
}

TEST_F(LogTest, TextStaysOnOneLine) {
  LogWarning("first\nsecond", {{"name", std::string("a\nb")}});
  ASSERT_EQ(lines_.size(), 1u);
  EXPECT_EQ(lines_[0].find('\n'), lines_[0].size() - 1);
}

TEST_F(LogTest, LevelsFilter) {
  ConfigureLog(LogLevel::kWarning, LogFormat::kText);
  LogDebug("debug");
  LogInfo("info");
  LogWarning("warning");
  LogError("error");
  EXPECT_EQ(lines_.size(), 2u);
  ConfigureLog(LogLevel::kOff, LogFormat::kText);
  LogError("error");
  EXPECT_EQ(lines_.size(), 2u);
  EXPECT_FALSE(LogEnabled(LogLevel::kError));
}

TEST_F(LogTest, BracesInMessagesAreNotFormatStrings) {
  LogInfo("bad {} {0} {x}");
  ASSERT_EQ(lines_.size(), 1u);
  EXPECT_THAT(lines_[0], testing::HasSubstr("bad {} {0} {x}"));
}

TEST_F(LogTest, ThreadsWriteWholeLines) {
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([] {
      for (int i = 0; i < 200; ++i) LogInfo("line", {{"i", std::int64_t{i}}});
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(lines_.size(), 800u);
}

}  // namespace
}  // namespace shardlift::base
