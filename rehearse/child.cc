#include "rehearse/child.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <thread>

namespace shardlift::rehearse {
namespace {

struct Descriptors {
  int out = -1;
  int err = -1;
  int events = -1;
};

// In the forked child of a process with threads: async-signal-safe calls only.
[[noreturn]] void ExecChild(const char* program, char* const* argv, const Descriptors& fds, pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);  // it died before the line above
  struct sigaction standard{};
  standard.sa_handler = SIG_DFL;
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGQUIT}) sigaction(number, &standard, nullptr);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  // Away from the numbers they are to have, then onto them.
  const int null = fcntl(open("/dev/null", O_RDONLY), F_DUPFD, 10);
  const int out = fcntl(fds.out, F_DUPFD, 10);
  const int err = fcntl(fds.err, F_DUPFD, 10);
  const int events = fds.events < 0 ? -1 : fcntl(fds.events, F_DUPFD, 10);
  dup2(null, STDIN_FILENO);
  dup2(out, STDOUT_FILENO);
  dup2(err, STDERR_FILENO);
  if (events >= 0) dup2(events, kChildEventsFd);
  close_range(events >= 0 ? kChildEventsFd + 1 : kChildEventsFd, ~0U, 0);
  execv(program, argv);
  _exit(127);
}

int CodeOf(int wait_status) {
  return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

int OpenLog(const std::string& path) { return open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600); }

}  // namespace

base::Result<std::unique_ptr<Child>> Child::Start(const ChildOptions& options) {
  std::unique_ptr<Child> child(new Child());
  Descriptors fds;
  std::array<int, 2> pipe_fds{-1, -1};
  fds.out = OpenLog(options.stdout_path);
  fds.err = OpenLog(options.stderr_path);
  const bool piped = !options.events || pipe2(pipe_fds.data(), O_CLOEXEC) == 0;
  fds.events = pipe_fds[1];
  child->events_ = pipe_fds[0];
  pid_t pid = -1;
  int error = errno;
  if (fds.out >= 0 && fds.err >= 0 && piped) {
    std::vector<char*> argv;
    for (const std::string& argument : options.argv) argv.push_back(const_cast<char*>(argument.c_str()));  // NOLINT
    argv.push_back(nullptr);
    const pid_t parent = getpid();
    pid = fork();
    if (pid == 0) ExecChild(options.program.c_str(), argv.data(), fds, parent);
    error = errno;
  }
  for (const int fd : {fds.out, fds.err, fds.events}) {
    if (fd >= 0) close(fd);
  }
  if (pid < 0) {
    return base::Status(base::Code::kEnvironment, fmt::format("cannot start {}: {}", options.argv[0], strerror(error)));
  }
  child->pid_ = pid;
  return child;
}

Child::~Child() {
  if (pid_ > 0) Kill();
  if (events_ >= 0) close(events_);
}

bool Child::ReadEvents(std::chrono::milliseconds timeout, std::vector<std::string>* lines) {
  pollfd wait{events_, POLLIN, 0};
  if (poll(&wait, 1, static_cast<int>(timeout.count())) <= 0) return true;
  std::array<char, 65536> buffer{};
  const ssize_t n = read(events_, buffer.data(), buffer.size());
  if (n < 0) return errno == EINTR;
  if (n == 0) return false;
  partial_.append(buffer.data(), static_cast<std::size_t>(n));
  std::size_t begin = 0;
  for (std::size_t end = partial_.find('\n'); end != std::string::npos; end = partial_.find('\n', begin)) {
    lines->push_back(partial_.substr(begin, end - begin));
    begin = end + 1;
  }
  partial_.erase(0, begin);
  return true;
}

std::optional<int> Child::Poll() {
  if (ended_.has_value()) return ended_;
  int wait_status = 0;
  const pid_t ended = waitpid(pid_, &wait_status, WNOHANG);
  if (ended == pid_) ended_ = CodeOf(wait_status);
  return ended_;
}

std::optional<int> Child::WaitFor(std::chrono::milliseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  while (!Poll().has_value() && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return ended_;
}

void Child::Kill() {
  if (Poll().has_value()) return;
  kill(pid_, SIGKILL);
  int wait_status = 0;
  while (waitpid(pid_, &wait_status, 0) < 0 && errno == EINTR) {
  }
  ended_ = CodeOf(wait_status);
}

void Child::Terminate() {
  if (!Poll().has_value()) kill(pid_, SIGTERM);
}

std::string FileTail(const std::string& path, std::size_t bytes_max) {
  std::ifstream file(path, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (text.size() <= bytes_max) return text;
  text.erase(0, text.size() - bytes_max);
  const std::size_t line = text.find('\n');
  return line == std::string::npos ? text : text.substr(line + 1);
}

}  // namespace shardlift::rehearse
