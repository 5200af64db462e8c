#include "base/json_text.h"

#include <gtest/gtest.h>

#include <cstdio>
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

// Words of eight bytes are looked at together: a byte must be found at each place of one, behind any other.
TEST(JsonText, OneSpecialByteAtEachPlace_IsTheOnlyOneEscaped) {
  for (int special = 0; special < 256; ++special) {
    for (std::size_t at = 0; at < 20; ++at) {
      std::string text = "abcdefgh\xc3\xa9\xf0\x9f\x98\x80 !#[]~\x80";
      text[at] = static_cast<char>(special);
      std::string expected = "\"";
      for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
          expected += std::string("\\") + c;
        } else if (byte < 0x20 || byte == 0x7f) {
          char escaped[8];
          snprintf(escaped, sizeof(escaped), "\\u%04x", byte);
          expected += escaped;
        } else {
          expected += c;
        }
      }
      std::string out;
      AppendJsonString(text, out);
      ASSERT_EQ(out, expected + '"') << special << " at " << at;
    }
  }
}

TEST(JsonText, EmptyTextIsTwoQuotes) {
  std::string out;
  AppendJsonString("", out);
  EXPECT_EQ(out, "\"\"");
}

}  // namespace
}  // namespace shardlift::base
