// RunVerify: compares every mapped legacy row with the shards, after the writes have stopped or, with a prober, while
// they go on (docs/verification.md).
//
// The source server computes every target column with the mapping's SQL text, never with the evaluator that wrote the
// rows. Two methods give the same findings: `server`, digests of ranges of owners computed on both sides, narrowed down
// where they differ; and `client`, all rows of both sides streamed in owner key order and merged. Memory is constant.
// One verdict per owner, by precedence: duplicate > wrong shard > wrong bucket > differs > missing > extra.
//
// What it may claim: every row was equal when it was read. That is equality of the two sides only if nothing wrote to
// the legacy tables since before the pass began, and if migrate had caught up. What moved under the pass is detected
// where it can be (row counts taken beside the streams, binlog positions) and named; nothing that could not be compared
// passes. With a prober: every row was right at some moment of the pass.
//
// Units: rows. Thread rules: RunVerify blocks and uses threads of its own; reports are values.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "job/config.h"

namespace shardlift::job {
class Ledger;
}

namespace shardlift::verify {

enum class FindingKind : std::uint8_t { kDuplicate, kWrongShard, kWrongBucket, kDiffers, kMissing, kExtra };
inline constexpr std::size_t kFindingKinds = 6;
std::string_view FindingKindName(FindingKind kind);  // "wrong_shard"

struct Finding {
  FindingKind kind = FindingKind::kDiffers;
  std::uint32_t origin = 0;
  std::uint32_t table_ordinal = 0;
  std::string mapping;              // empty: the rows belong to no table of this job
  std::string source;               // source's name; empty: the rows belong to no table of this job
  std::string table;                // "im_0.msg_03"; empty as above
  std::string owner_key;            // the canonical key's bytes
  std::string key_text;             // "7, 42" when all key columns are integers; else empty
  std::string shard;                // where the row is; of a duplicate: a copy that is not in its place; missing: empty
  std::string expected_shard;       // empty: unknown (no source row)
  std::vector<std::string> shards;  // all copies
  std::vector<std::string> columns;  // target columns that differ
  std::string dead_letter;           // why the row was set aside, when it has an open dead letter
};

enum class VerifyMethod : std::uint8_t { kServer, kClient };
std::string_view VerifyMethodName(VerifyMethod method);  // "server", "client"

// kOwners goes along ranges of owners, which any part of a pass may be cut into; kScan reads both sides once, each in
// the order in which its rows lie, and goes along owners only where sums differ. Of the server method.
enum class VerifyPlan : std::uint8_t { kOwners, kScan };
std::string_view VerifyPlanName(VerifyPlan plan);  // "owners", "scan"

// How the server method came to its result.
struct DigestCounts {
  std::uint64_t parts = 0;              // ranges or sets of owners that were settled
  std::uint64_t parts_by_rows = 0;      // of them: not by digest but row by row
  std::uint64_t rows_by_rows = 0;       // source rows in those
  std::uint64_t rows_json_by_rows = 0;  // source rows of which only the JSON columns were compared row by row
};

struct MappingBalance {
  std::string mapping;
  std::uint64_t source_rows = 0;  // = kept + left_behind
  std::uint64_t kept = 0;         // = equal + findings with a source row
  std::uint64_t left_behind = 0;  // by `where`
  std::uint64_t equal = 0;
  std::uint64_t dead_letters = 0;  // open ones
};

struct ShardRows {
  std::string shard;
  std::uint64_t rows = 0;          // all rows of the job's target tables
  std::uint64_t foreign_rows = 0;  // of them: of tables that another job registered in this store; not looked at
};

struct NotVerified {
  std::string source;
  std::string table;
  std::string reason;
};

// A row about which a live pass has no verdict.
struct OpenRow {
  std::string source;
  std::string table;
  std::string owner_key;
  std::string key_text;  // as Finding's
  std::string reason;    // "hot: ..."
};

// What a live pass looked at again (docs/verification.md#live).
struct LiveCounts {
  std::uint64_t suspects = 0;      // rows that looked wrong where the two sides were read one after the other
  std::uint64_t right = 0;         // of them: right; the others are findings, or open
  std::uint64_t open = 0;          // complete
  std::vector<OpenRow> open_rows;  // findings_max of them

  void Add(LiveCounts other, std::size_t listed_max);
};

struct VerifyReport {
  VerifyMethod method = VerifyMethod::kServer;
  VerifyPlan plan = VerifyPlan::kOwners;
  bool is_live = false;
  LiveCounts live;
  DigestCounts digests;             // of the server method
  std::uint64_t rows_compared = 0;  // source rows that were held against the shards
  std::uint64_t tables = 0;
  std::array<std::uint64_t, kFindingKinds> counts{};  // by FindingKind, complete
  std::vector<Finding> findings;                      // findings_max of them, in table and key order
  std::uint64_t dead_letters = 0;
  std::vector<ShardRows> per_shard;
  std::vector<MappingBalance> per_mapping;
  std::vector<NotVerified> not_verified;  // tables for which the verdict is open; never empty-handed "clean"
  std::vector<std::string> notes;         // what weakens the claim: "source legacy1 was written to during the pass"
  double seconds = 0;

  std::uint64_t findings_total() const;
  bool clean() const { return findings_total() == 0 && dead_letters == 0 && not_verified.empty() && live.open == 0; }
  // 0 clean, 1 findings or dead letters, 4 when a table could not be compared, or when there are no findings but rows
  // without a verdict.
  int exit_code() const;
};

class Prober;

// Which rows are compared (docs/verification.md, "Modes").
enum class VerifyMode : std::uint8_t {
  kFull,
  kSample,       // parts drawn by a seed
  kIncremental,  // owners that the sources' streams have touched since the last pass
};
std::string_view VerifyModeName(VerifyMode mode);  // "full"

struct VerifyOptions {
  VerifyMode mode = VerifyMode::kFull;
  double sample_share = 0.05;  // of each table's parts
  std::uint64_t seed = 1;      // of a sample
  // Where the pass is recorded as it goes; null: nowhere. With `resume` the last pass that was not ended is gone on
  // with, unless it began longer ago than `resume_within`.
  job::Ledger* ledger = nullptr;
  bool resume = false;
  std::chrono::seconds resume_within = std::chrono::hours(24);
  std::size_t findings_max = 1000;  // listed; all are counted
  std::uint32_t threads = 2;        // tables, or parts of them, side by side
  VerifyMethod method = VerifyMethod::kServer;
  VerifyPlan plan = VerifyPlan::kOwners;      // a live pass, and the client method, go along owners
  std::uint64_t chunk_rows = 20'000;          // of one digest
  std::uint64_t rows_compared_max = 1000;     // so few are compared row by row when their digests differ
  std::uint64_t equal_by_meaning_max = 1000;  // rows of a table whose JSON may be found equal in other words before its
                                              // JSON is no longer digested
  // Gets every finding, those beyond findings_max too, and those of a table that had to be compared again twice. Called
  // from several threads, and not for rows of no table of this job.
  std::function<void(const Finding&)> on_finding;
  // Of a live pass: settles the rows that look wrong while applications write. It is started and closed by RunVerify.
  Prober* prober = nullptr;
  bool progress = true;                     // to stderr
  const std::atomic<bool>* stop = nullptr;  // set by a signal handler; ends with kStopped
};

// kEnvironment when a server is lost (after one more try per table), kRefused when the job's tables have no ordinals
// yet
// ("run migrate first"), kUsage for a job file that does not fit its servers.
base::Result<VerifyReport> RunVerify(const job::JobConfig& config, const VerifyOptions& options);

std::string ReportJson(const VerifyReport& report);  // one document, "shardlift.verify/1"
std::string ReportText(const VerifyReport& report);  // for a person

}  // namespace shardlift::verify
