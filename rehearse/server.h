// Throw-away database servers for rehearsals and tests: private data directories, loopback only, free ports, removed at
// the end whatever happens.
//
// A watchdog process outlives the owner by seconds only: when the owner dies in any way (kill -9 included) it kills the
// servers and removes the directory within 10 seconds. Works as root (servers run as an unprivileged user) and as an
// ordinary user.
//
// Thread rules: a ServerGroup is used by one thread at a time; endpoints are values.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "mysql/position.h"
#include "mysql/session.h"

namespace shardlift::rehearse {

struct ServerSpec {
  std::string name;  // directory name and endpoint name: "source1"
  mysql::Flavour flavour = mysql::Flavour::kMariaDb;
  std::vector<std::string> extra_options;  // appended to the defaults: "--binlog-format=STATEMENT"
};

class Server {
 public:
  ~Server();
  const mysql::Endpoint& endpoint() const;  // user root, random password, no TLS
  const ServerSpec& spec() const;
  const std::string& data_directory() const;
  pid_t pid() const;          // 0 while it is down
  base::Status KillNow();     // SIGKILL and reap
  base::Status Shutdown();    // SIGTERM and reap
  base::Status StartAgain();  // same data directory and port; waits until it answers

 private:
  friend class ServerGroup;
  Server();
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

class ServerGroup {
 public:
  // Makes a private directory under `base_directory` (default: TMPDIR or /tmp) and starts the watchdog.
  static base::Result<std::unique_ptr<ServerGroup>> Create(const std::string& base_directory = {});
  ~ServerGroup();  // stops servers and watchdog, removes the directory

  // Initialises (all specs side by side where that is faster), starts and waits until each answers. kEnvironment with
  // the server's last log lines' place on failure; MySQL needs its program root, see MySqlRoot().
  base::Status Start(const std::vector<ServerSpec>& specs);
  Server& Get(std::string_view name);
  const std::string& directory() const;
  // The servers still end with the owner, their files stay.
  base::Status KeepDirectory();

 private:
  ServerGroup();
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Where the MySQL programs are: $SHARDLIFT_MYSQL_ROOT, else an ordinary user's own (~/.cache/shardlift/mysql-root),
// else the one scripts/deps.sh made (/var/cache/shardlift/mysql-root). kEnvironment with the remedy when there is none.
base::Result<std::string> MySqlRoot();

}  // namespace shardlift::rehearse
