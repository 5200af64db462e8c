// The shardlift program as a child process, followed through its events.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace shardlift::migrate::testing {

class Program {
 public:
  // Starts build/<preset>/shardlift with these arguments and --events-fd; output goes to `log_path`.
  Program(const std::vector<std::string>& arguments, const std::string& log_path);
  ~Program();  // kills it if it still runs

  // Reads events until one contains all of `parts`; the line, or "" when the program ended or after `seconds`.
  std::string WaitForEvent(const std::vector<std::string>& parts, int seconds);
  void Kill();  // SIGKILL, reaped
  void Signal(int number);
  int Wait();  // the exit code; -signal if a signal ended it
  std::string Log() const;

 private:
  pid_t pid_ = 0;
  int events_ = -1;
  int status_ = 0;
  std::string pending_;
  std::string log_path_;
};

}  // namespace shardlift::migrate::testing
