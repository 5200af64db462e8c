// Commands over the servers and the legacy tables of tests/verify/fixture.h; the store is not there yet.
#pragma once

#include <gtest/gtest.h>

#include "tests/cmd/program.h"
#include "tests/verify/fixture.h"

namespace shardlift::cmd::testing {

class StoreCommandsTest : public verify::testing::StoreTest {
 protected:
  // The legacy tables are there; the store is not.
  void SetUp() override {
    StoreTest::SetUp();
    if (HasFatalFailure()) return;
    DropStores();
  }
  void TearDown() override { DropStores(); }
  void DropStores() {
    CloseSessions();
    for (const job::ShardConfig& shard : config_.shards) {
      auto session = mysql::Session::Open(shard.endpoint, mysql::SessionOptions());
      ASSERT_TRUE(session.ok()) << session.status().message();
      SL_ASSERT_OK((*session)->Execute("DROP DATABASE IF EXISTS " + shard.database, "test"));
    }
  }
};

}  // namespace shardlift::cmd::testing
