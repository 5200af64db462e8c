// Where MySQL's programs are looked for: the program and the scripts must agree, or the one finds no server where the
// other has just said that there is one.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>
#include <string>

#include "rehearse/server.h"

namespace shardlift::rehearse {
namespace {

using testing::HasSubstr;

constexpr const char* kSystemRoot = "/var/cache/shardlift/mysql-root";
constexpr uid_t kOrdinaryUid = 65534;

// The lines of scripts/lib.sh that find the root, run by themselves: an ordinary user may not reach this checkout.
std::string RootOfTheScripts() {
  std::ifstream file("scripts/lib.sh");
  std::string script;
  bool inside = false;
  for (std::string line; std::getline(file, line);) {
    inside = inside || line.starts_with("mysql_root() {");
    if (inside || line.starts_with("readonly system_mysql_root=")) script += line + "\n";
    inside = inside && line != "}";
  }
  return script + "mysql_root\n";
}

// What `speak` writes to its descriptor, in a process of user `uid` with no other environment than this.
std::string InProcessOf(uid_t uid, const std::map<std::string, std::string>& environment,
                        const std::function<void(int)>& speak) {
  int fds[2];
  EXPECT_EQ(pipe2(fds, O_CLOEXEC), 0);
  const pid_t child = fork();
  if (child == 0) {
    if (geteuid() != uid && (setgid(uid) != 0 || setuid(uid) != 0)) _exit(3);
    clearenv();
    for (const auto& [name, value] : environment) setenv(name.c_str(), value.c_str(), 1);
    speak(fds[1]);
    _exit(0);
  }
  close(fds[1]);
  std::string text;
  char c = 0;
  while (read(fds[0], &c, 1) == 1) text += c;
  close(fds[0]);
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  return text;
}

class MySqlRootTest : public testing::Test {
 protected:
  void SetUp() override {
    char path[] = "/tmp/shardlift-root-XXXXXX";
    ASSERT_NE(mkdtemp(path), nullptr);
    directory_ = path;
    std::filesystem::permissions(directory_, std::filesystem::perms(0755));
    script_ = RootOfTheScripts();
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  // A directory with an executable where a root has its server.
  std::string MakeRoot(const std::string& place) const {
    const std::filesystem::path root = directory_ + "/" + place;
    std::filesystem::create_directories(root / "usr/sbin");
    std::ofstream(root / "usr/sbin/mysqld") << "#!/bin/sh\n";
    for (auto at = root / "usr/sbin/mysqld"; at != directory_; at = at.parent_path()) {
      std::filesystem::permissions(at, std::filesystem::perms(0755));
    }
    return root;
  }
  void ExpectBothSay(uid_t uid, const std::map<std::string, std::string>& environment, const std::string& root) const {
    const std::string script = InProcessOf(uid, environment, [this](int fd) {
      dup2(fd, STDOUT_FILENO);
      execl("/bin/bash", "bash", "-c", script_.c_str(), nullptr);
      _exit(4);
    });
    const std::string program = InProcessOf(uid, environment, [](int fd) {
      const auto found = MySqlRoot();
      const std::string text = found.ok() ? *found : found.status().message();
      if (write(fd, text.data(), text.size()) != static_cast<ssize_t>(text.size())) _exit(5);
    });
    EXPECT_EQ(script, root + "\n");
    EXPECT_THAT(program, testing::AnyOf(root, HasSubstr("no MySQL server in " + root + ":")));
  }

  const uid_t ordinary_ = geteuid() == 0 ? kOrdinaryUid : geteuid();
  std::string directory_;
  std::string script_;
};

TEST_F(MySqlRootTest, AnOrdinaryUsersOwnRootIsFound) {
  const std::string own = MakeRoot("home/.cache/shardlift/mysql-root");
  ExpectBothSay(ordinary_, {{"HOME", directory_ + "/home"}}, own);
  ExpectBothSay(ordinary_, {{"HOME", directory_ + "/other"}}, kSystemRoot);
  ExpectBothSay(ordinary_, {}, kSystemRoot);
  const std::string cache = MakeRoot("cache/shardlift/mysql-root");
  ExpectBothSay(ordinary_, {{"HOME", directory_ + "/home"}, {"XDG_CACHE_HOME", directory_ + "/cache"}}, cache);
}

TEST_F(MySqlRootTest, RootDoesNotLookIntoAHome) {
  MakeRoot("home/.cache/shardlift/mysql-root");
  if (geteuid() == 0) ExpectBothSay(0, {{"HOME", directory_ + "/home"}}, kSystemRoot);
  ExpectBothSay(ordinary_, {{"HOME", directory_ + "/nowhere"}}, kSystemRoot);
}

TEST_F(MySqlRootTest, TheEnvironmentGoesFirstAlsoWhenNothingIsThere) {
  MakeRoot("home/.cache/shardlift/mysql-root");
  const std::string named = MakeRoot("named");
  ExpectBothSay(ordinary_, {{"HOME", directory_ + "/home"}, {"SHARDLIFT_MYSQL_ROOT", named}}, named);
  const std::string empty = directory_ + "/empty";
  ExpectBothSay(ordinary_, {{"HOME", directory_ + "/home"}, {"SHARDLIFT_MYSQL_ROOT", empty}}, empty);
}

}  // namespace
}  // namespace shardlift::rehearse
