#include "verify/touched_owners.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "verify/unit_plan.h"

namespace shardlift::verify {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(OwnerSet, KeysOnceAndInOrder) {
  OwnerSet set;
  EXPECT_TRUE(set.empty());
  for (const char* key : {"b", "a", "c", "a"}) set.Add(key);
  EXPECT_THAT(set.Sorted(), ElementsAre("a", "b", "c"));
  EXPECT_EQ(set.bytes() % 3, 0u);
}

TEST(OwnerSet, WhatIsTooMuchIsASpan) {
  OwnerSet set;
  set.Add("m");
  set.Add("f");
  set.Spill();
  EXPECT_EQ(set.bytes(), 0u);
  EXPECT_FALSE(set.empty());
  set.Add("x");
  EXPECT_EQ(set.bytes(), 0u);
  EXPECT_EQ(set.least(), "f");
  EXPECT_EQ(set.greatest(), "x");
  set.AddAll();
  EXPECT_TRUE(set.all());
  EXPECT_THAT(set.Sorted(), IsEmpty());
}

TEST(UnitPlan, KeyBeforeIsTheNextSmallerOfTheSameLength) {
  using std::string_literals::operator""s;
  EXPECT_EQ(KeyBefore("\x00\x05"s), "\x00\x04"s);
  EXPECT_EQ(KeyBefore("\x01\x00\x00"s), "\x00\xFF\xFF"s);
  EXPECT_EQ(KeyBefore("\x00\x00"s), "");
}

}  // namespace
}  // namespace shardlift::verify
