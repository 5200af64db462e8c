// What decides a bucket: strategies, pins, and rules that are refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <set>

#include "store/key_hashes.h"
#include "store/router.h"

namespace shardlift::store {
namespace {

using ::testing::HasSubstr;

BucketRules Make(RoutingRules rules) {
  auto made = BucketRules::Create(std::move(rules));
  EXPECT_TRUE(made.ok()) << made.status().message();
  return std::move(made).value();
}

std::uint32_t BucketOf(const RoutingRules& rules, std::string_view key, std::uint32_t biz_tag = 0) {
  return Make(rules).BucketOf({1, key, biz_tag});
}

TEST(KeyHashes, KnownValues) {
  EXPECT_EQ(Crc32(0, "123456789"), 0xcbf43926u);
  EXPECT_EQ(Crc32(0, ""), 0u);
  EXPECT_EQ(Murmur3(""), 0u);
  EXPECT_EQ(Murmur3("test"), 0xba6bd213u);
  EXPECT_EQ(Murmur3("Hello, world!"), 0xc0363e43u);
  EXPECT_EQ(Murmur3("The quick brown fox jumps over the lazy dog"), 0x2e4ff723u);
  EXPECT_EQ(JumpHash(1, 1), 0u);
  EXPECT_EQ(JumpHash(42, 57), 43u);
  EXPECT_EQ(JumpHash(0xDEAD10CC, 666), 361u);
  EXPECT_EQ(JumpHash(256, 1024), 520u);
  EXPECT_EQ(Fibonacci(1, 12), 0x9e3u);
}

// All lengths, so that each way through Crc32 is taken, cut in two at each place.
TEST(KeyHashes, Crc32GoesOnWhereItStopped) {
  std::string bytes;
  std::uint32_t crc = 0xFFFFFFFF;
  for (std::size_t size = 0; size < 200; ++size) {
    for (std::size_t cut = 0; cut <= size; ++cut) {
      const std::string_view all = bytes;
      ASSERT_EQ(Crc32(Crc32(0, all.substr(0, cut)), all.substr(cut)), ~crc) << size << " bytes cut at " << cut;
    }
    bytes += static_cast<char>(size * 37 + 200);
    crc ^= static_cast<unsigned char>(bytes.back());
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xEDB88320u : 0u);
  }
}

TEST(KeyHashes, EveryAccountTypeIsHashedAsItsDecimal) {
  for (std::uint32_t type : {0u, 1u, 9u, 10u, 99u, 100u, 101u, 110u, 255u, 256u, 4294967295u}) {
    EXPECT_EQ(Crc32OfType(type), Crc32(0, std::to_string(type) + ":")) << type;
  }
}

// Fixed for life: docs/routing.md shows the same.
TEST(RoutingRules, GoldenBuckets) {
  struct Golden {
    const char* key;
    std::uint32_t crc32_fmix32;
    std::uint32_t xxh3;
    std::uint32_t modulo;
  };
  const Golden vectors[] = {{"0", 0xb11, 0x277, 0},
                            {"10086", 0x838, 0x524, 10086 & 4095},
                            {"18446744073709551615", 0x46a, 0xf10, 4095},
                            {"zhangsan", 0xf03, 0xe86, kNoBucket}};
  RoutingRules xxh3;
  xxh3.strategy = Strategy::kXxh3;
  RoutingRules modulo;
  modulo.strategy = Strategy::kModulo;
  for (const Golden& v : vectors) {
    EXPECT_EQ(BucketOf({}, v.key), v.crc32_fmix32) << v.key;
    EXPECT_EQ(BucketOf(xxh3, v.key), v.xxh3) << v.key;
    EXPECT_EQ(BucketOf(modulo, v.key), v.modulo) << v.key;
  }
}

TEST(RoutingRules, NumbersOnlyHaveABucketByModuloAndRange) {
  RoutingRules modulo;
  modulo.strategy = Strategy::kModulo;
  RoutingRules range;
  range.strategy = Strategy::kRange;
  range.ranges = {{0, 7}};
  for (const char* key : {"", "-1", "+1", "01", " 1", "1 ", "1.0", "0x1", "1e3", "18446744073709551616", "one"}) {
    EXPECT_EQ(BucketOf(modulo, key), kNoBucket) << key;
    EXPECT_EQ(BucketOf(range, key), kNoBucket) << key;
  }
  EXPECT_EQ(BucketOf(modulo, "4097"), 1u);
  EXPECT_EQ(BucketOf(range, "18446744073709551615"), 7u);
}

TEST(RoutingRules, RangesBeginWhereTheySay) {
  RoutingRules rules;
  rules.strategy = Strategy::kRange;
  rules.ranges = {{1000, 3}, {5000, 1}, {18446744073709551615u, 4095}};
  EXPECT_EQ(BucketOf(rules, "999"), kNoBucket);
  EXPECT_EQ(BucketOf(rules, "1000"), 3u);
  EXPECT_EQ(BucketOf(rules, "4999"), 3u);
  EXPECT_EQ(BucketOf(rules, "5000"), 1u);
  EXPECT_EQ(BucketOf(rules, "18446744073709551614"), 1u);
  EXPECT_EQ(BucketOf(rules, "18446744073709551615"), 4095u);
}

TEST(RoutingRules, RandomRangesAndKeysAgreeWithASearchFromTheFront) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 200; ++round) {
    RoutingRules rules;
    rules.strategy = Strategy::kRange;
    std::set<std::uint64_t> firsts;
    const std::size_t wanted = 1 + random() % 50;
    while (firsts.size() < wanted) firsts.insert(random() >> (random() % 64));
    for (const std::uint64_t first : firsts) {
      rules.ranges.push_back({first, static_cast<std::uint32_t>(rules.ranges.size())});
    }
    const BucketRules made = Make(rules);
    for (int i = 0; i < 200; ++i) {
      const KeyRange& near = rules.ranges[random() % rules.ranges.size()];
      const std::uint64_t number = i % 2 == 0 ? random() >> (random() % 64) : near.first + random() % 3 - 1;
      std::uint32_t expected = kNoBucket;
      for (const KeyRange& range : rules.ranges) expected = range.first <= number ? range.bucket : expected;
      ASSERT_EQ(made.BucketOf({1, std::to_string(number), 0}), expected) << number;
    }
  }
}

TEST(RoutingRules, EveryNumberIsReadAndNothingElse) {
  RoutingRules rules;
  rules.strategy = Strategy::kModulo;
  rules.buckets = 65536;
  const BucketRules made = Make(rules);
  std::mt19937_64 random(8);
  for (int i = 0; i < 20000; ++i) {
    const std::uint64_t number = random() >> (random() % 64);
    std::string key = std::to_string(number);
    ASSERT_EQ(made.BucketOf({1, key, 0}), number & 65535) << key;
    key[random() % key.size()] = "/:x \xff\x39"[random() % 5];
    ASSERT_EQ(made.BucketOf({1, key, 0}), kNoBucket) << key;
  }
}

TEST(RoutingRules, ListedAccountsHaveTheirBuckets) {
  RoutingRules rules;
  rules.strategy = Strategy::kLookup;
  for (std::uint32_t i = 0; i < 1000; ++i) rules.lookup.push_back({1, "big" + std::to_string(i), i * 3});
  rules.lookup.push_back({2, "big0", 5000});
  const BucketRules made = Make(rules);
  EXPECT_EQ(made.bucket_count(), 5001u);
  for (std::uint32_t i = 0; i < 1000; ++i) EXPECT_EQ(made.BucketOf({1, "big" + std::to_string(i), 0}), i * 3);
  EXPECT_EQ(made.BucketOf({2, "big0", 0}), 5000u);
  EXPECT_EQ(made.BucketOf({3, "big0", 0}), RoutingHash(3, "big0") & 4095);
  EXPECT_EQ(made.Explain({2, "big0", 0}).reason, "listed account");
  EXPECT_EQ(made.Explain({3, "big0", 0}).hash, RoutingHash(3, "big0"));
}

TEST(RoutingRules, PinnedTagsLieAboveTheOthers) {
  RoutingRules rules;
  rules.strategy = Strategy::kModulo;
  rules.pinned_tags = {{900, 4098, 1}, {7, 4100, 4}};
  const BucketRules made = Make(rules);
  EXPECT_EQ(made.bucket_count(), 4104u);
  EXPECT_EQ(made.BucketOf({1, "10", 900}), 4098u);
  EXPECT_EQ(made.BucketOf({1, "10", 7}), 4100 + (RoutingHash(1, "10") & 3));
  EXPECT_EQ(made.BucketOf({1, "no number", 7}), 4100 + (RoutingHash(1, "no number") & 3));
  EXPECT_EQ(made.BucketOf({1, "10", 8}), 10u);
  auto router = Router::Create(rules, 1, {{0, 4095, 0}, {4096, 4099, 1}, {4100, 4103, 2}});
  ASSERT_TRUE(router.ok()) << router.status().message();
  EXPECT_EQ(router->Route({1, "10", 900}).shard, 1u);
  EXPECT_EQ(router->Route({1, "10", 7}).shard, 2u);
  EXPECT_FALSE(router->Route({1, "no number", 8}).found());
}

TEST(RoutingRules, WhatContradictsItselfIsRefused) {
  struct Case {
    void (*change)(RoutingRules&);
    const char* message;
  };
  const Case cases[] = {
      {[](RoutingRules& r) { r.buckets = 1000; }, "power of two"},
      {[](RoutingRules& r) { r.tables = 0; }, "routing.tables is 0"},
      {[](RoutingRules& r) { r.strategy = Strategy::kRange; }, "routing.ranges is empty"},
      {[](RoutingRules& r) { r.ranges = {{0, 0}}; }, "the strategy is not range"},
      {[](RoutingRules& r) { r.lookup = {{1, "a", 0}}; }, "the strategy is not lookup"},
      {[](RoutingRules& r) {
         r.strategy = Strategy::kRange;
         r.ranges = {{5, 0}, {5, 1}};
       },
       "ascending"},
      {[](RoutingRules& r) {
         r.strategy = Strategy::kRange;
         r.ranges = {{5, 4096}};
       },
       "bucket 4096 does not lie in 0-4095"},
      {[](RoutingRules& r) {
         r.strategy = Strategy::kLookup;
         r.lookup = {{1, "a", 0}, {1, "a", 1}};
       },
       "listed twice"},
      {[](RoutingRules& r) {
         r.strategy = Strategy::kLookup;
         r.lookup = {{1, "a", 65536}};
       },
       "beyond 65535"},
      {[](RoutingRules& r) { r.pinned_tags = {{1, 4095, 1}}; }, "bucket 4095 is taken; the next free one is 4096"},
      {[](RoutingRules& r) { r.pinned_tags = {{1, 4096, 4}, {2, 4099, 1}}; }, "bucket 4099 is taken"},
      {[](RoutingRules& r) { r.pinned_tags = {{1, 4096, 1}, {1, 4097, 1}}; }, "pinned twice"},
      {[](RoutingRules& r) { r.pinned_tags = {{1, 4096, 3}}; }, "a power of two is needed"},
      {[](RoutingRules& r) { r.pinned_tags = {{1, 65535, 2}}; }, "beyond 65535"},
      {[](RoutingRules& r) { r.pinned_tags = {{65536, 4096, 1}}; }, "biz tags are from 0 to 65535"},
  };
  for (const Case& c : cases) {
    RoutingRules rules;
    c.change(rules);
    const auto made = BucketRules::Create(rules);
    ASSERT_FALSE(made.ok()) << c.message;
    EXPECT_EQ(made.status().code(), base::Code::kUsage);
    EXPECT_THAT(made.status().message(), HasSubstr(c.message));
  }
}

TEST(RoutingRules, OneTextForOneSetOfRules) {
  RoutingRules rules;
  EXPECT_EQ(Make(rules).Text(), "crc32-fmix32 version=1 buckets=4096 tables=1");
  rules.strategy = Strategy::kLookup;
  rules.lookup = {{2, "b:c", 1}, {1, "a", 0}};
  rules.pinned_tags = {{9, 4100, 2}, {8, 4096, 1}};
  EXPECT_EQ(Make(rules).Text(),
            "lookup version=1 buckets=4096 tables=1 account=1:61:0 account=2:623a63:1 pin=8:4096+1 pin=9:4100+2");
}

TEST(RoutingRules, TheSummaryShowsNoAccountAndTellsListsApart) {
  RoutingRules rules;
  rules.strategy = Strategy::kLookup;
  rules.lookup = {{2, "b:c", 1}, {1, "alice", 0}};
  rules.pinned_tags = {{9, 4100, 2}};
  const std::string text = Make(rules).Text();
  const std::string summary = SummaryOfRules(text);
  EXPECT_THAT(summary, HasSubstr("lookup version=1 buckets=4096 tables=1, 2 listed accounts, 1 pinned biz tags, "));
  EXPECT_THAT(summary, testing::Not(HasSubstr("616c696365")));  // alice
  rules.lookup[1].bucket = 2;
  EXPECT_NE(SummaryOfRules(Make(rules).Text()), summary);
}

TEST(Strategies, HaveNames) {
  for (const char* name : {"crc32-fmix32", "xxh3", "modulo", "range", "lookup"}) {
    ASSERT_TRUE(StrategyNamed(name).has_value()) << name;
    EXPECT_EQ(StrategyName(*StrategyNamed(name)), name);
  }
  EXPECT_FALSE(StrategyNamed("md5").has_value());
}

}  // namespace
}  // namespace shardlift::store
