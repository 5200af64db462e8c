// Ledger: what verifications did, in a local SQLite file beside the job file (docs/formats.md, "Ledger").
//
// The truth is in the shards: who loses the file loses history, the place where a pass goes on, and the place from
// which an incremental pass reads. Nothing a shard holds is ever decided by it. Owner keys of findings are in it,
// values are not; mode 0600.
//
// Thread rules: all functions from any thread. Other processes may have the file open as well.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace shardlift::job {

struct LedgerRun {
  std::int64_t id = 0;
  std::string command;       // "verify"
  std::string mode;          // "full"
  std::string scope;         // what has to be the same for another run to build on this one
  std::string options;       // what has to be the same besides for this run to be gone on with
  std::string fingerprint;   // the job's
  std::int64_t started = 0;  // unix seconds
  std::optional<std::int64_t> ended;
  std::optional<int> exit_code;
  bool complete = false;   // ended with a report
  bool resumable = false;  // its process had the file's lock, so that it is over when the lock is free
  std::uint32_t attempts = 1;
  std::string totals;  // JSON, of a complete run
};

struct LedgerFinding {
  std::string verdict;
  std::uint32_t origin = 0;
  std::uint32_t table_ordinal = 0;
  std::string owner_key;
  std::string details;  // JSON: names of shards and columns
};

// A part of a legacy table that a run has settled.
struct LedgerPart {
  std::uint32_t origin = 0;
  std::uint32_t table_ordinal = 0;
  std::string after;                // owner key, excluded; empty: from the first on
  std::optional<std::string> upto;  // included; none: to the last
  std::uint64_t rows = 0;
  std::string result;  // counts, JSON
  double seconds = 0;
  std::uint32_t attempt = 0;            // of the run; set by AddPart
  std::vector<LedgerFinding> findings;  // all of the part
};

struct LedgerTableRows {
  std::uint32_t origin = 0;
  std::uint32_t table_ordinal = 0;
  std::uint64_t rows = 0;
  std::uint64_t rows_kept = 0;
};

// Where the stream of a source has to be read from to see all that changed since the run began to read.
struct LedgerPosition {
  std::string source;
  std::string position;  // mysql::SourcePosition::ToText()
  std::string identity;  // tells whether the position still is in the same binlog
};

class Ledger {
 public:
  // "job.json" -> "job.ledger.sqlite"
  static std::string DefaultPath(const std::string& job_path);
  // Creates the file when it is not there. kRefused for a damaged or foreign file and one of a later version,
  // kEnvironment when it cannot be read or written.
  static base::Result<std::unique_ptr<Ledger>> Open(const std::string& path);
  ~Ledger();
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;

  const std::string& path() const;
  // Until the object's end: no other process that asks gets it. False: another one has it.
  base::Result<bool> Lock();

  // Sets run->id and run->started; details of runs long ago are removed.
  base::Status Begin(LedgerRun* run);
  // Another attempt at an unfinished run: sets run->attempts.
  base::Status Continue(LedgerRun* run);
  base::Status SetPositions(const LedgerRun& run, const std::vector<LedgerPosition>& positions);
  // One transaction.
  base::Status AddPart(const LedgerRun& run, const LedgerPart& part);
  base::Status AddTableRows(const LedgerRun& run, const LedgerTableRows& rows);
  // Findings that are in no part: rows of no table.
  base::Status AddFindings(const LedgerRun& run, const std::vector<LedgerFinding>& findings);
  // `totals` empty: it ended without a report and may be gone on with.
  base::Status End(const LedgerRun& run, int exit_code, std::string_view totals);

  base::Result<std::vector<LedgerRun>> LastRuns(std::size_t runs_max);  // the last one first
  base::Result<std::vector<LedgerPosition>> Positions(const LedgerRun& run);
  base::Result<std::vector<LedgerTableRows>> TableRows(const LedgerRun& run);
  base::Status ForEachPart(const LedgerRun& run, const std::function<base::Status(LedgerPart)>& fn);
  base::Status ForEachFinding(const LedgerRun& run, const std::function<base::Status(LedgerFinding)>& fn);

 private:
  struct Impl;
  explicit Ledger(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace shardlift::job
