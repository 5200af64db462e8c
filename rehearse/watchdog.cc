#include "rehearse/watchdog.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace shardlift::rehearse {
namespace {

enum class Op : std::int32_t { kSpawn, kPoll, kSignal, kKeep };

// Followed by log path and argv, each ended by a zero byte, for kSpawn.
struct RequestHead {
  Op op;
  pid_t pid;
  int signal_number;
  int drop_user;
  uid_t uid;
  gid_t gid;
};
struct ReplyBody {
  int error;  // errno, 0: fine
  pid_t pid;
  int ended;
  int wait_status;
};

constexpr std::size_t kRequestBytesMax = std::size_t{32} * 1024;
constexpr std::size_t kArgumentsMax = 200;
constexpr std::size_t kProgramsMax = 512;

// Everything below runs in the forked child of a process that may have threads: only async-signal-safe calls, and no
// memory but this.
struct WatchdogState {
  int fd = -1;
  const char* directory = nullptr;
  std::array<pid_t, kProgramsMax> pids{};
  std::size_t pid_count = 0;
  bool keep_directory = false;
  alignas(RequestHead) std::array<char, kRequestBytesMax + 1> request{};
};

void RestoreSignals() {
  struct sigaction action{};
  action.sa_handler = SIG_DFL;
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGQUIT, SIGCHLD, SIGUSR1, SIGUSR2, SIGTSTP}) {
    sigaction(number, &action, nullptr);
  }
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

[[noreturn]] void ExecProgram(const RequestHead& head, const char* log_path, char* const* argv) {
  RestoreSignals();
  setsid();
  if (head.drop_user != 0 && (setgroups(0, nullptr) != 0 || setgid(head.gid) != 0 || setuid(head.uid) != 0)) _exit(126);
  prctl(PR_SET_PDEATHSIG, SIGKILL);  // after setuid, which clears it: in case the watchdog itself is killed
  umask(077);
  if (chdir("/") != 0) _exit(126);
  const int log = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (log >= 0) {
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
  }
  static const char* const kEnvironment[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", nullptr};
  execve(argv[0], argv, const_cast<char* const*>(kEnvironment));  // NOLINT(cppcoreguidelines-pro-type-const-cast)
  _exit(127);
}

ReplyBody SpawnOne(WatchdogState& state, const RequestHead& head, std::size_t bytes) {
  std::array<char*, kArgumentsMax + 1> argv{};
  std::size_t count = 0;
  char* at = state.request.data() + sizeof(RequestHead);
  char* const end = state.request.data() + bytes;
  const char* log_path = at;
  at += strlen(at) + 1;
  while (at < end && count < kArgumentsMax) {
    argv[count++] = at;
    at += strlen(at) + 1;
  }
  if (count == 0 || at < end || state.pid_count == kProgramsMax) return {E2BIG, 0, 0, 0};
  const pid_t pid = fork();
  if (pid == 0) ExecProgram(head, log_path, argv.data());
  if (pid < 0) return {errno, 0, 0, 0};
  state.pids[state.pid_count++] = pid;
  return {0, pid, 0, 0};
}

std::size_t FindPid(const WatchdogState& state, pid_t pid) {
  std::size_t i = 0;
  while (i < state.pid_count && state.pids[i] != pid) ++i;
  return i;
}

ReplyBody PollOne(WatchdogState& state, pid_t pid) {
  const std::size_t at = FindPid(state, pid);
  if (at == state.pid_count) return {ESRCH, pid, 0, 0};
  siginfo_t info{};
  if (waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) != 0) return {errno, pid, 0, 0};
  if (info.si_pid == 0) return {0, pid, 0, 0};
  // What it may have left in its session; before it is reaped, while its number cannot belong to anybody else.
  kill(-pid, SIGKILL);
  int wait_status = 0;
  waitpid(pid, &wait_status, 0);
  state.pids[at] = state.pids[--state.pid_count];
  return {0, pid, 1, wait_status};
}

ReplyBody SignalOne(const WatchdogState& state, const RequestHead& head) {
  if (FindPid(state, head.pid) == state.pid_count) return {ESRCH, head.pid, 0, 0};
  // The whole session: a program may be a script with children.
  return {kill(-head.pid, head.signal_number) == 0 || kill(head.pid, head.signal_number) == 0 ? 0 : errno, head.pid, 0,
          0};
}

void SleepMilliseconds(long milliseconds) {
  const timespec pause{milliseconds / 1000, (milliseconds % 1000) * 1000000};
  nanosleep(&pause, nullptr);
}

// Kills everything and removes the directory. Orphans of the programs come to us (child subreaper), so an empty set of
// children means that nobody writes to the directory any more.
void EndAll(const WatchdogState& state) {
  for (std::size_t i = 0; i < state.pid_count; ++i) {  // once: reaped numbers may soon belong to others
    kill(-state.pids[i], SIGKILL);
    kill(state.pids[i], SIGKILL);
  }
  for (int attempt = 0; attempt < 160; ++attempt) {
    pid_t ended = 0;
    while ((ended = waitpid(-1, nullptr, WNOHANG)) > 0) {
    }
    if (ended < 0 && errno == ECHILD) break;
    SleepMilliseconds(50);
  }
  for (int attempt = 0; attempt < 10 && !state.keep_directory && access(state.directory, F_OK) == 0; ++attempt) {
    const pid_t pid = fork();
    if (pid == 0) {
      RestoreSignals();
      const char* const argv[] = {"/bin/rm", "-rf", "--", state.directory, nullptr};
      const char* const environment[] = {nullptr};
      execve(argv[0], const_cast<char* const*>(argv),  // NOLINT(cppcoreguidelines-pro-type-const-cast)
             const_cast<char* const*>(environment));   // NOLINT(cppcoreguidelines-pro-type-const-cast)
      _exit(127);
    }
    if (pid > 0) waitpid(pid, nullptr, 0);
    if (attempt > 0) SleepMilliseconds(200);
  }
}

[[noreturn]] void WatchdogMain(WatchdogState& state) {
  setsid();
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  prctl(PR_SET_NAME, "sl-watchdog");
  struct sigaction ignore{};
  ignore.sa_handler = SIG_IGN;
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGQUIT, SIGTSTP}) sigaction(number, &ignore, nullptr);
  struct sigaction standard{};
  standard.sa_handler = SIG_DFL;
  sigaction(SIGCHLD, &standard, nullptr);
  // Other groups' sockets and the owner's pipes must not stay open in here: their end-of-file has a meaning.
  dup2(state.fd, 3);
  close_range(4, ~0U, 0);
  fcntl(3, F_SETFD, FD_CLOEXEC);
  const int null = open("/dev/null", O_RDWR);
  for (int fd = 0; fd < 3 && null >= 0; ++fd) dup2(null, fd);
  if (null >= 0) fcntl(null, F_SETFD, FD_CLOEXEC);
  for (;;) {
    const ssize_t n = recv(3, state.request.data(), kRequestBytesMax, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < static_cast<ssize_t>(sizeof(RequestHead))) break;
    RequestHead head;
    memcpy(&head, state.request.data(), sizeof head);
    state.request[static_cast<std::size_t>(n)] = '\0';
    ReplyBody reply{};
    switch (head.op) {
      case Op::kSpawn: reply = SpawnOne(state, head, static_cast<std::size_t>(n)); break;
      case Op::kPoll: reply = PollOne(state, head.pid); break;
      case Op::kSignal: reply = SignalOne(state, head); break;
      case Op::kKeep: state.keep_directory = true; break;
    }
    if (send(3, &reply, sizeof reply, MSG_NOSIGNAL) != static_cast<ssize_t>(sizeof reply)) break;
  }
  EndAll(state);
  _exit(0);
}

}  // namespace

struct Watchdog::Reply : ReplyBody {};

base::Result<std::unique_ptr<Watchdog>> Watchdog::Start(const std::string& directory) {
  std::array<int, 2> fds{};
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds.data()) != 0) {
    return base::Status(base::Code::kEnvironment, fmt::format("watchdog: socketpair: {}", strerror(errno)));
  }
  std::unique_ptr<Watchdog> watchdog(new Watchdog());
  auto state = std::make_unique<WatchdogState>();
  state->fd = fds[1];
  state->directory = directory.c_str();
  // Blocked across the fork: a handler of the owner must not run in the watchdog.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t pid = fork();
  if (pid == 0) {
    RestoreSignals();
    close(fds[0]);
    WatchdogMain(*state);
  }
  const int error = errno;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  close(fds[1]);
  if (pid < 0) {
    close(fds[0]);
    return base::Status(base::Code::kEnvironment, fmt::format("watchdog: fork: {}", strerror(error)));
  }
  watchdog->fd_ = fds[0];
  watchdog->pid_ = pid;
  watchdog->owner_ = getpid();
  return watchdog;
}

Watchdog::~Watchdog() {
  if (fd_ < 0) return;
  if (getpid() != owner_) {
    close(fd_);
    return;
  }
  shutdown(fd_, SHUT_RDWR);  // not only close: a fork of ours may hold the descriptor until it executes
  close(fd_);
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

base::Result<Watchdog::Reply> Watchdog::Ask(const std::string& request) {
  const std::lock_guard lock(mutex_);
  Reply reply{};
  if (request.size() > kRequestBytesMax) {
    return base::Status(base::Code::kInternal, fmt::format("watchdog: a request of {} bytes", request.size()));
  }
  ssize_t n = 0;
  do {
    n = send(fd_, request.data(), request.size(), MSG_NOSIGNAL);
  } while (n < 0 && errno == EINTR);
  if (n == static_cast<ssize_t>(request.size())) {
    do {  // under the mutex: the next answer belongs to this request. NOLINTNEXTLINE(clang-analyzer-unix.*)
      n = recv(fd_, static_cast<ReplyBody*>(&reply), sizeof(ReplyBody), 0);
    } while (n < 0 && errno == EINTR);
    if (n == static_cast<ssize_t>(sizeof(ReplyBody))) return reply;
  }
  return base::Status(base::Code::kEnvironment,
                      fmt::format("the watchdog (pid {}) is gone; its servers with it", pid_));
}

namespace {

std::string Encode(const RequestHead& head) {
  std::string out(sizeof head, '\0');
  memcpy(out.data(), &head, sizeof head);
  return out;
}

}  // namespace

base::Result<pid_t> Watchdog::Spawn(const Program& program) {
  std::string request = Encode({Op::kSpawn, 0, 0, program.drop_user ? 1 : 0, program.uid, program.gid});
  request.append(program.log_path).push_back('\0');
  for (const std::string& argument : program.argv) request.append(argument).push_back('\0');
  SL_ASSIGN(const Reply reply, Ask(request));
  if (reply.error != 0) {
    return base::Status(base::Code::kEnvironment,
                        fmt::format("cannot start {}: {}", program.argv[0], strerror(reply.error)));
  }
  return reply.pid;
}

base::Result<std::optional<int>> Watchdog::Poll(pid_t pid) {
  SL_ASSIGN(const Reply reply, Ask(Encode({Op::kPoll, pid, 0, 0, 0, 0})));
  if (reply.error != 0) {
    return base::Status(base::Code::kInternal, fmt::format("watchdog: pid {}: {}", pid, strerror(reply.error)));
  }
  if (reply.ended == 0) return std::optional<int>();
  return std::optional<int>(reply.wait_status);
}

base::Status Watchdog::Signal(pid_t pid, int signal_number) {
  SL_ASSIGN(const Reply reply, Ask(Encode({Op::kSignal, pid, signal_number, 0, 0, 0})));
  if (reply.error == 0) return base::Ok();
  return {base::Code::kInternal,
          fmt::format("watchdog: signal {} to pid {}: {}", signal_number, pid, strerror(reply.error))};
}

base::Status Watchdog::KeepDirectory() {
  const auto reply = Ask(Encode({Op::kKeep, 0, 0, 0, 0, 0}));
  return reply.status();
}

}  // namespace shardlift::rehearse
