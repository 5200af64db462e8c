#include "base/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <unistd.h>

#include <array>
#include <mutex>
#include <thread>
#include <vector>

#include "base/log.h"

namespace shardlift::base {
namespace {

using std::chrono::seconds;

TEST(FormatCountTest, GroupsOfThree) {
  EXPECT_EQ(FormatCount(0), "0");
  EXPECT_EQ(FormatCount(999), "999");
  EXPECT_EQ(FormatCount(1000), "1,000");
  EXPECT_EQ(FormatCount(12345678), "12,345,678");
}

TEST(FormatDurationTest, PicksItsUnits) {
  EXPECT_EQ(FormatDuration(seconds(0)), "0:00");
  EXPECT_EQ(FormatDuration(seconds(50)), "0:50");
  EXPECT_EQ(FormatDuration(seconds(723)), "12:03");
  EXPECT_EQ(FormatDuration(seconds(3 * 3600 + 7 * 60)), "3:07:00");
  EXPECT_EQ(FormatDuration(seconds(2 * 86400 + 3 * 3600 + 7 * 60)), "2d 3:07:00");
  EXPECT_EQ(FormatDuration(seconds(-5)), "0:00");
}

TEST(FormatProgressTest, ShowsPhaseShareRateEtaAndNote) {
  const ProgressSnapshot snapshot{
      .title = "migrate", .phase = "copy", .note = "im_0.msg_03", .total = 3320000, .done = 1234000, .rate = 41200};
  EXPECT_EQ(FormatProgress(snapshot),
            "migrate  copy  37.2%  1,234,000 / 3,320,000 rows  41,200 rows/s  ETA 0:51  im_0.msg_03");
}

TEST(FormatProgressTest, NeverClaimsToBeDoneEarlyNorMoreThanAll) {
  EXPECT_EQ(FormatProgress({.title = "v", .total = 1000000, .done = 999999}), "v  99.9%  999,999 / 1,000,000 rows");
  EXPECT_EQ(FormatProgress({.title = "v", .total = 10, .done = 12}), "v  100.0%  12 / 10 rows");
}

TEST(FormatProgressTest, UnknownTotalHasNoShareAndNoEta) {
  EXPECT_EQ(FormatProgress({.title = "v", .done = 5, .rate = 2}), "v  5 rows  2 rows/s");
  EXPECT_EQ(FormatProgress({.title = "v"}), "v");
}

struct Collected {
  std::mutex mutex;
  std::vector<std::string> lines;
  ProgressOptions Options(int interval_ms) {
    ProgressOptions options;
    options.plain_interval = std::chrono::milliseconds(interval_ms);
    options.sink = [this](std::string_view line) {
      const std::lock_guard lock(mutex);
      lines.emplace_back(line);
    };
    return options;
  }
};

TEST(ProgressReporterTest, LastStateIsPrintedOnceAtTheEnd) {
  Collected collected;
  {
    ProgressReporter reporter("verify", collected.Options(60000));
    reporter.SetTotal(10);
    reporter.AddDone(4);
    reporter.AddDone(6);
    reporter.SetPhase("compare");
    reporter.Finish();
    reporter.Finish();
  }
  EXPECT_THAT(collected.lines, testing::ElementsAre("verify  compare  100.0%  10 / 10 rows\n"));
}

TEST(ProgressReporterTest, ReportsWhileTheWorkGoesOn) {
  Collected collected;
  {
    ProgressReporter reporter("copy", collected.Options(5));
    reporter.SetDone(1);
    const auto deadline = std::chrono::steady_clock::now() + seconds(20);
    for (;;) {
      reporter.AddDone(1);
      const std::lock_guard lock(collected.mutex);
      if (collected.lines.size() >= 3 || std::chrono::steady_clock::now() > deadline) break;
    }
  }
  EXPECT_GE(collected.lines.size(), 3u);
  EXPECT_THAT(collected.lines[0], testing::StartsWith("copy  "));
}

// What a person at a terminal gets: one line drawn again and again, log lines above it, the last state kept.
TEST(ProgressReporterTest, OnATerminalLogLinesStayWhole) {
  int master = -1;
  int slave = -1;
  ASSERT_EQ(openpty(&master, &slave, nullptr, nullptr, nullptr), 0);
  const int kept = dup(STDERR_FILENO);
  ASSERT_GE(dup2(slave, STDERR_FILENO), 0);
  {
    ProgressOptions options;
    options.terminal_interval = std::chrono::milliseconds(5);
    ProgressReporter reporter("copy", options);
    reporter.SetTotal(1000);
    for (std::uint64_t i = 1; i <= 10; ++i) {
      reporter.SetDone(i * 100);
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      if (i == 5) LogInfo("chunk merged", {{"rows", std::int64_t{100}}});
    }
  }
  dup2(kept, STDERR_FILENO);
  close(kept);
  close(slave);
  std::string text;
  std::array<char, 4096> buffer{};
  for (ssize_t n = 0; (n = read(master, buffer.data(), buffer.size())) > 0;) {
    text.append(buffer.data(), static_cast<std::size_t>(n));
  }
  close(master);
  EXPECT_THAT(text, testing::HasSubstr("\r\x1b[2Kcopy  "));
  EXPECT_THAT(text, testing::ContainsRegex("\\[2K[0-9T:.Z-]+ info    chunk merged rows=100\r\ncopy  "));
  EXPECT_THAT(text, testing::EndsWith("\r\x1b[2Kcopy  100.0%  1,000 / 1,000 rows\r\n"));
}

TEST(ProgressReporterTest, DisabledPrintsNothing) {
  Collected collected;
  auto options = collected.Options(1);
  options.enabled = false;
  {
    ProgressReporter reporter("copy", options);
    reporter.SetDone(1);
  }
  EXPECT_THAT(collected.lines, testing::IsEmpty());
}

}  // namespace
}  // namespace shardlift::base
