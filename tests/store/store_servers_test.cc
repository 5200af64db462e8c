// The store on the real servers: schema apply and check, and the bucket as plain SQL computes it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "mysql/session.h"
#include "rehearse/server.h"
#include "store/message_table.h"
#include "store/router.h"

namespace shardlift::store {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// One group of servers for all tests of this binary.
class StoreOnServers : public ::testing::TestWithParam<const char*> {
 protected:
  static void SetUpTestSuite() {
    auto group = rehearse::ServerGroup::Create();
    ASSERT_TRUE(group.ok()) << group.status().message();
    group_ = std::move(group).value().release();
    base::Status status =
        group_->Start({{"mariadb", mysql::Flavour::kMariaDb, {}}, {"mysql", mysql::Flavour::kMySql, {}}});
    ASSERT_TRUE(status.ok()) << status.message();
  }
  static void TearDownTestSuite() {
    delete group_;
    group_ = nullptr;
  }
  void SetUp() override {
    auto session = mysql::Session::Open(group_->Get(GetParam()).endpoint(), {});
    ASSERT_TRUE(session.ok()) << session.status().message();
    session_ = std::move(session).value();
  }
  void Run(const std::string& sql) {
    base::Status status = session_->Execute(sql, "test");
    ASSERT_TRUE(status.ok()) << status.message();
  }
  void ExpectRefused(const char* database, const char* part) {
    for (base::Status status : {MissingTables(*session_, database).status(), ApplySchema(*session_, database)}) {
      EXPECT_EQ(status.code(), base::Code::kRefused);
      EXPECT_THAT(status.message(), HasSubstr(part));
    }
  }

  static rehearse::ServerGroup* group_;
  std::unique_ptr<mysql::Session> session_;
};

rehearse::ServerGroup* StoreOnServers::group_ = nullptr;

TEST_P(StoreOnServers, AppliesAndChecks) {
  const auto missing = [this] { return MissingTables(*session_, "store_a").value(); };
  EXPECT_THAT(missing(),
              ElementsAre("message", "sl_lane", "sl_copy", "sl_dead_letter", "sl_source_table", "sl_routing"));
  for (int round = 0; round < 2; ++round) {
    base::Status applied = ApplySchema(*session_, "store_a");
    ASSERT_TRUE(applied.ok()) << applied.message();
  }
  EXPECT_THAT(missing(), IsEmpty());
  Run("DROP TABLE store_a.sl_copy");
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
      {"ALTER TABLE store_b.sl_lane DROP COLUMN holder", "store_b.sl_lane.holder: column 11 should be holder"},
  };
  for (const Case& c : cases) {
    Run("DROP DATABASE IF EXISTS store_b");
    base::Status applied = ApplySchema(*session_, "store_b");
    ASSERT_TRUE(applied.ok()) << applied.message();
    Run(c.change);
    ExpectRefused("store_b", c.part);
  }
}

TEST_P(StoreOnServers, NothingIsCreatedWhenATableIsWrong) {
  Run("CREATE DATABASE store_c");
  Run("CREATE TABLE store_c.message (id INT PRIMARY KEY)");
  ExpectRefused("store_c", "store_c.message.bucket: column 1 should be bucket but is id");
  auto count =
      session_->Query("SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'store_c'", "count");
  ASSERT_TRUE(count.ok()) << count.status().message();
  EXPECT_EQ(count->Single().value(), "1");
}

TEST_P(StoreOnServers, BucketSqlGivesTheRoutersBuckets) {
  std::mt19937_64 random(20231);
  Run("CREATE DATABASE store_d");
  Run("CREATE TABLE store_d.k (id INT PRIMARY KEY, t TINYINT UNSIGNED NOT NULL, k VARBINARY(191) NOT NULL)");
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
  Run("INSERT INTO store_d.k VALUES " + values);
  for (std::uint32_t buckets : {1u, 4096u, 65536u}) {
    auto rows = session_->Query("SELECT " + BucketSql("t", "k", buckets) + " FROM store_d.k ORDER BY id", "buckets");
    ASSERT_TRUE(rows.ok()) << rows.status().message();
    ASSERT_EQ(rows->rows.size(), keys.size());
    for (std::size_t i = 0; i < keys.size(); ++i) {
      std::uint32_t expected = RoutingHash(keys[i].first, keys[i].second) & (buckets - 1);
      ASSERT_EQ(rows->rows[i][0].value(), std::to_string(expected)) << "key " << i << ", " << buckets << " buckets";
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Both, StoreOnServers, ::testing::Values("mariadb", "mysql"));

}  // namespace
}  // namespace shardlift::store
