// Watchdog: a child process that starts programs for its owner and ends all of them when the owner is gone.
//
// The owner holds one end of a socket pair, the watchdog the other. Whatever ends the owner (kill -9 included), the
// watchdog reads end-of-file, kills every program it started with SIGKILL, removes the directory and ends. The programs
// are children of the watchdog, each in a session of its own.
//
// Thread rules: every call locks; a Watchdog may be used by several threads. The process that called Start owns it: in
// a fork of the owner the destructor does nothing.
#pragma once

#include <sys/types.h>

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"

namespace shardlift::rehearse {

struct Program {
  std::vector<std::string> argv;  // argv[0] is an absolute path
  std::string log_path;           // stdout and stderr are appended to it
  bool drop_user = false;         // run as `uid` and `gid`
  uid_t uid = 0;
  gid_t gid = 0;
};

class Watchdog {
 public:
  // `directory` is removed at the end. Safe to call while other threads run. kEnvironment when the system has no
  // resources.
  static base::Result<std::unique_ptr<Watchdog>> Start(const std::string& directory);
  ~Watchdog();  // ends the programs, removes the directory, waits for both
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  // The program's pid. That it could not be executed shows as exit code 127 in Poll.
  base::Result<pid_t> Spawn(const Program& program);
  // Its wait status once it has ended, nothing while it runs.
  base::Result<std::optional<int>> Poll(pid_t pid);
  base::Status Signal(pid_t pid, int signal_number);
  base::Status KeepDirectory();  // do not remove it at the end
  pid_t pid() const { return pid_; }

 private:
  Watchdog() = default;
  struct Reply;
  base::Result<Reply> Ask(const std::string& request);
  std::mutex mutex_;
  int fd_ = -1;
  pid_t pid_ = 0;
  pid_t owner_ = 0;
};

}  // namespace shardlift::rehearse
