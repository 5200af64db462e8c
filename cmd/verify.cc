// `shardlift verify`: compares every legacy row with the shards, after the writes have stopped or, with --live, while
// they go on.
#include "verify/verify.h"

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "cmd/commands.h"
#include "cmd/support.h"
#include "job/config.h"
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
  std::string method{verify::VerifyMethodName(verify::VerifyOptions().method)};
  bool live = false;
  bool takeover = false;
};

base::Result<verify::VerifyReport> RunFlags(const VerifyFlags& flags) {
  verify::VerifyOptions options;
  options.findings_max = flags.findings_max;
  options.threads = flags.threads;
  options.plan = flags.plan == "scan" ? verify::VerifyPlan::kScan : verify::VerifyPlan::kOwners;
  options.method = flags.method == "client" ? verify::VerifyMethod::kClient : verify::VerifyMethod::kServer;
  if (options.plan == verify::VerifyPlan::kScan && (flags.live || options.method == verify::VerifyMethod::kClient)) {
    return base::Status(base::Code::kUsage, "--plan scan is for --method server, and not with --live");
  }
  options.stop = InstallStopSignals();
  SL_ASSIGN(const job::JobConfig config, job::LoadJobConfig(flags.job_path));
  repair::LiveProber prober({.takeover = flags.takeover, .stop = options.stop});
  if (flags.live) {
    SL_TRY(job::CheckServers(config));
    options.prober = &prober;
  }
  if (flags.findings_path.empty()) return verify::RunVerify(config, options);
  SL_ASSIGN(const auto file, verify::FindingsWriter::Open(flags.findings_path, config));
  options.on_finding = [&](const verify::Finding& finding) { file->Add(finding); };
  SL_ASSIGN(verify::VerifyReport report, verify::RunVerify(config, options));
  SL_TRY(file->Finish(report));
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
  sub->callback([flags, exit_code] { *exit_code = RunCommand(*flags); });
}

}  // namespace shardlift::cmd
