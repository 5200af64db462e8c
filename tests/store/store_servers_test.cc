// The store on the real servers: schema apply and check, and the bucket as plain SQL computes it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "store/message_table.h"
#include "store/router.h"
#include "tests/live/live.h"

namespace shardlift::store {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class StoreOnServers : public live::LiveTest {
 protected:
  void ExpectRefused(const char* database, const char* part) {
    for (base::Status status : {MissingTables(*session_, database).status(), ApplySchema(*session_, database)}) {
      EXPECT_EQ(status.code(), base::Code::kRefused);
      EXPECT_THAT(status.message(), HasSubstr(part));
    }
  }
};

TEST_P(StoreOnServers, AppliesAndChecks) {
  const auto missing = [this] { return MissingTables(*session_, "store_a").value(); };
  EXPECT_THAT(missing(),
              ElementsAre("message", "sl_lane", "sl_copy", "sl_dead_letter", "sl_source_table", "sl_routing"));
  for (int round = 0; round < 2; ++round) {
    SL_ASSERT_OK(ApplySchema(*session_, "store_a"));
  }
  EXPECT_THAT(missing(), IsEmpty());
  Sql("DROP TABLE store_a.sl_copy");
  EXPECT_THAT(missing(), ElementsAre("sl_copy"));
  EXPECT_TRUE(ApplySchema(*session_, "store_a").ok());
}

TEST_P(StoreOnServers, RefusesOtherTables) {
  struct Case {
    const char* change;
    const char* part;
  };
  const Case cases[] = {
      {"ALTER TABLE store_b.message MODIFY body LONGBLOB NOT NULL", "store_b.message.body: its type is longblob"},
      {"ALTER TABLE store_b.message MODIFY sender VARBINARY(191) NOT NULL",
       "store_b.message.sender: it should be NULL"},
      {"ALTER TABLE store_b.message ALTER version SET DEFAULT 2", "store_b.message.version: its default"},
      {"ALTER TABLE store_b.message ADD extra INT", "store_b.message.extra: a column that is not part"},
      {"ALTER TABLE store_b.message DROP KEY owner", "store_b.message: key owner is missing"},
      {"ALTER TABLE store_b.message DROP KEY owner, ADD UNIQUE KEY owner (owner_origin, owner_table, owner_key(100))",
       "store_b.message: key owner is missing or has other columns"},
      {"ALTER TABLE store_b.message ADD UNIQUE KEY ids (msg_id)", "unique key ids is not part of the store"},
      {"ALTER TABLE store_b.sl_lane ENGINE=MyISAM", "store_b.sl_lane: its engine is MyISAM"},
      {"ALTER TABLE store_b.sl_lane DROP COLUMN holder", "store_b.sl_lane.holder: column 12 should be holder"},
  };
  for (const Case& c : cases) {
    Sql("DROP DATABASE IF EXISTS store_b");
    SL_ASSERT_OK(ApplySchema(*session_, "store_b"));
    Sql(c.change);
    ExpectRefused("store_b", c.part);
  }
}

TEST_P(StoreOnServers, NothingIsCreatedWhenATableIsWrong) {
  Sql("CREATE DATABASE store_c");
  Sql("CREATE TABLE store_c.message (id INT PRIMARY KEY)");
  ExpectRefused("store_c", "store_c.message.bucket: column 1 should be bucket but is id");
  EXPECT_EQ(One("SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'store_c'"), "1");
}

TEST_P(StoreOnServers, BucketSqlGivesTheRoutersBuckets) {
  std::mt19937_64 random(20231);
  Sql("CREATE DATABASE store_d");
  Sql("CREATE TABLE store_d.k (id INT PRIMARY KEY, t TINYINT UNSIGNED NOT NULL, k VARBINARY(191) NOT NULL)");
  std::vector<std::pair<std::uint32_t, std::string>> keys;
  std::string values;
  for (int i = 0; i < 1000; ++i) {
    std::string key;
    if (i % 2 == 0) {
      key = std::to_string(random() >> (random() % 64));
    } else {
      key.resize(random() % 192);
      for (char& c : key) c = static_cast<char>(random());
    }
    auto type = static_cast<std::uint32_t>(random() % 256);
    values += (i > 0 ? "," : "") + std::string("(") + std::to_string(i) + "," + std::to_string(type) + "," +
              mysql::HexLiteral(key) + ")";
    keys.emplace_back(type, std::move(key));
  }
  Sql("INSERT INTO store_d.k VALUES " + values);
  for (std::uint32_t buckets : {1u, 4096u, 65536u}) {
    const auto rows = Query("SELECT " + BucketSql("t", "k", buckets) + " FROM store_d.k ORDER BY id").rows;
    ASSERT_EQ(rows.size(), keys.size());
    for (std::size_t i = 0; i < keys.size(); ++i) {
      std::uint32_t expected = RoutingHash(keys[i].first, keys[i].second) & (buckets - 1);
      ASSERT_EQ(rows[i][0].value(), std::to_string(expected)) << "key " << i << ", " << buckets << " buckets";
    }
  }
}

SL_BOTH_FLAVOURS(StoreOnServers);

}  // namespace
}  // namespace shardlift::store
