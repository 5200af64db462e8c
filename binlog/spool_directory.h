// A spool's directory: its lock, its segments, and what is done about them when a spool is opened.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "binlog/spool_file.h"
#include "binlog/spool_scan.h"

namespace shardlift::binlog {

// What was cut off the end of a spool when it was opened: what a killed process or a lost power left half written, or
// the beginning of a group whose end never came. All of it comes again from the source.
struct SpoolCut {
  std::string file;
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
  std::string why;
};

struct SpoolSegmentInfo {
  std::uint64_t number = 0;
  std::uint64_t bytes = 0;
  mysql::SourcePosition start;
};

struct RecoveredSpool {
  std::vector<SpoolSegmentInfo> segments;  // empty: a new spool
  SpoolBoundary end;                       // of the last segment
  std::uint64_t salt = 0;                  // of the last segment
  std::optional<SpoolCut> cut;
};

// Makes the directory (mode 0700) if there is none. kRefused: another process, or another writer of this one, has it.
// Keeps others out as long as the file is open.
base::Result<SpoolFile> LockSpool(const std::string& directory, std::chrono::seconds wait);
// Looks at all segments, reads the last one, cuts off its torn end and syncs it. kCorrupt: damage that is no torn end.
base::Result<RecoveredSpool> RecoverSpool(const std::string& directory, const std::string& identity);

std::string SpoolSegmentPath(const std::string& directory, std::uint64_t number);

}  // namespace shardlift::binlog
