// The store on the real servers: schema apply and check, and the bucket as plain SQL computes it.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>
#include <set>

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
              ElementsAre("message", "conversation", "read_cursor", "message_tag", "message_dedup", "sl_lane",
                          "sl_copy", "sl_dead_letter", "sl_source_table", "sl_routing", "sl_id_node"));
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

// Keys as accounts have them, and keys as nobody should.
std::string RandomKey(std::mt19937_64& random) {
  std::string key = std::to_string(random() >> (random() % 64));
  switch (random() % 4) {
    case 0: return key;
    case 1: key.resize(random() % 192); break;
    case 2: return key.insert(random() % key.size(), 1, " 0-+.x"[random() % 6]);
    default: key.resize(1 + random() % 28);
  }
  for (char& c : key) c = static_cast<char>(random());
  return key;
}

struct Account {
  std::uint32_t type = 0;
  std::string key;
  std::uint32_t tag = 0;
};

std::vector<Account> RandomAccounts(std::uint64_t seed, std::size_t count) {
  std::mt19937_64 random(seed);
  std::vector<Account> accounts(count);
  for (Account& account : accounts) {
    account = {static_cast<std::uint32_t>(random() % 256), RandomKey(random),
               static_cast<std::uint32_t>(random() % 20)};
  }
  return accounts;
}

// One set of rules for each strategy that SQL knows, with pins and without.
std::vector<RoutingRules> RulesForSql(const std::vector<Account>& accounts) {
  std::vector<RoutingRules> all(5);
  all[0].buckets = 65536;
  all[1].strategy = Strategy::kModulo;
  all[2].strategy = Strategy::kRange;
  all[2].ranges = {{17, 3}, {1000, 2}, {4294967296, 4095}, {18446744073709551615u, 1}};
  all[3].strategy = Strategy::kLookup;
  std::set<std::pair<std::uint32_t, std::string>> listed;
  for (std::size_t i = 0; i < accounts.size() && listed.size() < 20; i += 7) {
    if (listed.emplace(accounts[i].type, accounts[i].key).second) {
      all[3].lookup.push_back({accounts[i].type, accounts[i].key, static_cast<std::uint32_t>(i % 5000)});
    }
  }
  all[4] = all[1];
  all[4].pinned_tags = {{3, 4096, 1}, {7, 4100, 4}, {0, 5000, 16}};
  return all;
}

// How many of the rows have another bucket than `router_column` says; NULL is none.
std::string DifferencesSql(const std::string& bucket_sql, std::string_view router_column) {
  return fmt::format("SELECT COUNT(*) FROM k WHERE NOT ({} <=> {})", bucket_sql, router_column);
}

TEST_P(StoreOnServers, BucketSqlOfEachStrategyGivesTheRoutersBuckets) {
  UseFreshDatabase("store_d");
  Sql("CREATE TABLE k (id INT PRIMARY KEY, t TINYINT UNSIGNED NOT NULL, k VARBINARY(191) NOT NULL, "
      "g SMALLINT UNSIGNED NOT NULL, b0 INT, b1 INT, b2 INT, b3 INT, b4 INT)");
  const std::vector<Account> accounts = RandomAccounts(20231, 3000);
  const std::vector<RoutingRules> all = RulesForSql(accounts);
  std::vector<BucketRules> made;
  for (const RoutingRules& rules : all) made.push_back(BucketRules::Create(rules).value());
  std::string values;
  for (std::size_t i = 0; i < accounts.size(); ++i) {
    const Account& a = accounts[i];
    values += fmt::format("{}({}, {}, {}, {}", i > 0 ? "," : "", i, a.type, mysql::HexLiteral(a.key), a.tag);
    for (const BucketRules& rules : made) {
      const std::uint32_t bucket = rules.BucketOf({a.type, a.key, a.tag});
      values += bucket == kNoBucket ? ", NULL" : fmt::format(", {}", bucket);
    }
    values += ")";
  }
  Sql("INSERT INTO k VALUES " + values);
  for (std::size_t i = 0; i < made.size(); ++i) {
    const auto sql = made[i].Sql("t", "k", "g");
    SL_ASSERT_OK(sql.status());
    EXPECT_EQ(One(DifferencesSql(sql.value(), fmt::format("b{}", i))), "0") << made[i].Text();
    EXPECT_NE(One(DifferencesSql(sql.value(), "id % 4096")), "0");  // the comparison can fail
  }
}

// A million keys take some seconds on each server; SHARDLIFT_ROUTED_KEYS says how many.
TEST_P(StoreOnServers, BucketSqlGivesTheRoutersBucketsOfVeryManyKeys) {
  const char* wanted = std::getenv("SHARDLIFT_ROUTED_KEYS");
  const std::size_t count = wanted != nullptr ? std::stoul(wanted) : 100'000;
  const std::vector<Account> accounts = RandomAccounts(99, count);
  std::string file;
  for (const Account& a : accounts) {
    file += fmt::format("{}\t", a.type);
    for (const char byte : a.key) file += fmt::format("{:02x}", static_cast<unsigned char>(byte));
    file += fmt::format("\t{}\n", RoutingHash(a.type, a.key) & 4095);
  }
  Sql("SET GLOBAL local_infile = ON");
  mysql::SessionOptions options;
  options.local_infile = true;
  session_ = Connect(options);
  ASSERT_NE(session_, nullptr);
  UseFreshDatabase("store_e");
  Sql("CREATE TEMPORARY TABLE k (t TINYINT UNSIGNED NOT NULL, k VARBINARY(191) NOT NULL, bucket SMALLINT UNSIGNED NOT "
      "NULL)");
  const auto loaded =
      session_->LoadData("LOAD DATA LOCAL INFILE 'k' INTO TABLE k (t, @k, bucket) SET k = UNHEX(@k)", file, "test");
  SL_ASSERT_OK(loaded.status());
  ASSERT_EQ(loaded->records, count);
  ASSERT_EQ(loaded->skipped, 0u);
  EXPECT_EQ(One("SELECT COUNT(*) FROM k"), std::to_string(count));
  EXPECT_EQ(One(DifferencesSql(BucketSql("t", "k", 4096), "bucket")), "0");
  EXPECT_NE(One(DifferencesSql(BucketSql("t", "k", 2048), "bucket")), "0");
}

SL_BOTH_FLAVOURS(StoreOnServers);

}  // namespace
}  // namespace shardlift::store
