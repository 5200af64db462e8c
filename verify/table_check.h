// TableChecker: compares rows of one legacy table with all shards, over sessions of its own.
//
// The client method: rows of both sides are streamed and merged. Each worker thread of a verification has one. Sessions
// are opened when first needed and kept from table to table.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "job/catalog.h"
#include "job/config.h"
#include "mysql/session.h"
#include "store/router.h"
#include "verify/merge.h"
#include "verify/owner_part.h"
#include "verify/verify.h"

namespace shardlift::verify {

class Pace;
class PassLog;
struct TouchedOwners;

struct TableResult {
  MergeCounts counts;
  std::uint64_t source_rows_total = 0;  // counted beside the stream
  std::uint64_t source_rows_kept = 0;   // of them those for which `where` is true
  std::vector<Finding> findings;        // at most options.findings_max
  DigestCounts digests;
  LiveCounts live;
  base::Status failure;     // not ok: this table could not be compared
  bool is_settled = false;  // right as a whole, as the scan plan found: not to be compared again
};
// Adds what was learned of some of a table's rows.
void AddResult(TableResult some, std::size_t findings_max, TableResult* all);

// What is wrong with the numbers of a table that was compared as a whole, if anything: rows that came or went
// meanwhile.
base::Status CheckBalance(const TableResult& result);

// What all workers share. `rows_done` is for progress.
struct CheckContext {
  const job::JobConfig& config;
  const job::Catalog& catalog;
  const store::Router& router;
  const VerifyOptions& options;
  std::atomic<std::uint64_t>* rows_done;
  PassLog* log = nullptr;
  std::atomic<std::uint64_t>* findings_done = nullptr;
  Pace* pace = nullptr;
  const TouchedOwners* touched = nullptr;  // of an incremental pass
  // So many findings of a part are kept until it is settled.
  std::size_t findings_kept() const;
};

// Which rows, and which of their columns, are compared row by row.
struct RowScope {
  OwnerPart part;
  bool json_only = false;  // all columns but the bucket and those that hold JSON are NULL on both sides
};

// SELECT of the source's rows with every target column computed by the source (RowSource's fields), and of their
// number in the table: all, and those for which `where` is true.
std::string SourceRowsSql(const mapping::TableMapper& mapper, const RowScope& scope = {});
std::string SourceCountSql(const mapping::TableMapper& mapper);
// SELECT of one shard's rows of one legacy table, with the bucket recomputed by the rules (NULL where no SQL does it).
std::string ShardRowsSql(const store::TargetTable& target, const mapping::OwnerSql& owners,
                         const store::BucketRules& rules, const RowScope& scope = {});
// "7, 42" for a canonical key whose columns are all integers, else empty: string keys are user data.
std::string KeyText(const mapping::TableMapper& mapper, std::string_view owner_key);

Finding MakeFinding(const job::JobConfig& config, const job::CatalogTable& table, const Verdict& verdict);

class TableChecker {
 public:
  explicit TableChecker(const CheckContext& context);

  // A failed Status ends the run (servers lost for good, asked to stop); what concerns the table alone is in
  // `result->failure`.
  base::Status Check(const job::CatalogTable& table, TableResult* result);

  // Runs `attempt` with a result of its own, and once more when a server is lost; as Check. It adds the rows that it
  // counted as done to its second argument.
  using Attempt = std::function<base::Status(TableResult*, std::uint64_t*)>;
  base::Status Try(const job::CatalogTable& table, TableResult* result, const Attempt& attempt);

  // The pieces of Check, for the server method. They do not try again.
  // Sets source_rows_total and source_rows_kept.
  base::Status CountSourceRows(const job::CatalogTable& table, TableResult* result);
  // Sets counts and adds findings, in a live pass those that the prober confirms. `on_rows` as in MergeInput.
  base::Status CompareRows(const job::CatalogTable& table, const RowScope& scope, TableResult* result,
                           std::function<void(std::uint64_t)> on_rows);
  base::Result<mysql::Session*> Source(std::uint32_t index);
  base::Result<mysql::Session*> Shard(std::uint32_t index);
  void CloseAll();

 private:
  base::Status CheckOnce(const job::CatalogTable& table, TableResult* result, std::uint64_t* rows_reported);
  const CheckContext& context_;
  std::vector<std::unique_ptr<mysql::Session>> sources_;
  std::vector<std::unique_ptr<mysql::Session>> shards_;
};

}  // namespace shardlift::verify
