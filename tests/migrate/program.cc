#include "tests/migrate/program.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <sstream>

namespace shardlift::migrate::testing {

Program::Program(const std::vector<std::string>& arguments, const std::string& log_path) : log_path_(log_path) {
  int pipe_fds[2];
  EXPECT_EQ(pipe2(pipe_fds, O_CLOEXEC), 0);
  std::vector<std::string> all = {SHARDLIFT_PROGRAM};
  all.insert(all.end(), arguments.begin(), arguments.end());
  all.insert(all.end(), {"--events-fd", "3"});
  std::vector<char*> argv;
  for (std::string& argument : all) argv.push_back(argument.data());
  argv.push_back(nullptr);
  pid_ = fork();
  if (pid_ == 0) {
    const int log = open(log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(log, 1);
    dup2(log, 2);
    dup2(pipe_fds[1], 3);
    execv(argv[0], argv.data());
    _exit(127);
  }
  close(pipe_fds[1]);
  events_ = pipe_fds[0];
}

Program::~Program() {
  if (pid_ != 0) Kill();
  close(events_);
}

std::string Program::WaitForEvent(const std::vector<std::string>& parts, int seconds) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  while (true) {
    for (std::size_t end; (end = pending_.find('\n')) != std::string::npos;) {
      const std::string line = pending_.substr(0, end);
      pending_.erase(0, end + 1);
      if (std::all_of(parts.begin(), parts.end(),
                      [&](const std::string& p) { return line.find(p) != std::string::npos; })) {
        return line;
      }
    }
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd wait = {events_, POLLIN, 0};
    if (left.count() <= 0 || poll(&wait, 1, static_cast<int>(left.count())) <= 0) return "";
    char buffer[4096];
    const ssize_t n = read(events_, buffer, sizeof buffer);
    if (n <= 0) return "";
    pending_.append(buffer, static_cast<std::size_t>(n));
  }
}

void Program::Signal(int number) { kill(pid_, number); }

void Program::Kill() {
  Signal(SIGKILL);
  Wait();
}

int Program::Wait() {
  if (pid_ != 0) waitpid(pid_, &status_, 0);
  pid_ = 0;
  return WIFEXITED(status_) ? WEXITSTATUS(status_) : -WTERMSIG(status_);
}

std::string Program::Log() const {
  std::stringstream text;
  text << std::ifstream(log_path_).rdbuf();
  return text.str();
}

}  // namespace shardlift::migrate::testing
