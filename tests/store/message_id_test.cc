// Message ids: the layout, and when a generator gives none.
#include "store/message_id.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <thread>
#include <vector>

namespace shardlift::store {
namespace {

using base::Code;
using ::testing::HasSubstr;

constexpr std::int64_t kNow = kIdEpochMs + 1000;

class FakeClock : public IdClock {
 public:
  std::int64_t UnixMs() override { return unix_ms; }
  std::int64_t SteadyMs() override { return steady_ms; }
  void SleepMs(std::int64_t ms) override {
    slept_ms += ms;
    unix_ms += ms;
    steady_ms += ms;
  }
  std::int64_t unix_ms = kNow;
  std::int64_t steady_ms = 1;
  std::int64_t slept_ms = 0;
};

class IdGeneratorTest : public ::testing::Test {
 protected:
  IdGeneratorTest() { ids_.Extend(kNow + 30'000, 30'000); }
  void ExpectRefused(const char* why) {
    const auto id = ids_.Next();
    ASSERT_FALSE(id.ok());
    EXPECT_EQ(id.status().code(), Code::kRefused);
    EXPECT_THAT(id.status().message(), HasSubstr(why));
  }
  FakeClock clock_;
  IdGenerator ids_{5, 0, clock_};
};

// Fixed for life: docs/formats.md has the layout.
TEST(MessageId, GoldenLayout) {
  EXPECT_EQ(ComposeHistoryId(1, 2, 3), 0x0100020000000003u);
  EXPECT_EQ(ComposeHistoryId(127, 65535, (1ull << 40) - 1), 0x7FFFFFFFFFFFFFFFu);
  EXPECT_EQ(ComposeHistoryId(1, 0, 0), 0x0100000000000000u);
  for (const auto& [origin, ordinal, id] :
       {std::tuple{0u, 1u, 1ull}, {128u, 1u, 1ull}, {1u, 65536u, 1ull}, {1u, 1u, 1ull << 40}}) {
    EXPECT_FALSE(ComposeHistoryId(origin, ordinal, id).has_value());
  }
  const MessageIdParts history = PartsOf(0x0100020000000003u);
  EXPECT_FALSE(history.is_new);
  EXPECT_EQ(history.origin, 1u);
  EXPECT_EQ(history.table_ordinal, 2u);
  EXPECT_EQ(history.legacy_id, 3u);
  const MessageIdParts first = PartsOf(0x8000000000000000u);
  EXPECT_TRUE(first.is_new);
  EXPECT_EQ(first.unix_ms, kIdEpochMs);
  const MessageIdParts last = PartsOf(0xFFFFFFFFFFFFFFFFu);
  EXPECT_EQ(last.unix_ms, 3903090455551);  // 2093-09-06 15:47:35.551 UTC
  EXPECT_EQ(last.node, 1023u);
  EXPECT_EQ(last.sequence, 4095u);
}

TEST_F(IdGeneratorTest, FirstIdsOfANode) {
  EXPECT_EQ(ids_.Next().value(), 0x8000000000000000u | 1000u << 22 | 5u << 12);
  EXPECT_EQ(ids_.Next().value(), 0x8000000000000000u | 1000u << 22 | 5u << 12 | 1);
  clock_.unix_ms += 1;
  EXPECT_EQ(ids_.Next().value(), 0x8000000000000000u | 1001u << 22 | 5u << 12);
}

TEST_F(IdGeneratorTest, NoneBeforeTheLease) {
  IdGenerator ids(1, 0, clock_);
  EXPECT_EQ(ids.Next().status().code(), Code::kRefused);
}

TEST_F(IdGeneratorTest, AFullMillisecondIsWaitedOut) {
  std::uint64_t before = 0;
  for (int i = 0; i < 10'000; ++i) {
    const std::uint64_t id = ids_.Next().value();
    ASSERT_GT(id, before);
    before = id;
  }
  EXPECT_EQ(clock_.slept_ms, 2);  // 4096 in each
  EXPECT_EQ(PartsOf(before).unix_ms, kNow + 2);
  EXPECT_EQ(PartsOf(before).sequence, 10'000u - 2 * 4096 - 1);
}

TEST_F(IdGeneratorTest, ClockALittleBack_IsWaitedFor) {
  const std::uint64_t before = ids_.Next().value();
  clock_.unix_ms -= IdGenerator::kClockBackMsMax;
  EXPECT_GT(ids_.Next().value(), before);
  EXPECT_EQ(clock_.slept_ms, IdGenerator::kClockBackMsMax);
}

TEST_F(IdGeneratorTest, ClockFarBack_IsRefusedUntilItHasCaughtUp) {
  const std::uint64_t before = ids_.Next().value();
  clock_.unix_ms -= IdGenerator::kClockBackMsMax + 1;
  ExpectRefused("the clock is 51 ms behind the last id");
  EXPECT_EQ(clock_.slept_ms, 0);
  clock_.unix_ms += IdGenerator::kClockBackMsMax + 1;
  EXPECT_GT(ids_.Next().value(), before);
}

TEST_F(IdGeneratorTest, BehindTheMillisecondsOfTheHolderBefore) {
  IdGenerator ids(1, kNow + 10, clock_);
  ids.Extend(kNow + 30'000, 30'000);
  EXPECT_EQ(PartsOf(ids.Next().value()).unix_ms, kNow + 11);  // it waited
  IdGenerator far(1, kNow + 1000, clock_);
  far.Extend(kNow + 30'000, 30'000);
  EXPECT_EQ(far.Next().status().code(), Code::kRefused);
}

TEST_F(IdGeneratorTest, PausedBeyondTheLease_GivesNone) {
  ASSERT_TRUE(ids_.Next().ok());
  clock_.steady_ms = 29'999;
  clock_.unix_ms += 29'998;
  ASSERT_TRUE(ids_.Next().ok());
  clock_.steady_ms = 30'000;
  ExpectRefused("the lease of node id 5 is over");
  clock_.unix_ms = kNow;  // neither when the clock was set back meanwhile
  ExpectRefused("the lease of node id 5 is over");
  ids_.Extend(kNow + 60'000, 60'000);
  clock_.unix_ms = kNow + 30'000;
  EXPECT_TRUE(ids_.Next().ok());
}

TEST_F(IdGeneratorTest, PausedBetweenTheClockAndTheId_GivesNone) {
  struct PausingClock final : FakeClock {
    std::int64_t UnixMs() override {
      steady_ms += 40'000;  // stopped right after it was read
      return unix_ms;
    }
  } clock;
  IdGenerator ids(1, 0, clock);
  ids.Extend(kNow + 30'000, 30'000);
  EXPECT_EQ(ids.Next().status().code(), Code::kRefused);
}

TEST_F(IdGeneratorTest, ClockAheadOfTheReservedTime_IsRefused) {
  clock_.unix_ms = kNow + 30'001;
  ExpectRefused("past what is reserved");
}

TEST_F(IdGeneratorTest, EndedIsForGood) {
  ids_.End();
  ids_.Extend(kNow + 90'000, 90'000);
  ExpectRefused("is over");
}

TEST_F(IdGeneratorTest, NoneAfterTheLastYear) {
  clock_.unix_ms = 3903090455552;
  ids_.Extend(clock_.unix_ms + 1000, 30'000);
  ExpectRefused("2093");
}

TEST(IdGenerator, ManyThreads_AllIdsDifferAndEachThreadsIdsGrow) {
  constexpr int kThreads = 4;
  constexpr std::size_t kIds = 20'000;
  IdClock& clock = IdClock::System();
  IdGenerator ids(7, clock.UnixMs() - 1, clock);
  ids.Extend(clock.UnixMs() + 120'000, clock.SteadyMs() + 120'000);
  std::vector<std::vector<std::uint64_t>> given(kThreads);
  std::vector<std::thread> threads;
  for (auto& mine : given) {
    threads.emplace_back([&] {
      while (mine.size() < kIds) mine.push_back(ids.Next().value());
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<std::uint64_t> all;
  for (const auto& mine : given) {
    EXPECT_TRUE(std::is_sorted(mine.begin(), mine.end()));
    all.insert(mine.begin(), mine.end());
  }
  EXPECT_EQ(all.size(), kThreads * kIds);
}

}  // namespace
}  // namespace shardlift::store
