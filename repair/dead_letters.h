// Dead letters: rows that were set aside, listed, read again, or given up (docs/repair.md, "Dead letters").
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "job/config.h"

namespace shardlift::repair {

// Empty fields take all.
struct LetterFilter {
  std::string table;   // "schema.table" of the legacy side
  std::string key;     // integers as text, "12" or "12, 3", or the owner key in hex
  std::string reason;  // migrate/batch.h
};

struct DeadLetterRow {
  std::uint32_t shard = 0;  // index
  std::uint32_t origin = 0;
  std::uint32_t table_ordinal = 0;
  std::string owner_key;
  std::string source;
  std::string table;     // empty: none of this job
  std::string key_text;  // integer keys only
  std::string reason;
  std::string detail;
  std::string position;  // of the source; empty: met by the copy
  std::string since;     // when it was set aside, for the last time
};

struct LetterList {
  std::vector<std::string> shards;     // names
  std::uint64_t total = 0;             // that the filter takes
  std::vector<DeadLetterRow> letters;  // the first ones by shard and age
};
base::Result<LetterList> ListDeadLetters(const job::JobConfig& config, const LetterFilter& filter, std::size_t limit);

struct LetterOptions {
  int attempts = 3;                             // retry: rounds
  std::chrono::milliseconds pause_first{1000};  // between them, doubled each time
  std::string audit_path;                       // drop: empty: DefaultAuditPath
  bool takeover = false;
  const std::atomic<bool>* stop = nullptr;
};

struct RetryReport {
  std::vector<std::string> shards;
  std::uint64_t found = 0;  // rows = settled + left
  std::uint64_t settled = 0;
  std::uint64_t left = 0;
  std::vector<DeadLetterRow> letters;  // the first of those left
  int exit_code() const { return left == 0 ? 0 : 1; }
};
// Reads each row again at its source as it is now, through migrate's windows and lanes. kRefused when another process
// has the job.
base::Result<RetryReport> RetryDeadLetters(const job::JobConfig& config, const LetterFilter& filter,
                                           const LetterOptions& options);

struct DropReport {
  std::uint64_t dropped = 0;
  std::string audit_path;
  std::string audit_head;
};
// Removes the letters and writes no row: verify then names them as missing. Each is in the audit first.
base::Result<DropReport> DropDeadLetters(const job::JobConfig& config, const LetterFilter& filter,
                                         const LetterOptions& options);

std::string LettersJson(const LetterList& list);  // "shardlift.deadletter/1"
std::string LettersText(const LetterList& list);
std::string LettersJson(const RetryReport& report);
std::string LettersText(const RetryReport& report);
std::string LettersJson(const DropReport& report);
std::string LettersText(const DropReport& report);

}  // namespace shardlift::repair
