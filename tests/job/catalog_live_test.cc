#include <gmock/gmock.h>

#include "job/catalog.h"
#include "tests/job/live.h"

namespace shardlift::job {
namespace {

using base::Code;
using ::testing::HasSubstr;

class CatalogLiveTest : public LiveJobTest {
 protected:
  void SetUp() override { ASSERT_NO_FATAL_FAILURE(Reset()); }
  static void ExpectError(const JobConfig& config, Code code, const std::string& words, bool allocate = true) {
    const auto catalog = LoadCatalog(config, allocate);
    ASSERT_FALSE(catalog.ok());
    EXPECT_EQ(catalog.status().code(), code) << catalog.status().message();
    EXPECT_THAT(catalog.status().message(), HasSubstr(words));
  }
};

TEST_F(CatalogLiveTest, OrdinalsAreKeptAndNeverReused) {
  JobConfig config = Job("mysql");
  ExpectError(config, Code::kRefused, "run migrate first", false);
  EXPECT_EQ(One("maria", "SELECT COUNT(*) FROM store_0.sl_source_table"), "0");
  auto catalog = LoadCatalog(config, true);
  ASSERT_TRUE(catalog.ok()) << catalog.status().message();
  ASSERT_EQ(catalog->tables.size(), 2u);
  EXPECT_EQ(catalog->tables[0].schema().name.Text(), "old.msg_00");
  EXPECT_EQ(catalog->tables[0].ordinal, 1u);
  EXPECT_EQ(catalog->tables[1].ordinal, 2u);
  EXPECT_EQ(catalog->tables[1].mapper->context().table_ordinal, 2u);
  for (const auto& [server, database] : {std::pair{"maria", "store_0"}, std::pair{"mysql", "store_1"}}) {
    EXPECT_EQ(One(server,
                  std::string(
                      "SELECT GROUP_CONCAT(ordinal, origin, source, schema_name, table_name ORDER BY ordinal) FROM ") +
                      database + ".sl_source_table"),
              "11legacy1oldmsg_00,21legacy1oldmsg_01");
  }
  // Another family comes later; the first one's table is gone for a while.
  Sql("mysql", "DROP TABLE old.msg_01");
  Sql("mysql", "CREATE TABLE old.extra LIKE old.msg_00");
  config.mappings[0].match = {"old.msg_*", "old.extra"};
  catalog = LoadCatalog(config, true);
  ASSERT_TRUE(catalog.ok()) << catalog.status().message();
  EXPECT_EQ(catalog->tables[0].schema().name.table, "extra");
  EXPECT_EQ(catalog->tables[0].ordinal, 3u);
  EXPECT_EQ(catalog->tables[1].ordinal, 1u);
  // The same names under another origin or source are other tables.
  config.mappings[0].origin = 2;
  config.sources[0].endpoint.name = "legacy9";
  catalog = LoadCatalog(config, true);
  ASSERT_TRUE(catalog.ok()) << catalog.status().message();
  EXPECT_EQ(catalog->tables[0].ordinal + catalog->tables[1].ordinal, 4u + 5u);
}

TEST_F(CatalogLiveTest, AShardThatLostEntriesGetsThemBack) {
  const JobConfig config = Job("maria");
  ASSERT_TRUE(LoadCatalog(config, true).ok());
  // Shard 0 was restored to a state before the last table: its ordinal must not go to another one.
  Sql("maria", "DELETE FROM store_0.sl_source_table WHERE ordinal = 2");
  Sql("maria", "CREATE TABLE old.aaa LIKE old.msg_00");
  JobConfig more = config;
  more.mappings[0].match.push_back("old.aaa");
  const auto catalog = LoadCatalog(more, true);
  ASSERT_TRUE(catalog.ok()) << catalog.status().message();
  EXPECT_EQ(catalog->tables[0].schema().name.table, "aaa");
  EXPECT_EQ(catalog->tables[0].ordinal, 3u);
  EXPECT_EQ(One("maria", "SELECT table_name FROM store_0.sl_source_table WHERE ordinal = 2"), "msg_01");
  // Two stores mixed up.
  Sql("mysql", "UPDATE store_1.sl_source_table SET ordinal = ordinal + 10");
  ExpectError(config, Code::kRefused, "not of one store");
}

TEST_F(CatalogLiveTest, WhatDoesNotMatchIsNamed) {
  JobConfig config = Job("mysql");
  config.mappings[0].match = {"old.msg_{00..01}", "old.mgs_*"};
  ExpectError(config, Code::kUsage, "\"old.mgs_*\" matches no table");
  config = Job("mysql");
  config.mappings.push_back(config.mappings[0]);
  config.mappings[1].name = "second";
  ExpectError(config, Code::kUsage, "matched by mappings im and second");
  config = Job("mysql");
  config.mappings[0].key = {"to_uid"};
  ExpectError(config, Code::kUsage, "not a unique key");
  config = Job("mysql");
  config.mappings[0].sources = {"legacy1"};
  EXPECT_TRUE(LoadCatalog(config, true).ok());
  // Nothing was stored by the failures before.
  EXPECT_EQ(One("maria", "SELECT COUNT(*) FROM store_0.sl_source_table"), "2");
}

TEST_F(CatalogLiveTest, UnreachableServersAreNamed) {
  JobConfig config = Job("mysql");
  config.sources[0].endpoint.port = 1;
  ExpectError(config, Code::kEnvironment, "legacy1 (127.0.0.1:1)");
  config = Job("mysql");
  config.shards[1].database = "no_such_store";
  ExpectError(config, Code::kUsage, "s1 (127.0.0.1:");
}

}  // namespace
}  // namespace shardlift::job
