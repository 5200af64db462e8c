// `shardlift verify`: compares every legacy row with the shards after the writes have stopped.
#include "verify/verify.h"

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "cmd/certify.h"
#include "cmd/commands.h"
#include "cmd/support.h"
#include "job/config.h"
#include "verify/findings_file.h"

namespace shardlift::cmd {
namespace {

struct VerifyFlags {
  std::string job_path;
  bool json = false;
  std::string findings_path;
  std::size_t findings_max = verify::VerifyOptions().findings_max;
  std::uint32_t threads = verify::VerifyOptions().threads;
  std::string method{verify::VerifyMethodName(verify::VerifyOptions().method)};
  std::vector<std::string> skipped;
  CertifyFlags certify;
};

base::Result<verify::VerifyReport> RunFlags(const VerifyFlags& flags) {
  verify::VerifyOptions options;
  options.findings_max = flags.findings_max;
  options.threads = flags.threads;
  options.method = flags.method == "client" ? verify::VerifyMethod::kClient : verify::VerifyMethod::kServer;
  options.beyond = true;
  options.beyond_left_out.insert(flags.skipped.begin(), flags.skipped.end());
  options.stop = InstallStopSignals();
  SL_ASSIGN(const job::JobConfig config, job::LoadJobConfig(flags.job_path));
  SL_ASSIGN(const auto certifier, Certifier::Begin(config, flags.certify));
  std::unique_ptr<verify::FindingsWriter> file;
  if (!flags.findings_path.empty()) {
    SL_ASSIGN(file, verify::FindingsWriter::Open(flags.findings_path, config));
    options.on_finding = [&](const verify::Finding& finding) { file->Add(finding); };
  }
  SL_ASSIGN(verify::VerifyReport report, verify::RunVerify(config, options));
  if (file != nullptr) SL_TRY(file->Finish(report));
  if (certifier != nullptr) SL_TRY(certifier->End(options, &report));
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
      "verify", "Compare every legacy row with the shards; writes must have stopped and migrate must have caught up");
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
  std::vector<std::string> checks = verify::BeyondCheckNames();
  checks.pop_back();  // the balance costs nothing
  sub->add_option("--skip", flags->skipped, "Leave out this check beyond rows; may be given again")
      ->check(CLI::IsMember(checks))
      ->type_name("CHECK");
  AddCertifyFlags(sub, &flags->certify);
  sub->callback([flags, exit_code] { *exit_code = RunCommand(*flags); });
}

}  // namespace shardlift::cmd
