// The file that hands the findings of a verification to `repair` (docs/formats.md, "Findings").
//
// JSON lines: a head, one line for each finding, an end with the totals. Owner keys are in it, values are not; mode
// 0600.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "job/config.h"
#include "verify/verify.h"

namespace shardlift::verify {

class FindingsWriter {
 public:
  // Writes to PATH.part; Finish gives it its name.
  static base::Result<std::unique_ptr<FindingsWriter>> Open(const std::string& path, const job::JobConfig& config);
  ~FindingsWriter();  // removes what was not finished
  FindingsWriter(const FindingsWriter&) = delete;
  FindingsWriter& operator=(const FindingsWriter&) = delete;

  void Add(const Finding& finding);  // from any thread; a failure is told by Finish
  // Adds what only the report has: rows of no table of this job.
  base::Status Finish(const VerifyReport& report);

 private:
  FindingsWriter(std::string path, std::FILE* file) : path_(std::move(path)), file_(file) {}
  void WriteLine(const std::string& line);
  const std::string path_;
  std::mutex mutex_;
  std::FILE* file_;
  std::uint64_t lines_ = 0;
  bool failed_ = false;
};

struct FindingsFile {
  std::vector<Finding> findings;     // an owner may be in it twice; columns and shards are not kept
  std::uint64_t findings_total = 0;  // more than are listed when there are many rows of no table of this job
  std::uint64_t rows_compared = 0;   // of the pass that found them
  std::vector<NotVerified> not_verified;
};

// kUsage for a file that is none, kRefused for one that is not whole or of a job with other mappings or routing.
base::Result<FindingsFile> ReadFindings(const std::string& path, const job::JobConfig& config);

std::optional<FindingKind> FindingKindNamed(std::string_view name);
std::string UpperHex(std::string_view bytes);

}  // namespace shardlift::verify
