#include "verify/pace.h"

#include <gtest/gtest.h>

namespace shardlift::verify {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(RowBudget, RowsTakenAreWaitedForAfterwards) {
  const RowBudget::Clock::time_point start{seconds(1000)};
  RowBudget budget(1000);
  budget.Take(0, start + seconds(2));
  EXPECT_LE(budget.free_at(), start);
  budget.Take(3000, start);
  EXPECT_EQ(budget.free_at(), start + seconds(3));
  budget.Take(500, start + seconds(3));
  EXPECT_EQ(budget.free_at(), start + milliseconds(3500));
  // Two seconds of a long rest are made up for, not all of it.
  budget.Take(1000, start + seconds(100));
  EXPECT_EQ(budget.free_at(), start + seconds(99));
}

TEST(RowBudget, WithoutALimitNobodyWaits) {
  RowBudget budget(0);
  budget.Take(1'000'000, RowBudget::Clock::now());
  EXPECT_LE(budget.free_at(), RowBudget::Clock::now());
}

TEST(Pace, EndsWhenAskedToAndWhenTheTimeIsOver) {
  const job::JobConfig config;
  std::atomic<bool> stop{false};
  Pace asked(config, {}, &stop);
  EXPECT_TRUE(asked.Turn().ok());
  stop.store(true);
  EXPECT_EQ(asked.Turn().code(), base::Code::kStopped);
  EXPECT_FALSE(asked.stop_flag()->load());
  asked.Watch();
  EXPECT_TRUE(asked.stop_flag()->load());

  PaceOptions options;
  options.rows_per_second_max = 10;
  options.until = std::chrono::steady_clock::now() + milliseconds(200);
  Pace timed(config, options, nullptr);
  EXPECT_TRUE(timed.Turn().ok());
  timed.Took(1000);  // a wait of 100 s
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_EQ(timed.Turn().code(), base::Code::kStopped);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, seconds(20));
}

}  // namespace
}  // namespace shardlift::verify
