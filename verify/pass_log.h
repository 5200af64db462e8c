// PassLog: a pass in the ledger (job/ledger.h): what it settles as it goes, and what an earlier attempt has settled.
//
// A ledger that cannot be written does not end the pass: verdicts come from the servers alone. The pass then goes on
// without it and its report says so. Thread rules: Add* from any thread, the others from one.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "job/catalog.h"
#include "job/config.h"
#include "job/ledger.h"
#include "store/router.h"
#include "verify/key_ranges.h"
#include "verify/table_check.h"
#include "verify/verify.h"

namespace shardlift::verify {

// What has to be the same for one pass to build on what another one found: mappings, routing, servers and the legacy
// tables as they are defined. SHA-256, in hex.
std::string PassScope(const job::JobConfig& config, const job::Catalog& catalog, const store::Router& router);

// More findings than these in one part are not kept; it is then compared again by a resumed pass.
inline constexpr std::size_t kLoggedFindingsMax = 50'000;

class PassLog {
 public:
  // `options.ledger` may be null: all calls do nothing then. With options.resume the last unfinished pass of the same
  // scope and options is gone on with.
  PassLog(const job::JobConfig& config, const job::Catalog& catalog, const VerifyOptions& options, std::string scope);

  // kRefused: to be gone on with, and another process does that.
  base::Status Begin();
  bool enabled() const { return options_.ledger != nullptr; }

  // Where the sources stand now, to be called before the first read. A resumed pass keeps its own.
  void SetPositions(const std::vector<job::LedgerPosition>& positions);
  // Of a resumed pass: where they stood when it began to read; else empty.
  const std::vector<job::LedgerPosition>& first_positions() const { return first_positions_; }

  // Adds what earlier attempts have settled to the results of the tables.
  void Restore(std::vector<TableResult>* results);
  const std::vector<KeyRange>& Settled(std::size_t table) const { return settled_[table].ranges; }
  bool IsCounted(std::size_t table) const { return settled_[table].counted; }
  std::uint64_t rows_restored() const { return rows_restored_; }

  // `table` is one of the catalog's; `part` is settled with what `result` holds. Findings beyond kLoggedFindingsMax are
  // not kept, nor is the part then.
  void AddPart(const job::CatalogTable& table, const OwnerPart& part, const TableResult& result, double seconds);
  void AddCount(const job::CatalogTable& table, const TableResult& counted);

  void End(VerifyReport* report);
  // The pass ended without a report.
  void Stopped(const base::Status& status);

 private:
  struct TableLog {
    std::vector<KeyRange> ranges;
    bool counted = false;
  };
  // What to say when a call failed; the log is not written any more then.
  bool Check(base::Status status);
  base::Status FindRun();
  base::Status ReadRun(std::vector<TableResult>* results);
  base::Status RestorePart(job::LedgerPart part, std::vector<TableResult>* results);
  std::size_t TableOf(std::uint32_t origin, std::uint32_t ordinal) const;
  void Note(std::string text);

  const job::JobConfig& config_;
  const job::Catalog& catalog_;
  const VerifyOptions& options_;
  job::LedgerRun run_;
  std::vector<job::LedgerPosition> first_positions_;
  std::vector<TableLog> settled_;  // of each table
  std::uint64_t rows_restored_ = 0;
  std::uint64_t parts_restored_ = 0;
  std::atomic<bool> writes_{false};
  std::mutex mutex_;  // guards what follows
  std::vector<std::string> notes_;
};

}  // namespace shardlift::verify
