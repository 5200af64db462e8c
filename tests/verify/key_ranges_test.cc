#include "verify/key_ranges.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <set>

namespace shardlift::verify {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> Left(const OwnerPart& part, const std::vector<KeyRange>& settled) {
  std::vector<std::string> texts;
  for (const OwnerPart& left : Without(part, settled)) {
    texts.push_back(fmt::format("{}..{}", left.after, left.upto.value_or("*")));
  }
  return texts;
}

OwnerPart Between(const std::string& after, const std::string& upto) {
  OwnerPart part;
  part.after = after;
  part.upto = upto;
  return part;
}

TEST(KeyRanges, WhatIsLeftOfAPart) {
  const OwnerPart all;
  EXPECT_THAT(Left(all, {}), ElementsAre("..*"));
  EXPECT_THAT(Left(all, {{"", std::nullopt}}), IsEmpty());
  EXPECT_THAT(Left(all, {{"", "c"}}), ElementsAre("c..*"));
  EXPECT_THAT(Left(all, {{"c", std::nullopt}}), ElementsAre("..c"));
  EXPECT_THAT(Left(all, {{"e", "g"}, {"b", "c"}}), ElementsAre("..b", "c..e", "g..*"));
  EXPECT_THAT(Left(Between("b", "f"), {{"", "b"}, {"f", std::nullopt}}), ElementsAre("b..f"));
  EXPECT_THAT(Left(Between("b", "f"), {{"a", "d"}, {"c", "e"}}), ElementsAre("e..f"));
  EXPECT_THAT(Left(Between("b", "f"), {{"a", "z"}}), IsEmpty());
  EXPECT_THAT(Left(Between("b", "f"), {{"b", "f"}}), IsEmpty());
}

TEST(KeyRanges, EachKeyIsInExactlyOneOfSettledAndLeft) {
  std::mt19937 random(5);
  const auto below = [&](unsigned end) { return static_cast<unsigned>(random() % end); };
  const auto key = [](unsigned n) { return std::string(1, static_cast<char>('A' + n)); };
  const auto has = [](const std::string& after, const std::optional<std::string>& upto, const std::string& one) {
    return one > after && (!upto || one <= *upto);
  };
  for (int turn = 0; turn < 2000; ++turn) {
    std::vector<KeyRange> settled;
    for (unsigned i = below(5); i > 0; --i) {
      const unsigned from = below(12);
      settled.push_back(
          {from == 0 ? "" : key(from), below(6) == 0 ? std::nullopt : std::optional(key(from + 1 + below(5)))});
    }
    OwnerPart part;
    if (below(2) == 0) part.after = key(below(6));
    if (below(2) == 0) part.upto = key(8 + below(6));
    const std::vector<OwnerPart> left = Without(part, settled);
    for (unsigned n = 0; n < 25; ++n) {
      bool in_settled = false;
      for (const KeyRange& range : settled) in_settled |= has(range.after, range.upto, key(n));
      int in_left = 0;
      for (const OwnerPart& range : left) in_left += has(range.after, range.upto, key(n)) ? 1 : 0;
      EXPECT_EQ(in_left, has(part.after, part.upto, key(n)) && !in_settled ? 1 : 0) << turn << " " << n;
    }
  }
}

}  // namespace
}  // namespace shardlift::verify
