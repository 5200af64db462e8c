// Child: a command of our own program as a child process that cannot outlive us.
//
// The child dies with the thread that started it (parent-death signal), holds no descriptors of ours, and writes
// standard output and error to files. With events, descriptor 3 of the child is a pipe whose other end is here. Thread
// rules: one thread at a time; Start is safe while other threads run.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"

namespace shardlift::rehearse {

inline constexpr int kChildEventsFd = 3;

struct ChildOptions {
  std::string program;            // executed; may be /proc/self/exe
  std::vector<std::string> argv;  // argv[0] included
  std::string stdout_path;
  std::string stderr_path;
  bool events = false;
};

class Child {
 public:
  static base::Result<std::unique_ptr<Child>> Start(const ChildOptions& options);
  ~Child();  // kills and reaps
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  pid_t pid() const { return pid_; }
  // Appends whole lines that arrived within `timeout` (or until the child ended). False: the pipe is at its end.
  bool ReadEvents(std::chrono::milliseconds timeout, std::vector<std::string>* lines);
  // The exit code once it has ended (128 + signal when killed); never blocks.
  std::optional<int> Poll();
  std::optional<int> WaitFor(std::chrono::milliseconds timeout);
  void Kill();       // SIGKILL, reaped
  void Terminate();  // SIGTERM

 private:
  Child() = default;
  pid_t pid_ = 0;
  int events_ = -1;
  std::string partial_;
  std::optional<int> ended_;
};

// The last lines of a file, at most `bytes_max` bytes, beginning at the start of a line.
std::string FileTail(const std::string& path, std::size_t bytes_max);

}  // namespace shardlift::rehearse
