// A test on a stream whose connection or server goes away.
#pragma once

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <chrono>
#include <thread>

#include "tests/binlog/live.h"

namespace shardlift::binlog {

class LiveReconnect : public LiveTest {
 protected:
  void SetUp() override {
    LiveTest::SetUp();
    Sql("CREATE TABLE t (id INT PRIMARY KEY, v LONGTEXT) ENGINE=InnoDB");
    Watch("t");
    options_.reconnect_for = std::chrono::seconds(30);
  }
  // Ends the stream's connection at the server; its next events go to a new one.
  void CutStream() {
    const std::uint64_t before = stream_->reconnects();
    CutConnection();
    for (int i = 0; i < 300 && stream_->reconnects() == before; ++i) {
      auto item = stream_->Next(std::chrono::milliseconds(50));
      ASSERT_TRUE(item.ok()) << item.status().message();
      ASSERT_FALSE(item->group.has_value());
    }
    ASSERT_EQ(stream_->reconnects(), before + 1);
  }
  void CutConnection() {
    const auto other = Connect(GetParam());
    mysql::Rows rows;
    for (int i = 0; i < 500 && rows.rows.empty(); ++i) {  // the server may not have begun yet
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      rows = live::RowsOn(*other, "SELECT id FROM information_schema.processlist WHERE command LIKE 'Binlog Dump%'");
    }
    ASSERT_THAT(rows.rows, ::testing::SizeIs(1));
    SqlOn(*other, "KILL " + rows.rows[0][0].value_or("?"));
  }
  void RestartServer() {
    ASSERT_TRUE(ServerOf(GetParam()).StartAgain().ok());
    session_ = Connect(GetParam());
    Sql("USE db");
  }
  void ForgetBinlog() { Sql(maria() ? "RESET MASTER" : "RESET BINARY LOGS AND GTIDS"); }
  base::Status NextFailure() {
    for (int i = 0; i < 300; ++i) {
      auto item = stream_->Next(std::chrono::milliseconds(50));
      if (!item.ok()) return item.status();
    }
    return base::Ok();
  }
};

}  // namespace shardlift::binlog
