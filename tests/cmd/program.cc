#include "tests/cmd/program.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

namespace shardlift::cmd::testing {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kEndMax = std::chrono::seconds(60);
constexpr int kEventsFd = 3;

std::string NewDirectory() {
  std::string path = (std::filesystem::temp_directory_path() / "shardlift-cmd-XXXXXX").string();
  return mkdtemp(path.data()) == nullptr ? std::string() : path;
}

std::string ReadAll(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// `events`: becomes descriptor 3 of the program when it is not -1.
pid_t Start(const std::string& directory, const std::vector<std::string>& arguments,
            const std::vector<std::string>& environment, int events) {
  const pid_t pid = fork();
  if (pid != 0) return pid;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (events >= 0) dup2(events, kEventsFd);
  dup2(open("/dev/null", O_RDONLY), STDIN_FILENO);
  dup2(open((directory + "/out").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), STDOUT_FILENO);
  dup2(open((directory + "/err").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), STDERR_FILENO);
  for (const std::string& variable : environment) putenv(const_cast<char*>(variable.c_str()));
  std::vector<char*> argv{const_cast<char*>("shardlift")};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  execv(SHARDLIFT_PROGRAM, argv.data());
  _exit(127);
}

Output End(const std::string& directory, pid_t pid) {
  const auto deadline = Clock::now() + kEndMax;
  int status = 0;
  while (waitpid(pid, &status, WNOHANG) == 0) {
    if (Clock::now() > deadline) kill(pid, SIGKILL);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status), ReadAll(directory + "/out"),
          ReadAll(directory + "/err")};
}

}  // namespace

Output RunProgram(const std::vector<std::string>& arguments, const std::vector<std::string>& environment) {
  const std::string directory = NewDirectory();
  const Output output = End(directory, Start(directory, arguments, environment, -1));
  std::filesystem::remove_all(directory);
  return output;
}

Running::Running(const std::vector<std::string>& arguments) : directory_(NewDirectory()) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return;
  pid_ = Start(directory_, arguments, {}, ends[1]);
  close(ends[1]);
  events_ = ends[0];
}

Running::~Running() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  if (events_ >= 0) close(events_);
  std::filesystem::remove_all(directory_);
}

std::string Running::WaitForEvent(const std::string& text, std::chrono::seconds timeout) {
  const auto deadline = Clock::now() + timeout;
  for (;;) {
    for (std::size_t end = pending_.find('\n'); end != std::string::npos; end = pending_.find('\n')) {
      const std::string line = pending_.substr(0, end);
      pending_.erase(0, end + 1);
      if (line.find(text) != std::string::npos) return line;
    }
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd poll_fd{events_, POLLIN, 0};
    if (left <= 0 || poll(&poll_fd, 1, static_cast<int>(left)) <= 0) return {};
    std::array<char, 4096> buffer{};
    const ssize_t n = read(events_, buffer.data(), buffer.size());
    if (n <= 0) return {};
    pending_.append(buffer.data(), static_cast<std::size_t>(n));
  }
}

Output Running::SoFar() const { return {-1, ReadAll(directory_ + "/out"), ReadAll(directory_ + "/err")}; }

bool Running::WaitForOutput(const std::string& text, std::chrono::seconds timeout) const {
  const auto deadline = Clock::now() + timeout;
  while (Clock::now() < deadline) {
    const Output output = SoFar();
    if (output.out.find(text) != std::string::npos || output.err.find(text) != std::string::npos) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

void Running::Signal(int signal_number) const { kill(pid_, signal_number); }

Output Running::Wait() {
  const Output output = End(directory_, pid_);
  pid_ = 0;
  return output;
}

}  // namespace shardlift::cmd::testing
