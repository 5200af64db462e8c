#include "base/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mutex>
#include <vector>

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
