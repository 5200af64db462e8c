// The generated content: reproducible, valid, and as nasty as promised.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "rehearse/families.h"
#include "rehearse/texts.h"
#include "rehearse/write_op.h"

namespace shardlift::rehearse {
namespace {

bool IsUtf8(const std::string& text) {
  const nlohmann::json value = text;
  return !value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).empty() &&
         value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) ==
             value.dump(-1, ' ', false, nlohmann::json::error_handler_t::ignore);
}

TEST(Families, SixtyNineTablesOnTheirSources) {
  const auto tables = AllTables();
  ASSERT_EQ(tables.size(), 69U);
  EXPECT_EQ(tables[0].Text(), "im_0.msg_00");
  EXPECT_EQ(tables[63].Text(), "im_3.msg_15");
  EXPECT_EQ(tables[31].source, 0U);
  EXPECT_EQ(tables[32].source, 1U);
  EXPECT_EQ(tables[67].Text(), "push.push_202312");
  EXPECT_EQ(tables[68].Text(), "oldsys.sys_notice");
  EXPECT_EQ(tables[68].source, 0U);
}

TEST(Families, SeedKeysLeaveGaps) {
  std::uint64_t last = 0;
  for (std::uint64_t n = 0; n < 1000; ++n) {
    const std::uint64_t key = SeedKey(n);
    EXPECT_GT(key, last);
    EXPECT_NE(key % kKeyGap, 0U);
    last = key;
  }
  EXPECT_EQ(SeedKey(0), 1U);
  EXPECT_EQ(last, 1099U);
}

TEST(Families, RowsAreReproducible) {
  for (const LegacyTable& table : AllTables()) {
    std::string first;
    std::string second;
    std::string other;
    Random a = Random::For(7, table.Text());
    Random b = Random::For(7, table.Text());
    Random c = Random::For(8, table.Text());
    AppendRow(table, {3, 5}, a, &first);
    AppendRow(table, {3, 5}, b, &second);
    AppendRow(table, {3, 5}, c, &other);
    EXPECT_EQ(first, second);
    EXPECT_NE(first, other);
  }
}

TEST(Texts, BodiesVary) {
  Random random(1);
  std::size_t empty = 0;
  std::size_t large = 0;
  bool quote = false;
  bool newline = false;
  bool trailing_blank = false;
  bool emoji = false;
  for (int i = 0; i < 5000; ++i) {
    const std::string text = BodyText(random, Repertoire::kUtf8mb4);
    ASSERT_TRUE(IsUtf8(text));
    if (text.empty()) {
      ++empty;
      continue;
    }
    if (text.size() > 3000) ++large;
    quote |= text.find('\'') != std::string::npos;
    newline |= text.find('\n') != std::string::npos;
    trailing_blank |= text.back() == ' ';
    emoji |= text.find("😀") != std::string::npos;
    EXPECT_LT(text.size(), 6000U);
  }
  EXPECT_GT(empty, 50U);
  EXPECT_GT(large, 40U);
  EXPECT_TRUE(quote && newline && trailing_blank && emoji);
}

TEST(Texts, ShortTextsKeepTheirLimitInCharacters) {
  Random random(2);
  for (int i = 0; i < 5000; ++i) {
    const std::string text = ShortText(random, Repertoire::kUtf8mb4, 10);
    ASSERT_TRUE(IsUtf8(text));
    std::size_t characters = 0;
    for (const char c : text) characters += (static_cast<unsigned char>(c) & 0xC0U) != 0x80U ? 1 : 0;
    EXPECT_LE(characters, 10U);
    EXPECT_GE(characters, 1U);
  }
}

void ExpectNoFloats(const nlohmann::json& value) {
  EXPECT_FALSE(value.is_number_float());
  if (value.is_structured()) {
    for (const auto& item : value) ExpectNoFloats(item);
  }
}

TEST(Texts, JsonIsValidNestedAndWithoutFloats) {
  Random random(3);
  bool nested = false;
  for (int i = 0; i < 3000; ++i) {
    const std::string text = JsonText(random);
    const auto value = nlohmann::json::parse(text, nullptr, false);
    ASSERT_FALSE(value.is_discarded());
    ASSERT_TRUE(value.is_object());
    for (const auto& member : value) nested |= member.is_object();
    ExpectNoFloats(value);
  }
  EXPECT_TRUE(nested);
}

TEST(Texts, QuotingEscapes) {
  std::string sql;
  AppendQuoted(std::string_view("a'b\\c\0d", 7), &sql);
  EXPECT_EQ(sql, "'a\\'b\\\\c\\0d'");
}

TEST(Texts, UserNamesDifferInCaseOnly) {
  Random random(4);
  std::set<std::string> exact;
  std::set<std::string> folded;
  for (int i = 0; i < 3000; ++i) {
    std::string name = UserName(random);
    exact.insert(name);
    for (char& c : name) {
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    folded.insert(name);
  }
  EXPECT_GT(exact.size(), folded.size());
}

TEST(WriteOps, AThirdAimsAtTheChunkAndAllKindsOccur) {
  TableState notice;
  notice.table = AllTables().back();
  for (auto& last : notice.last) last = 100;
  TableState im;
  im.table = AllTables().front();
  im.last[0] = 1000;
  WriteOpMaker maker({&im, &notice}, true, true, Random(5));
  std::set<WriteKind> kinds;
  int aimed = 0;
  for (int i = 0; i < 6000; ++i) {
    const WriteOp op = maker.Next({&im, {0, 500}, 100});
    kinds.insert(op.kind);
    ASSERT_EQ(op.statements.size(), op.counted.size());
    ASSERT_FALSE(op.statements.empty());
    if (op.aimed) {
      ++aimed;
      EXPECT_EQ(op.table, &im);
    }
  }
  EXPECT_EQ(kinds.size(), kWriteKinds);
  EXPECT_NEAR(aimed, 2000, 200);
}

}  // namespace
}  // namespace shardlift::rehearse
