// RunUndo: gives back what the shards had before one run of repair, for what nothing has changed since
// (docs/repair.md, "Undo").
//
// It writes inside the lanes' transactions, behind all that the sources' streams brought. An owner is restored on all
// shards or on none.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "job/config.h"

namespace shardlift::repair {

struct UndoOptions {
  std::string audit_path;
  std::string run;                  // empty: the last one that wrote
  bool dry_run = false;             // compare, write nothing, take no locks of the job
  std::uint64_t max_rows = 10'000;  // more owners are refused
  bool takeover = false;            // end a migrate or repair of this job instead of refusing
  bool progress = true;
  const std::atomic<bool>* stop = nullptr;
};

// An owner that stays as it is.
struct LeftOwner {
  std::uint32_t origin = 0;
  std::uint32_t table_ordinal = 0;
  std::string owner_key;
  std::string source;
  std::string table;
  std::string key_text;  // integer keys only
  std::string reason;
};

struct UndoReport {
  bool dry_run = false;
  std::string run;              // its own name in the audit
  std::string undoes;           // the repair's
  std::uint64_t owners = 0;     // that the repair wrote = the sum of the following
  std::uint64_t restored = 0;   // dry run: would be
  std::uint64_t as_before = 0;  // nothing was to be done
  std::uint64_t left = 0;
  std::vector<LeftOwner> listed;  // the first of those left
  std::string audit_path;         // empty: nothing was written to it
  std::string audit_head;
  double seconds = 0;

  int exit_code() const { return left == 0 ? 0 : 1; }
};

// kRefused when the audit or the images were changed or are not there, over the limit, or when another process has the
// job. kStopped on request: what was restored is stored, the same command goes on.
base::Result<UndoReport> RunUndo(const job::JobConfig& config, const UndoOptions& options);

std::string UndoJson(const UndoReport& report);  // "shardlift.repair-undo/1"
std::string UndoText(const UndoReport& report);

}  // namespace shardlift::repair
