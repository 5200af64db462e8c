#include "rehearse/server.h"

#include <fmt/format.h>
#include <pwd.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <thread>

#include "base/check.h"
#include "rehearse/loopback.h"
#include "rehearse/server_options.h"
#include "rehearse/watchdog.h"

namespace shardlift::rehearse {
namespace {

using mysql::Flavour;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kInitialiseDeadline{180};
constexpr std::chrono::seconds kStartDeadline{120};
constexpr std::chrono::milliseconds kPollEvery{20};
constexpr int kPortAttempts = 5;

base::Status Environment(std::string message) { return {base::Code::kEnvironment, std::move(message)}; }

std::string RandomPassword() {
  static constexpr std::string_view kAlphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
  std::random_device random;
  std::string out;
  for (int i = 0; i < 24; ++i) out += kAlphabet[random() % kAlphabet.size()];
  return out;
}

// Servers that do not run as root must be able to pass through every directory above theirs.
base::Status CheckPassable(const std::string& path, uid_t uid, gid_t gid) {
  std::error_code error;
  for (auto at = std::filesystem::canonical(path, error); at.has_relative_path(); at = at.parent_path()) {
    struct stat found{};
    if (stat(at.c_str(), &found) != 0) continue;
    const mode_t needed = found.st_uid == uid ? S_IXUSR : found.st_gid == gid ? S_IXGRP : S_IXOTH;
    if ((found.st_mode & needed) == 0) {
      return Environment(
          fmt::format("servers do not run as root, and their user (uid {}) cannot pass through {}; set TMPDIR to a "
                      "directory that everybody may pass",
                      uid, at.string()));
    }
  }
  return base::Ok();
}

bool LogSaysPortInUse(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  bool in_use = false;
  while (std::getline(file, line)) {
    if (line.find("Address already in use") != std::string::npos || line.find("another mysqld") != std::string::npos ||
        line.find("Can't start server: Bind on TCP") != std::string::npos) {
      in_use = true;
    }
  }
  return in_use;
}

// What the server itself gives as the reason; its log is gone with the group's directory.
std::string LastError(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::string last;
  while (std::getline(file, line)) {
    const std::size_t at = line.find("[ERROR]");
    if (at == std::string::npos || line.ends_with("Aborting")) continue;
    last = "; its last error: " + line.substr(at + 8, 200);
  }
  return last;
}

std::string Ended(int wait_status) {
  return WIFSIGNALED(wait_status) ? fmt::format("was killed by signal {}", WTERMSIG(wait_status))
                                  : fmt::format("ended with code {}", WEXITSTATUS(wait_status));
}

}  // namespace

// Shared by the group and its servers.
struct GroupContext {
  std::string directory;
  std::unique_ptr<Watchdog> watchdog;
  bool drop_user = false;
  uid_t uid = 0;
  gid_t gid = 0;
  std::string mysql_root;  // empty until a MySQL server was asked for

  base::Result<pid_t> Spawn(std::vector<std::string> argv, const std::string& log_path) {
    return watchdog->Spawn({std::move(argv), log_path, drop_user, uid, gid});
  }
  // Waits for a helper program to end well.
  base::Status WaitFor(pid_t pid, std::string_view what, const std::string& log_path) {
    const auto deadline = Clock::now() + kInitialiseDeadline;
    for (;;) {
      SL_ASSIGN(const std::optional<int> ended, watchdog->Poll(pid));
      if (ended.has_value()) {
        if (*ended == 0) return base::Ok();
        return Environment(fmt::format("{} {}; see {}{}", what, Ended(*ended), log_path, LastError(log_path)));
      }
      if (Clock::now() > deadline) {
        SL_TRY(watchdog->Signal(pid, SIGKILL));
        return Environment(fmt::format("{} did not end in {} s; see {}", what, kInitialiseDeadline.count(), log_path));
      }
      std::this_thread::sleep_for(kPollEvery);
    }
  }
  // A directory the servers' user may write to.
  base::Status MakeDirectory(const std::string& path) {
    if (mkdir(path.c_str(), 0700) != 0 || (drop_user && chown(path.c_str(), uid, gid) != 0)) {
      return Environment(fmt::format("cannot make {}: {}", path, strerror(errno)));
    }
    return base::Ok();
  }
};

struct Server::Impl {
  std::shared_ptr<GroupContext> context;
  ServerSpec spec;
  mysql::Endpoint endpoint;
  std::string directory;
  std::string data_directory;
  std::string log_path;
  std::string init_file;  // only for the first start: it sets the password
  pid_t pid = 0;

  base::Status Spawn() {
    ServerCommand command;
    command.flavour = spec.flavour;
    command.mysql_root = context->mysql_root;
    command.directory = directory;
    command.data_directory = data_directory;
    command.port = endpoint.port;
    command.init_file = init_file;
    command.extra_options = spec.extra_options;
    SL_ASSIGN(pid, context->Spawn(ServerArguments(command), log_path));
    return base::Ok();
  }

  base::Status WaitUntilItAnswers() {
    const auto deadline = Clock::now() + kStartDeadline;
    for (;;) {
      SL_ASSIGN(const std::optional<int> ended, context->watchdog->Poll(pid));
      if (ended.has_value()) {
        pid = 0;
        return Environment(fmt::format("server {} {} while starting; see {}{}", spec.name, Ended(*ended), log_path,
                                       LastError(log_path)));
      }
      if (Greets(endpoint.port)) return base::Ok();
      if (Clock::now() > deadline) {
        return Environment(
            fmt::format("server {} does not answer after {} s; see {}", spec.name, kStartDeadline.count(), log_path));
      }
      std::this_thread::sleep_for(kPollEvery);
    }
  }

  // First start: another port when somebody was faster with this one.
  base::Status FinishFirstStart() {
    for (int attempt = 1;; ++attempt) {
      base::Status status = WaitUntilItAnswers();
      if (status.ok() || attempt == kPortAttempts || pid != 0 || !LogSaysPortInUse(log_path)) {
        std::filesystem::remove(init_file);
        init_file.clear();
        return status;
      }
      SL_ASSIGN(endpoint.port, FreePort());
      std::filesystem::rename(log_path, fmt::format("{}.{}", log_path, attempt));
      SL_TRY(Spawn());
    }
  }

  base::Status End(int signal_number, std::chrono::seconds patience) {
    if (pid == 0) return base::Ok();
    SL_TRY(context->watchdog->Signal(pid, signal_number));
    const auto deadline = Clock::now() + patience;
    for (;;) {
      SL_ASSIGN(const std::optional<int> ended, context->watchdog->Poll(pid));
      if (ended.has_value()) break;
      if (Clock::now() > deadline) {
        return Environment(fmt::format("server {} (pid {}) did not end in {} s", spec.name, pid, patience.count()));
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    pid = 0;
    return base::Ok();
  }
};

Server::Server() : impl_(std::make_unique<Impl>()) {}
Server::~Server() = default;
const mysql::Endpoint& Server::endpoint() const { return impl_->endpoint; }
const ServerSpec& Server::spec() const { return impl_->spec; }
const std::string& Server::data_directory() const { return impl_->data_directory; }
pid_t Server::pid() const { return impl_->pid; }
base::Status Server::KillNow() { return impl_->End(SIGKILL, std::chrono::seconds(30)); }
base::Status Server::Shutdown() { return impl_->End(SIGTERM, std::chrono::seconds(120)); }

base::Status Server::StartAgain() {
  if (impl_->pid != 0) {
    return {base::Code::kInternal, fmt::format("server {} is running (pid {})", impl_->spec.name, impl_->pid)};
  }
  for (int attempt = 1;; ++attempt) {
    SL_TRY(impl_->Spawn());
    base::Status status = impl_->WaitUntilItAnswers();
    if (status.ok() || attempt == kPortAttempts || impl_->pid != 0 || !LogSaysPortInUse(impl_->log_path)) return status;
    std::filesystem::rename(impl_->log_path, fmt::format("{}.again{}", impl_->log_path, attempt));
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
  }
}

struct ServerGroup::Impl {
  std::shared_ptr<GroupContext> context = std::make_shared<GroupContext>();
  std::vector<std::unique_ptr<Server>> servers;
  std::map<Flavour, std::string> pristine;  // initialised data directories to copy from

  base::Status MakePristine(const std::vector<ServerSpec>& specs);
  base::Status CopyPristine(const std::vector<Server::Impl*>& fresh);
};

// A data directory per flavour, made once; side by side.
base::Status ServerGroup::Impl::MakePristine(const std::vector<ServerSpec>& specs) {
  struct Running {
    pid_t pid;
    Flavour flavour;
    std::string what;
    std::string log_path;
    std::string data_directory;
  };
  std::vector<Running> running;
  for (const Flavour flavour : {Flavour::kMariaDb, Flavour::kMySql}) {
    const bool wanted = std::any_of(specs.begin(), specs.end(), [&](const auto& s) { return s.flavour == flavour; });
    if (!wanted || pristine.contains(flavour)) continue;
    if (flavour == Flavour::kMySql) {
      SL_ASSIGN(context->mysql_root, MySqlRoot());
    }
    const std::string directory =
        fmt::format("{}/pristine-{}", context->directory, flavour == Flavour::kMySql ? "mysql" : "mariadb");
    SL_TRY(context->MakeDirectory(directory));
    const std::string log_path = directory + "/init.log";
    const std::string data_directory = directory + "/data";
    std::vector<std::string> argv = InitialiseArguments(flavour, context->mysql_root, directory);
    std::string what = fmt::format("initialising {} ({})", FlavourText(flavour), argv[0]);
    SL_ASSIGN(const pid_t pid, context->Spawn(std::move(argv), log_path));
    running.push_back({pid, flavour, std::move(what), log_path, data_directory});
  }
  base::Status first;
  for (const Running& one : running) {
    base::Status status = context->WaitFor(one.pid, one.what, one.log_path);
    if (status.ok()) pristine[one.flavour] = one.data_directory;
    if (first.ok()) first = std::move(status);
  }
  return first;
}

base::Status ServerGroup::Impl::CopyPristine(const std::vector<Server::Impl*>& fresh) {
  std::vector<pid_t> pids;
  for (const Server::Impl* server : fresh) {
    SL_ASSIGN(const pid_t pid, context->Spawn({"/bin/cp", "-a", "--reflink=auto", pristine[server->spec.flavour],
                                               server->data_directory},
                                              server->directory + "/copy.log"));
    pids.push_back(pid);
  }
  base::Status first;
  for (std::size_t i = 0; i < pids.size(); ++i) {
    base::Status status =
        context->WaitFor(pids[i], "copying a pristine data directory", fresh[i]->directory + "/copy.log");
    std::error_code ignored;
    std::filesystem::remove(fresh[i]->data_directory + "/auto.cnf", ignored);  // holds the server's uuid
    if (first.ok()) first = std::move(status);
  }
  return first;
}

ServerGroup::ServerGroup() : impl_(std::make_unique<Impl>()) {}
ServerGroup::~ServerGroup() = default;

base::Result<std::unique_ptr<ServerGroup>> ServerGroup::Create(const std::string& base_directory) {
  std::string base = base_directory;
  if (base.empty()) {
    const char* from_environment = std::getenv("TMPDIR");  // NOLINT(concurrency-mt-unsafe)
    base = from_environment != nullptr && *from_environment != '\0' ? from_environment : "/tmp";
  }
  std::string directory = std::filesystem::absolute(base).string() + "/shardlift-XXXXXX";
  if (mkdtemp(directory.data()) == nullptr) {
    return Environment(fmt::format("cannot make a directory under {}: {}; set TMPDIR", base, strerror(errno)));
  }
  std::unique_ptr<ServerGroup> group(new ServerGroup());
  GroupContext& context = *group->impl_->context;
  context.directory = directory;
  SL_ASSIGN(context.watchdog, Watchdog::Start(context.directory));
  if (geteuid() == 0) {
    const passwd* user = getpwnam("mysql");          // NOLINT(concurrency-mt-unsafe)
    if (user == nullptr) user = getpwnam("nobody");  // NOLINT(concurrency-mt-unsafe)
    if (user == nullptr)
      return Environment("neither a user mysql nor a user nobody exists; servers do not run as root");
    context.drop_user = true;
    context.uid = user->pw_uid;
    context.gid = user->pw_gid;
    if (chmod(directory.c_str(), 0711) != 0) return Environment(fmt::format("{}: {}", directory, strerror(errno)));
    SL_TRY(CheckPassable(directory, context.uid, context.gid));
  }
  return group;
}

base::Status ServerGroup::Start(const std::vector<ServerSpec>& specs) {
  SL_TRY(impl_->MakePristine(specs));
  std::vector<Server::Impl*> fresh;
  for (const ServerSpec& spec : specs) {
    std::unique_ptr<Server> server(new Server());
    Server::Impl& impl = *server->impl_;
    impl.context = impl_->context;
    impl.spec = spec;
    impl.directory = impl_->context->directory + "/" + spec.name;
    impl.data_directory = impl.directory + "/data";
    impl.log_path = impl.directory + "/error.log";
    impl.init_file = impl.directory + "/init.sql";
    impl.endpoint.name = spec.name;
    impl.endpoint.user = "root";
    impl.endpoint.tls = mysql::TlsMode::kDisabled;  // loopback only; with TLS each new session costs 0.1 s
    impl.endpoint.password = RandomPassword();
    SL_ASSIGN(impl.endpoint.port, FreePort());
    for (const auto& other : impl_->servers) {
      SL_CHECK(other->spec().name != spec.name);
    }
    SL_TRY(impl_->context->MakeDirectory(impl.directory));
    SL_TRY(impl_->context->MakeDirectory(impl.directory + "/tmp"));
    std::ofstream(impl.init_file) << InitSql(impl.endpoint.password);
    // Root made the file; the servers' user reads it. The directory is closed to others.
    if (chmod(impl.init_file.c_str(), 0644) != 0) return Environment(impl.init_file + ": chmod failed");
    fresh.push_back(&impl);
    impl_->servers.push_back(std::move(server));
  }
  SL_TRY(impl_->CopyPristine(fresh));
  for (Server::Impl* server : fresh) SL_TRY(server->Spawn());
  for (Server::Impl* server : fresh) SL_TRY(server->FinishFirstStart());
  return base::Ok();
}

Server& ServerGroup::Get(std::string_view name) {
  const auto found = std::find_if(impl_->servers.begin(), impl_->servers.end(),
                                  [&](const auto& server) { return server->spec().name == name; });
  SL_CHECK(found != impl_->servers.end());
  return **found;
}

const std::string& ServerGroup::directory() const { return impl_->context->directory; }
base::Status ServerGroup::KeepDirectory() { return impl_->context->watchdog->KeepDirectory(); }

}  // namespace shardlift::rehearse
