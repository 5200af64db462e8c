#include "job/ledger.h"

#include <fmt/format.h>

#include <chrono>
#include <utility>

#include "job/ledger_file.h"

namespace shardlift::job {
namespace {

using base::Code;
using base::Result;
using base::Status;

constexpr int kRunsWithDetails = 20;
constexpr const char* kRunColumns =
    "id, command, mode, scope, options, fingerprint, started, ended, exit_code, complete, resumable, attempts, totals";

std::int64_t Now() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace

struct Ledger::Impl : LedgerFile {
  Status AddFinding(const LedgerRun& run, std::optional<std::int64_t> part, const LedgerFinding& finding);
  Status ReadFindings(const LedgerRun& run, std::optional<std::int64_t> part,
                      const std::function<Status(LedgerFinding)>& fn);
};

Status Ledger::Impl::AddFinding(const LedgerRun& run, std::optional<std::int64_t> part, const LedgerFinding& finding) {
  Prepared insert(db,
                  "INSERT INTO finding (run, part, verdict, origin, table_ordinal, owner_key, details) VALUES (?, ?, "
                  "?, ?, ?, ?, ?)");
  insert.Number(run.id);
  part ? insert.Number(*part) : insert.Null();
  insert.Text(finding.verdict).Number(finding.origin).Number(finding.table_ordinal);
  insert.Blob(finding.owner_key).Text(finding.details).Step();
  return Ended(insert, "write a finding");
}

Status Ledger::Impl::ReadFindings(const LedgerRun& run, std::optional<std::int64_t> part,
                                  const std::function<Status(LedgerFinding)>& fn) {
  Prepared select(db,
                  fmt::format("SELECT verdict, origin, table_ordinal, owner_key, details FROM finding WHERE run = ? "
                              "{} ORDER BY id",
                              part ? "AND part = ?" : ""));
  select.Number(run.id);
  if (part) select.Number(*part);
  while (select.Step()) {
    LedgerFinding finding;
    finding.verdict = select.TakeBytes();
    finding.origin = select.TakeId();
    finding.table_ordinal = select.TakeId();
    finding.owner_key = select.TakeBytes();
    finding.details = select.TakeBytes();
    SL_TRY(fn(std::move(finding)));
  }
  return Ended(select, "read findings");
}

Ledger::Ledger(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Ledger::~Ledger() = default;

std::string Ledger::DefaultPath(const std::string& job_path) {
  std::string stem = job_path;
  for (const std::string_view ending : {".jsonc", ".json"}) {
    if (stem.size() > ending.size() && stem.ends_with(ending)) stem.resize(stem.size() - ending.size());
  }
  return stem + ".ledger.sqlite";
}

Result<std::unique_ptr<Ledger>> Ledger::Open(const std::string& path) {
  auto impl = std::make_unique<Impl>();
  impl->path = path;
  SL_TRY(impl->OpenFile());
  return std::unique_ptr<Ledger>(new Ledger(std::move(impl)));
}

const std::string& Ledger::path() const { return impl_->path; }

Result<bool> Ledger::Lock() { return impl_->Lock(); }

Status Ledger::Begin(LedgerRun* run) {
  return impl_->Write("begin a run", [&]() -> Status {
    run->started = Now();
    Prepared insert(impl_->db,
                    "INSERT INTO run (command, mode, scope, options, fingerprint, started, resumable) VALUES (?, ?, ?, "
                    "?, ?, ?, ?)");
    insert.Text(run->command).Text(run->mode).Text(run->scope).Text(run->options).Text(run->fingerprint);
    insert.Number(run->started).Number(run->resumable ? 1 : 0).Step();
    SL_TRY(impl_->Ended(insert, "begin a run"));
    run->id = sqlite3_last_insert_rowid(impl_->db);
    run->attempts = 1;
    for (const char* table : {"part", "finding", "table_rows", "position"}) {
      Prepared remove(impl_->db, fmt::format("DELETE FROM {} WHERE run <= ?", table));
      remove.Number(run->id - kRunsWithDetails).Step();
      SL_TRY(impl_->Ended(remove, "remove old runs"));
    }
    return base::Ok();
  });
}

Status Ledger::Continue(LedgerRun* run) {
  return impl_->Write("go on with a run", [&]() -> Status {
    Prepared update(impl_->db,
                    "UPDATE run SET attempts = attempts + 1, ended = NULL, exit_code = NULL WHERE id = ? AND complete "
                    "= 0 RETURNING attempts");
    const bool found = update.Number(run->id).Step();
    if (found) run->attempts = update.TakeId();
    while (found && update.Step()) continue;
    SL_TRY(impl_->Ended(update, "go on with a run"));
    return found ? base::Ok() : Status(Code::kInternal, "a run that is over cannot be gone on with");
  });
}

Status Ledger::SetPositions(const LedgerRun& run, const std::vector<LedgerPosition>& positions) {
  return impl_->Write("write positions", [&]() -> Status {
    for (const LedgerPosition& position : positions) {
      Prepared insert(impl_->db, "INSERT OR REPLACE INTO position VALUES (?, ?, ?, ?)");
      insert.Number(run.id).Text(position.source).Text(position.position).Text(position.identity).Step();
      SL_TRY(impl_->Ended(insert, "write positions"));
    }
    return base::Ok();
  });
}

Status Ledger::AddPart(const LedgerRun& run, const LedgerPart& part) {
  return impl_->Write("write a part", [&]() -> Status {
    Prepared insert(impl_->db,
                    "INSERT INTO part (run, origin, table_ordinal, after, upto, rows, result, seconds, attempt, "
                    "settled) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    insert.Number(run.id).Number(part.origin).Number(part.table_ordinal).Blob(part.after);
    part.upto ? insert.Blob(*part.upto) : insert.Null();
    insert.Count(part.rows).Text(part.result).Real(part.seconds).Number(run.attempts).Number(Now()).Step();
    SL_TRY(impl_->Ended(insert, "write a part"));
    const std::int64_t id = sqlite3_last_insert_rowid(impl_->db);
    for (const LedgerFinding& finding : part.findings) SL_TRY(impl_->AddFinding(run, id, finding));
    return base::Ok();
  });
}

Status Ledger::AddTableRows(const LedgerRun& run, const LedgerTableRows& rows) {
  return impl_->Write("write a table's rows", [&]() -> Status {
    Prepared insert(impl_->db, "INSERT OR REPLACE INTO table_rows VALUES (?, ?, ?, ?, ?)");
    insert.Number(run.id).Number(rows.origin).Number(rows.table_ordinal).Count(rows.rows).Count(rows.rows_kept).Step();
    return impl_->Ended(insert, "write a table's rows");
  });
}

Status Ledger::AddFindings(const LedgerRun& run, const std::vector<LedgerFinding>& findings) {
  return impl_->Write("write findings", [&]() -> Status {
    for (const LedgerFinding& finding : findings) SL_TRY(impl_->AddFinding(run, std::nullopt, finding));
    return base::Ok();
  });
}

Status Ledger::End(const LedgerRun& run, int exit_code, std::string_view totals) {
  return impl_->Write("end a run", [&]() -> Status {
    Prepared update(impl_->db, "UPDATE run SET ended = ?, exit_code = ?, complete = ?, totals = ? WHERE id = ?");
    update.Number(Now()).Number(exit_code).Number(totals.empty() ? 0 : 1).Text(totals).Number(run.id).Step();
    return impl_->Ended(update, "end a run");
  });
}

Result<std::vector<LedgerRun>> Ledger::LastRuns(std::size_t runs_max) {
  const std::lock_guard guard(impl_->mutex);
  std::vector<LedgerRun> runs;
  Prepared select(impl_->db, fmt::format("SELECT {} FROM run ORDER BY id DESC LIMIT {}", kRunColumns, runs_max));
  while (select.Step()) {
    LedgerRun& run = runs.emplace_back();
    run.id = select.TakeNumber();
    for (std::string* text : {&run.command, &run.mode, &run.scope, &run.options, &run.fingerprint}) {
      *text = select.TakeBytes();
    }
    run.started = select.TakeNumber();
    const bool ended = !select.NextIsNull();
    const std::int64_t at = select.TakeNumber();
    if (ended) run.ended = at;
    const bool has_code = !select.NextIsNull();
    const auto code = static_cast<int>(select.TakeNumber());
    if (has_code) run.exit_code = code;
    run.complete = select.TakeNumber() != 0;
    run.resumable = select.TakeNumber() != 0;
    run.attempts = select.TakeId();
    run.totals = select.TakeBytes();
  }
  SL_TRY(impl_->Ended(select, "read runs"));
  return runs;
}

Result<std::vector<LedgerPosition>> Ledger::Positions(const LedgerRun& run) {
  const std::lock_guard guard(impl_->mutex);
  std::vector<LedgerPosition> positions;
  Prepared select(impl_->db, "SELECT source, position, identity FROM position WHERE run = ? ORDER BY source");
  select.Number(run.id);
  while (select.Step()) {
    LedgerPosition& position = positions.emplace_back();
    for (std::string* text : {&position.source, &position.position, &position.identity}) *text = select.TakeBytes();
  }
  SL_TRY(impl_->Ended(select, "read positions"));
  return positions;
}

Result<std::vector<LedgerTableRows>> Ledger::TableRows(const LedgerRun& run) {
  const std::lock_guard guard(impl_->mutex);
  std::vector<LedgerTableRows> tables;
  Prepared select(impl_->db, "SELECT origin, table_ordinal, rows, rows_kept FROM table_rows WHERE run = ?");
  select.Number(run.id);
  while (select.Step()) {
    tables.push_back({select.TakeId(), select.TakeId(), select.TakeCount(), select.TakeCount()});
  }
  SL_TRY(impl_->Ended(select, "read tables"));
  return tables;
}

Status Ledger::ForEachPart(const LedgerRun& run, const std::function<Status(LedgerPart)>& fn) {
  const std::lock_guard guard(impl_->mutex);
  Prepared select(impl_->db,
                  "SELECT id, origin, table_ordinal, after, upto, rows, result, seconds, attempt FROM part WHERE run = "
                  "? ORDER BY id");
  select.Number(run.id);
  while (select.Step()) {
    const std::int64_t id = select.TakeNumber();
    LedgerPart part;
    part.origin = select.TakeId();
    part.table_ordinal = select.TakeId();
    part.after = select.TakeBytes();
    const bool open_ended = select.NextIsNull();
    std::string upto = select.TakeBytes();
    if (!open_ended) part.upto = std::move(upto);
    part.rows = select.TakeCount();
    part.result = select.TakeBytes();
    part.seconds = select.TakeReal();
    part.attempt = select.TakeId();
    SL_TRY(impl_->ReadFindings(run, id, [&](LedgerFinding finding) {
      part.findings.push_back(std::move(finding));
      return base::Ok();
    }));
    SL_TRY(fn(std::move(part)));
  }
  return impl_->Ended(select, "read parts");
}

Status Ledger::ForEachFinding(const LedgerRun& run, const std::function<Status(LedgerFinding)>& fn) {
  const std::lock_guard guard(impl_->mutex);
  return impl_->ReadFindings(run, std::nullopt, fn);
}

}  // namespace shardlift::job
