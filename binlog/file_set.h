// Which binlog files a command line names: files as they are, or all of a directory or an index file, in their order.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"

namespace shardlift::binlog {

// For each argument: a binlog file; a file NAME.index, which lists files, one a line, relative to its own directory;
// or a directory, which has one such index, or else files NAME.NUMBER of one name, taken by number (of any length).
// kUsage for a directory that holds no binlog, or binlogs of several names without an index.
base::Result<std::vector<std::string>> FindBinlogFiles(const std::vector<std::string>& arguments);

}  // namespace shardlift::binlog
