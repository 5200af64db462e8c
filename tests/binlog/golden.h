// Golden files: a binlog file of each server, the schema of its table db.g, and the text of all that it holds.
//
// Written from real servers by binlog_golden_writer (not part of the test run); read without any server.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "binlog/group.h"
#include "mysql/schema.h"

namespace shardlift::binlog {

inline constexpr std::string_view kGoldenDirectory = "tests/binlog/golden/";

std::string SchemaText(const mysql::TableSchema& schema);
mysql::TableSchema ParseSchemaText(const std::string& text);

std::string ReadFile(const std::string& path);
// The events of a binlog file, cut by their headers.
std::vector<std::string> CutEvents(std::string_view file);
// What a reader makes of the events, one line per group, statement and row. Stops at the first failure, which is the
// last line.
std::string DumpText(const std::vector<std::string>& events, const mysql::TableSchema& schema);
std::string ValueText(const mysql::Value& value);

}  // namespace shardlift::binlog
