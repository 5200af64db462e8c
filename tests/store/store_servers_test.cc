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
  EXPECT_THAT(missing(), ElementsAre("message", "conversation", "read_cursor", "message_tag", "message_dedup",
                                     "sl_lane", "sl_copy", "sl_dead_letter", "sl_source_table", "sl_routing"));
  for (int round = 0; round < 2; ++round) {
    SL_ASSERT_OK(ApplySchema(*session_, "store_a"));
  }
  EXPECT_THAT(missing(), IsEmpty());
  Sql("DROP TABLE store_a.sl_copy");
  EXPECT_THAT(missing(), ElementsAre("sl_copy"));
  EXPECT_TRUE(ApplySchema(*session_, "store_a").ok());
}

// Each kind of drift: schema_diff_test.cc.
TEST_P(StoreOnServers, RefusesOtherTables) {
  SL_ASSERT_OK(ApplySchema(*session_, "store_a"));
  Sql("ALTER TABLE store_a.message DROP KEY owner");
  ExpectRefused("store_a", "store_a.message.owner: key owner is missing; run shardlift schema apply");
  Sql("ALTER TABLE store_a.message ADD extra INT, ADD UNIQUE KEY owner (owner_origin, owner_table, owner_key)");
  ExpectRefused("store_a", "store_a.message.extra: a column that is not part");
}

TEST_P(StoreOnServers, NothingIsCreatedWhenATableIsWrong) {
  Sql("CREATE DATABASE store_c");
  Sql("CREATE TABLE store_c.message (id INT PRIMARY KEY)");
  ExpectRefused("store_c", "store_c.message.bucket: this column is missing");
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
