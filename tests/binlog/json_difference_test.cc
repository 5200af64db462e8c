// Differences of JSON values as PARTIAL_UPDATE_ROWS events hold them. tests/binlog/live_files_test.cc has the server's
// own.
#include "binlog/json_difference.h"

#include <gtest/gtest.h>

#include "tests/binlog/event_builder.h"

namespace shardlift::binlog {
namespace {

std::string Int(std::int16_t value) { return '\x05' + Little(static_cast<std::uint16_t>(value), 2); }

// {"a": 1, "b": [10, 20]} in the small form.
std::string Before() {
  const std::string array = Little(2, 2) + Little(10, 2) + '\x05' + Little(10, 2) + '\x05' + Little(20, 2);
  const std::string keys = "ab";
  const std::size_t head = 4 + 2 * 4 + 2 * 3;
  const std::size_t size = head + keys.size() + array.size();
  return '\0' + Little(2, 2) + Little(size, 2) + Little(head, 2) + Little(1, 2) + Little(head + 1, 2) + Little(1, 2) +
         '\x05' + Little(1, 2) + '\x02' + Little(head + 2, 2) + keys + array;
}

std::string Difference(char operation, std::string_view path, std::string_view value = {}) {
  std::string text(1, operation);
  text += static_cast<char>(path.size());
  text += path;
  if (operation != 2) text += static_cast<char>(value.size()) + std::string(value);
  return text;
}

std::string After(const std::string& differences) {
  std::string out;
  const base::Status status = AppendJsonAfterDifferences(Before(), differences, JsonForm::kText, out);
  return status.ok() ? out : "failed";
}

TEST(JsonDifferenceTest, OperationsInTurn) {
  EXPECT_EQ(After(""), R"({"a": 1, "b": [10, 20]})");
  EXPECT_EQ(After(Difference(0, "$.a", Int(7))), R"({"a": 7, "b": [10, 20]})");
  EXPECT_EQ(After(Difference(0, "$", Int(7))), "7");
  EXPECT_EQ(After(Difference(2, "$.b[0]")), R"({"a": 1, "b": [20]})");
  EXPECT_EQ(After(Difference(1, "$.b[1]", Int(15))), R"({"a": 1, "b": [10, 15, 20]})");
  EXPECT_EQ(After(Difference(1, "$.b[9]", Int(30))), R"({"a": 1, "b": [10, 20, 30]})");
  EXPECT_EQ(After(Difference(0, "$.b[last-1]", Int(3))), R"({"a": 1, "b": [3, 20]})");
  EXPECT_EQ(After(Difference(1, R"($."x \"y")", Int(3))), R"({"a": 1, "b": [10, 20], "x \"y": 3})");
  EXPECT_EQ(After(Difference(1, "$.A", Int(3)) + Difference(2, "$.a") + Difference(2, "$.b[1]")),
            R"({"A": 3, "b": [10]})");
}

TEST(JsonDifferenceTest, WhatDoesNotFitIsRefused) {
  for (const std::string& bad : {Difference(0, "$.c", Int(1)), Difference(2, "$.c"), Difference(1, "$.a", Int(1)),
                                 Difference(2, "$"), Difference(0, "$.a.b", Int(1)), Difference(0, "$[0]", Int(1)),
                                 Difference(2, "$.b[2]"), Difference(0, "a", Int(1)), Difference(0, "$.", Int(1)),
                                 Difference(0, "$[x]", Int(1)), Difference(3, "$.a", Int(1)), Difference(0, "$.a"),
                                 Difference(0, "$.a", Int(1)).substr(0, 4), std::string("\x00\xff", 2)}) {
    EXPECT_EQ(After(bad), "failed");
  }
}

}  // namespace
}  // namespace shardlift::binlog
