// What the network and the machine can do to a stream: large events, lost and silent servers, small queues, encryption.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <thread>

#include "tests/binlog/live.h"

namespace shardlift::binlog {
namespace {

using std::chrono::milliseconds;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class LiveEdge : public LiveTest {
 protected:
  void SetUp() override {
    LiveTest::SetUp();
    Sql("CREATE TABLE t (id INT PRIMARY KEY, v LONGTEXT) ENGINE=InnoDB");
    Watch("t");
  }
  void InsertMany(int rows, int value_bytes) {
    Sql("START TRANSACTION");
    for (int i = 0; i < rows; ++i) {
      Sql(fmt::format("INSERT INTO t VALUES ({}, REPEAT('{}', {}))", i, static_cast<char>('a' + i % 26), value_bytes));
    }
    Sql("COMMIT");
  }
  // Fails at once or within the deadline; the failure is returned.
  base::Status NextFailure(std::chrono::seconds deadline) {
    const auto end = std::chrono::steady_clock::now() + deadline;
    while (std::chrono::steady_clock::now() < end) {
      auto item = stream_->Next(milliseconds(100));
      if (!item.ok()) return item.status();
    }
    return base::Ok();
  }
};

TEST_P(LiveEdge, EventsLargerThanAPacket) {
  OpenStream();
  for (const int bytes : {16777150, 40000000}) {
    Sql(fmt::format("INSERT INTO t VALUES (1, REPEAT('x', {}))", bytes));
    Sql("DELETE FROM t");
    const std::vector<OwnedGroup> groups = ReadAll();
    ASSERT_THAT(groups, SizeIs(2));
    EXPECT_EQ(groups[0].changes.at(0).after.at(1).bytes, std::string(static_cast<std::size_t>(bytes), 'x'));
    EXPECT_EQ(groups[1].changes.at(0).before.at(1).bytes.size(), static_cast<std::size_t>(bytes));
  }
}

TEST_P(LiveEdge, SpilledGroupAndSmallQueue) {
  options_.spill.memory_bytes_max = 64 << 10;
  options_.queue_bytes_max = 32 << 10;
  OpenStream();
  InsertMany(300, 5000);
  std::this_thread::sleep_for(milliseconds(500));  // the queue is full and the server is held back
  const std::vector<OwnedGroup> groups = ReadAll();
  ASSERT_THAT(groups, SizeIs(1));
  ASSERT_THAT(groups[0].changes, SizeIs(300));
  for (int i = 0; i < 300; ++i) {
    const OwnedChange& change = groups[0].changes[static_cast<std::size_t>(i)];
    ASSERT_EQ(change.after[0].value.i, i);
    ASSERT_EQ(change.after[1].bytes, std::string(5000, static_cast<char>('a' + i % 26)));
  }
}

TEST_P(LiveEdge, StopEndsAWaitingNext) {
  OpenStream();
  auto waiting = std::async(std::launch::async, [&] {
    base::Result<StreamItem> item = StreamItem{};
    while (item.ok()) item = stream_->Next(std::chrono::seconds(30));
    return item.status();
  });
  std::this_thread::sleep_for(milliseconds(300));
  const auto begin = std::chrono::steady_clock::now();
  stream_->Stop();
  EXPECT_EQ(waiting.get().code(), base::Code::kStopped);
  stream_.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
}

TEST_P(LiveEdge, DestructionWhileTheQueueIsFull) {
  options_.queue_bytes_max = 1 << 10;
  OpenStream();
  InsertMany(100, 5000);
  std::this_thread::sleep_for(milliseconds(300));
  const auto begin = std::chrono::steady_clock::now();
  stream_.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
}

TEST_P(LiveEdge, SilentServer) {
  options_.silent_deadline = std::chrono::seconds(2);
  OpenStream();
  Sql("INSERT INTO t VALUES (1, 'a')");
  EXPECT_THAT(Texts(ReadAll()), ElementsAre("I 1 a"));
  const pid_t pid = ServerOf(GetParam()).pid();
  ASSERT_GT(pid, 0);
  ASSERT_EQ(kill(pid, SIGSTOP), 0);
  const base::Status status = NextFailure(std::chrono::seconds(15));
  ASSERT_EQ(kill(pid, SIGCONT), 0);
  EXPECT_EQ(status.code(), base::Code::kEnvironment) << status.message();
}

TEST_P(LiveEdge, HeartbeatsKeepAnIdleStreamAlive) {
  options_.silent_deadline = std::chrono::seconds(2);
  options_.heartbeat = milliseconds(500);
  OpenStream();
  EXPECT_TRUE(NextFailure(std::chrono::seconds(5)).ok());
  EXPECT_TRUE(stream_->at_end());
}

TEST_P(LiveEdge, KilledServerAndResume) {
  OpenStream();
  Sql("INSERT INTO t VALUES (1, 'a')");
  EXPECT_THAT(Texts(ReadAll()), ElementsAre("I 1 a"));
  const mysql::SourcePosition position = stream_->position();
  Sql("START TRANSACTION");
  Sql("INSERT INTO t VALUES (2, 'lost')");
  ASSERT_TRUE(ServerOf(GetParam()).KillNow().ok());
  EXPECT_EQ(NextFailure(std::chrono::seconds(15)).code(), base::Code::kEnvironment);
  ASSERT_TRUE(ServerOf(GetParam()).StartAgain().ok());
  session_ = Connect(GetParam());
  Sql("USE db");
  Sql("INSERT INTO t VALUES (3, 'c')");
  OpenStreamAt(position);
  EXPECT_THAT(Texts(ReadAll()), ElementsAre("I 3 c"));
}

TEST_P(LiveEdge, OrderlyShutdownAndResume) {
  OpenStream();
  Sql("INSERT INTO t VALUES (1, 'a')");
  EXPECT_THAT(Texts(ReadAll()), ElementsAre("I 1 a"));
  auto other = Connect(GetParam());
  SqlOn(*other, "XA START 'over'");
  SqlOn(*other, "INSERT INTO db.t VALUES (2, 'xa')");
  SqlOn(*other, "XA END 'over'");
  SqlOn(*other, "XA PREPARE 'over'");
  ReadAll();
  const mysql::SourcePosition position = stream_->position();
  const mysql::SourcePosition safe = stream_->SafePosition();
  EXPECT_FALSE(safe.Contains(position));
  ASSERT_TRUE(ServerOf(GetParam()).Shutdown().ok());
  EXPECT_EQ(NextFailure(std::chrono::seconds(15)).code(), base::Code::kEnvironment);
  ASSERT_TRUE(ServerOf(GetParam()).StartAgain().ok());
  session_ = Connect(GetParam());
  Sql("USE db");
  Sql("XA COMMIT 'over'");
  OpenStreamAt(safe);
  EXPECT_THAT(Texts(ReadAll()), ElementsAre("I 2 xa")) << "a prepared transaction outlives the server";
}

TEST_P(LiveEdge, EngineWithoutTransactions) {
  Sql("CREATE TABLE m (id INT PRIMARY KEY, v VARCHAR(10)) ENGINE=MyISAM");
  Watch("m");
  OpenStream();
  Sql("INSERT INTO m VALUES (1, 'a'), (2, 'b')");
  Sql("START TRANSACTION");
  Sql("INSERT INTO m VALUES (3, 'c')");
  Sql("INSERT INTO t VALUES (1, 'gone')");
  Sql("ROLLBACK");
  const std::vector<std::string> texts = Texts(ReadAll());
  EXPECT_THAT(texts, ElementsAre("I 1 a", "I 2 b", "I 3 c"));
}

TEST_P(LiveEdge, CompressedEventsAreWritten) {
  // The settings tests read compressed events; this one makes sure that the servers do write them.
  if (maria()) {
    Sql("SET GLOBAL log_bin_compress = 1");
  } else {
    Sql("SET SESSION binlog_transaction_compression = 1");
  }
  OpenStream();
  auto other = Connect(GetParam());
  if (!maria()) SqlOn(*other, "SET SESSION binlog_transaction_compression = 1");
  SqlOn(*other, "INSERT INTO db.t VALUES (1, REPEAT('x', 100000))");
  SqlOn(*other, "UPDATE db.t SET v = 'b'");
  SqlOn(*other, "INSERT INTO db.t VALUES (2, REPEAT('y', 3000000))");
  const std::vector<OwnedGroup> groups = ReadAll();
  if (maria()) Sql("SET GLOBAL log_bin_compress = 0");
  ASSERT_THAT(groups, SizeIs(3));
  EXPECT_EQ(groups[0].changes.at(0).after.at(1).bytes, std::string(100000, 'x'));
  EXPECT_EQ(groups[1].changes.at(0).before.at(1).bytes, std::string(100000, 'x'));
  EXPECT_EQ(groups[2].changes.at(0).after.at(1).bytes, std::string(3000000, 'y'));
  EXPECT_LT(groups[0].end.offset - groups[0].begin.offset, 10000u) << "the binlog has it compressed";
  EXPECT_LT(groups[2].end.offset - groups[2].begin.offset, 100000u);
}

TEST_P(LiveEdge, PositionOfTheOtherFlavourIsRefused) {
  StreamOptions options;
  options.endpoint = session_->endpoint();
  options.server_id = 4712;
  if (!maria()) options.start = mysql::SourcePosition::FromFile({"binlog.000001", 4});
  const auto stream = GroupStream::Open(options);
  ASSERT_FALSE(stream.ok());
  EXPECT_EQ(stream.status().code(), base::Code::kRefused);
}

INSTANTIATE_TEST_SUITE_P(Servers, LiveEdge, ::testing::Values(mysql::Flavour::kMariaDb, mysql::Flavour::kMySql),
                         FlavourOf);

// MariaDB 10.11 has no certificate of its own.
class LiveTls : public LiveTest {};
INSTANTIATE_TEST_SUITE_P(Servers, LiveTls, ::testing::Values(mysql::Flavour::kMySql), FlavourOf);

TEST_P(LiveTls, LargeGroupsComeEncrypted) {
  Sql("CREATE TABLE t (id INT PRIMARY KEY, v LONGTEXT)");
  Watch("t");
  Sql("CREATE USER encrypted IDENTIFIED BY 'encrypted' REQUIRE SSL");
  Sql("GRANT REPLICATION SLAVE ON *.* TO encrypted");
  options_.endpoint = session_->endpoint();
  options_.endpoint.name = "encrypted";
  options_.endpoint.user = "encrypted";  // may not log in without
  options_.endpoint.password = "encrypted";
  options_.endpoint.tls = mysql::TlsMode::kVerifyCa;
  options_.endpoint.tls_ca = ServerOf(GetParam()).data_directory() + "/ca.pem";
  OpenStream();
  Sql("INSERT INTO t VALUES (1, REPEAT('x', 20000000))");  // longer than a TLS record and a packet of the protocol
  Sql("INSERT INTO t VALUES (2, 'short')");
  const std::vector<OwnedGroup> groups = ReadAll();
  ASSERT_THAT(groups, SizeIs(2));
  EXPECT_EQ(groups[0].changes.at(0).after.at(1).bytes.size(), 20000000u);
  stream_.reset();
  Sql("DROP USER encrypted");
}

// MariaDB decrypts what it sends: an encrypted binlog can be followed from its server.
TEST(LiveEncrypted, MariaDb) {
  auto group = rehearse::ServerGroup::Create();
  ASSERT_TRUE(group.ok()) << group.status().message();
  const std::string keys = (*group)->directory() + "/keys";
  std::ofstream(keys) << "1;770A8A65DA156D24EE2A093277530142\n";
  chmod(keys.c_str(), 0644);
  rehearse::ServerSpec spec;
  spec.name = "encrypted";
  // Debian's server package has no key plugin; scripts/deps.sh sees to it.
  const auto mysql_root = rehearse::MySqlRoot();
  const std::string plugins =
      mysql_root.ok() ? std::filesystem::path(*mysql_root).parent_path() / "mariadb-plugin" : "";
  if (std::filesystem::exists(plugins)) spec.extra_options.push_back("--plugin-dir=" + plugins);
  spec.extra_options.insert(spec.extra_options.end(), {"--plugin-load-add=file_key_management",
                                                       "--file-key-management-filename=" + keys, "--encrypt-binlog=1"});
  const base::Status started = (*group)->Start({spec});
  ASSERT_TRUE(started.ok()) << started.message();
  auto session = mysql::Session::Open((*group)->Get("encrypted").endpoint(), {});
  ASSERT_TRUE(session.ok()) << session.status().message();
  const auto sql = [&](std::string_view text) {
    const base::Status status = (*session)->Execute(text, "test");
    ASSERT_TRUE(status.ok()) << status.message();
  };
  sql("CREATE DATABASE db");
  sql("CREATE TABLE db.t (id INT PRIMARY KEY)");
  auto schema = mysql::ReadTableSchema(**session, {"db", "t"});
  ASSERT_TRUE(schema.ok());
  StreamOptions options;
  options.endpoint = (*session)->endpoint();
  options.server_id = 4713;
  auto start = mysql::ReadUpperBound(**session);
  ASSERT_TRUE(start.ok());
  options.start = *start;
  options.tables = [&](std::string_view, std::string_view) { return &*schema; };
  auto stream = GroupStream::Open(options);
  ASSERT_TRUE(stream.ok()) << stream.status().message();
  for (int i = 1; i <= 3; ++i) {
    sql(fmt::format("INSERT INTO db.t VALUES ({})", i));
    sql("FLUSH BINARY LOGS");
  }
  std::vector<std::int64_t> ids;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (ids.size() < 3 && std::chrono::steady_clock::now() < deadline) {
    auto item = (*stream)->Next(milliseconds(200));
    ASSERT_TRUE(item.ok()) << item.status().message();
    if (!item->group) continue;
    const base::Status status = item->group->ForEachRow([&](const RowChange& change) {
      ids.push_back(change.after[0].i);
      return base::Ok();
    });
    ASSERT_TRUE(status.ok()) << status.message();
  }
  EXPECT_THAT(ids, ElementsAre(1, 2, 3));
}

}  // namespace
}  // namespace shardlift::binlog
