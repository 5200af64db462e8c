// `shardlift verify`: compares every legacy row with the shards, after the writes have stopped or, with --live, while
// they go on.
#include "verify/verify.h"

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "cmd/commands.h"
#include "cmd/support.h"
#include "job/config.h"
#include "job/ledger.h"
#include "job/preflight.h"
#include "repair/live_prober.h"
#include "verify/findings_file.h"

namespace shardlift::cmd {
namespace {

struct VerifyFlags {
  std::string job_path;
  bool json = false;
  std::string findings_path;
  std::size_t findings_max = verify::VerifyOptions().findings_max;
  std::uint32_t threads = verify::VerifyOptions().threads;
  std::string plan{verify::VerifyPlanName(verify::VerifyOptions().plan)};
  std::string ledger_path;
  bool no_ledger = false;
  bool resume = false;
  std::string resume_within = "24h";
  std::string method{verify::VerifyMethodName(verify::VerifyOptions().method)};
  bool live = false;
  bool takeover = false;
};

// A ledger that cannot be made or opened here ends only a run that has to read it; one that is damaged or foreign ends
// any, before it is taken for an empty one.
base::Result<std::unique_ptr<job::Ledger>> OpenLedger(const VerifyFlags& flags, const job::JobConfig& config,
                                                      std::string* note) {
  if (flags.no_ledger) return std::unique_ptr<job::Ledger>();
  auto ledger =
      job::Ledger::Open(flags.ledger_path.empty() ? job::Ledger::DefaultPath(config.path) : flags.ledger_path);
  const bool needed = flags.resume || !flags.ledger_path.empty();
  if (ledger.ok() || needed || ledger.status().code() != base::Code::kEnvironment) return ledger;
  *note = ledger.status().message() + ". The pass went on without it and cannot be resumed";
  return std::unique_ptr<job::Ledger>();
}

base::Result<verify::VerifyReport> RunPass(const VerifyFlags& flags, const job::JobConfig& config,
                                           verify::VerifyOptions options) {
  if (flags.findings_path.empty()) return verify::RunVerify(config, options);
  SL_ASSIGN(const auto file, verify::FindingsWriter::Open(flags.findings_path, config));
  options.on_finding = [&](const verify::Finding& finding) { file->Add(finding); };
  SL_ASSIGN(verify::VerifyReport report, verify::RunVerify(config, options));
  SL_TRY(file->Finish(report));
  return report;
}

base::Result<verify::VerifyReport> RunFlags(const VerifyFlags& flags) {
  verify::VerifyOptions options;
  options.findings_max = flags.findings_max;
  options.threads = flags.threads;
  options.plan = flags.plan == "scan" ? verify::VerifyPlan::kScan : verify::VerifyPlan::kOwners;
  options.method = flags.method == "client" ? verify::VerifyMethod::kClient : verify::VerifyMethod::kServer;
  if (options.plan == verify::VerifyPlan::kScan &&
      (flags.live || flags.resume || options.method == verify::VerifyMethod::kClient)) {
    return base::Status(base::Code::kUsage, "--plan scan is for --method server, without --live and --resume");
  }
  options.stop = InstallStopSignals();
  options.resume = flags.resume;
  SL_ASSIGN(options.resume_within, ParseDuration(flags.resume_within));
  SL_ASSIGN(const job::JobConfig config, job::LoadJobConfig(flags.job_path));
  std::string note;
  SL_ASSIGN(const std::unique_ptr<job::Ledger> ledger, OpenLedger(flags, config, &note));
  options.ledger = ledger.get();
  repair::LiveProber prober({.takeover = flags.takeover, .stop = options.stop});
  if (flags.live) {
    SL_TRY(job::CheckServers(config));
    options.prober = &prober;
  }
  SL_ASSIGN(verify::VerifyReport report, RunPass(flags, config, options));
  if (!note.empty()) report.notes.push_back(note);
  return report;
}

int RunCommand(const VerifyFlags& flags) {
  const auto report = RunFlags(flags);
  if (!report.ok()) return Fail(report.status(), flags.json ? "verify" : "");
  return Finish(flags.json ? verify::ReportJson(*report) : verify::ReportText(*report), report->exit_code());
}

}  // namespace

void AddVerify(CLI::App& app, int* exit_code) {
  CLI::App* const sub = app.add_subcommand(
      "verify",
      "Compare every legacy row with the shards; without --live, writes must have stopped and migrate must have caught "
      "up");
  const auto flags = std::make_shared<VerifyFlags>();
  sub->add_option("-c,--config", flags->job_path, "Job file")->required()->type_name("JOB");
  sub->add_flag("--json", flags->json, "Print the report as JSON");
  sub->add_option("--max-findings", flags->findings_max, "List at most so many findings; all are counted")
      ->check(CLI::Range(0, 10'000'000))
      ->type_name("N")
      ->capture_default_str();
  sub->add_option("--findings", flags->findings_path,
                  "Write all findings to this file, one JSON object per line, for shardlift repair")
      ->type_name("FILE");
  sub->add_option("--threads", flags->threads, "Tables, or parts of them, compared side by side")
      ->check(CLI::Range(1, 64))
      ->type_name("N")
      ->capture_default_str();
  sub->add_option("--method", flags->method,
                  "server: the servers compute digests, and only rows that these do not settle are read; client: all "
                  "rows are read")
      ->check(CLI::IsMember({"server", "client"}))
      ->type_name("METHOD")
      ->capture_default_str();
  CLI::Option* const live = sub->add_flag(
      "--live", flags->live,
      "While applications write: also applies their changes as migrate does, and looks again at each row that seems "
      "wrong. Refused while a migrate or repair of this job runs");
  sub->add_flag("--takeover", flags->takeover, "With --live: end another process of this job instead of refusing")
      ->needs(live);
  sub->add_option("--plan", flags->plan,
                  "owners: along ranges of owners; scan: both sides once, each in its own order, cheapest when nothing "
                  "writes; what differs then goes along owners. Of --method server, not with --live")
      ->check(CLI::IsMember({"owners", "scan"}))
      ->type_name("PLAN")
      ->capture_default_str();
  sub->add_flag("--resume", flags->resume, "Go on with the last pass that did not end; begin anew when there is none");
  sub->add_option("--resume-within", flags->resume_within, "Do not go on with a pass that began longer ago")
      ->type_name("DURATION")
      ->capture_default_str();
  CLI::Option* const ledger =
      sub->add_option("--ledger", flags->ledger_path, "Where passes are recorded; default: JOB.ledger.sqlite")
          ->type_name("FILE");
  sub->add_flag("--no-ledger", flags->no_ledger, "Record nothing")->excludes(ledger);
  sub->callback([flags, exit_code] { *exit_code = RunCommand(*flags); });
}

}  // namespace shardlift::cmd
