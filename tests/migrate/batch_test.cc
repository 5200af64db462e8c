#include "migrate/batch.h"

#include <gtest/gtest.h>

namespace shardlift::migrate {
namespace {

TEST(OwnerId, RoundTripsAndOrdersLikeTheIndex) {
  const std::string id = MakeOwnerId(3, 0x0102, std::string("\0\x01k", 3));
  EXPECT_EQ(id, std::string("\x03\x01\x02\0\x01k", 6));
  const OwnerIdParts parts = SplitOwnerId(id);
  EXPECT_EQ(parts.origin, 3u);
  EXPECT_EQ(parts.table_ordinal, 0x0102u);
  EXPECT_EQ(parts.legacy_key, std::string_view("\0\x01k", 3));
  EXPECT_LT(MakeOwnerId(1, 255, "z"), MakeOwnerId(1, 256, "a"));
}

TEST(PackedRows, GivesBackRowsInOrderEmptyOnesIncluded) {
  PackedRows rows;
  rows.Add("owner1", "");
  rows.Add("", std::string(70'000, 'x'));
  std::vector<std::pair<std::string, std::size_t>> seen;
  rows.ForEach([&](std::string_view owner, std::string_view fields) { seen.emplace_back(owner, fields.size()); });
  EXPECT_EQ(rows.count(), 2u);
  EXPECT_EQ(seen, (std::vector<std::pair<std::string, std::size_t>>{{"owner1", 0}, {"", 70'000}}));
}

}  // namespace
}  // namespace shardlift::migrate
