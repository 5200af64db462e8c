// The tables of one database as the server describes them, in one spelling for both servers. Internal to store/.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace shardlift::mysql {
class Session;
}

namespace shardlift::store {

struct LiveColumn {
  std::string name;
  std::string type;  // without display width; MariaDB's JSON is longtext
  bool nullable = false;
  std::string default_value;  // empty: none
  std::string collation;      // empty: no text
  std::string extra;          // "auto_increment", "on update ...", "virtual generated", ...; empty: none
};

struct LiveKey {
  bool unique = false;
  std::vector<std::string> columns;  // with "(n)" for a prefix and " DESC" for descending order
  bool hidden = false;               // from the optimizer: invisible (MySQL), ignored (MariaDB)
  bool operator==(const LiveKey&) const = default;
};

struct LiveTable {
  std::string engine;
  std::string collation;
  std::vector<LiveColumn> columns;
  std::map<std::string, LiveKey> keys;
};
using LiveTables = std::map<std::string, LiveTable, std::less<>>;

// A column's type in one spelling for both servers.
std::string NormalisedType(std::string type);

// Empty when there is no such database.
base::Result<LiveTables> ReadLiveTables(mysql::Session& session, std::string_view database);

}  // namespace shardlift::store
