#include "verify/pass_log.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <openssl/sha.h>

#include <array>
#include <chrono>
#include <ctime>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "base/log.h"
#include "base/progress.h"
#include "base/sync_point.h"
#include "verify/findings_file.h"

namespace shardlift::verify {
namespace {

using base::Code;
using base::Status;
using LogJson = nlohmann::ordered_json;

constexpr std::size_t kRunsLookedAt = 100;
constexpr const char* kCommand = "verify";

std::string TimeText(std::int64_t seconds) {
  return fmt::format("{:%Y-%m-%d %H:%M:%S} UTC", fmt::gmtime(static_cast<std::time_t>(seconds)));
}

std::int64_t UnixNow() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::string Dumped(const LogJson& json) { return json.dump(-1, ' ', false, LogJson::error_handler_t::replace); }

std::string ResultText(const TableResult& result) {
  return Dumped({{"source_rows", result.counts.source_rows},
                 {"equal", result.counts.equal},
                 {"equal_by_meaning", result.counts.equal_by_meaning},
                 {"findings", result.counts.findings},
                 {"findings_with_source", result.counts.findings_with_source},
                 {"shard_rows", result.counts.shard_rows},
                 {"parts", result.digests.parts},
                 {"parts_by_rows", result.digests.parts_by_rows},
                 {"rows_by_rows", result.digests.rows_by_rows},
                 {"rows_json_by_rows", result.digests.rows_json_by_rows}});
}

// Nothing when the text is not what ResultText makes.
std::optional<TableResult> ResultOf(const std::string& text) {
  const LogJson json = LogJson::parse(text, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  TableResult result;
  const std::array<std::pair<const char*, std::uint64_t*>, 8> numbers{
      {{"source_rows", &result.counts.source_rows},
       {"equal", &result.counts.equal},
       {"equal_by_meaning", &result.counts.equal_by_meaning},
       {"findings_with_source", &result.counts.findings_with_source},
       {"parts", &result.digests.parts},
       {"parts_by_rows", &result.digests.parts_by_rows},
       {"rows_by_rows", &result.digests.rows_by_rows},
       {"rows_json_by_rows", &result.digests.rows_json_by_rows}}};
  for (const auto& [name, number] : numbers) {
    const auto found = json.find(name);
    if (found == json.end() || !found->is_number_unsigned()) return std::nullopt;
    *number = found->get<std::uint64_t>();
  }
  const auto findings = json.find("findings");
  const auto shard_rows = json.find("shard_rows");
  if (findings == json.end() || shard_rows == json.end() || findings->size() != kFindingKinds) return std::nullopt;
  for (std::size_t kind = 0; kind < kFindingKinds; ++kind) {
    if (!(*findings)[kind].is_number_unsigned()) return std::nullopt;
    result.counts.findings[kind] = (*findings)[kind].get<std::uint64_t>();
  }
  for (const LogJson& rows : *shard_rows) {
    if (!rows.is_number_unsigned()) return std::nullopt;
    result.counts.shard_rows.push_back(rows.get<std::uint64_t>());
  }
  return result;
}

job::LedgerFinding ToLedger(const Finding& finding) {
  return {std::string(FindingKindName(finding.kind)), finding.origin, finding.table_ordinal, finding.owner_key,
          Dumped({{"shard", finding.shard},
                  {"expected_shard", finding.expected_shard},
                  {"shards", finding.shards},
                  {"columns", finding.columns}})};
}

std::vector<std::string> TextsOf(const LogJson& json, const char* name) {
  std::vector<std::string> texts;
  const auto found = json.find(name);
  if (found == json.end() || !found->is_array()) return texts;
  for (const LogJson& text : *found) {
    if (text.is_string()) texts.push_back(text.get<std::string>());
  }
  return texts;
}

std::optional<Finding> FromLedger(const job::JobConfig& config, const job::CatalogTable& table,
                                  job::LedgerFinding logged) {
  const LogJson details = LogJson::parse(logged.details, nullptr, false);
  const std::optional<FindingKind> kind = FindingKindNamed(logged.verdict);
  if (!kind || !details.is_object()) return std::nullopt;
  Finding finding;
  finding.kind = *kind;
  finding.origin = logged.origin;
  finding.table_ordinal = logged.table_ordinal;
  finding.mapping = table.mapper->config().name;
  finding.source = config.sources[table.source].endpoint.name;
  finding.table = table.schema().name.Text();
  finding.key_text = KeyText(*table.mapper, logged.owner_key);
  finding.owner_key = std::move(logged.owner_key);
  finding.shard = details.value("shard", std::string());
  finding.expected_shard = details.value("expected_shard", std::string());
  finding.shards = TextsOf(details, "shards");
  finding.columns = TextsOf(details, "columns");
  return finding;
}

std::string TotalsText(const VerifyReport& report) {
  LogJson counts = LogJson::object();
  for (std::size_t kind = 0; kind < kFindingKinds; ++kind) {
    counts[std::string(FindingKindName(static_cast<FindingKind>(kind)))] = report.counts[kind];
  }
  return Dumped({{"rows_compared", report.rows_compared},
                 {"tables", report.tables},
                 {"counts", counts},
                 {"dead_letters", report.dead_letters},
                 {"not_verified", report.not_verified.size()},
                 {"seconds", report.seconds}});
}

}  // namespace

std::string PassScope(const job::JobConfig& config, const job::Catalog& catalog, const store::Router& router) {
  std::string text = fmt::format("{}\n{} {}\n", catalog.fingerprint, router.epoch(), router.MapText());
  for (const job::SourceConfig& source : config.sources) {
    text += fmt::format("source {} {} {}\n", source.endpoint.name, source.endpoint.host, source.endpoint.port);
  }
  for (const job::ShardConfig& shard : config.shards) {
    text += fmt::format("shard {} {} {} {}\n", shard.endpoint.name, shard.endpoint.host, shard.endpoint.port,
                        shard.database);
  }
  for (const job::CatalogTable& table : catalog.tables) {
    text += fmt::format("table {} {} {} {}\n", table.source, table.mapper->config().origin, table.ordinal,
                        table.schema().name.Text());
    for (const mysql::Column& column : table.schema().columns) {
      text += fmt::format("  {} {} {}\n", column.name, column.column_type, column.collation);
    }
    for (const std::size_t key : table.mapper->key_columns()) text += fmt::format("  key {}\n", key);
  }
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  return UpperHex({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

PassLog::PassLog(const job::JobConfig& config, const job::Catalog& catalog, const VerifyOptions& options,
                 std::string scope)
    : config_(config), catalog_(catalog), options_(options), settled_(catalog.tables.size()) {
  run_.command = kCommand;
  run_.mode = VerifyModeName(options.mode);
  run_.scope = std::move(scope);
  run_.options =
      fmt::format("{} {}{}{}", run_.mode, VerifyMethodName(options.method),
                  options.plan == VerifyPlan::kScan ? " scan" : "", options.prober != nullptr ? " live" : "");
  if (options.mode == VerifyMode::kSample) run_.options += fmt::format(" {} {}", options.sample_share, options.seed);
  run_.fingerprint = catalog.fingerprint;
}

void PassLog::Note(std::string text) {
  base::LogWarning(text, {});
  const std::lock_guard lock(mutex_);
  notes_.push_back(std::move(text));
}

bool PassLog::Check(Status status) {
  if (status.ok()) return true;
  if (writes_.exchange(false)) {
    Note(fmt::format("{}. The pass went on without it: --resume and --mode incremental cannot build on this pass",
                     status.message()));
  }
  return false;
}

Status PassLog::Begin() {
  if (!enabled()) return base::Ok();
  writes_.store(true);
  const auto locked = options_.ledger->Lock();
  if (!Check(locked.status())) return base::Ok();
  run_.resumable = *locked;
  if (!*locked && options_.resume) {
    return {Code::kRefused,
            fmt::format("another verify of this job runs (it has {}): wait for its end, or run without --resume",
                        options_.ledger->path())};
  }
  if (!Check(FindRun())) return base::Ok();
  if (run_.id == 0) Check(options_.ledger->Begin(&run_));
  return base::Ok();
}

// The last pass of its kind decides: one before it is out of date, whatever became of it.
Status PassLog::FindRun() {
  if (!options_.resume) return base::Ok();
  SL_ASSIGN(std::vector<job::LedgerRun> runs, options_.ledger->LastRuns(kRunsLookedAt));
  for (job::LedgerRun& run : runs) {
    if (run.command != run_.command || run.options != run_.options) continue;
    if (run.complete || !run.resumable) return base::Ok();
    if (run.scope != run_.scope) {
      Note(fmt::format("the pass of {} was not gone on with: mappings, routing, servers or tables are not as they were",
                       TimeText(run.started)));
      return base::Ok();
    }
    if (UnixNow() - run.started > options_.resume_within.count()) {
      Note(fmt::format("the pass of {} was not gone on with: it was begun too long ago (--resume-within)",
                       TimeText(run.started)));
      return base::Ok();
    }
    run_ = std::move(run);
    SL_TRY(options_.ledger->Continue(&run_));
    SL_ASSIGN(first_positions_, options_.ledger->Positions(run_));
    return base::Ok();
  }
  return base::Ok();
}

void PassLog::SetPositions(const std::vector<job::LedgerPosition>& positions) {
  if (writes_ && first_positions_.empty()) Check(options_.ledger->SetPositions(run_, positions));
}

void PassLog::Restore(std::vector<TableResult>* results) {
  if (!writes_ || run_.attempts == 1) return;
  std::vector<TableResult> restored(results->size());
  if (!Check(ReadRun(&restored))) {
    settled_.assign(settled_.size(), {});
    rows_restored_ = parts_restored_ = 0;
    return;
  }
  *results = std::move(restored);
  Note(
      fmt::format("this pass was begun on {} and gone on with: {} of its rows ({} parts) were compared by earlier "
                  "attempts, and were as reported then",
                  TimeText(run_.started), base::FormatCount(rows_restored_), parts_restored_));
}

Status PassLog::ReadRun(std::vector<TableResult>* results) {
  SL_ASSIGN(const std::vector<job::LedgerTableRows> tables, options_.ledger->TableRows(run_));
  for (const job::LedgerTableRows& rows : tables) {
    const std::size_t table = TableOf(rows.origin, rows.table_ordinal);
    if (table == results->size()) continue;
    settled_[table].counted = true;
    (*results)[table].source_rows_total = rows.rows;
    (*results)[table].source_rows_kept = rows.rows_kept;
  }
  return options_.ledger->ForEachPart(run_,
                                      [&](job::LedgerPart part) { return RestorePart(std::move(part), results); });
}

Status PassLog::RestorePart(job::LedgerPart part, std::vector<TableResult>* results) {
  const std::size_t table = TableOf(part.origin, part.table_ordinal);
  std::optional<TableResult> result = ResultOf(part.result);
  if (!result || table == results->size()) {
    return {Code::kRefused, fmt::format("ledger {}: a part of the pass cannot be read", options_.ledger->path())};
  }
  for (job::LedgerFinding& logged : part.findings) {
    std::optional<Finding> finding = FromLedger(config_, catalog_.tables[table], std::move(logged));
    if (!finding) return {Code::kRefused, fmt::format("ledger {}: no finding", options_.ledger->path())};
    if (options_.on_finding) options_.on_finding(*finding);
    result->findings.push_back(std::move(*finding));
  }
  settled_[table].ranges.push_back({std::move(part.after), std::move(part.upto)});
  rows_restored_ += result->counts.source_rows;
  ++parts_restored_;
  AddResult(std::move(*result), options_.findings_max, &(*results)[table]);
  return base::Ok();
}

std::size_t PassLog::TableOf(std::uint32_t origin, std::uint32_t ordinal) const {
  std::size_t i = 0;
  while (i < catalog_.tables.size() &&
         !(catalog_.tables[i].ordinal == ordinal && catalog_.tables[i].mapper->config().origin == origin)) {
    ++i;
  }
  return i;
}

void PassLog::AddPart(const job::CatalogTable& table, const OwnerPart& part, const TableResult& result,
                      double seconds) {
  std::uint64_t findings = 0;
  for (const std::uint64_t count : result.counts.findings) findings += count;
  if (!writes_ || findings != result.findings.size()) return;
  if (result.live.open > 0) return;  // rows without a verdict are looked at again by a pass that goes on
  base::SyncPoint("verify.settled", table.schema().name.Text());
  job::LedgerPart logged;
  logged.origin = table.mapper->config().origin;
  logged.table_ordinal = table.ordinal;
  logged.after = part.after;
  logged.upto = part.upto;
  logged.rows = result.counts.source_rows;
  logged.result = ResultText(result);
  logged.seconds = seconds;
  for (const Finding& finding : result.findings) logged.findings.push_back(ToLedger(finding));
  Check(options_.ledger->AddPart(run_, logged));
  base::SyncPoint("verify.recorded", table.schema().name.Text());
}

void PassLog::AddCount(const job::CatalogTable& table, const TableResult& counted) {
  if (!writes_) return;
  Check(options_.ledger->AddTableRows(
      run_, {table.mapper->config().origin, table.ordinal, counted.source_rows_total, counted.source_rows_kept}));
}

void PassLog::End(VerifyReport* report) {
  if (writes_) {
    std::vector<job::LedgerFinding> of_no_table;
    for (const Finding& finding : report->findings) {
      if (finding.table.empty()) of_no_table.push_back(ToLedger(finding));
    }
    if (Check(options_.ledger->AddFindings(run_, of_no_table))) {
      Check(options_.ledger->End(run_, report->exit_code(), TotalsText(*report)));
    }
  }
  const std::lock_guard lock(mutex_);
  report->notes.insert(report->notes.end(), notes_.begin(), notes_.end());
}

void PassLog::Stopped(const Status& status) {
  if (writes_) Check(options_.ledger->End(run_, base::ExitCodeOf(status), ""));
}

}  // namespace shardlift::verify
