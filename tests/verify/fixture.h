// A MariaDB and a MySQL server, each a source of legacy tables and a shard, and a job over them whose target is filled
// with what the sources compute: the state after a migration without faults.
//
// The servers live as long as the test program; SetUp() brings both sides back to the clean state.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "job/catalog.h"
#include "job/config.h"
#include "tests/live/live.h"

namespace shardlift::verify::testing {

// Shards: 0 "s0" on MariaDB, 1 "s1" on MySQL. Sources: 0 "legacy_maria", 1 "legacy_mysql".
class StoreTest : public ::testing::Test {
 protected:
  static constexpr std::uint64_t kImRows = 60;      // in each of three tables
  static constexpr std::uint64_t kPushRows = 60;    // in each of two tables, every tenth left behind
  static constexpr std::uint64_t kNoticeRows = 40;  // in one table
  static constexpr std::uint64_t kLeftBehind = 2 * kPushRows / 10;
  static constexpr std::uint64_t kKept = 3 * kImRows + 2 * kPushRows - kLeftBehind + kNoticeRows;

  void SetUp() override;
  static void TearDownTestSuite() { CloseSessions(); }  // before the servers end

  static const std::string& JobPath();  // a job file over the servers, as a user would write it

  // Runs SQL on a fresh session; fails the test if the server refuses it.
  void OnSource(std::size_t source, const std::string& sql);
  void OnShard(std::size_t shard, const std::string& sql);
  std::vector<std::vector<std::optional<std::string>>> AskShard(std::size_t shard, const std::string& sql);
  // Shuts a server's sessions of the fixture; to be called before the server is killed.
  static void CloseSessions();
  std::uint32_t OrdinalOf(std::size_t source, const std::string& table) const;
  // The n-th owner key (hex) of a table on a shard; "" and a failed test if there are fewer.
  std::string OwnerOnShard(std::size_t shard, std::uint32_t ordinal, std::uint64_t n);

  static mysql::Session& ShardSession(std::size_t shard);
  // Loads the job, and with `mapping` (its text) one more, and makes the shards what they would be after a migration of
  // the legacy tables as they are.
  void LoadAndFill(const std::string& mapping = "");

  job::JobConfig config_;
  job::Catalog catalog_;

 private:
  void MakeLegacyTables();
  void MakeStore();
  void Fill();  // the empty shards, from the sources

  static inline bool legacy_ready_ = false;  // the legacy tables are as MakeLegacyTables left them
};

}  // namespace shardlift::verify::testing
