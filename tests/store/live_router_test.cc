// Maps that are replaced while threads route: no torn answer, no map used after it was freed, none kept for ever.
#include <gtest/gtest.h>

#include <random>
#include <thread>

#include "store/router.h"

namespace shardlift::store {
namespace {

using base::Code;

constexpr std::uint32_t kShards = 64;

Router Whole(std::uint64_t epoch, std::uint32_t shard) {
  auto router = Router::Create(RoutingRules{}, epoch, {{0, kBucketsDefault - 1, shard}});
  EXPECT_TRUE(router.ok()) << router.status().message();
  return std::move(router).value();
}

// All buckets of one epoch lie on one shard, so that an answer put together from two maps shows.
Router WholeOfEpoch(std::uint64_t epoch) { return Whole(epoch, static_cast<std::uint32_t>(epoch % kShards)); }

TEST(LiveRouter, TakesNewerMapsOnly) {
  LiveRouter live(Whole(5, 0));
  LiveRouter::Reader reader(live);
  EXPECT_EQ(reader.Route({1, "1", 0}).epoch, 5u);

  EXPECT_TRUE(live.Load(Whole(6, 1)).ok());
  EXPECT_EQ(reader.Route({1, "1", 0}).shard, 1u);
  EXPECT_EQ(reader.Route({1, "1", 0}).epoch, 6u);

  const base::Status older = live.Load(Whole(5, 0));
  EXPECT_EQ(older.code(), Code::kRefused);
  EXPECT_NE(older.message().find("epoch 5, the one in use 6"), std::string::npos) << older.message();
  const base::Status other = live.Load(Whole(6, 2));
  EXPECT_EQ(other.code(), Code::kRefused);
  EXPECT_NE(other.message().find("another map of epoch 6"), std::string::npos) << other.message();
  EXPECT_TRUE(live.Load(Whole(6, 1)).ok());  // the same once more
  EXPECT_EQ(reader.Route({1, "1", 0}).shard, 1u);
}

TEST(LiveRouter, RefusesOtherRules) {
  LiveRouter live(Whole(1, 0));
  RoutingRules rules;
  rules.version = 2;
  auto next = Router::Create(rules, 2, Router::EqualRanges(rules.buckets, 1));
  ASSERT_TRUE(next.ok());
  EXPECT_EQ(live.Load(*next).code(), Code::kRefused);
}

TEST(LiveRouter, MapsAreFreedOnceReadersMovedOn) {
  LiveRouter live(WholeOfEpoch(1));
  LiveRouter::Reader first(live);
  {
    LiveRouter::Reader second(live);
    EXPECT_EQ(first.Current().epoch(), 1u);
    ASSERT_TRUE(live.Load(WholeOfEpoch(2)).ok());
    EXPECT_EQ(second.Current().epoch(), 2u);
    EXPECT_EQ(live.maps_kept(), 2u);
    for (std::uint64_t epoch = 3; epoch < 100; ++epoch) {
      ASSERT_TRUE(live.Load(WholeOfEpoch(epoch)).ok());
      EXPECT_EQ(live.maps_kept(), 3u);  // one for each reader that stands still, and the current one
    }
  }
  EXPECT_EQ(live.maps_kept(), 2u);
  EXPECT_EQ(first.Current().epoch(), 99u);
  ASSERT_TRUE(live.Load(WholeOfEpoch(100)).ok());
  EXPECT_EQ(first.Current().epoch(), 100u);
  ASSERT_TRUE(live.Load(WholeOfEpoch(101)).ok());
  EXPECT_EQ(live.maps_kept(), 2u);
}

TEST(LiveRouter, RoutesOfManyThreads_MapsReplaced_EachAnswerIsOfOneMapAndEpochsNeverGoBack) {
  constexpr int kThreads = 4;
  constexpr std::uint64_t kLastEpoch = 2000;
  LiveRouter live(WholeOfEpoch(1));
  std::atomic<int> wrong{0};
  std::atomic<std::uint64_t> moves{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937_64 random(static_cast<std::uint64_t>(t));
      std::uint64_t seen = 0;
      while (seen < kLastEpoch) {
        LiveRouter::Reader reader(live);  // readers come and go as well
        for (int i = 0; i < 1000; ++i) {
          const std::string key = std::to_string(random());
          const Place place = reader.Route({1, key, 0});
          const bool right = place.shard == place.epoch % kShards && place.epoch >= seen &&
                             place.bucket == (RoutingHash(1, key) & (kBucketsDefault - 1));
          wrong += right ? 0 : 1;
          moves += place.epoch != seen ? 1 : 0;
          seen = place.epoch;
        }
      }
    });
  }
  for (std::uint64_t epoch = 2; epoch <= kLastEpoch; ++epoch) {
    EXPECT_TRUE(live.Load(WholeOfEpoch(epoch)).ok());
    EXPECT_LE(live.maps_kept(), 1u + kThreads);
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_GT(moves, std::uint64_t{kThreads});  // maps did change under the readers
}

}  // namespace
}  // namespace shardlift::store
