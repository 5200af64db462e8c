#include "verify/compare.h"

#include <gtest/gtest.h>

#include <string>

namespace shardlift::verify {
namespace {

TEST(JsonEqualTest, KeyOrderSpacesAndEscapesDoNotMatter) {
  EXPECT_TRUE(JsonEqual(R"({"a":1,"bb":[1,2]})", R"({ "bb" : [1, 2], "a" : 1 })"));
  EXPECT_TRUE(JsonEqual(R"("\u00e9")", "\"\xc3\xa9\""));
  EXPECT_TRUE(JsonEqual(R"("a\/b")", R"("a/b")"));
  EXPECT_TRUE(JsonEqual(R"({"k":1,"k":2})", R"({"k":2})"));  // the last of two equal keys counts, as on MySQL
}

TEST(JsonEqualTest, ValuesMatter) {
  EXPECT_FALSE(JsonEqual("[1,2]", "[2,1]"));
  EXPECT_FALSE(JsonEqual("[1]", "[1,2]"));
  EXPECT_FALSE(JsonEqual(R"({"a":1})", R"({"A":1})"));
  EXPECT_FALSE(JsonEqual(R"({"a":1})", R"({"a":1,"b":null})"));
  EXPECT_FALSE(JsonEqual("1", "\"1\""));
  EXPECT_FALSE(JsonEqual("0", "false"));
  EXPECT_FALSE(JsonEqual("null", "\"\""));
  EXPECT_FALSE(JsonEqual(R"({"a":{"b":[1,{"c":"x"}]}})", R"({"a":{"b":[1,{"c":"y"}]}})"));
  EXPECT_FALSE(JsonEqual(R"("a ")", R"("a")"));
}

TEST(JsonEqualTest, IntegersAreExact) {
  EXPECT_FALSE(JsonEqual("9007199254740993", "9007199254740992"));
  EXPECT_FALSE(JsonEqual("9007199254740993", "9007199254740992.0"));
  EXPECT_TRUE(JsonEqual("9007199254740992", "9007199254740992.0"));
  EXPECT_FALSE(JsonEqual("18446744073709551615", "18446744073709551614"));
  EXPECT_FALSE(JsonEqual("18446744073709551615", "-1"));
  EXPECT_FALSE(JsonEqual("-9223372036854775808", "9223372036854775808"));
  EXPECT_TRUE(JsonEqual("-9223372036854775808", "-9223372036854775808.0"));
  EXPECT_FALSE(JsonEqual("[1]", "[1.5]"));
}

TEST(JsonEqualTest, OtherNumbersAreDoubles) {
  EXPECT_TRUE(JsonEqual("1e2", "100.0"));
  EXPECT_TRUE(JsonEqual("1.50", "1.5"));
  EXPECT_TRUE(JsonEqual("100", "1e2"));
  EXPECT_FALSE(JsonEqual("0.1", "0.2"));
}

TEST(JsonEqualTest, WhatIsNotJsonEqualsOnlyItself) {
  EXPECT_TRUE(JsonEqual("{", "{"));
  EXPECT_FALSE(JsonEqual("{", "{ "));
  EXPECT_FALSE(JsonEqual("[1]", "[1"));
  EXPECT_FALSE(JsonEqual("\"\xff\"", "\"\xfe\""));
  EXPECT_FALSE(JsonEqual("", "null"));
}

TEST(JsonEqualTest, DeepNestingIsNeverPassed) {
  const std::string deep_a = std::string(100000, '[') + std::string(100000, ']');
  const std::string deep_b = std::string(100000, '[') + " " + std::string(100000, ']');
  EXPECT_FALSE(JsonEqual(deep_a, deep_b));
  EXPECT_TRUE(JsonEqual(deep_a, deep_a));
}

}  // namespace
}  // namespace shardlift::verify
