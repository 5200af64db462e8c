#include "mysql/gtid_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <set>

namespace shardlift::mysql {
namespace {

constexpr const char* kA = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
constexpr const char* kB = "4e11fa47-71ca-11e1-9e33-c80aa9429562";

GtidSet Set(const std::string& text) {
  auto set = GtidSet::Parse(text);
  EXPECT_TRUE(set.ok()) << set.status().message();
  return set.ok() ? *set : GtidSet();
}
std::string A(const std::string& rest) { return std::string(kA) + rest; }
std::string B(const std::string& rest) { return std::string(kB) + rest; }

TEST(GtidSetTest, ParsesAndNormalises) {
  EXPECT_EQ(Set("").ToText(), "");
  EXPECT_EQ(Set(A(":1-5")).ToText(), A(":1-5"));
  EXPECT_EQ(Set(A(":7:1-3:4-5")).ToText(), A(":1-5:7"));
  EXPECT_EQ(Set(B(":1,\n") + A(": 2 - 4")).ToText(), A(":2-4,") + B(":1"));
  EXPECT_EQ(Set(A(":1-3:Tag_1:5:7:tag_1:6")).ToText(), A(":1-3:tag_1:5-7"));
  EXPECT_EQ(Set(A(":x:1-3,") + A(":9")).ToText(), A(":9:x:1-3"));
  EXPECT_EQ(Set("3E11FA47-71CA-11E1-9E33-C80AA9429562:1").ToText(), A(":1"));
  EXPECT_TRUE(Set(A(":5-3")).empty());
  EXPECT_EQ(Set(A(":9223372036854775806")).Count(), 1u);
}

TEST(GtidSetTest, RefusesWhatIsNoSet) {
  for (const std::string& bad :
       {std::string("nonsense"), A(""), A(":0"), A(":a-b"), A(":1-"), A(":9223372036854775807"), A(":tag-x:1"),
        A("x:1"), A(":abcdefghijabcdefghijabcdefghijabc:1"), std::string("3e11fa47-71ca-11e1-9e33-c80aa942956:1")}) {
    EXPECT_EQ(GtidSet::Parse(bad).status().code(), base::Code::kUsage) << bad;
  }
}

TEST(GtidSetTest, TaggedSourcesAreSourcesOfTheirOwn) {
  const GtidSet set = Set(A(":1-5:audit:1-3"));
  EXPECT_TRUE(set.Contains(Set(A(":audit:2"))));
  EXPECT_FALSE(set.Contains(Set(A(":audit:4"))));
  EXPECT_TRUE(set.Contains(Set(A(":4"))));
  EXPECT_EQ(set.Count(), 8u);
  EXPECT_EQ(set.sources().size(), 2u);
}

TEST(GtidSetTest, EncodesUntaggedAndTagged) {
  const std::string plain = Set(A(":1-5")).EncodeForDump();
  ASSERT_EQ(plain.size(), 8u + 16u + 8u + 16u);
  EXPECT_EQ(plain.substr(0, 8), std::string("\x01\0\0\0\0\0\0\0", 8));
  EXPECT_EQ(plain.substr(8, 4), "\x3e\x11\xfa\x47");
  EXPECT_EQ(plain.substr(24), std::string("\x01\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x06\0\0\0\0\0\0\0", 24));
  const std::string tagged = Set(A(":1-5:ab:2")).EncodeForDump();
  EXPECT_EQ(tagged.substr(0, 8), std::string("\x01\x02\0\0\0\0\0\x01", 8));
  EXPECT_EQ(tagged[24], '\0');
  EXPECT_EQ(tagged.substr(8 + 16 + 1 + 24 + 16, 3),
            "\x04"
            "ab");
  EXPECT_EQ(GtidSet().EncodeForDump(), std::string(8, '\0'));
}

// The same operations on plain sets of numbers.
using Model = std::set<std::pair<int, std::uint64_t>>;
GtidSet::Source SourceOf(int i) {
  return {Set(i % 2 ? A(":1") : B(":1")).sources().begin()->first.uuid, i / 2 ? "t" : ""};
}

GtidSet Build(const Model& model, std::mt19937& random) {
  std::vector<std::pair<int, std::uint64_t>> order(model.begin(), model.end());
  std::shuffle(order.begin(), order.end(), random);
  GtidSet set;
  for (const auto& [source, n] : order) {
    const GtidSet::Source s = SourceOf(source);
    set.Add(Gtid{s.uuid, s.tag, n});
  }
  return set;
}

TEST(GtidSetTest, OperationsAgreeWithPlainSets) {
  std::mt19937 random(20240607);
  const auto make = [&] {
    Model m;
    const std::uint64_t n = random() % 40;
    for (std::uint64_t i = 0; i < n; ++i) m.insert({static_cast<int>(random() % 4), 1 + random() % 24});
    return m;
  };
  for (int round = 0; round < 2000; ++round) {
    const Model a = make();
    const Model b = make();
    const GtidSet sa = Build(a, random);
    const GtidSet sb = Build(b, random);
    Model both;
    Model either = a;
    Model less;
    either.insert(b.begin(), b.end());
    std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::inserter(both, both.end()));
    std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::inserter(less, less.end()));
    GtidSet x = sa;
    x.UnionWith(sb);
    ASSERT_EQ(x, Build(either, random));
    x = sa;
    x.IntersectWith(sb);
    ASSERT_EQ(x, Build(both, random));
    x = sa;
    x.Subtract(sb);
    ASSERT_EQ(x, Build(less, random));
    ASSERT_EQ(sa.Contains(sb), std::includes(a.begin(), a.end(), b.begin(), b.end()));
    ASSERT_EQ(sa.Count(), a.size());
    ASSERT_EQ(Set(sa.ToText()), sa);
    for (const auto& [source, intervals] : sa.sources()) {
      for (std::size_t i = 1; i < intervals.size(); ++i) ASSERT_LT(intervals[i - 1].end, intervals[i].first);
    }
  }
}

TEST(GtidSetTest, AddsIntervalsAnywhere) {
  GtidSet set = Set(A(":1-2:5-6:9-10:20"));
  const GtidSet::Source source = set.sources().begin()->first;
  set.Add(source, {3, 9});
  EXPECT_EQ(set.ToText(), A(":1-10:20"));
  set.Add(source, {15, 15});
  EXPECT_EQ(set.ToText(), A(":1-10:20"));
  set.Add(source, {12, 14});
  EXPECT_EQ(set.ToText(), A(":1-10:12-13:20"));
  set.Subtract(set);
  EXPECT_TRUE(set.empty());
}

TEST(GtidTest, Text) {
  const auto uuid = ParseUuid(kA);
  ASSERT_TRUE(uuid.ok());
  EXPECT_EQ((Gtid{*uuid, "", 7}.ToText()), A(":7"));
  EXPECT_EQ((Gtid{*uuid, "tag", 7}.ToText()), A(":tag:7"));
  EXPECT_EQ(ParseUuid("3e11fa47").status().code(), base::Code::kUsage);
}

}  // namespace
}  // namespace shardlift::mysql
