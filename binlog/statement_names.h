// Which tables a statement of the binlog (DDL, DML in statement format) may be about, without parsing it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace shardlift::binlog {

struct NamedTable {
  std::string schema;
  std::string table;
};

struct StatementNames {
  bool temporary = false;      // of a session's temporary tables
  std::string dropped_schema;  // DROP DATABASE
  // Every word as a table of the default schema, and every two with a dot between: errs on the side of naming more.
  std::vector<NamedTable> tables;
};

StatementNames NamesIn(std::string_view default_schema, std::string_view sql);

}  // namespace shardlift::binlog
