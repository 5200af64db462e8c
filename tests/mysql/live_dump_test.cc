#include <gmock/gmock.h>

#include <atomic>
#include <chrono>
#include <set>
#include <thread>

#include "tests/mysql/live.h"

namespace shardlift::mysql {
namespace {

using base::Code;
using namespace std::chrono_literals;

constexpr unsigned char kRotate = 4;
constexpr unsigned char kHeartbeat = 27;
constexpr unsigned char kGtidEvent = 33;
constexpr unsigned char kPreviousGtids = 35;
constexpr unsigned char kGtidTagged = 42;
constexpr std::size_t kTypeAt = 1 + 4;  // after the OK byte and the time
constexpr std::size_t kBodyAt = 1 + 19;
constexpr std::size_t kChecksumBytes = 4;  // files keep theirs even for a reader that wants none

class LiveDumpTest : public LiveTest {
 protected:
  std::unique_ptr<Session> Reader() {
    SessionOptions options;
    options.read_timeout = 20s;
    auto s = Connect(options);
    if (s == nullptr) return s;
    live::SqlOn(
        *s,
        "SET @master_binlog_checksum = 'NONE', @source_binlog_checksum = 'NONE', @mariadb_slave_capability = 4, "
        "@master_heartbeat_period = 200000000, @source_heartbeat_period = 200000000");
    return s;
  }
  // Reads until there are only heartbeats: the server has nothing more. Skipped transactions give heartbeats too.
  static std::vector<std::string> ReadAll(Session& s) {
    std::vector<std::string> packets;
    for (int heartbeats = 0; heartbeats < 4;) {
      auto p = s.ReadPacket();
      EXPECT_TRUE(p.ok()) << p.status().message();
      if (!p.ok() || (*p)[0] != '\0') break;
      if (static_cast<unsigned char>((*p)[kTypeAt]) == kHeartbeat) {
        ++heartbeats;
      } else {
        heartbeats = 0;
        packets.emplace_back(*p);
      }
    }
    return packets;
  }
  static std::size_t Count(const std::vector<std::string>& packets, std::set<unsigned char> types) {
    return static_cast<std::size_t>(std::count_if(packets.begin(), packets.end(), [&](const std::string& p) {
      return types.contains(static_cast<unsigned char>(p[kTypeAt]));
    }));
  }
};
SL_BOTH_FLAVOURS(LiveDumpTest);

TEST_P(LiveDumpTest, StreamsFromAFilePosition) {
  Sql("FLUSH BINARY LOGS");
  Sql("CREATE TABLE t (id INT PRIMARY KEY)");
  Sql("INSERT INTO t VALUES (1)");
  auto rows = session_->Query(maria() ? "SHOW MASTER STATUS" : "SHOW BINARY LOG STATUS", "test");
  ASSERT_TRUE(rows.ok());
  const std::string file = *rows->rows[0][0];
  auto reader = Reader();
  ASSERT_NE(reader, nullptr);
  const base::Status status = reader->StartBinlogDump({file, 4}, 990001);
  ASSERT_TRUE(status.ok()) << status.message();
  const auto packets = ReadAll(*reader);
  ASSERT_GE(packets.size(), 4u);
  EXPECT_EQ(static_cast<unsigned char>(packets[0][kTypeAt]), kRotate);
  EXPECT_THAT(packets[0], ::testing::HasSubstr(file));
  // A blocked read ends when another thread says so.
  std::atomic<bool> ended = false;
  std::thread thread([&] {
    while (reader->ReadPacket().ok()) {
    }
    ended = true;
  });
  std::this_thread::sleep_for(500ms);
  EXPECT_FALSE(ended);
  reader->Shutdown();
  thread.join();
  EXPECT_FALSE(reader->alive());
}

TEST_P(LiveDumpTest, AMissingFileIsTheServersError) {
  auto reader = Reader();
  ASSERT_NE(reader, nullptr);
  ASSERT_TRUE(reader->StartBinlogDump({"nosuch.000099", 4}, 990002).ok());
  base::Result<std::string_view> p = reader->ReadPacket();
  for (int i = 0; i < 5 && p.ok(); ++i) p = reader->ReadPacket();
  EXPECT_EQ(p.status().code(), Code::kRefused) << p.status().message();
  EXPECT_EQ(p.status().server_errno(), 1236u);
  auto far = Reader();
  ASSERT_NE(far, nullptr);
  EXPECT_EQ(far->StartBinlogDump({"binlog.000001", 1ull << 32}, 990002).code(), Code::kRefused);
}

TEST_P(LiveDumpTest, StreamsOnlyMissingGtidsTaggedOnesIncluded) {
  if (maria()) {  // MariaDB has no such command; its answer must be an error, not silence
    auto reader = Reader();
    ASSERT_NE(reader, nullptr);
    ASSERT_TRUE(reader->StartBinlogDumpGtid({}, 990003).ok());
    EXPECT_FALSE(reader->ReadPacket().ok());
    return;
  }
  Sql("CREATE TABLE t (id INT PRIMARY KEY)");
  for (const char* tag : {"AUTOMATIC:audit", "AUTOMATIC:b", "AUTOMATIC"}) {
    Sql(std::string("SET gtid_next = '") + tag + "'");
    Sql(std::string("INSERT INTO t SELECT COUNT(*) FROM t"));
    Sql("SET gtid_next = 'AUTOMATIC'");
  }
  Sql("FLUSH BINARY LOGS");  // the new file begins with the server's own encoding of the set
  auto executed = ReadUpperBound(*session_);
  ASSERT_TRUE(executed.ok());
  const GtidSet all = executed->gtid_set();
  EXPECT_GT(all.sources().size(), 2u);

  auto reader = Reader();
  ASSERT_NE(reader, nullptr);
  ASSERT_TRUE(reader->StartBinlogDumpGtid(all, 990004).ok());
  auto packets = ReadAll(*reader);
  EXPECT_EQ(Count(packets, {kGtidEvent, kGtidTagged}), 0u);
  ASSERT_EQ(Count(packets, {kPreviousGtids}), 1u);
  for (const std::string& p : packets) {
    if (static_cast<unsigned char>(p[kTypeAt]) == kPreviousGtids) {
      EXPECT_EQ(p.substr(kBodyAt, p.size() - kBodyAt - kChecksumBytes), all.EncodeForDump());
    }
  }

  // All but one tagged and one untagged transaction: just those two come.
  GtidSet some = all;
  GtidSet missing;
  for (const auto& [source, intervals] : all.sources()) {
    if (source.tag == "b") continue;
    missing.Add(source, {intervals.back().end - 1, intervals.back().end});
  }
  some.Subtract(missing);
  auto again = Reader();
  ASSERT_NE(again, nullptr);
  ASSERT_TRUE(again->StartBinlogDumpGtid(some, 990005).ok());
  packets = ReadAll(*again);
  EXPECT_EQ(Count(packets, {kGtidEvent, kGtidTagged}), missing.Count());
}

}  // namespace
}  // namespace shardlift::mysql
