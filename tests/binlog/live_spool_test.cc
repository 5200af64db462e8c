// A stream through a spool: what the source has sent is not lost when the source goes away, purges it, or is another
// one, and is not given twice.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <future>
#include <thread>

#include "tests/binlog/live_reconnect.h"

namespace shardlift::binlog {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class LiveSpool : public LiveReconnect {
 protected:
  void SetUp() override {
    LiveReconnect::SetUp();
    static int number = 0;
    SpoolOptions spool;
    spool.directory = fmt::format("{}/spool-{}", live::Directory(), ++number);
    spool.segment_bytes = 64 << 10;
    options_.spool = spool;
  }
  void TearDown() override {
    stream_.reset();
    LiveReconnect::TearDown();
  }
  // Each of these is 5 kB that do not compress.
  void Write(int from, int to) {
    const std::string part = "HEX(RANDOM_BYTES(1000))";
    for (int i = from; i <= to; ++i) {
      Sql(fmt::format("INSERT INTO t VALUES ({0}, CONCAT({1}, {1}, {1}, {1}, {1}))", i, part));
    }
  }
  // Though nobody has asked the stream for any.
  void WaitForSpool(std::uint64_t bytes) {
    for (int i = 0; i < 500 && stream_->spool_bytes() < bytes; ++i) std::this_thread::sleep_for(milliseconds(20));
    ASSERT_GE(stream_->spool_bytes(), bytes);
    std::this_thread::sleep_for(milliseconds(1500));  // the last second's
  }
  // Of its own accord a source does this when its binlogs expire.
  void Purge() {
    Sql("FLUSH BINARY LOGS");
    for (int i = 0; i < 100; ++i) {  // until the server is done with the file
      const auto files = Query("SHOW BINARY LOGS");
      if (files.rows.size() == 1) return;
      Sql(fmt::format("PURGE BINARY LOGS TO '{}'", files.rows.back()[0].value()));
      std::this_thread::sleep_for(milliseconds(100));
    }
    FAIL() << "the server keeps its binlogs";
  }
};

TEST_P(LiveSpool, SourcePurgesWhatWasNotDecoded_EachGroupComesOnce) {
  OpenStream();
  const mysql::SourcePosition start = stream_->position();
  Write(1, 40);
  WaitForSpool(150 << 10);
  Purge();
  EXPECT_THAT(Texts(ReadAll()), SizeIs(40));
  // A later run, from a checkpoint that only the spool still has.
  OpenStreamAt(start);
  EXPECT_THAT(Texts(ReadAll()), SizeIs(40));
  ASSERT_TRUE(stream_->Trim(stream_->SafePosition()).ok());
  EXPECT_LT(stream_->spool_bytes(), 130u << 10);
}

TEST_P(LiveSpool, ConnectionEndsInsideAGroup_TheGroupComesOnceAndWhole) {
  OpenStream();
  Sql("INSERT INTO t VALUES (0, 'before')");
  EXPECT_THAT(Texts(ReadAll()), SizeIs(1));
  constexpr int kRows = 300;
  Sql("START TRANSACTION");
  for (int i = 1; i <= kRows; ++i) Sql(fmt::format("INSERT INTO t VALUES ({}, REPEAT('x', 100000))", i));
  auto commit = std::async(std::launch::async, [&] { Sql("COMMIT"); });
  CutConnection();
  commit.get();
  EXPECT_THAT(Texts(ReadAll()), SizeIs(kRows));
  EXPECT_EQ(stream_->reconnects(), 1u);
}

TEST_P(LiveSpool, ServerIsKilledAndComesBack_EachGroupComesOnce) {
  OpenStream();
  Sql("INSERT INTO t VALUES (1, 'a')");
  ASSERT_TRUE(ServerOf(GetParam()).KillNow().ok());
  for (int i = 0; i < 40 && stream_->lost().ok(); ++i) std::this_thread::sleep_for(milliseconds(50));
  EXPECT_EQ(stream_->lost().code(), base::Code::kEnvironment);
  EXPECT_FALSE(stream_->at_end());
  RestartServer();
  Sql("INSERT INTO t VALUES (2, 'b')");
  EXPECT_THAT(Texts(ReadAll()), ElementsAre("I 1 a", "I 2 b"));
  EXPECT_EQ(stream_->reconnects(), 1u);
}

TEST_P(LiveSpool, OtherTransactionsTookThePlaceOfTheLastGroupBetweenRuns_Refused) {
  ForgetBinlog();
  OpenStream();
  const mysql::SourcePosition start = stream_->position();
  for (int i = 1; i <= 6; ++i) Sql(fmt::format("INSERT INTO t VALUES ({}, 'a')", 10 + i));
  ASSERT_THAT(Texts(ReadAll()), SizeIs(6));
  stream_.reset();
  ForgetBinlog();
  for (int i = 1; i <= 14; ++i) Sql(fmt::format("INSERT INTO t VALUES ({}, 'b')", 20 + i));
  OpenStreamAt(start);
  const base::Status status = NextFailure();
  EXPECT_EQ(status.code(), base::Code::kRefused) << status.message();
  EXPECT_THAT(status.message(), HasSubstr("no longer the one that was read from there"));
}

TEST_P(LiveSpool, CheckpointIsNotInTheSpool_TheSpoolBeginsAnew) {
  OpenStream();
  const mysql::SourcePosition early = stream_->position();
  Sql("INSERT INTO t VALUES (1, 'a')");
  EXPECT_THAT(Texts(ReadAll()), SizeIs(1));
  stream_.reset();
  Sql("INSERT INTO t VALUES (2, 'b')");
  const auto later = mysql::ReadUpperBound(*session_);  // as another machine's run may have stored it
  ASSERT_TRUE(later.ok());
  Sql("INSERT INTO t VALUES (3, 'c')");
  OpenStreamAt(*later);
  EXPECT_THAT(Texts(ReadAll()), ElementsAre("I 3 c"));
  stream_.reset();
  OpenStreamAt(early);  // a shard was restored
  EXPECT_THAT(Texts(ReadAll()), ElementsAre("I 1 a", "I 2 b", "I 3 c"));
}

TEST_P(LiveSpool, SpoolIsFull_WaitsForTrim_GivesUpAfterItsPatience) {
  options_.spool->bytes_max = 130 << 10;
  options_.reconnect_for = seconds(4);
  OpenStream();
  const auto write_and_read = [&](int from) {
    Write(from, from + 39);
    std::this_thread::sleep_for(seconds(1));
    EXPECT_LE(stream_->spool_bytes(), 130u << 10);
    std::size_t changes = 0;
    while (changes < 40) {
      auto item = stream_->Next(milliseconds(50));
      if (!item.ok()) return item.status();
      if (item->group) changes += Texts({OwnGroup(*item->group)}).size();
      if (from == 0) SL_TRY(stream_->Trim(stream_->SafePosition()));
    }
    return base::Ok();
  };
  SL_ASSERT_OK(write_and_read(0));
  const base::Status status = write_and_read(100);
  EXPECT_EQ(status.code(), base::Code::kEnvironment) << status.message();
  EXPECT_THAT(status.message(), HasSubstr("waited for 4 s: the spool is full"));
}

SL_BOTH_FLAVOURS(LiveSpool);

}  // namespace
}  // namespace shardlift::binlog
