// The audit file of repairs: JSON lines, each with the hash of the line before it (docs/formats.md, "Audit of
// repairs").
//
// Only appended to, and synced before a change it speaks of is committed. Owner keys and digests are in it, no values;
// mode 0600. One process at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"

namespace shardlift::repair {

std::string Sha256Hex(std::string_view bytes);

struct AuditRecord {
  std::string event;                                        // "begin", "write", "outcome", "undo", "drop", "end", "cut"
  std::vector<std::pair<std::string, std::string>> fields;  // in this order
};

class AuditLog {
 public:
  // Opens or creates the file and goes on with its chain. A last line without an end (a crash while it was written) is
  // cut off and that is recorded. kRefused while another process has it or when its last line is damaged.
  static base::Result<std::unique_ptr<AuditLog>> Open(const std::string& path);
  ~AuditLog();
  AuditLog(const AuditLog&) = delete;
  AuditLog& operator=(const AuditLog&) = delete;

  // One line for each, synced when it returns. From any thread.
  base::Status Append(std::span<const AuditRecord> records);
  // The hash of the last line: who keeps it can tell later that no line at the end is gone.
  std::string head();

 private:
  AuditLog(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  base::Status TakeUp();
  const std::string path_;
  const int fd_;
  std::mutex mutex_;
  std::uint64_t lines_ = 0;
  std::string head_;
};

struct AuditState {
  std::uint64_t lines = 0;
  std::string head;
};

// kFindings naming the first line that was changed, removed, added or moved; kEnvironment when it cannot be read. Lines
// that are gone from the end are seen only by the head.
base::Result<AuditState> CheckAudit(const std::string& path);

struct AuditLine {
  std::uint64_t number = 0;
  std::string event;
  std::map<std::string, std::string> fields;
};
// As CheckAudit, and hands over each line that is right; ends with what `visit` fails with.
base::Result<AuditState> ReadAudit(const std::string& path, const std::function<base::Status(const AuditLine&)>& visit);

// The name of a run in the audit: its start and the process.
std::string NewRunName();

}  // namespace shardlift::repair
