// RunRepair: makes the shards right for exactly those owners that a verification found wrong (docs/repair.md).
//
// It writes through migrate's streams, windows and lanes alone, so that the applications may go on writing to the
// legacy side. Each owner is looked at again before and after, by the verifier's SQL.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "job/config.h"
#include "verify/verify.h"

namespace shardlift::repair {

struct RepairOptions {
  std::string findings_path;        // of verify --findings; empty: the repair verifies first
  bool dry_run = false;             // look at each finding again, write nothing, take no locks
  double max_share_percent = 1.0;   // of the rows that the verification compared; more is refused
  std::uint64_t max_rows = 10'000;  // more is refused
  bool takeover = false;            // end a migrate or repair of this job instead of refusing
  std::string audit_path;           // empty: DefaultAuditPath
  bool images = true;               // keep the rows before and after, for undo: user data
  verify::VerifyMethod method = verify::VerifyMethod::kServer;  // of the verification that it runs itself
  bool progress = true;
  const std::atomic<bool>* stop = nullptr;
};

std::string DefaultAuditPath(const job::JobConfig& config);  // beside the job file

struct MappingRepair {
  std::string mapping;                // empty: rows of no table of this job
  std::uint64_t found = 0;            // owners named by the verification = the sum of the following
  std::uint64_t repaired = 0;         // dry run: would be changed
  std::uint64_t right_meanwhile = 0;  // nothing was to be done
  std::uint64_t refused = 0;          // see Open::reason
  std::uint64_t still_wrong = 0;
  std::array<std::uint64_t, verify::kFindingKinds> wrong{};  // by the verdict of the second look
};

// An owner that is not right after the repair.
struct OpenOwner {
  verify::Finding finding;
  bool refused = false;
  std::string reason;
};

struct RepairReport {
  bool dry_run = false;
  std::string run;  // its name in the audit
  std::vector<MappingRepair> per_mapping;
  std::vector<OpenOwner> open;                    // the first ones
  std::vector<verify::NotVerified> not_verified;  // by the verification: nothing is claimed about these tables
  std::uint64_t rows_compared = 0;
  bool over_limit = false;  // dry run: the repair would refuse
  std::string audit_path;   // empty: nothing was written to it
  std::string images_path;  // empty: none are kept
  std::string audit_head;
  double seconds = 0;

  MappingRepair total() const;
  // 0 all named owners are right; 1 some are not, or would be changed; 4 tables were not verified.
  int exit_code() const;
};

// kRefused over the limits, before anything is written; when another process has the job; when the copy is not done.
// kStopped on request: what was repaired is stored, the same command goes on.
base::Result<RepairReport> RunRepair(const job::JobConfig& config, const RepairOptions& options);

std::string RepairJson(const RepairReport& report);  // "shardlift.repair/1"
std::string RepairText(const RepairReport& report);

}  // namespace shardlift::repair
