#include "repair/repair.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

#include "base/progress.h"
#include "job/catalog.h"
#include "job/routing.h"
#include "mapping/owner_key.h"
#include "migrate/batch.h"
#include "migrate/follower.h"
#include "repair/audit.h"
#include "repair/journal.h"
#include "repair/live_prober.h"
#include "store/router.h"
#include "verify/findings_file.h"
#include "verify/owner_check.h"

namespace shardlift::repair {
namespace {

using base::Code;
using base::Result;
using base::Status;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr int kRounds = 5;      // owners that changed while they were read are read again
constexpr int kLastLooks = 5;   // owners that change faster than both sides can be read
constexpr auto kPause = 200ms;  // between rounds and looks
constexpr std::size_t kOpenListed = 1000;

std::string OwnerIdOf(const verify::Finding& finding) {
  return migrate::MakeOwnerId(finding.origin, finding.table_ordinal, finding.owner_key);
}

std::string NewRunName() {
  const auto now = std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now());
  return fmt::format("{:%Y%m%dT%H%M%SZ}-{}", now, getpid());
}

// Owner keys to look at, by table.
using Owners = std::map<const job::CatalogTable*, std::vector<std::string>>;

std::uint64_t CountOf(const Owners& owners) {
  std::uint64_t count = 0;
  for (const auto& [table, keys] : owners) count += keys.size();
  return count;
}

class Run {
 public:
  Run(const job::JobConfig& config, const RepairOptions& options, const job::Catalog& catalog,
      const store::Router& router)
      : config_(config),
        options_(options),
        catalog_(catalog),
        router_(router),
        checker_(config, catalog, router, options.stop) {
    report_.dry_run = options.dry_run;
    report_.run = NewRunName();
  }

  Status TakeFindings();
  Status DryRun();
  Status Repair();
  RepairReport report() { return std::move(report_); }

 private:
  MappingRepair& Of(const std::string& mapping);
  void Sort();
  void Refuse(const verify::Finding& finding, std::string reason);
  // Those of `owners` that are wrong now; they are told apart by the last verdict.
  Result<Owners> Look(const Owners& owners);
  Result<Owners> LookTwice(const Owners& owners);
  void CountWrong(const Owners& wrong);
  bool OverLimit(std::uint64_t wrong) const;
  Status CheckLimit(std::uint64_t wrong) const;
  Status Mend(Owners* wrong);
  Status Conclude(const Owners& wrong);
  Result<std::string> DeadLetterOf(const verify::Finding& finding);
  Status RecordOutcome();

  const job::JobConfig& config_;
  const RepairOptions& options_;
  const job::Catalog& catalog_;
  const store::Router& router_;
  verify::OwnerChecker checker_;
  Findings findings_;                        // all that were handed over
  Owners owners_;                            // of them those that can be looked at
  Findings wrong_;                           // the last verdicts of those that were wrong at the second look
  std::map<std::string, std::string> ends_;  // owner id -> outcome, for the audit
  std::vector<std::unique_ptr<mysql::Session>> shards_;  // opened when first needed
  std::unique_ptr<AuditLog> audit_;
  std::unique_ptr<RepairJournal> journal_;
  std::unique_ptr<migrate::Follower> follower_;
  RepairReport report_;
};

MappingRepair& Run::Of(const std::string& mapping) {
  for (MappingRepair& one : report_.per_mapping) {
    if (one.mapping == mapping) return one;
  }
  report_.per_mapping.push_back({.mapping = mapping});
  return report_.per_mapping.back();
}

Status Run::TakeFindings() {
  std::uint64_t found = 0;
  if (!options_.findings_path.empty()) {
    SL_ASSIGN(verify::FindingsFile file, verify::ReadFindings(options_.findings_path, config_));
    for (verify::Finding& finding : file.findings) findings_.insert_or_assign(OwnerIdOf(finding), std::move(finding));
    report_.rows_compared = file.rows_compared;
    report_.not_verified = std::move(file.not_verified);
    found = file.findings_total;
  } else {
    verify::VerifyOptions verify_options;
    verify_options.method = options_.method;
    verify_options.stop = options_.stop;
    verify_options.progress = options_.progress;
    std::mutex mutex;
    verify_options.on_finding = [&](const verify::Finding& finding) {
      const std::lock_guard lock(mutex);
      findings_.insert_or_assign(OwnerIdOf(finding), finding);
    };
    // A dry run takes no locks.
    LiveProber prober({.takeover = options_.takeover, .stop = options_.stop});
    if (!options_.dry_run) verify_options.prober = &prober;
    SL_ASSIGN(verify::VerifyReport verified, verify::RunVerify(config_, verify_options));
    for (verify::Finding& finding : verified.findings) {
      if (finding.table.empty()) findings_.insert_or_assign(OwnerIdOf(finding), std::move(finding));
    }
    report_.rows_compared = verified.rows_compared;
    report_.not_verified = std::move(verified.not_verified);
    for (verify::OpenRow& row : verified.live.open_rows) {
      report_.not_verified.push_back({std::move(row.source), std::move(row.table), "a row: " + std::move(row.reason)});
    }
    found = verified.findings_total();
  }
  for (const mapping::MappingConfig& mapping : config_.mappings)
    report_.per_mapping.push_back({.mapping = mapping.name});
  Sort();
  if (found > findings_.size()) {
    // Only the first rows of no table of this job are listed, and none of them can be repaired.
    MappingRepair& unknown = Of("");
    unknown.found += found - findings_.size();
    unknown.refused += found - findings_.size();
  }
  return base::Ok();
}

void Run::Sort() {
  std::map<std::pair<std::uint32_t, std::uint32_t>, const job::CatalogTable*> tables;
  for (const job::CatalogTable& table : catalog_.tables) {
    tables[{table.mapper->config().origin, table.ordinal}] = &table;
  }
  for (auto& [owner_id, finding] : findings_) {
    const auto table = tables.find({finding.origin, finding.table_ordinal});
    if (table == tables.end()) {
      finding.mapping.clear();
      ++Of("").found;
      Refuse(finding, "a row of no table of this job: nothing says what it should be; find out whose it is");
      continue;
    }
    const mapping::TableMapper& mapper = *table->second->mapper;
    finding.mapping = mapper.config().name;
    ++Of(finding.mapping).found;
    if (!mapping::DecodeOwnerKey(mapper.context().schema, mapper.key_columns(), finding.owner_key)) {
      Refuse(finding, "its owner key is none that this table can have: find out who wrote it");
    } else {
      owners_[table->second].push_back(finding.owner_key);
    }
  }
}

void Run::Refuse(const verify::Finding& finding, std::string reason) {
  ++Of(finding.mapping).refused;
  ends_[OwnerIdOf(finding)] = "refused";
  if (report_.open.size() < kOpenListed) report_.open.push_back({finding, true, std::move(reason)});
}

Result<Owners> Run::Look(const Owners& owners) {
  Owners wrong;
  for (const auto& [table, keys] : owners) {
    SL_ASSIGN(std::vector<verify::Finding> findings, checker_.Check(*table, keys));
    for (verify::Finding& finding : findings) {
      wrong[table].push_back(finding.owner_key);
      wrong_.insert_or_assign(OwnerIdOf(finding), std::move(finding));
    }
  }
  return wrong;
}

// A row that changes just now is wrong at one look only, mostly.
Result<Owners> Run::LookTwice(const Owners& owners) {
  SL_ASSIGN(Owners wrong, Look(owners));
  if (wrong.empty()) return wrong;
  std::this_thread::sleep_for(kPause);
  if (follower_) SL_TRY(follower_->Settle());
  wrong_.clear();
  return Look(wrong);
}

void Run::CountWrong(const Owners& wrong) {
  for (const auto& [owner_id, finding] : wrong_) {
    ++Of(finding.mapping).wrong[static_cast<std::size_t>(finding.kind)];
  }
  report_.over_limit = OverLimit(CountOf(wrong));
}

bool Run::OverLimit(std::uint64_t wrong) const {
  // Rows without a source row are wrong, too, and may be more than all that were compared.
  const auto all = static_cast<double>(std::max(report_.rows_compared, wrong));
  return wrong > options_.max_rows || 100.0 * static_cast<double>(wrong) > options_.max_share_percent * all;
}

Status Run::CheckLimit(std::uint64_t wrong) const {
  if (!OverLimit(wrong)) return base::Ok();
  return Status(Code::kRefused,
                fmt::format("{} rows would be changed, of {} that the verification compared; the limits are {} % "
                            "(--max-share) and {} rows (--max-rows). Nothing was repaired. Find out what made so many "
                            "rows wrong, then raise the limits",
                            wrong, report_.rows_compared, options_.max_share_percent, options_.max_rows));
}

Status Run::DryRun() {
  SL_ASSIGN(const Owners wrong, LookTwice(owners_));
  CountWrong(wrong);
  for (const auto& [table, keys] : owners_) {
    const auto left = wrong.find(table);
    const std::uint64_t count = left == wrong.end() ? 0 : left->second.size();
    MappingRepair& mapping = Of(table->mapper->config().name);
    mapping.repaired += count;
    mapping.right_meanwhile += keys.size() - count;
  }
  return base::Ok();
}

Status Run::Repair() {
  report_.audit_path = options_.audit_path.empty() ? DefaultAuditPath(config_) : options_.audit_path;
  SL_ASSIGN(audit_, AuditLog::Open(report_.audit_path));
  journal_ = std::make_unique<RepairJournal>(config_, catalog_, report_.run, findings_, audit_.get());
  SL_ASSIGN(follower_,
            migrate::Follower::Start(config_, catalog_, router_, {options_.takeover, options_.stop, journal_.get()}));
  SL_TRY(follower_->Settle());
  SL_ASSIGN(Owners wrong, LookTwice(owners_));
  CountWrong(wrong);
  SL_TRY(CheckLimit(CountOf(wrong)));
  const AuditRecord begin{"begin",
                          {{"run", report_.run},
                           {"job", config_.name},
                           {"fingerprint", config_.fingerprint},
                           {"found", std::to_string(findings_.size())},
                           {"wrong", std::to_string(CountOf(wrong))}}};
  SL_TRY(audit_->Append({&begin, 1}));
  SL_TRY(Mend(&wrong));
  SL_TRY(Conclude(wrong));
  SL_TRY(follower_->Close());
  return RecordOutcome();
}

Status Run::Mend(Owners* wrong) {
  base::ProgressOptions progress_options;
  progress_options.enabled = options_.progress;
  base::ProgressReporter progress("repair", progress_options);
  const std::uint64_t all = CountOf(*wrong);
  progress.SetTotal(all);
  for (int round = 0; round < kRounds && !wrong->empty(); ++round) {
    if (round > 0) std::this_thread::sleep_for(kPause);
    for (const auto& [table, keys] : *wrong) SL_TRY(follower_->Reread(*table, keys));
    SL_TRY(follower_->Settle());
    SL_ASSIGN(*wrong, Look(*wrong));
    progress.SetDone(all - CountOf(*wrong));
  }
  for (int look = 0; look < kLastLooks && !wrong->empty(); ++look) {
    std::this_thread::sleep_for(kPause);
    SL_TRY(follower_->Settle());
    SL_ASSIGN(*wrong, Look(*wrong));
  }
  progress.SetDone(all - CountOf(*wrong));
  return base::Ok();
}

Status Run::Conclude(const Owners& wrong) {
  Findings open;
  for (const auto& [table, keys] : wrong) {
    for (const std::string& key : keys) {
      std::string id = migrate::MakeOwnerId(table->mapper->config().origin, table->ordinal, key);
      open.emplace(id, wrong_.at(id));
    }
  }
  for (const auto& [table, keys] : owners_) {
    MappingRepair& mapping = Of(table->mapper->config().name);
    for (const std::string& key : keys) {
      const std::string id = migrate::MakeOwnerId(table->mapper->config().origin, table->ordinal, key);
      const auto left = open.find(id);
      if (left == open.end()) {
        const bool changed = journal_->changed(id);
        ++(changed ? mapping.repaired : mapping.right_meanwhile);
        ends_[id] = changed ? "repaired" : "right meanwhile";
        continue;
      }
      SL_ASSIGN(const std::string letter, DeadLetterOf(left->second));
      if (!letter.empty()) {
        Refuse(left->second, fmt::format("set aside as a dead letter ({}): correct it at the source", letter));
        continue;
      }
      ++mapping.still_wrong;
      ends_[id] = "still wrong";
      if (report_.open.size() < kOpenListed) {
        report_.open.push_back({left->second, false,
                                "it changes faster than both sides can be compared, or something else writes to the "
                                "shards: stop that, then repair again"});
      }
    }
  }
  return base::Ok();
}

// The reason, or nothing.
Result<std::string> Run::DeadLetterOf(const verify::Finding& finding) {
  shards_.resize(config_.shards.size());
  for (std::size_t i = 0; i < shards_.size(); ++i) {
    std::unique_ptr<mysql::Session>& session = shards_[i];
    if (!session) {
      mysql::SessionOptions session_options;
      session_options.database = config_.shards[i].database;
      SL_ASSIGN(session, mysql::Session::Open(config_.shards[i].endpoint, session_options));
    }
    SL_ASSIGN(const mysql::Rows rows,
              session->Query(fmt::format("SELECT reason FROM sl_dead_letter WHERE owner_origin = {} AND owner_table = "
                                         "{} AND owner_key = {}",
                                         finding.origin, finding.table_ordinal, mysql::HexLiteral(finding.owner_key)),
                             "look up a dead letter"));
    if (!rows.rows.empty()) return rows.rows[0][0].value_or("");
  }
  return std::string();
}

Status Run::RecordOutcome() {
  std::vector<AuditRecord> records;
  for (const auto& [owner_id, outcome] : ends_) {
    const auto finding = findings_.find(owner_id);
    AuditRecord& record = records.emplace_back();
    record.event = "outcome";
    record.fields = {{"run", report_.run}, {"outcome", outcome}};
    for (auto& field : OwnerFields(owner_id, finding == findings_.end() ? nullptr : &finding->second)) {
      record.fields.push_back(std::move(field));
    }
  }
  const MappingRepair total = report_.total();
  records.push_back({"end",
                     {{"run", report_.run},
                      {"repaired", std::to_string(total.repaired)},
                      {"right_meanwhile", std::to_string(total.right_meanwhile)},
                      {"refused", std::to_string(total.refused)},
                      {"still_wrong", std::to_string(total.still_wrong)}}});
  SL_TRY(audit_->Append(records));
  report_.audit_head = audit_->head();
  return base::Ok();
}

}  // namespace

Result<RepairReport> RunRepair(const job::JobConfig& config, const RepairOptions& options) {
  const auto started_at = Clock::now();
  SL_ASSIGN(const store::Router router, job::MakeRouter(config.routing));
  SL_ASSIGN(const job::Catalog catalog, job::LoadCatalog(config, false));
  Run run(config, options, catalog, router);
  SL_TRY(run.TakeFindings());
  SL_TRY(options.dry_run ? run.DryRun() : run.Repair());
  RepairReport report = run.report();
  report.seconds = std::chrono::duration<double>(Clock::now() - started_at).count();
  return report;
}

}  // namespace shardlift::repair
