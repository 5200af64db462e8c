#include "verify/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <numeric>
#include <utility>

#include "base/progress.h"
#include "job/catalog.h"
#include "job/routing.h"
#include "mysql/position.h"
#include "store/router.h"
#include "verify/base_pass.h"
#include "verify/beyond.h"
#include "verify/pace.h"
#include "verify/pass_log.h"
#include "verify/prober.h"
#include "verify/scan.h"
#include "verify/shard_totals.h"
#include "verify/table_check.h"
#include "verify/touched_owners.h"
#include "verify/workers.h"

namespace shardlift::verify {
namespace {

using base::Code;
using base::Result;
using base::Status;

constexpr const char* kClientBuckets =
    "no SQL computes the job's routing strategy: all rows were read, as with --method client, and the bucket of each "
    "row was "
    "computed by this program, from the account columns as the source computes them and as the shard holds them, with "
    "the "
    "function that migrate uses";

constexpr std::uint64_t kChunkRowsMin = 1000;

// Where a source stands, to tell afterwards whether it was written to. Failures only weaken what can be said.
struct SourceState {
  std::string position;  // empty: could not be read
  std::size_t prepared_xa = 0;
};

std::vector<SourceState> ReadSourceStates(const job::JobConfig& config) {
  std::vector<SourceState> states(config.sources.size());
  for (std::size_t i = 0; i < config.sources.size(); ++i) {
    auto session = mysql::Session::Open(config.sources[i].endpoint, mysql::SessionOptions());
    if (!session.ok()) continue;
    if (const auto position = mysql::ReadUpperBound(**session); position.ok()) states[i].position = position->ToText();
    const auto prepared = (*session)->Query("XA RECOVER", "list prepared XA transactions");
    if (prepared.ok()) states[i].prepared_xa = prepared->rows.size();
  }
  return states;
}

void NoteSourceChanges(const job::JobConfig& config, const std::vector<SourceState>& before, VerifyReport* report) {
  const std::vector<SourceState> after = ReadSourceStates(config);
  for (std::size_t i = 0; i < before.size(); ++i) {
    const std::string& name = config.sources[i].endpoint.name;
    if (before[i].position.empty() || after[i].position.empty()) {
      report->notes.push_back(
          fmt::format("source {}: its binlog position could not be read, so this pass cannot tell "
                      "whether it was written to",
                      name));
    } else if (before[i].position != after[i].position) {
      report->notes.push_back(
          fmt::format("source {} was written to during the pass; if legacy tables were, the "
                      "result speaks of no single moment: stop the writes, or use --live",
                      name));
    }
    if (after[i].prepared_xa > 0) {
      report->notes.push_back(fmt::format("source {} has {} prepared XA transactions: their rows can still change",
                                          name, after[i].prepared_xa));
    }
  }
}

// The shards' own counts, taken before the streams, must be what the streams brought.
void CheckShardCounts(const job::JobConfig& config, const job::CatalogTable& table, const ShardTotals& totals,
                      TableResult* result) {
  if (!result->failure.ok()) return;
  const StoredRows stored{table.target().name, {table.mapper->config().origin, table.ordinal}};
  for (std::size_t shard = 0; shard < totals.rows.size(); ++shard) {
    const auto found = totals.rows[shard].find(stored);
    const std::uint64_t counted = found == totals.rows[shard].end() ? 0 : found->second;
    if (counted == result->counts.shard_rows[shard]) continue;
    result->failure = Status(
        Code::kRefused, fmt::format("shard {} had {} of its rows when counted and {} when read; is a migrate "
                                    "still running? stop it after it has caught up and verify again",
                                    config.shards[shard].endpoint.name, counted, result->counts.shard_rows[shard]));
    return;
  }
}

class Reporter {
 public:
  Reporter(const job::JobConfig& config, const job::Catalog& catalog, const ShardTotals& totals,
           const VerifyOptions& options)
      : config_(config),
        catalog_(catalog),
        totals_(totals),
        findings_max_(options.findings_max),
        is_live_(options.prober != nullptr) {}

  void AddTables(std::vector<TableResult>& results, VerifyReport* report) const {
    for (const mapping::MappingConfig& mapping : config_.mappings) {
      if (!report->is_partial()) report->per_mapping.push_back({.mapping = mapping.name});
    }
    report->tables = catalog_.tables.size();
    for (std::size_t i = 0; i < results.size(); ++i) AddTable(catalog_.tables[i], &results[i], report);
  }

  void AddShards(VerifyReport* report) const {
    for (std::size_t shard = 0; shard < totals_.rows.size(); ++shard) {
      ShardRows rows{config_.shards[shard].endpoint.name};
      for (const auto& [table, count] : totals_.rows[shard]) {
        rows.rows += count;
        if (IsForeign(totals_, config_, table.owner)) rows.foreign_rows += count;
      }
      if (rows.foreign_rows > 0) {
        report->notes.push_back(fmt::format("shard {} holds {} rows of other jobs; they were not looked at", rows.shard,
                                            rows.foreign_rows));
      }
      if (!report->is_partial()) report->per_shard.push_back(std::move(rows));
    }
    for (const auto& [table, count] : totals_.dead_letters) {
      if (!IsForeign(totals_, config_, table)) report->dead_letters += count;
    }
  }

 private:
  void AddTable(const job::CatalogTable& table, TableResult* result, VerifyReport* report) const {
    if (!is_live_ && !report->is_partial()) CheckShardCounts(config_, table, totals_, result);
    report->rows_estimated += table.schema().rows_estimate;
    if (!result->failure.ok()) {
      report->not_verified.push_back({config_.sources[table.source].endpoint.name, table.schema().name.Text(),
                                      std::string(result->failure.message())});
    }
    const mapping::MappingConfig& mapping = table.mapper->config();
    for (MappingBalance& balance : report->per_mapping) {
      if (balance.mapping != mapping.name) continue;
      balance.source_rows += result->source_rows_total;
      balance.kept += result->source_rows_kept;
      balance.left_behind += result->source_rows_total - result->source_rows_kept;
      balance.equal += result->counts.equal;
      balance.findings += result->counts.findings_with_source;
      const auto letters = totals_.dead_letters.find(OwnerTable(mapping.origin, table.ordinal));
      if (letters != totals_.dead_letters.end()) balance.dead_letters += letters->second;
    }
    report->rows_compared += result->counts.source_rows;
    report->digests.parts += result->digests.parts;
    report->digests.parts_by_rows += result->digests.parts_by_rows;
    report->digests.rows_by_rows += result->digests.rows_by_rows;
    report->digests.rows_json_by_rows += result->digests.rows_json_by_rows;
    report->live.Add(std::move(result->live), findings_max_);
    for (std::size_t kind = 0; kind < kFindingKinds; ++kind) report->counts[kind] += result->counts.findings[kind];
    for (Finding& finding : result->findings) {
      if (report->findings.size() < findings_max_) report->findings.push_back(std::move(finding));
    }
  }

  const job::JobConfig& config_;
  const job::Catalog& catalog_;
  const ShardTotals& totals_;
  const std::size_t findings_max_;
  const bool is_live_;
};

// Closes the prober whatever way a pass ends.
class ProberUse {
 public:
  explicit ProberUse(Prober* prober) : prober_(prober) {}
  ~ProberUse() {
    if (prober_ != nullptr) static_cast<void>(prober_->Close());
  }
  ProberUse(const ProberUse&) = delete;
  ProberUse& operator=(const ProberUse&) = delete;
  Status Close() { return prober_ == nullptr ? base::Ok() : std::exchange(prober_, nullptr)->Close(); }

 private:
  Prober* prober_;
};

// Where the sources stood when the pass, an earlier attempt of it maybe, began to read.
std::vector<SourceState> FirstStates(const job::JobConfig& config, const PassLog& log) {
  std::vector<SourceState> states = ReadSourceStates(config);
  for (const job::LedgerPosition& first : log.first_positions()) {
    for (std::size_t i = 0; i < states.size(); ++i) {
      if (config.sources[i].endpoint.name == first.source) states[i].position = first.position;
    }
  }
  return states;
}

Status CheckModes(const VerifyOptions& options) {
  if (options.prober != nullptr && options.mode == VerifyMode::kIncremental) {
    return Status(Code::kUsage, "a live pass is a full one, or a sample");
  }
  if (options.resume && options.mode != VerifyMode::kFull) {
    return Status(Code::kUsage, "--resume goes on with full passes only; leave it out with other modes");
  }
  return base::Ok();
}

// A chunk of more rows than a second allows would be one long burst.
std::uint64_t ChunkRows(const VerifyOptions& options) {
  const std::uint64_t limit = options.pace.rows_per_second_max;
  if (limit == 0) return options.chunk_rows;
  return std::clamp(limit, std::min<std::uint64_t>(options.chunk_rows, kChunkRowsMin), options.chunk_rows);
}

// What a pass that was stopped has to say.
Status HowFar(Pace& pace, const PassLog& log, std::uint64_t rows, std::uint64_t findings) {
  const Status reason = pace.Stopped();
  if (!reason.ok() && reason.code() != Code::kStopped) return reason;
  return {Code::kStopped, fmt::format("{}: {} rows were compared, with {} findings so far{}",
                                      reason.ok() ? "stopped on request" : reason.message(), base::FormatCount(rows),
                                      base::FormatCount(findings), log.is_written() ? "; --resume goes on there" : "")};
}

}  // namespace

std::string_view FindingKindName(FindingKind kind) {
  switch (kind) {
    case FindingKind::kDuplicate: return "duplicate";
    case FindingKind::kWrongShard: return "wrong_shard";
    case FindingKind::kWrongBucket: return "wrong_bucket";
    case FindingKind::kDiffers: return "differs";
    case FindingKind::kMissing: return "missing";
    case FindingKind::kExtra: return "extra";
  }
  return "unknown";
}

std::string_view VerifyPlanName(VerifyPlan plan) { return plan == VerifyPlan::kOwners ? "owners" : "scan"; }

std::string_view VerifyModeName(VerifyMode mode) {
  switch (mode) {
    case VerifyMode::kFull: return "full";
    case VerifyMode::kSample: return "sample";
    case VerifyMode::kIncremental: return "incremental";
  }
  return "unknown";
}

std::string_view VerifyMethodName(VerifyMethod method) { return method == VerifyMethod::kServer ? "server" : "client"; }

std::uint64_t VerifyReport::findings_total() const {
  return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
}

void LiveCounts::Add(LiveCounts other, std::size_t listed_max) {
  suspects += other.suspects;
  right += other.right;
  open += other.open;
  for (OpenRow& row : other.open_rows) {
    if (open_rows.size() < listed_max) open_rows.push_back(std::move(row));
  }
}

bool VerifyReport::HasBeyond(BeyondState state) const {
  return std::any_of(beyond.begin(), beyond.end(), [&](const BeyondCheck& check) { return check.state == state; });
}

bool VerifyReport::clean() const {
  return findings_total() == 0 && dead_letters == 0 && not_verified.empty() && live.open == 0 &&
         !HasBeyond(BeyondState::kFindings) && !HasBeyond(BeyondState::kNotMade);
}

int VerifyReport::exit_code() const {
  const int not_done = base::ExitCodeOf(Status(Code::kRefused, "not verified"));
  if (!not_verified.empty() || HasBeyond(BeyondState::kNotMade)) return not_done;
  if (certificate && !certificate->issued) return not_done;
  if (findings_total() + dead_letters > 0 || HasBeyond(BeyondState::kFindings)) {
    return base::ExitCodeOf(Status(Code::kFindings, "findings"));
  }
  return clean() ? 0 : not_done;
}

Result<VerifyReport> RunVerify(const job::JobConfig& config, const VerifyOptions& wanted) {
  const auto started_at = std::chrono::steady_clock::now();
  SL_ASSIGN(const store::Router router, job::MakeRouter(config.routing));
  VerifyOptions options = wanted;
  if (!router.rules().has_sql()) options.method = VerifyMethod::kClient;
  if (options.method == VerifyMethod::kClient || options.prober != nullptr) options.plan = VerifyPlan::kOwners;
  SL_ASSIGN(const job::Catalog catalog, job::LoadCatalog(config, false));
  SL_TRY(job::CheckStoredRules(config, router));
  SL_TRY(CheckModes(options));
  PassLog log(config, catalog, options, PassScope(config, catalog, router));
  VerifyReport report;
  TouchedOwners touched;
  // Before anything is read: what changes from here on is for the next incremental pass.
  const bool may_be_built_on = log.enabled() && options.mode != VerifyMode::kSample && options.prober == nullptr;
  const std::vector<job::LedgerPosition> starts =
      may_be_built_on ? ReadStreamStarts(config) : std::vector<job::LedgerPosition>();
  if (options.mode == VerifyMode::kIncremental) {
    SL_ASSIGN(touched, ReadTouchedSince(config, catalog, options, log.scope(), &report));
  }
  SL_TRY(log.Begin());
  log.SetPositions(starts);
  ProberUse prober(options.prober);
  if (options.prober != nullptr) SL_TRY(options.prober->Start(config, catalog, router));
  const std::vector<SourceState> before = FirstStates(config, log);
  SL_ASSIGN(ShardTotals totals, ReadShardTotals(config, catalog, options.mode == VerifyMode::kFull));

  Pace pace(config, options.pace, wanted.stop);
  options.stop = pace.stop_flag();
  options.chunk_rows = ChunkRows(options);
  std::atomic<std::uint64_t> rows_done{0};
  std::atomic<std::uint64_t> findings_done{0};
  const bool is_logged = log.enabled() && options.plan == VerifyPlan::kOwners;
  const CheckContext context{config,         catalog,    router,
                             options,        &rows_done, is_logged ? &log : nullptr,
                             &findings_done, &pace,      options.mode == VerifyMode::kIncremental ? &touched : nullptr};
  std::vector<TableResult> results;
  Status status;
  if (options.plan == VerifyPlan::kScan) status = ScanTables(context, totals, &results);
  if (status.ok()) status = RunChecks(context, &results);
  if (!status.ok()) {
    log.Stopped(status);
    return status.code() == Code::kStopped ? HowFar(pace, log, rows_done, findings_done) : status;
  }
  SL_TRY(prober.Close());
  if (options.prober != nullptr) {
    // Dead letters that the pass itself has outlived are none.
    SL_ASSIGN(totals, ReadShardTotals(config, catalog, options.mode == VerifyMode::kFull));
  }

  report.mode = options.mode;
  report.seed = options.seed;
  report.method = options.method;
  report.plan = options.plan;
  report.is_live = options.prober != nullptr;
  const Reporter reporter(config, catalog, totals, options);
  reporter.AddTables(results, &report);
  reporter.AddShards(&report);
  SL_TRY(AddUnknownOwners(config, catalog, totals, options.findings_max, &report));
  SL_TRY(NameDeadLetters(config, &report));
  if (options.beyond) SL_TRY(CheckBeyondRows({config, catalog, router, options}, &report));
  if (!report.is_live) NoteSourceChanges(config, before, &report);
  if (!router.rules().has_sql()) report.notes.emplace_back(kClientBuckets);
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started_at).count();
  log.End(&report);
  return report;
}

}  // namespace shardlift::verify
