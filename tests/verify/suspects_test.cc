#include "verify/suspects.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shardlift::verify {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> Take(SuspectList& list, std::size_t count) {
  auto keys = list.Take(count);
  EXPECT_TRUE(keys.ok()) << keys.status().message();
  return keys.ok() ? *keys : std::vector<std::string>();
}

TEST(SuspectListTest, KeysComeBackInTheirOrderFromMemoryAndFromAFile) {
  for (const std::size_t bytes_max : {std::size_t{1} << 20, std::size_t{1}, std::size_t{20}}) {
    SCOPED_TRACE(bytes_max);
    SuspectList list(bytes_max);
    for (const std::string& key : {std::string("b\0c", 3), std::string(), std::string(300, 'x'), std::string("a")}) {
      ASSERT_TRUE(list.Add(key).ok());
    }
    EXPECT_EQ(list.size(), 4u);
    EXPECT_THAT(Take(list, 3), ElementsAre(std::string("b\0c", 3), "", std::string(300, 'x')));
    EXPECT_THAT(Take(list, 3), ElementsAre("a"));
    EXPECT_THAT(Take(list, 3), IsEmpty());
  }
}

TEST(SuspectListTest, NothingAdded_NothingComes) {
  SuspectList list;
  EXPECT_THAT(Take(list, 3), IsEmpty());
}

}  // namespace
}  // namespace shardlift::verify
