// Every code of one and two bytes (and of three where there are any) in every character set, against both servers.
#include "mapping/shown_charset.h"

#include <fmt/format.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/live/live.h"

namespace shardlift::mapping {
namespace {

class ShownCharsetOnServers : public live::LiveTest {
 protected:
  void SetUp() override {
    LiveTest::SetUp();
    if (HasFatalFailure()) return;
    UseFreshDatabase("shown");
    Sql("CREATE TABLE codes (c VARBINARY(4) NOT NULL)");
    Sql("SET SESSION sql_mode = ''");
    for (unsigned first = 0; first < 256; ++first) {
      std::string rows = fmt::format("(X'{:02x}')", first);
      for (unsigned second = 0; second < 256; ++second) rows += fmt::format(", (X'{:02x}{:02x}')", first, second);
      Sql("INSERT INTO codes VALUES " + rows);
    }
  }

  struct Counts {
    int same = 0;
    int refused = 0;  // the server has a character, we show none
    std::set<std::uint32_t> different;
  };

  // `codes`: a condition on c, the code. `prefix`: bytes before each code.
  void Compare(const std::string& charset, std::string_view codes, std::string_view prefix, Counts* counts) {
    const std::string code = prefix.empty() ? "c" : fmt::format("CONCAT({}, c)", mysql::HexLiteral(prefix));
    const std::string text = fmt::format("CONVERT(CONVERT({} USING {}) USING utf8mb4)", code, charset);
    const mysql::Rows rows = Query(fmt::format(
        "SELECT {0}, {1}, HEX(CONVERT({1} USING {2})) = HEX({0}) FROM codes WHERE {3}", code, text, charset, codes));
    for (const auto& row : rows.rows) {
      const std::string& bytes = *row[0];
      std::string ours;
      const bool shown = AppendShownText(charset, bytes, &ours);
      // The servers turn what has no character into NULL or a question mark.
      const bool theirs = row[1] && (row[1]->find('?') == std::string::npos || bytes.find('?') != std::string::npos);
      if (shown && theirs && ours == *row[1]) {
        ++counts->same;
      } else if (shown) {
        std::uint32_t number = 0;
        for (const char c : bytes) number = number << 8 | static_cast<unsigned char>(c);
        counts->different.insert(number);
      } else if (theirs && row[2] == "1") {
        ++counts->refused;
      }
    }
  }

  // Of characters of more than two bytes.
  static std::vector<std::string> Prefixes(const std::string& charset) {
    static const std::map<std::string, std::vector<std::string>> kPrefixes = {
        {"ujis", {"\x8f"}},
        {"eucjpms", {"\x8f"}},
        {"utf16", {"\xd8\x3d", "\xdb\xff"}},
        {"utf16le", {"\x3d\xd8", "\xff\xdb"}},
        {"utf32", {std::string(2, '\0'), std::string("\0\1", 2), std::string("\0\x10", 2)}}};
    const auto found = kPrefixes.find(charset);
    return found == kPrefixes.end() ? std::vector<std::string>() : found->second;
  }

  // As shown_charset_exceptions.h has them.
  static std::string Lines(const std::string& charset, const std::set<std::uint32_t>& codes) {
    std::string lines;
    for (auto it = codes.begin(); it != codes.end();) {
      const std::uint32_t first = *it;
      std::uint32_t last = first;
      while (++it != codes.end() && *it == last + 1) last = *it;
      lines += fmt::format("    {{\"{}\", 0x{:02X}, 0x{:02X}}},\n", charset, first, last);
    }
    return lines;
  }
};

TEST_P(ShownCharsetOnServers, EveryCode_IsShownAsTheServerConvertsIt_OrNotShown) {
  const mysql::Rows charsets = Query("SELECT character_set_name, maxlen FROM information_schema.character_sets");
  ASSERT_GT(charsets.rows.size(), 30u);
  for (const auto& row : charsets.rows) {
    const std::string& charset = *row[0];
    if (charset == "binary" || charset.starts_with("utf8")) continue;
    Counts counts;
    const bool wide = charset.starts_with("utf") || charset == "ucs2";
    Compare(charset,
            row[1] == "1" ? "LENGTH(c) = 1"
            : wide        ? "LENGTH(c) = 2"
                          : "LENGTH(c) = 1 OR c >= X'80'",
            "", &counts);
    for (const std::string& prefix : Prefixes(charset)) Compare(charset, "LENGTH(c) = 2", prefix, &counts);
    EXPECT_TRUE(counts.different.empty()) << Lines(charset, counts.different);
    RecordProperty(charset, fmt::format("{} the same, {} not shown", counts.same, counts.refused));
    if (charset == "keybcs2") continue;  // the C library does not have it
    EXPECT_GE(counts.same, 90) << charset;
    EXPECT_LE(counts.refused, counts.same / 6 + 40) << charset;  // of ujis, the codes for private use
  }
}

SL_BOTH_FLAVOURS(ShownCharsetOnServers);

}  // namespace
}  // namespace shardlift::mapping
