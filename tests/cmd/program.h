// Runs the shardlift program of this build and captures what it does.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

namespace shardlift::cmd::testing {

struct Output {
  int exit_code = -1;  // -signal when one ended it
  std::string out;
  std::string err;
};

// Standard input is /dev/null. `environment`: "NAME=value" added to ours. Killed (exit code -9) after a minute.
Output RunProgram(const std::vector<std::string>& arguments, const std::vector<std::string>& environment = {});

// A program that goes on while the test does something to it. Its events (--events-fd 3 must be among the arguments)
// are read here.
class Running {
 public:
  explicit Running(const std::vector<std::string>& arguments);
  ~Running();  // kills and reaps
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

  // The first event line that contains `text`; "" when the program ended first or the time is over.
  std::string WaitForEvent(const std::string& text, std::chrono::seconds timeout);
  // Its standard output and error as far as they are written; WaitForOutput returns when `text` is in one of them.
  // False: the time is over.
  Output SoFar() const;
  bool WaitForOutput(const std::string& text, std::chrono::seconds timeout) const;
  void Signal(int signal_number) const;
  Output Wait();  // until it ends, for at most a minute

 private:
  std::string directory_;
  pid_t pid_ = 0;
  int events_ = -1;
  std::string pending_;
};

}  // namespace shardlift::cmd::testing
