#include "store/message_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shardlift::store {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(MessageColumns, OrderAndDefaults) {
  std::vector<std::string> names;
  for (const TargetColumn& column : MessageColumns()) names.push_back(column.name);
  EXPECT_THAT(names, ElementsAre("bucket", "account_type", "account_key", "conversation", "sent_at", "msg_id",
                                 "biz_tag", "sender", "msg_type", "body_codec", "body", "ext", "status", "edited_at",
                                 "recalled_at", "client_id", "version", "owner_origin", "owner_table", "owner_key"));
  EXPECT_EQ(MessageColumnIndex("bucket"), 0u);
  EXPECT_EQ(MessageColumnIndex("owner_key"), 19u);
  EXPECT_EQ(MessageColumnIndex("Bucket"), std::string_view::npos);
  EXPECT_EQ(MessageColumns()[MessageColumnIndex("version")].default_sql, "1");
  EXPECT_EQ(MessageColumns()[MessageColumnIndex("body")].default_sql, std::nullopt);
  EXPECT_TRUE(MessageColumns()[MessageColumnIndex("sender")].nullable);
}

TEST(ShardDdl, MessageFirstThenTheToolTables) {
  std::vector<std::string> ddl = ShardDdl(mysql::Flavour::kMySql);
  ASSERT_EQ(ddl.size(), 11u);
  const char* tables[] = {"message", "conversation",   "read_cursor",     "message_tag", "message_dedup", "sl_lane",
                          "sl_copy", "sl_dead_letter", "sl_source_table", "sl_routing",  "sl_id_node"};
  for (std::size_t i = 0; i < ddl.size(); ++i) {
    EXPECT_EQ(ddl[i].find(std::string("CREATE TABLE IF NOT EXISTS `") + tables[i] + "` ("), 0u) << ddl[i];
  }
  // Every column of the metadata is in the DDL, in the same order.
  std::size_t at = 0;
  for (const TargetColumn& column : MessageColumns()) {
    std::size_t next = ddl[0].find("  `" + column.name + "` ", at);
    ASSERT_NE(next, std::string::npos) << column.name;
    at = next + 1;
  }
  EXPECT_THAT(ddl[0], HasSubstr("PRIMARY KEY (`bucket`, `account_type`, `account_key`, `sent_at`, `msg_id`)"));
  EXPECT_THAT(ddl[0], HasSubstr("UNIQUE KEY `owner` (`owner_origin`, `owner_table`, `owner_key`)"));
}

}  // namespace
}  // namespace shardlift::store
