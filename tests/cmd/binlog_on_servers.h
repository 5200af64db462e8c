// A test of `shardlift binlog` on the plain server of each flavour, with a database `db` and a job whose source "here"
// is the server.
#pragma once

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "tests/live/live.h"

namespace shardlift::cmd::testing {

class BinlogOnServers : public live::LiveTest {
 protected:
  void SetUp() override {
    LiveTest::SetUp();
    if (HasFatalFailure()) return;
    UseFreshDatabase("db");
    WriteJob(120);
  }
  void TearDown() override {
    Sql(fmt::format("SET GLOBAL binlog_row_metadata = '{}'", maria() ? "NO_LOG" : "MINIMAL"));
  }

  void WriteJob(int retry_seconds) {
    const mysql::Endpoint& at = Where();
    setenv("HERE_PASSWORD", at.password.c_str(), 1);
    job_ = live::Directory() + "/binlog_job.json";
    std::ofstream(job_) << fmt::format(
        R"({{"job": "t", "sources": [{{"name": "here", "host": "127.0.0.1", "port": {0}, "user": "{1}",
        "password_env": "HERE_PASSWORD"}}], "shards": [{{"name": "s", "host": "127.0.0.1", "port": {0}, "user": "{1}",
        "password_env": "HERE_PASSWORD", "database": "s"}}], "apply": {{"retry_seconds": {3}}}, "mappings": ["{2}"]}})",
        at.port, at.user, std::filesystem::absolute("configs/mappings/im.json").string(), retry_seconds);
  }

  // The file that is written from now on, with its directory.
  std::string NewFile() {
    Sql("FLUSH BINARY LOGS");
    return ServerOf(GetParam()).data_directory() + "/" + One(StatusStatement());
  }
  const char* StatusStatement() const { return maria() ? "SHOW MASTER STATUS" : "SHOW BINARY LOG STATUS"; }

  std::string job_;
};

}  // namespace shardlift::cmd::testing
