#include "migrate/round.h"

#include <gtest/gtest.h>

namespace shardlift::migrate {
namespace {

// Lanes to unreachable shards: they take batches into their queues and retry; nothing is looked at but the batches.
class RoundTest : public ::testing::Test {
 protected:
  RoundTest() {
    config_.sources.resize(1);
    config_.shards.resize(2);
    state_.Fail(base::Status(base::Code::kStopped, "test"));  // lanes drop what they get
    for (std::uint32_t shard = 0; shard < 2; ++shard) {
      lanes_.push_back(std::make_unique<Lane>(config_, catalog_, 0, shard, LaneClaim(), &state_));
    }
  }
  job::JobConfig config_;
  job::Catalog catalog_;
  RunState state_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  Round round_{2};
};

TEST_F(RoundTest, CountsChangesAndBytesAndStartsOverAfterFlush) {
  EXPECT_TRUE(round_.empty());
  round_.Put(0, "owner", std::string(1000, 'x'));
  round_.Empty(1, "owner", true);
  EXPECT_EQ(round_.changes(), 2u);
  EXPECT_GE(round_.bytes(), 1000u);
  round_.Flush(lanes_, nullptr, nullptr, false);
  EXPECT_TRUE(round_.empty());
  EXPECT_EQ(round_.bytes(), 0u);
}

}  // namespace
}  // namespace shardlift::migrate
