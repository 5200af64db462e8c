#include "verify/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <numeric>
#include <utility>

#include "job/catalog.h"
#include "job/routing.h"
#include "mysql/position.h"
#include "store/router.h"
#include "verify/pass_log.h"
#include "verify/prober.h"
#include "verify/scan.h"
#include "verify/shard_totals.h"
#include "verify/table_check.h"
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
    for (const mapping::MappingConfig& mapping : config_.mappings)
      report->per_mapping.push_back({.mapping = mapping.name});
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
      report->per_shard.push_back(std::move(rows));
    }
    for (const auto& [table, count] : totals_.dead_letters) {
      if (!IsForeign(totals_, config_, table)) report->dead_letters += count;
    }
  }

 private:
  void AddTable(const job::CatalogTable& table, TableResult* result, VerifyReport* report) const {
    if (!is_live_) CheckShardCounts(config_, table, totals_, result);
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

int VerifyReport::exit_code() const {
  const int not_done = base::ExitCodeOf(Status(Code::kRefused, "not verified"));
  if (!not_verified.empty()) return not_done;
  if (findings_total() + dead_letters > 0) return base::ExitCodeOf(Status(Code::kFindings, "findings"));
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
  PassLog log(config, catalog, options, PassScope(config, catalog, router));
  SL_TRY(log.Begin());
  ProberUse prober(options.prober);
  if (options.prober != nullptr) SL_TRY(options.prober->Start(config, catalog, router));
  const std::vector<SourceState> before = ReadSourceStates(config);
  SL_ASSIGN(ShardTotals totals, ReadShardTotals(config, catalog));

  std::atomic<std::uint64_t> rows_done{0};
  const CheckContext context{config,     catalog,
                             router,     options,
                             &rows_done, log.enabled() && options.plan == VerifyPlan::kOwners ? &log : nullptr};
  std::vector<TableResult> results;
  if (options.plan == VerifyPlan::kScan) SL_TRY(ScanTables(context, totals, &results));
  if (const Status status = RunChecks(context, &results); !status.ok()) {
    log.Stopped(status);
    return status;
  }
  SL_TRY(prober.Close());
  if (options.prober != nullptr) {
    SL_ASSIGN(totals, ReadShardTotals(config, catalog));  // dead letters that the pass itself has outlived are none
  }

  VerifyReport report;
  report.method = options.method;
  report.plan = options.plan;
  report.is_live = options.prober != nullptr;
  const Reporter reporter(config, catalog, totals, options);
  reporter.AddTables(results, &report);
  reporter.AddShards(&report);
  SL_TRY(AddUnknownOwners(config, catalog, totals, options.findings_max, &report));
  SL_TRY(NameDeadLetters(config, &report));
  if (!report.is_live) NoteSourceChanges(config, before, &report);
  if (!router.rules().has_sql()) report.notes.emplace_back(kClientBuckets);
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started_at).count();
  log.End(&report);
  return report;
}

}  // namespace shardlift::verify
