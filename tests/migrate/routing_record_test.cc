// Which shard map a store accepts: buckets never move away from rows that lie in them.
#include "migrate/routing_record.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "job/routing.h"
#include "store/message_table.h"
#include "store/schema_diff.h"
#include "tests/migrate/fixture.h"
#include "verify/verify.h"

namespace shardlift::migrate::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class RoutingRecord : public MigrateTest {
 protected:
  void SetUp() override {
    MigrateTest::SetUp();
    MakeTable(10);
  }
  // The job's map from now on: the same number of ranges, cut elsewhere.
  void MoveBuckets(std::uint64_t epoch) {
    config_.routing.map_epoch = epoch;
    config_.routing.ranges = {{0, 1023, 0}, {1024, config_.routing.rules.buckets - 1, 1}};
  }
  base::Status Check() {
    const auto router = job::MakeRouter(config_.routing);
    return router.ok() ? CheckRouting(config_, *router) : router.status();
  }
  std::string Stored(int shard) {
    return live::OneOn(*ShardSession(shard), "SELECT CONCAT(map_epoch, ' ', shard_map) FROM sl_routing");
  }
  // All that a run writes, in one text.
  std::string EverythingStored() {
    std::string all;
    for (int shard = 0; shard < 2; ++shard) {
      for (const char* table : {"sl_routing", "sl_lane", "sl_copy", "sl_source_table", "message", "sl_dead_letter"}) {
        for (const auto& row :
             live::RowsOn(*ShardSession(shard), fmt::format("SELECT * FROM {} ORDER BY 1, 2, 3", table)).rows) {
          for (const auto& value : row) all += value.value_or("NULL") + "|";
        }
      }
    }
    return all;
  }
  void ApplySchemas() {
    for (const job::ShardConfig& shard : config_.shards) {
      SL_ASSERT_OK(store::ApplySchema(*ShardSession(-1), shard.database));
    }
  }
  void ExpectRefused(const base::Status& status, const char* remedy) {
    EXPECT_EQ(base::ExitCodeOf(status), 4);
    EXPECT_THAT(status.message(), AllOf(HasSubstr("shard "), HasSubstr("map"), HasSubstr(remedy)));
  }
};

constexpr const char* kEqualMap = "0-2047:0 2048-4095:1";

TEST_P(RoutingRecord, ShardsHoldRows_LargerEpochMovesBuckets_RefusedAndNothingStored) {
  SL_ASSERT_OK(Run().status());
  const auto equal_ranges = config_.routing.ranges;
  MoveBuckets(2);
  ExpectRefused(Run().status(), "use the old map, or start with empty shards");
  for (int shard = 0; shard < 2; ++shard) EXPECT_EQ(Stored(shard), std::string("1 ") + kEqualMap);
  EXPECT_EQ(TargetRows(), 10);
  // The same map may have a larger epoch, and other ranges that say the same are the same map.
  config_.routing.ranges = {{2048, 4095, 1}, {0, 99, 0}, {100, 2047, 0}};
  SL_ASSERT_OK(Run().status());
  for (int shard = 0; shard < 2; ++shard) EXPECT_EQ(Stored(shard), std::string("2 ") + kEqualMap);
  EXPECT_EQ(TargetRows(), 10);
  config_.routing.map_epoch = 1;
  config_.routing.ranges = equal_ranges;
  ExpectRefused(Run().status(), "take the newer map");
}

TEST_P(RoutingRecord, OneShardHoldsRows_LargerEpochMovesBuckets_Refused) {
  SL_ASSERT_OK(Run().status());
  OnShard(0, "DELETE FROM message");
  OnShard(0, "DELETE FROM sl_lane");
  MoveBuckets(2);
  ExpectRefused(Run().status(), "start with empty shards");
  EXPECT_EQ(Stored(0), std::string("1 ") + kEqualMap);
}

TEST_P(RoutingRecord, OnlyCheckpointsAreThere_LargerEpochMovesBuckets_Refused) {
  SL_ASSERT_OK(Run().status());
  for (int shard = 0; shard < 2; ++shard) OnShard(shard, "DELETE FROM message");
  MoveBuckets(2);
  ExpectRefused(Run().status(), "start with empty shards");
}

TEST_P(RoutingRecord, ShardsAreEmpty_LargerEpochMovesBuckets_Taken) {
  ApplySchemas();
  SL_ASSERT_OK(Check());
  MoveBuckets(2);
  SL_ASSERT_OK(Check());
  for (int shard = 0; shard < 2; ++shard) EXPECT_EQ(Stored(shard), "2 0-1023:0 1024-4095:1");
  SL_ASSERT_OK(Run().status());
  EXPECT_EQ(TargetRows(), 10);
}

TEST_P(RoutingRecord, SameEpochMovesBuckets_Refused) {
  ApplySchemas();
  SL_ASSERT_OK(Check());
  MoveBuckets(1);
  ExpectRefused(Check(), "larger routing.map_epoch");
  for (int shard = 0; shard < 2; ++shard) EXPECT_EQ(Stored(shard), std::string("1 ") + kEqualMap);
}

TEST_P(RoutingRecord, ShardsHoldRows_OtherRules_RefusedByMigrateAndVerifyAndNothingWritten) {
  SL_ASSERT_OK(Run().status());
  const std::string before = EverythingStored();
  store::RoutingRules other_rules[4];
  other_rules[0].strategy = store::Strategy::kModulo;
  other_rules[1].pinned_tags = {{7, 4096, 1}};
  other_rules[2].strategy = store::Strategy::kLookup;
  other_rules[2].lookup = {{1, "alice", 5}};
  other_rules[3].version = 2;
  for (const store::RoutingRules& rules : other_rules) {
    config_.routing.rules = rules;
    config_.routing.ranges = store::Router::EqualRanges(*store::BucketRules::Create(rules), 2);
    config_.routing.map_epoch = 2;
    for (const base::Status& status : {Run().status(), verify::RunVerify(config_, {}).status()}) {
      EXPECT_EQ(base::ExitCodeOf(status), 4);
      EXPECT_THAT(status.message(), AllOf(HasSubstr("other routing rules (crc32-fmix32 version=1 buckets=4096"),
                                          HasSubstr("use those, or start with empty shards")));
      EXPECT_THAT(status.message(), Not(HasSubstr("616c696365")));  // alice
    }
    EXPECT_EQ(EverythingStored(), before);
  }
}

TEST_P(RoutingRecord, StoreIsOlderThanTheColumn_ItsRulesAreTheDefaultOnes) {
  SL_ASSERT_OK(Run().status());
  for (int shard = 0; shard < 2; ++shard) OnShard(shard, "ALTER TABLE sl_routing DROP COLUMN rules");
  for (const base::Status& status : {Run().status(), verify::RunVerify(config_, {}).status()}) {
    EXPECT_EQ(base::ExitCodeOf(status), 4);
    EXPECT_THAT(status.message(), HasSubstr("run shardlift schema apply"));
  }
  for (const job::ShardConfig& shard : config_.shards) {
    const auto session = ShardSession(-1);
    const auto differences = store::CompareSchema(*session, shard.database);
    SL_ASSERT_OK(differences.status());
    SL_ASSERT_OK(store::AddMissing(*session, shard.database, *differences));
  }
  config_.routing.rules.strategy = store::Strategy::kModulo;
  EXPECT_THAT(Check().message(), HasSubstr("other routing rules (crc32-fmix32"));
  config_.routing.rules.strategy = store::Strategy::kCrc32Fmix32;
  SL_ASSERT_OK(Run().status());
  for (int shard = 0; shard < 2; ++shard) {
    EXPECT_EQ(live::OneOn(*ShardSession(shard), "SELECT rules FROM sl_routing"),
              "crc32-fmix32 version=1 buckets=4096 tables=1");
  }
}

// Two jobs of other legacy families may write into one store; one of them alone must not change the other's map.
TEST_P(RoutingRecord, MapChangesWhileLanesWrite_TheyStop) {
  bool changed = false;
  const auto result = Run([&](std::string_view point, std::string_view) {
    if (point != "chunk.read" || changed) return;
    changed = true;
    for (int shard = 0; shard < 2; ++shard) OnShard(shard, "UPDATE sl_routing SET map_epoch = 2");
  });
  EXPECT_TRUE(changed);
  EXPECT_EQ(base::ExitCodeOf(result.status()), 4);
  EXPECT_THAT(result.status().message(), HasSubstr("sl_routing does not hold shard map epoch 1 any more"));
  EXPECT_EQ(TargetRows(), 0);
}

SL_BOTH_FLAVOURS(RoutingRecord);

}  // namespace
}  // namespace shardlift::migrate::testing
