#include <algorithm>
#include <random>

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

}  // namespace
}  // namespace shardlift::mysql
