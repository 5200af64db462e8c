// Golden vectors of the routing hash (fixed for life) and the shard map's checks.
#include "store/router.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace shardlift::store {
namespace {

TEST(Fmix32, GoldenVectors) {
  EXPECT_EQ(Fmix32(0), 0u);
  EXPECT_EQ(Fmix32(1), 0x514e28b7u);
  EXPECT_EQ(Fmix32(2), 0x30f4c306u);
  EXPECT_EQ(Fmix32(0xdeadbeef), 0x0de5c6a9u);
  EXPECT_EQ(Fmix32(0xffffffff), 0x81f16f39u);
}

struct Vector {
  std::uint32_t account_type;
  std::string key;
  std::uint32_t hash;
};

TEST(RoutingHash, GoldenVectors) {
  const Vector vectors[] = {
      {1, "0", 0xf2906b11},
      {1, "1", 0x5c1d9b79},
      {1, "10086", 0xc75b4838},
      {1, "18446744073709551615", 0xe56d646a},
      {2, "", 0x0c18c850},
      {2, "ou_7f3c9a", 0x7cba3f3f},
      {3, "zhangsan", 0xa66519aa},
      {3, "\xE5\xBC\xA0\xE4\xB8\x89", 0x618492a0},
      {255, std::string("\x00\xFF", 2), 0x1a059a27},
  };
  for (const Vector& v : vectors)
    EXPECT_EQ(RoutingHash(v.account_type, v.key), v.hash) << v.account_type << ":" << v.key;
}

TEST(RoutingHash, SpreadsSequentialIds) {
  std::vector<std::uint32_t> count(4096);
  for (int id = 1; id <= 400000; ++id) ++count[RoutingHash(1, std::to_string(id)) & 4095];
  double mean = 400000.0 / 4096;
  double variance = 0;
  for (std::uint32_t n : count) variance += (n - mean) * (n - mean) / 4096;
  // Poisson would give sqrt(97.7) = 9.88.
  EXPECT_NEAR(std::sqrt(variance), 9.88, 0.5);
}

TEST(Router, OneMapHasOneText) {
  const auto text = [](std::vector<BucketRange> ranges) { return Router::Create(8, std::move(ranges))->MapText(); };
  EXPECT_EQ(text({{0, 7, 0}}), "0-7:0");
  EXPECT_EQ(text({{0, 3, 0}, {4, 7, 1}}), "0-3:0 4-7:1");
  EXPECT_EQ(text({{4, 7, 1}, {2, 3, 0}, {0, 1, 0}}), "0-3:0 4-7:1");
  EXPECT_EQ(text({{0, 0, 1}, {1, 6, 0}, {7, 7, 1}}), "0-0:1 1-6:0 7-7:1");
}

TEST(Router, EqualRangesCoverEverything) {
  for (std::uint32_t shards : {1u, 3u, 4u, 7u, 4096u, 5000u}) {
    auto router = Router::Create(4096, Router::EqualRanges(4096, shards));
    ASSERT_TRUE(router.ok()) << router.status().message();
    EXPECT_EQ(router->ShardOf(4095), shards - 1);
    for (std::uint32_t bucket = 1; bucket < 4096; ++bucket) {
      EXPECT_GE(router->ShardOf(bucket), router->ShardOf(bucket - 1));
    }
  }
}

TEST(Router, PhysicalTableIsTheBucketModuloTables) {
  RoutingRules rules;
  rules.tables = 32;
  auto router = Router::Create(rules, 7, Router::EqualRanges(4096, 8));
  ASSERT_TRUE(router.ok()) << router.status().message();
  const Place place = router->Route({1, "1", 0});
  EXPECT_EQ(place.bucket, 0xb79u);
  EXPECT_EQ(place.shard, 5u);
  EXPECT_EQ(place.table, 0xb79u % 32);
  EXPECT_EQ(place.epoch, 7u);
}

std::uint32_t Moved(const Router& before, const Router& after) {
  std::uint32_t moved = 0;
  for (std::uint32_t b = 0; b < before.buckets(); ++b) moved += before.ShardOf(b) != after.ShardOf(b) ? 1u : 0u;
  return moved;
}

std::vector<std::uint32_t> BucketsOfEach(const Router& router, std::uint32_t shards) {
  std::vector<std::uint32_t> count(shards);
  for (std::uint32_t b = 0; b < router.buckets(); ++b) ++count.at(router.ShardOf(b));
  return count;
}

TEST(Router, ResizedMovesNoMoreThanItMust) {
  struct Case {
    std::uint32_t from;
    std::uint32_t to;
    std::uint32_t moved;  // what new shards are to have, or what shards that go away had
  };
  for (const Case& c :
       {Case{8, 16, 2048}, {8, 9, 455}, {3, 4, 1024}, {16, 8, 2048}, {5, 5, 0}, {7, 3, 2341}, {1, 1000, 4091}}) {
    auto before = Router::Create(4096, Router::EqualRanges(4096, c.from));
    ASSERT_TRUE(before.ok());
    auto after = before->WithMap(2, before->Resized(c.to));
    ASSERT_TRUE(after.ok()) << after.status().message();
    EXPECT_EQ(Moved(*before, *after), c.moved) << c.from << " to " << c.to;
    const auto count = BucketsOfEach(*after, c.to);
    const auto [least, most] = std::minmax_element(count.begin(), count.end());
    EXPECT_LE(*most - *least, 1u) << c.from << " to " << c.to;
  }
}

TEST(Router, BucketIsTheLowBits) {
  auto router = Router::Create(4096, Router::EqualRanges(4096, 4));
  ASSERT_TRUE(router.ok());
  EXPECT_EQ(router->BucketOf(1, "1"), 0xb79u);
  EXPECT_EQ(router->ShardOf(0xb79), 2u);
}

TEST(Router, RefusesBadMaps) {
  struct Case {
    std::uint32_t buckets;
    std::vector<BucketRange> ranges;
    const char* message;
  };
  const Case cases[] = {
      {0, {}, "power of two"},
      {1000, {{0, 999, 0}}, "power of two"},
      {131072, {{0, 131071, 0}}, "power of two"},
      {8, {{0, 3, 0}}, "bucket 4 is in no range"},
      {8, {{0, 4, 0}, {4, 7, 1}}, "bucket 4 is in another range"},
      {8, {{0, 8, 0}}, "does not lie in 0-7"},
      {8, {{5, 4, 0}}, "does not lie in 0-7"},
      {8, {{0, 7, 65535}}, "65534 shards"},
  };
  for (const Case& c : cases) {
    auto router = Router::Create(c.buckets, c.ranges);
    ASSERT_FALSE(router.ok()) << c.message;
    EXPECT_EQ(router.status().code(), base::Code::kUsage);
    EXPECT_NE(router.status().message().find(c.message), std::string::npos) << router.status().message();
  }
}

}  // namespace
}  // namespace shardlift::store
