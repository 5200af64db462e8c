// A source server with one legacy table, a shard server with two shard databases, and a job over them.
//
// The servers live as long as the test program; every test gets fresh schemas.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "job/config.h"
#include "migrate/migrate.h"
#include "tests/live/live.h"

namespace shardlift::migrate::testing {

// Servers by flavour, started on first use.
rehearse::Server& SourceServer(mysql::Flavour flavour);
rehearse::Server& ShardServer(mysql::Flavour flavour);
// A server replicating from SourceServer(kMySql), for readers that lag.
rehearse::Server& ReplicaServer();

class MigrateTest : public ::testing::TestWithParam<mysql::Flavour> {
 protected:
  void SetUp() override;
  void TearDown() override;

  // legacy.msg(id, uid, body, ctime) with `rows` rows: id 1.., uid = id, body = "old-<id>".
  void MakeTable(int rows);
  // Runs SQL on a fresh session of the source; fails the test if it fails.
  void OnSource(const std::string& sql);
  void OnShard(int shard, const std::string& sql);
  std::unique_ptr<mysql::Session> SourceSession();
  std::unique_ptr<mysql::Session> ShardSession(int shard);
  // The body of the row with this legacy id over all shards: "" if it is nowhere; fails the test if it stays there
  // twice.
  std::string TargetBody(int id);
  int TargetRows();
  // Rows over all shards that have this body, and a wait of up to half a minute for one at least; their number.
  int TargetRowsWith(const std::string& body);
  int WaitForTargetRowsWith(const std::string& body);
  // Waits until TargetBody(id) == body; false after half a minute.
  bool WaitForTargetBody(int id, const std::string& body);

  // Applies the schema and runs the job until it has caught up, with `handler` at the sync points.
  base::Result<MigrateSummary> Run(std::function<void(std::string_view, std::string_view)> handler = nullptr);
  // The same job as a file for the program, in the test's own directory; the path. Targets are those of "like":
  // "source".
  std::string WriteJobFile();

  job::JobConfig config_;
  MigrateOptions options_;

 private:
  int CountOnShards(const std::string& condition);
};

// Starts the semi-synchronous stall of a commit: a replica that announced itself and never acknowledges. While it
// stands, a COMMIT on the source has its events streamed at once and becomes visible after the time-out only.
class SemiSyncStall {
 public:
  SemiSyncStall(mysql::Flavour flavour, std::chrono::milliseconds timeout);
  ~SemiSyncStall();

 private:
  const mysql::Flavour flavour_;
  std::unique_ptr<mysql::Session> dump_;
  std::thread reader_;
};

inline constexpr auto FlavourParamName = &live::FlavourOf;

}  // namespace shardlift::migrate::testing
