// Throw-away servers: they start, keep their data over a kill, and leave nothing behind when their owner is killed.
#include "rehearse/server.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <thread>

#include "mysql/session.h"
#include "rehearse/watchdog.h"
#include "tests/rehearse/processes.h"

namespace shardlift::rehearse {
namespace {

using mysql::Flavour;

std::unique_ptr<mysql::Session> Login(const Server& server) {
  auto session = mysql::Session::Open(server.endpoint(), {});
  EXPECT_TRUE(session.ok()) << session.status().message();
  return session.ok() ? std::move(session).value() : nullptr;
}

std::string Ask(mysql::Session& session, const std::string& sql) {
  auto rows = session.Query(sql, "test");
  EXPECT_TRUE(rows.ok()) << rows.status().message();
  if (!rows.ok() || rows->rows.empty()) return {};
  return rows->rows[0].back().value_or("NULL");
}

TEST(ServerGroup, StartsBothFlavoursAndKeepsDataOverAKill) {
  auto group = ServerGroup::Create();
  ASSERT_TRUE(group.ok()) << group.status().message();
  const std::string directory = (*group)->directory();
  const base::Status started = (*group)->Start({{"maria1", Flavour::kMariaDb, {}},
                                                {"maria2", Flavour::kMariaDb, {"--max-connections=77"}},
                                                {"mysql1", Flavour::kMySql, {}}});
  ASSERT_TRUE(started.ok()) << started.message();
  std::set<std::string> server_ids;
  for (const char* name : {"maria1", "maria2", "mysql1"}) {
    Server& server = (*group)->Get(name);
    auto session = Login(server);
    ASSERT_NE(session, nullptr);
    EXPECT_EQ(session->flavour(), server.spec().flavour);
    EXPECT_EQ(Ask(*session, "SHOW VARIABLES LIKE 'log_bin'"), "ON");
    EXPECT_EQ(Ask(*session, "SELECT @@binlog_format"), "ROW");
    EXPECT_EQ(Ask(*session, "SELECT @@sync_binlog"), "1");
    server_ids.insert(Ask(*session, "SELECT @@server_id"));
    ASSERT_TRUE(session->Execute("CREATE DATABASE d", "test").ok());
    ASSERT_TRUE(session->Execute("CREATE TABLE d.t (a INT PRIMARY KEY)", "test").ok());
    ASSERT_TRUE(session->Execute("INSERT INTO d.t VALUES (42)", "test").ok());
    const pid_t before = server.pid();
    ASSERT_TRUE(server.KillNow().ok());
    EXPECT_EQ(server.pid(), 0);
    EXPECT_NE(kill(before, 0), 0);
    EXPECT_FALSE(mysql::Session::Open(server.endpoint(), {}).ok());
    const base::Status again = server.StartAgain();
    ASSERT_TRUE(again.ok()) << again.message();
    session = Login(server);
    ASSERT_NE(session, nullptr);
    EXPECT_EQ(Ask(*session, "SELECT SUM(a) FROM d.t"), "42");
    ASSERT_TRUE(server.Shutdown().ok());
    ASSERT_TRUE(server.StartAgain().ok());
  }
  EXPECT_EQ(server_ids.size(), 3U);
  auto maria2 = Login((*group)->Get("maria2"));
  EXPECT_EQ(Ask(*maria2, "SELECT @@max_connections"), "77");
  auto mysql1 = Login((*group)->Get("mysql1"));
  EXPECT_EQ(Ask(*mysql1, "SELECT @@gtid_mode"), "ON");
  const pid_t pid = (*group)->Get("mysql1").pid();
  group = base::Status(base::Code::kInternal, "ended");
  EXPECT_NE(kill(pid, 0), 0);
  EXPECT_FALSE(std::filesystem::exists(directory));
  EXPECT_TRUE(ProcessesMentioning(directory).empty());
}

TEST(ServerGroup, MySqlServersHaveDifferentUuids) {
  auto group = ServerGroup::Create();
  ASSERT_TRUE(group.ok());
  ASSERT_TRUE((*group)->Start({{"a", Flavour::kMySql, {}}, {"b", Flavour::kMySql, {}}}).ok());
  auto a = Login((*group)->Get("a"));
  auto b = Login((*group)->Get("b"));
  EXPECT_NE(Ask(*a, "SELECT @@server_uuid"), Ask(*b, "SELECT @@server_uuid"));
}

TEST(ServerGroup, FailureNamesTheServersLog) {
  auto group = ServerGroup::Create();
  ASSERT_TRUE(group.ok());
  const base::Status status = (*group)->Start({{"bad", Flavour::kMariaDb, {"--no-such-option-anywhere"}}});
  EXPECT_EQ(status.code(), base::Code::kEnvironment);
  EXPECT_NE(status.message().find("/bad/error.log"), std::string::npos) << status.message();
}

TEST(ServerGroup, ADirectoryTheServersCannotPassIsNamed) {
  char path[] = "/tmp/shardlift-closed-XXXXXX";  // mode 0700
  ASSERT_NE(mkdtemp(path), nullptr);
  auto group = ServerGroup::Create(path);
  // As an ordinary user the servers run as ourselves and pass.
  EXPECT_EQ(group.ok(), geteuid() != 0);
  if (!group.ok()) {
    EXPECT_EQ(group.status().code(), base::Code::kEnvironment);
    EXPECT_NE(group.status().message().find(path), std::string::npos) << group.status().message();
  }
  group = base::Status(base::Code::kInternal, "ended");
  EXPECT_TRUE(std::filesystem::is_empty(path));
  std::filesystem::remove(path);
}

// What the owner process of the kill test does: starts servers, tells the directory, sleeps.
[[noreturn]] void OwnerMain(int fd, uid_t uid) {
  if (uid != 0 && (setgid(65534) != 0 || setuid(uid) != 0)) _exit(3);
  auto group = ServerGroup::Create("/tmp");
  if (!group.ok()) _exit(4);
  if (!(*group)->Start({{"m", Flavour::kMariaDb, {}}, {"y", Flavour::kMySql, {}}}).ok()) _exit(5);
  const std::string line = (*group)->directory() + "\n";
  if (write(fd, line.data(), line.size()) != static_cast<ssize_t>(line.size())) _exit(6);
  for (;;) pause();
}

void KilledOwnerLeavesNothing(uid_t uid) {
  int fds[2];
  ASSERT_EQ(pipe(fds), 0);
  const pid_t owner = fork();
  ASSERT_GE(owner, 0);
  if (owner == 0) {
    close(fds[0]);
    OwnerMain(fds[1], uid);
  }
  close(fds[1]);
  std::string directory;
  char c = 0;
  while (read(fds[0], &c, 1) == 1 && c != '\n') directory += c;
  close(fds[0]);
  ASSERT_FALSE(directory.empty()) << "the owner failed";
  EXPECT_GE(ProcessesMentioning(directory).size(), 2U);
  ASSERT_EQ(kill(owner, SIGKILL), 0);
  int status = 0;
  ASSERT_EQ(waitpid(owner, &status, 0), owner);
  EXPECT_TRUE(WIFSIGNALED(status));
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (std::chrono::steady_clock::now() < deadline &&
         (std::filesystem::exists(directory) || !ProcessesMentioning(directory).empty())) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  EXPECT_FALSE(std::filesystem::exists(directory));
  EXPECT_TRUE(ProcessesMentioning(directory).empty());
}

TEST(ServerGroup, KilledOwnerLeavesNothing) { KilledOwnerLeavesNothing(0); }

// As root this also covers an ordinary user; as an ordinary user the test above is that test.
TEST(ServerGroup, KilledOrdinaryUserLeavesNothing) { KilledOwnerLeavesNothing(geteuid() == 0 ? 65534 : 0); }

TEST(Watchdog, EndsTheChildrenOfItsPrograms) {
  char path[] = "/tmp/shardlift-wd-XXXXXX";
  ASSERT_NE(mkdtemp(path), nullptr);
  auto watchdog = Watchdog::Start(path);
  ASSERT_TRUE(watchdog.ok());
  const std::string mark = std::string("3600.") + std::to_string(getpid());
  auto pid = (*watchdog)->Spawn({{"/bin/sh", "-c", "sleep " + mark + " & sleep " + mark}, std::string(path) + "/log"});
  ASSERT_TRUE(pid.ok());
  auto missing = (*watchdog)->Spawn({{"/no/such/program"}, std::string(path) + "/log"});
  ASSERT_TRUE(missing.ok());
  std::optional<int> ended;
  for (int i = 0; i < 500 && !ended.has_value(); ++i) {
    auto polled = (*watchdog)->Poll(*missing);
    ASSERT_TRUE(polled.ok());
    ended = *polled;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  ASSERT_TRUE(ended.has_value());
  EXPECT_EQ(WEXITSTATUS(*ended), 127);
  EXPECT_FALSE((*watchdog)->Poll(*missing).ok());
  EXPECT_GE(ProcessesMentioning(mark).size(), 2U);
  watchdog = base::Status(base::Code::kInternal, "ended");
  EXPECT_TRUE(ProcessesMentioning(mark).empty());
  EXPECT_FALSE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace shardlift::rehearse
