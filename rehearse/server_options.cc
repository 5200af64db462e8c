#include "rehearse/server_options.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>

#include "rehearse/server.h"

namespace shardlift::rehearse {
namespace {

using mysql::Flavour;

constexpr const char* kSystemMySqlRoot = "/var/cache/shardlift/mysql-root";

std::string FromEnvironment(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
  return value == nullptr ? std::string() : std::string(value);
}

bool HasMySqlServer(const std::string& root) { return access((root + "/usr/sbin/mysqld").c_str(), X_OK) == 0; }

// Where an ordinary user keeps a root of their own; mysql_root in scripts/lib.sh says the same.
std::string OwnMySqlRoot() {
  std::string cache = FromEnvironment("XDG_CACHE_HOME");
  if (cache.empty()) {
    const std::string home = FromEnvironment("HOME");
    cache = (home.empty() ? "/nonexistent" : home) + "/.cache";
  }
  return cache + "/shardlift/mysql-root";
}

// MySQL lies in a root of its own and runs without chroot: its own loader finds its own libraries.
std::vector<std::string> MySqlProgram(const std::string& root) {
  return {root + "/usr/lib64/ld-linux-x86-64.so.2",
          "--library-path",
          root + "/usr/lib/x86_64-linux-gnu:" + root + "/usr/lib/mysql/private",
          root + "/usr/sbin/mysqld",
          "--no-defaults",
          "--basedir=" + root + "/usr",
          "--plugin-dir=" + root + "/usr/lib/mysql/plugin",
          "--lc-messages-dir=" + root + "/usr/share/mysql",
          "--character-sets-dir=" + root + "/usr/share/mysql/charsets",
          "--secure-file-priv=NULL",
          "--mysqlx=OFF",
          "--innodb-redo-log-capacity=64M"};
}

std::string FirstExecutable(std::initializer_list<const char*> paths) {
  for (const char* path : paths) {
    if (access(path, X_OK) == 0) return path;
  }
  return *paths.begin();
}

}  // namespace

std::string_view FlavourText(Flavour flavour) { return flavour == Flavour::kMySql ? "MySQL" : "MariaDB"; }

base::Result<std::string> MySqlRoot() {
  std::string root = FromEnvironment("SHARDLIFT_MYSQL_ROOT");
  if (root.empty()) root = geteuid() != 0 && HasMySqlServer(OwnMySqlRoot()) ? OwnMySqlRoot() : kSystemMySqlRoot;
  if (HasMySqlServer(root)) return root;
  return base::Status(base::Code::kEnvironment,
                      fmt::format("no MySQL server in {}: run scripts/deps.sh, or set SHARDLIFT_MYSQL_ROOT", root));
}

std::vector<std::string> ServerArguments(const ServerCommand& command) {
  const bool is_mysql = command.flavour == Flavour::kMySql;
  std::vector<std::string> argv;
  if (is_mysql) {
    argv = MySqlProgram(command.mysql_root);
    argv.insert(argv.end(), {"--gtid-mode=ON", "--enforce-gtid-consistency=ON"});
  } else {
    argv = {FirstExecutable({"/usr/sbin/mariadbd", "/usr/local/sbin/mariadbd", "/usr/libexec/mariadbd"}),
            "--no-defaults", "--binlog-row-metadata=FULL", "--innodb-log-file-size=64M"};
  }
  // Relative to the data directory: a socket path may have only 107 bytes.
  argv.insert(argv.end(), {"--datadir=" + command.data_directory, "--socket=server.sock", "--pid-file=server.pid",
                           "--tmpdir=" + command.directory + "/tmp", "--bind-address=127.0.0.1",
                           fmt::format("--port={}", command.port), fmt::format("--server-id={}", command.port),
                           "--log-bin=binlog", "--binlog-format=ROW", "--binlog-row-image=FULL", "--sync-binlog=1",
                           "--innodb-flush-log-at-trx-commit=1", "--innodb-buffer-pool-size=128M",
                           "--performance-schema=OFF", "--skip-name-resolve", "--local-infile=1",
                           "--max-connections=300", "--max-allowed-packet=64M", "--character-set-server=utf8mb4"});
  if (!command.init_file.empty()) argv.push_back("--init-file=" + command.init_file);
  argv.insert(argv.end(), command.extra_options.begin(), command.extra_options.end());
  return argv;
}

std::vector<std::string> InitialiseArguments(Flavour flavour, const std::string& mysql_root,
                                             const std::string& directory) {
  std::vector<std::string> argv;
  if (flavour == Flavour::kMySql) {
    argv = MySqlProgram(mysql_root);
    argv.push_back("--initialize-insecure");
  } else {
    argv = {FirstExecutable({"/usr/bin/mariadb-install-db", "/usr/local/bin/mariadb-install-db"}), "--no-defaults",
            "--auth-root-authentication-method=normal", "--skip-test-db", "--innodb-log-file-size=64M"};
  }
  // A tmpdir of its own: a server that starts removes every temporary table it finds in its tmpdir.
  argv.insert(argv.end(),
              {"--datadir=" + directory + "/data", "--tmpdir=" + directory, "--innodb-buffer-pool-size=128M"});
  return argv;
}

std::string InitSql(const std::string& password) {
  return fmt::format(
      "SET sql_log_bin = 0;\n"
      "ALTER USER root@localhost IDENTIFIED BY '{0}';\n"
      "CREATE USER IF NOT EXISTS root@'127.0.0.1' IDENTIFIED BY '{0}';\n"
      "ALTER USER root@'127.0.0.1' IDENTIFIED BY '{0}';\n"
      "GRANT ALL PRIVILEGES ON *.* TO root@'127.0.0.1' WITH GRANT OPTION;\n",
      password);
}

}  // namespace shardlift::rehearse
