#include "base/json_text.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

namespace shardlift::base {
namespace {

TEST(JsonText, EveryAsciiByteReadsBackAndStaysPrintable) {
  std::string all;
  for (char c = 0; c >= 0 && c < 127; ++c) all += c;
  all += '\x7f';
  all += "\xc3\xa9 \xe2\x82\xac";
  std::string out = "x";
  AppendJsonString(all, out);
  ASSERT_EQ(out.front(), 'x');
  EXPECT_EQ(nlohmann::json::parse(out.substr(1)).get<std::string>(), all);
  for (const char c : out) EXPECT_FALSE(static_cast<unsigned char>(c) < 0x20 || c == 0x7f) << static_cast<int>(c);
}

TEST(JsonText, EmptyTextIsTwoQuotes) {
  std::string out;
  AppendJsonString("", out);
  EXPECT_EQ(out, "\"\"");
}

}  // namespace
}  // namespace shardlift::base
