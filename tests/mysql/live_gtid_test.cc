#include <algorithm>
#include <random>

#include "mysql/maria_gtid.h"
#include "tests/mysql/live.h"

namespace shardlift::mysql {
namespace {

class LiveGtidTest : public LiveTest {};
INSTANTIATE_TEST_SUITE_P(Servers, LiveGtidTest, ::testing::Values(Flavour::kMySql), &live::FlavourOf);

std::string RandomSet(std::mt19937& random) {
  std::string text;
  const std::uint64_t sources = random() % 4;
  for (std::uint64_t i = 0; i < sources; ++i) {
    if (!text.empty()) text += ",";
    text += "3e11fa47-71ca-11e1-9e33-c80aa942956" + std::to_string(random() % 3);
    if (random() % 3 == 0) text += random() % 2 ? ":tag_a" : ":b";
    const std::uint64_t intervals = 1 + random() % 4;
    for (std::uint64_t k = 0; k < intervals; ++k) {
      const std::uint64_t first = 1 + random() % 30;
      text += ":" + std::to_string(first);
      if (random() % 2) text += "-" + std::to_string(first + random() % 6);
    }
  }
  return text;
}

std::string OneLine(std::string text) {
  std::erase(text, '\n');
  return text;
}

TEST_P(LiveGtidTest, AgreesWithTheServersOwnFunctions) {
  std::mt19937 random(7);
  for (int i = 0; i < 400; ++i) {
    const std::string a_text = RandomSet(random);
    const std::string b_text = RandomSet(random);
    auto a = GtidSet::Parse(a_text);
    auto b = GtidSet::Parse(b_text);
    ASSERT_TRUE(a.ok() && b.ok()) << a_text << " / " << b_text;
    auto rows = session_->Query("SELECT GTID_SUBSET('" + b_text + "', '" + a_text + "'), GTID_SUBTRACT('" + a_text +
                                    "', '" + b_text + "'), GTID_SUBTRACT('" + a_text + "', '')",
                                "test");
    ASSERT_TRUE(rows.ok()) << rows.status().message();
    ASSERT_EQ(a->Contains(*b), *rows->rows[0][0] == "1") << a_text << " / " << b_text;
    GtidSet less = *a;
    less.Subtract(*b);
    ASSERT_EQ(less.ToText(), OneLine(*rows->rows[0][1])) << a_text << " / " << b_text;
    ASSERT_EQ(a->ToText(), OneLine(*rows->rows[0][2])) << a_text;
    GtidSet both = *a;
    both.IntersectWith(*b);
    less.UnionWith(both);
    ASSERT_EQ(less, *a);
  }
}

class LiveMariaGtidTest : public LiveTest {};
INSTANTIATE_TEST_SUITE_P(Servers, LiveMariaGtidTest, ::testing::Values(Flavour::kMariaDb), &live::FlavourOf);

std::string RandomPosition(std::mt19937& random) {
  std::string text;
  for (int domain = 0; domain < 4; ++domain) {
    if (random() % 2) continue;
    if (!text.empty()) text += ",";
    text += std::to_string(domain) + "-" + std::to_string(1 + random() % 3) + "-" + std::to_string(1 + random() % 5);
  }
  return text;
}

// A replica that stands at `a` has everything up to `b`: then MASTER_GTID_WAIT has nothing to wait for.
TEST_P(LiveMariaGtidTest, AgreesWithTheServersOwnFunctions) {
  std::mt19937 random(11);
  for (int i = 0; i < 200; ++i) {
    const std::string a_text = RandomPosition(random);
    const std::string b_text = RandomPosition(random);
    const auto a = MariaGtidSet::Parse(a_text);
    const auto b = MariaGtidSet::Parse(b_text);
    ASSERT_TRUE(a.ok() && b.ok()) << a_text << " / " << b_text;
    Sql("SET GLOBAL gtid_slave_pos = '" + a->ToText() + "'");
    const auto printed = MariaGtidSet::Parse(One("SELECT @@global.gtid_slave_pos"));
    ASSERT_TRUE(printed.ok());
    ASSERT_EQ(*printed, *a);
    if (!b_text.empty()) {
      ASSERT_EQ(One("SELECT MASTER_GTID_WAIT('" + b->ToText() + "', 0)") == "0", a->Contains(*b))
          << a_text << " / " << b_text;
    }
    MariaGtidSet both = *a;
    both.IntersectWith(*b);
    MariaGtidSet either = *a;
    either.UnionWith(*b);
    ASSERT_TRUE(a->Contains(both) && b->Contains(both) && either.Contains(*a) && either.Contains(*b));
    ASSERT_EQ(a->Subtract(*b).empty(), b->Contains(*a));
    for (const MariaGtidSet::Range& range : a->Subtract(*b)) {
      for (std::uint64_t number = range.first; number <= range.last; ++number) {
        ASSERT_TRUE(a->Contains(MariaGtid{range.domain_id, 1, number}));
        ASSERT_FALSE(b->Contains(MariaGtid{range.domain_id, 1, number}));
      }
    }
  }
  Sql("SET GLOBAL gtid_slave_pos = ''");
}

// What one side takes for a position, the other does.
TEST_P(LiveMariaGtidTest, AcceptsWhatTheServerAccepts) {
  for (const char* text :
       {"", "0-1-100", " 0-1-100 , 1-2-3", "0-1-100,0-2-5", "0-1", "0-1-", "0-1-1,", "a-1-1", "4294967296-1-1",
        "4294967295-4294967295-18446744073709551615", "0-1-18446744073709551616", "-1-1-1", "0-1-1;1-1-1"}) {
    const bool server = session_->Execute("SET GLOBAL gtid_slave_pos = '" + std::string(text) + "'", "test").ok();
    EXPECT_EQ(MariaGtidSet::Parse(text).ok(), server) << text;
  }
  Sql("SET GLOBAL gtid_slave_pos = ''");
}

}  // namespace
}  // namespace shardlift::mysql
