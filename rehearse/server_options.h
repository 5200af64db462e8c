// Command lines of throw-away servers: where the programs are and with which options they run.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "mysql/position.h"

namespace shardlift::rehearse {

struct ServerCommand {
  mysql::Flavour flavour = mysql::Flavour::kMariaDb;
  std::string mysql_root;  // MySqlRoot(), for MySQL only
  std::string directory;   // holds tmp/
  std::string data_directory;
  std::uint16_t port = 0;
  std::string init_file;  // SQL to run before the server answers; may be empty
  std::vector<std::string> extra_options;
};

// "MySQL" or "MariaDB".
std::string_view FlavourText(mysql::Flavour flavour);
std::vector<std::string> ServerArguments(const ServerCommand& command);
// Makes `directory`/data with an administrator who has no password yet.
std::vector<std::string> InitialiseArguments(mysql::Flavour flavour, const std::string& mysql_root,
                                             const std::string& directory);
// One statement per line: root with this password from anywhere on the loopback, nothing of it in the binlog.
std::string InitSql(const std::string& password);

}  // namespace shardlift::rehearse
