// Patterns, owner keys, character sets, JSON, dates: the parts below the language.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "mapping/charset.h"
#include "mapping/datetime.h"
#include "mapping/json_check.h"
#include "mapping/owner_key.h"
#include "tests/mapping/support.h"

namespace shardlift::mapping {
namespace {

using mysql::ColumnType;
using mysql::Value;
using ::testing::HasSubstr;

TEST(Pattern, Matches) {
  struct Case {
    const char* pattern;
    const char* schema;
    const char* table;
    bool expected;
  };
  const Case cases[] = {
      {"im_{0..3}.msg_{00..15}", "im_0", "msg_00", true},
      {"im_{0..3}.msg_{00..15}", "im_3", "msg_15", true},
      {"im_{0..3}.msg_{00..15}", "im_4", "msg_15", false},
      {"im_{0..3}.msg_{00..15}", "im_3", "msg_16", false},
      {"im_{0..3}.msg_{00..15}", "im_3", "msg_5", false},
      {"im_{0..3}.msg_{00..15}", "im_3", "msg_015", false},
      {"im_{0..3}.msg_{00..15}", "im_3", "msg_15x", false},
      {"a.t{8..12}", "a", "t8", true},
      {"a.t{8..12}", "a", "t08", false},
      {"a.t{8..12}", "a", "t10", true},
      {"a.t{8..12}", "a", "t13", false},
      {"a.t{8..12}5", "a", "t125", true},
      {"a.t{000..127}", "a", "t127", true},
      {"a.t{000..127}", "a", "t27", false},
      {"a.{x,yy}_1", "a", "yy_1", true},
      {"a.{x,yy}_1", "a", "y_1", false},
      {"a.x{,_old}", "a", "x", true},
      {"a.x{,_old}", "a", "x_old", true},
      {"push_*.log", "push_", "log", true},
      {"push_*.log", "push_eu", "log", true},
      {"push_*.log", "pushx", "log", false},
      {"*.*", "a.b", "c", true},
      {"a.m?g", "a", "m\xE4\xB8\xADg", true},
      {"a.m?g", "a", "mg", false},
      {"a.*b*b", "a", "xbyb", true},
      {"a.*b*b", "a", "xb", false},
      {"a.B", "a", "b", false},
  };
  for (const Case& c : cases) {
    auto matches = MatchesPattern(c.pattern, c.schema, c.table);
    ASSERT_TRUE(matches.ok()) << matches.status().message();
    EXPECT_EQ(*matches, c.expected) << c.pattern << " " << c.schema << "." << c.table;
  }
}

TEST(Pattern, Refuses) {
  const std::pair<const char*, const char*> cases[] = {
      {"msg", "schema.table"},
      {"a.b.c", "schema.table"},
      {".b", "schema.table"},
      {"a.{1..2", "{ without }"},
      {"a.1}", "} without {"},
      {"a.{}", "empty braces"},
      {"a.{5..2}", "end is before"},
      {"a.{x..y}", "of the form"},
      {"a.{1..}", "of the form"},
      {"a.{{1}}", "inside braces"},
      {"a.{0..99999999999999999999}", "of the form"},
  };
  for (auto [pattern, message] : cases) {
    auto matches = MatchesPattern(pattern, "a", "b");
    ASSERT_FALSE(matches.ok()) << pattern;
    EXPECT_EQ(matches.status().code(), base::Code::kUsage);
    EXPECT_THAT(matches.status().message(), HasSubstr(message));
  }
}

std::string KeyOf(const mysql::TableSchema& schema, std::vector<Value> row) {
  std::vector<std::size_t> key(row.size());
  for (std::size_t i = 0; i < key.size(); ++i) key[i] = i;
  std::string out;
  const char* reason = EncodeOwnerKey(schema, key, row, &out);
  return reason == nullptr ? out : std::string("bad: ") + reason;
}

TEST(OwnerKey, GoldenBytes) {
  mysql::TableSchema schema;
  schema.columns = {testing::MakeColumn("a", ColumnType::kBigInt, "bigint"),
                    testing::Unsigned(testing::MakeColumn("b", ColumnType::kInt, "int unsigned")),
                    testing::TextColumn("c", ColumnType::kVarchar, 20, "gbk")};
  EXPECT_EQ(KeyOf(schema, {Value::Int(-1), Value::UInt(258), Value::Bytes(std::string_view("a\0b", 3))}),
            std::string("\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF\0\0\0\0\0\0\x01\x02"
                        "a\0\xFF"
                        "b\0\x01",
                        22));
  const std::vector<std::size_t> key = {0, 1, 2};
  const std::string whole =
      KeyOf(schema, {Value::Int(-1), Value::UInt(258), Value::Bytes(std::string_view("a\0b", 3))});
  EXPECT_EQ(DecodeOwnerKey(schema, key, whole),
            (std::vector<std::string>{"-1", "258", std::string(std::string_view("a\0b", 3))}));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_EQ(DecodeOwnerKey(schema, key, std::string_view(whole).substr(0, size)), std::nullopt) << size;
  }
  EXPECT_EQ(DecodeOwnerKey(schema, key, whole + "x"), std::nullopt);
  EXPECT_EQ(KeyOf(schema, {Value::Int(0)}), std::string("\x80\0\0\0\0\0\0\0", 8));
  EXPECT_EQ(KeyOf(schema, {Value::Null()}), "bad: a key column is NULL or of an unexpected kind");
  EXPECT_EQ(KeyOf(schema, {Value::Absent()}), "bad: a key column is not in the row image");
  std::string zeros(127, '\0');
  EXPECT_EQ(KeyOf(schema, {Value::Bytes(zeros)}), "bad: the encoded legacy key is longer than 255 bytes");
}

TEST(OwnerKey, BytewiseOrderIsKeyOrder) {
  std::mt19937_64 random(7);
  mysql::TableSchema schema;
  schema.columns = {testing::MakeColumn("a", ColumnType::kBigInt, "bigint"),
                    testing::TextColumn("b", ColumnType::kVarbinary, 9, ""),
                    testing::Unsigned(testing::MakeColumn("c", ColumnType::kBigInt, "bigint unsigned"))};
  using Key = std::tuple<std::int64_t, std::string, std::uint64_t>;
  std::vector<Key> keys;
  for (int i = 0; i < 3000; ++i) {
    std::string bytes(random() % 4, '\0');
    for (char& c : bytes) c = static_cast<char>("\x00\x01\x02\xFE\xFF"[random() % 5]);
    // Few first values, so that the later columns decide too.
    std::int64_t first =
        random() % 2 == 0 ? static_cast<std::int64_t>(random() % 7) - 3 : static_cast<std::int64_t>(random());
    keys.emplace_back(first, bytes, random() >> (random() % 64));
  }
  for (std::int64_t edge : {INT64_MIN, INT64_MAX}) keys.emplace_back(edge, "", 0);
  std::sort(keys.begin(), keys.end(), [](const Key& x, const Key& y) {
    // std::string compares its chars as unsigned: the order of memcmp.
    return x < y;
  });
  std::string previous;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const auto& [a, b, c] = keys[i];
    std::string encoded = KeyOf(schema, {Value::Int(a), Value::Bytes(b), Value::UInt(c)});
    if (i > 0) {
      EXPECT_EQ(previous < encoded, keys[i - 1] < keys[i]);
      EXPECT_EQ(previous == encoded, keys[i - 1] == keys[i]);
    }
    previous = encoded;
  }
}

TEST(Charset, Converts) {
  std::string out;
  EXPECT_TRUE(AppendUtf8(Charset::kGbk, "a\xD6\xD0\xA1\xA4", &out));
  EXPECT_EQ(out, "a\xE4\xB8\xAD\xC2\xB7");
  for (const char* bad : {"\x80", "\xD6", "\xD6\x20", "\xFF\xFF", "\xA2\xA0"}) {
    EXPECT_FALSE(AppendUtf8(Charset::kGbk, bad, &out)) << bad;
  }
  out.clear();
  EXPECT_TRUE(AppendUtf8(Charset::kLatin1, "\x80\x81\xFF", &out));
  EXPECT_EQ(out, "\xE2\x82\xAC\xC2\x81\xC3\xBF");
  EXPECT_FALSE(AppendUtf8(Charset::kAscii, "\x80", &out));
  EXPECT_EQ(FindCharset("big5"), Charset::kUnsupported);
  EXPECT_EQ(FindCharset("utf8mb3"), Charset::kUtf8);
}

TEST(Charset, Utf8) {
  for (const char* good :
       {"", "a", "\xC2\x80", "\xED\x9F\xBF", "\xEE\x80\x80", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"}) {
    EXPECT_TRUE(IsUtf8(good)) << good;
  }
  for (const char* bad :
       {"\x80", "\xC1\xBF", "\xC2", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5"}) {
    EXPECT_FALSE(IsUtf8(bad)) << bad;
  }
  EXPECT_EQ(CountCharacters("a\xE4\xB8\xAD\xF0\x9F\x98\x80"), 3u);
  EXPECT_EQ(CharacterOffset("a\xE4\xB8\xAD\xF0\x9F\x98\x80", 2), 4u);
  EXPECT_EQ(CharacterOffset("ab", 5), 2u);
  EXPECT_TRUE(HasCasedNonAscii("\xC3\x89"));
  EXPECT_TRUE(HasCasedNonAscii("\xEF\xBC\xA1"));  // full-width A
  EXPECT_FALSE(HasCasedNonAscii("ABC\xE4\xB8\xAD\xE3\x81\x82"));
}

TEST(Json, Checks) {
  for (const char* good : {"null", " true ", "-0", "1.5e+3", "\"\"", "\"\\u00e9\\ud83d\\ude00\\/\"", "[]", "[1, [2]]",
                           "{}", "{\"a\": {\"b\": [null]}}", "123456789012345678901234567890"}) {
    EXPECT_TRUE(IsJson(good)) << good;
  }
  for (const char* bad :
       {"",       "nul",      "01",      "1.",          ".5",          "+1",          "1e",
        "1e999",  "\"",       "\"\\x\"", "\"\\u12g4\"", "\"\\ud800\"", "\"\\udc00\"", "\"\\ud800\\u0041\"",
        "\"\n\"", "\"\xFF\"", "[1,]",    "[",           "{a: 1}",      "{\"a\" 1}",   "{\"a\": 1,}",
        "1 2",    "'a'"}) {
    EXPECT_FALSE(IsJson(bad)) << bad;
  }
  std::string deep(static_cast<std::size_t>(kJsonDepthMax), '[');
  std::string close(static_cast<std::size_t>(kJsonDepthMax), ']');
  EXPECT_TRUE(IsJson(deep + close));
  EXPECT_FALSE(IsJson("[" + deep + close + "]"));
  EXPECT_FALSE(IsJson(std::string(1000000, '[')));
}

TEST(DateTime, EveryDayOfTheCalendar) {
  char text[kDateTimeBytes];
  std::string previous;
  std::int64_t first = SecondsOf("0001-01-01 00:00:00");
  std::int64_t days = 0;
  for (std::int64_t seconds = first; FormatSeconds(seconds, text); seconds += 86400, ++days) {
    std::string_view day(text, sizeof(text));
    ASSERT_EQ(SecondsOf(day), seconds);
    ASSERT_EQ(CanonicalFraction(day), 0);
    ASSERT_LT(previous, day);
    previous = day;
  }
  EXPECT_EQ(days, 3652059);  // 0001-01-01 to 9999-12-31
  EXPECT_EQ(previous, "9999-12-31 00:00:00");
  EXPECT_FALSE(FormatSeconds(first - 1, text));
}

TEST(DateTime, Canonical) {
  EXPECT_EQ(CanonicalFraction("2024-02-29"), 0);
  EXPECT_EQ(CanonicalFraction("2024-02-29 23:59:59.123"), 3);
  for (const char* bad :
       {"2023-02-29", "2023-00-10", "0000-01-01", "2023-1-1", "2023-01-01 ", "2023-01-01T00:00:00",
        "2023-01-01 24:00:00", "2023-01-01 00:00:60", "2023-01-01 00:00:00.", "2023-01-01 00:00:00.1234567", ""}) {
    EXPECT_EQ(CanonicalFraction(bad), -1) << bad;
  }
}

}  // namespace
}  // namespace shardlift::mapping
