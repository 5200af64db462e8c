// A stream whose connection or server goes away and comes back: it goes on, without loss and without giving a group
// twice, or refuses when the server is no longer what it was.
#include "tests/binlog/live_reconnect.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <future>

namespace shardlift::binlog {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_P(LiveReconnect, ConnectionEndsBetweenGroups_EachGroupComesOnce) {
  OpenStream();
  Sql("INSERT INTO t VALUES (1, 'a')");
  EXPECT_THAT(Texts(ReadAll()), ElementsAre("I 1 a"));
  CutStream();
  Sql("INSERT INTO t VALUES (2, 'b')");
  EXPECT_THAT(Texts(ReadAll()), ElementsAre("I 2 b"));
  CutStream();
  CutStream();
  Sql("FLUSH BINARY LOGS");
  Sql("UPDATE t SET v = 'c' WHERE id = 1");
  EXPECT_THAT(Texts(ReadAll()), ElementsAre("U 1 a > 1 c"));
}

TEST_P(LiveReconnect, ConnectionEndsBeforeTheFirstGroup_EachGroupComesOnce) {
  OpenStream();
  CutStream();
  Sql("INSERT INTO t VALUES (1, 'a')");
  EXPECT_THAT(Texts(ReadAll()), ElementsAre("I 1 a"));
}

TEST_P(LiveReconnect, ConnectionEndsInsideAGroup_TheGroupComesOnceAndWhole) {
  options_.queue_bytes_max = 64 << 10;
  OpenStream();
  Sql("INSERT INTO t VALUES (0, 'before')");
  EXPECT_THAT(Texts(ReadAll()), SizeIs(1));
  constexpr int kRows = 300;
  Sql("START TRANSACTION");
  for (int i = 1; i <= kRows; ++i) Sql(fmt::format("INSERT INTO t VALUES ({}, REPEAT('x', 100000))", i));
  Sql("COMMIT");
  auto item = stream_->Next(milliseconds(1));  // some of its events at most: the server holds back the rest
  ASSERT_TRUE(item.ok());
  ASSERT_FALSE(item->group.has_value());
  CutConnection();
  EXPECT_THAT(Texts(ReadAll()), SizeIs(kRows));
  EXPECT_EQ(stream_->reconnects(), 1u);
}

TEST_P(LiveReconnect, BinlogIsRotatedThenConnectionEnds_EachGroupComesOnce) {
  OpenStream();
  Sql("INSERT INTO t VALUES (1, 'a')");
  EXPECT_THAT(Texts(ReadAll()), SizeIs(1));
  Sql("FLUSH BINARY LOGS");
  Sql("FLUSH BINARY LOGS");
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(stream_->Next(milliseconds(20)).ok());
  const mysql::SourcePosition before = stream_->position();
  CutStream();
  EXPECT_TRUE(stream_->position().Contains(before));
  Sql("INSERT INTO t VALUES (2, 'b')");
  EXPECT_THAT(Texts(ReadAll()), ElementsAre("I 2 b"));
}

TEST_P(LiveReconnect, ServerIsKilledAndComesBack_EachGroupComesOnce) {
  OpenStream();
  Sql("INSERT INTO t VALUES (1, 'a')");
  EXPECT_THAT(Texts(ReadAll()), ElementsAre("I 1 a"));
  ASSERT_TRUE(ServerOf(GetParam()).KillNow().ok());
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(stream_->Next(milliseconds(50)).ok());
  EXPECT_EQ(stream_->lost().code(), base::Code::kEnvironment);
  RestartServer();
  Sql("INSERT INTO t VALUES (2, 'b')");
  EXPECT_THAT(Texts(ReadAll()), ElementsAre("I 2 b"));
  EXPECT_TRUE(stream_->lost().ok());
}

TEST_P(LiveReconnect, XaPrepareIsTheLastGroup_ConnectionEnds_ItsRowsComeOnceAtTheCommit) {
  OpenStream();
  const auto other = Connect(GetParam());
  for (const char* sql : {"XA START 'x'", "INSERT INTO db.t VALUES (1, 'xa')", "XA END 'x'", "XA PREPARE 'x'"}) {
    SqlOn(*other, sql);
  }
  bool prepared = false;
  for (int i = 0; i < 100 && !prepared; ++i) {
    auto item = stream_->Next(milliseconds(50));
    ASSERT_TRUE(item.ok()) << item.status().message();
    prepared = item->group && item->group->kind == GroupKind::kXaPrepare;
  }
  ASSERT_TRUE(prepared);
  CutStream();
  EXPECT_THAT(Texts(ReadAll()), IsEmpty());
  SqlOn(*other, "XA COMMIT 'x'");
  EXPECT_THAT(Texts(ReadAll()), ElementsAre("I 1 xa"));
}

TEST_P(LiveReconnect, ChecksumsAreSwitchedWhileItIsAway_EachGroupComesOnce) {
  for (const auto& [now, then] : {std::pair("CRC32", "NONE"), std::pair("NONE", "CRC32")}) {
    Sql(fmt::format("SET GLOBAL binlog_checksum = '{}'", now));
    OpenStream();
    Sql(fmt::format("INSERT INTO t VALUES ({}, 'a')", then[0] == 'N' ? 1 : 3));
    EXPECT_THAT(Texts(ReadAll()), SizeIs(1));
    CutConnection();
    Sql(fmt::format("SET GLOBAL binlog_checksum = '{}'", then));
    Sql(fmt::format("INSERT INTO t VALUES ({}, 'b')", then[0] == 'N' ? 2 : 4));
    EXPECT_THAT(Texts(ReadAll()), SizeIs(1));
    EXPECT_EQ(stream_->reconnects(), 1u);
  }
}

TEST_P(LiveReconnect, ServerForgotWhatWasRead_Refused) {
  for (int i = 1; i <= 5; ++i) Sql(fmt::format("INSERT INTO t VALUES ({}, 'a')", i));
  OpenStream();
  Sql("INSERT INTO t VALUES (6, 'a')");
  EXPECT_THAT(Texts(ReadAll()), SizeIs(1));
  CutConnection();
  ForgetBinlog();
  const base::Status status = NextFailure();
  EXPECT_EQ(status.code(), base::Code::kRefused) << status.message();
  EXPECT_THAT(status.message(), HasSubstr("start a new copy"));
}

// The same GTIDs, or the same places in a file of the same name, but other transactions.
TEST_P(LiveReconnect, OtherTransactionsTookThePlaceOfTheLastGroup_Refused) {
  ForgetBinlog();
  OpenStream();
  const auto write = [&](const char* value) {
    for (int i = 1; i <= 6; ++i) Sql(fmt::format("INSERT INTO t VALUES ({}, '{}')", i, value));
  };
  write("a");
  ASSERT_THAT(Texts(ReadAll()), SizeIs(6));
  CutConnection();
  Sql("SET sql_log_bin = 0");
  Sql("DELETE FROM t");
  Sql("DELETE FROM marks");
  Sql("SET sql_log_bin = 1");
  ForgetBinlog();
  write("b");
  for (int i = 1; i <= 6; ++i) Sql(fmt::format("INSERT INTO marks VALUES ({})", 100 + i));
  const base::Status status = NextFailure();
  EXPECT_EQ(status.code(), base::Code::kRefused) << status.message();
  EXPECT_THAT(status.message(), HasSubstr("no longer the one that was read from there"));
}

TEST_P(LiveReconnect, ServerStaysAway_FailsAfterItsPatience) {
  options_.reconnect_for = seconds(2);
  OpenStream();
  ASSERT_TRUE(ServerOf(GetParam()).KillNow().ok());
  const base::Status status = NextFailure();
  RestartServer();
  EXPECT_EQ(status.code(), base::Code::kEnvironment) << status.message();
  EXPECT_THAT(status.message(), HasSubstr("gave up after 2 s"));
}

TEST_P(LiveReconnect, StopEndsTheWaitForALostServer) {
  OpenStream();
  ASSERT_TRUE(ServerOf(GetParam()).KillNow().ok());
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(stream_->Next(milliseconds(50)).ok());
  auto failure = std::async(std::launch::async, [&] { return NextFailure(); });
  stream_->Stop();
  EXPECT_EQ(failure.get().code(), base::Code::kStopped);
  RestartServer();
}

// A place in a file, on MySQL as well.
TEST_P(LiveReconnect, StartedInAFile_ConnectionEnds_EachGroupComesOnce) {
  Sql("INSERT INTO t VALUES (1, 'before')");
  const auto status = session_->Query(maria() ? "SHOW MASTER STATUS" : "SHOW BINARY LOG STATUS", "test");
  ASSERT_TRUE(status.ok());
  const auto& row = status->rows.at(0);
  OpenStreamAt(mysql::FilePosition{row[0].value(), std::stoull(row[1].value())});
  CutStream();
  Sql("INSERT INTO t VALUES (2, 'b')");
  EXPECT_THAT(Texts(ReadAll()), ElementsAre("I 2 b"));
  CutStream();
  Sql("FLUSH BINARY LOGS");
  Sql("INSERT INTO t VALUES (3, 'c')");
  EXPECT_THAT(Texts(ReadAll()), ElementsAre("I 3 c"));
  EXPECT_GT(stream_->file_position().file_number(), mysql::FilePosition{row[0].value()}.file_number());
}

SL_BOTH_FLAVOURS(LiveReconnect);

class LiveMariaGtids : public LiveReconnect {};
INSTANTIATE_TEST_SUITE_P(Servers, LiveMariaGtids, ::testing::Values(mysql::Flavour::kMariaDb), &FlavourOf);

TEST_P(LiveMariaGtids, StartedAfterThem_ConnectionEnds_EachGroupComesOnce) {
  Sql("FLUSH BINARY LOGS");
  Sql("INSERT INTO t VALUES (1, 'before')");
  const auto passed = mysql::MariaGtidSet::Parse(One("SELECT @@global.gtid_binlog_pos"));
  ASSERT_TRUE(passed.ok()) << passed.status().message();
  OpenStreamAt(*passed);
  CutStream();
  EXPECT_EQ(stream_->file_position().file, "");
  Sql("INSERT INTO t VALUES (2, 'b')");
  EXPECT_THAT(Texts(ReadAll()), ElementsAre("I 2 b"));
  const mysql::SourcePosition position = stream_->position();
  CutStream();
  Sql("INSERT INTO t VALUES (3, 'c')");
  EXPECT_THAT(Texts(ReadAll()), ElementsAre("I 3 c"));
  // The place it found is a place to start at.
  OpenStreamAt(position);
  EXPECT_THAT(Texts(ReadAll()), ElementsAre("I 3 c"));
}

TEST_P(LiveMariaGtids, OnesTheServerDoesNotHaveAreRefused) {
  mysql::MariaGtidSet unknown;
  unknown.Add({0, 1, 1'000'000'000});
  OpenStreamAt(unknown);
  const base::Status status = NextFailure();
  EXPECT_EQ(status.code(), base::Code::kRefused) << status.message();
  EXPECT_THAT(status.message(), HasSubstr("0-1-1000000000"));
}

}  // namespace
}  // namespace shardlift::binlog
