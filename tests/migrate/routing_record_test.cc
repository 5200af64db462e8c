// Which shard map a store accepts: buckets never move away from rows that lie in them.
#include "migrate/routing_record.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "job/routing.h"
#include "store/message_table.h"
#include "tests/migrate/fixture.h"

namespace shardlift::migrate::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

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

SL_BOTH_FLAVOURS(RoutingRecord);

}  // namespace
}  // namespace shardlift::migrate::testing
