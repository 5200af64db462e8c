// `shardlift repair`: makes right, at the shards, the rows that verify found wrong.
#include "repair/repair.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "base/events.h"
#include "cmd/commands.h"
#include "cmd/pause.h"
#include "cmd/support.h"
#include "job/config.h"
#include "job/preflight.h"
#include "repair/audit.h"

namespace shardlift::cmd {
namespace {

struct RepairFlags {
  std::string job_path;
  bool json = false;
  std::string method{verify::VerifyMethodName(repair::RepairOptions().method)};
  repair::RepairOptions options;
  int events_fd = -1;
  std::vector<std::string> pauses;
  std::string audit_to_check;
};

base::Result<repair::RepairReport> RunRepairFlags(RepairFlags& flags) {
  flags.options.method = flags.method == "client" ? verify::VerifyMethod::kClient : verify::VerifyMethod::kServer;
  flags.options.stop = InstallStopSignals();
  SL_TRY(InstallPauses(flags.pauses));
  base::OpenEvents(flags.events_fd);
  if (flags.job_path.empty()) return base::Status(base::Code::kUsage, "repair: -c JOB is required");
  SL_ASSIGN(const job::JobConfig config, job::LoadJobConfig(flags.job_path));
  SL_TRY(job::CheckServers(config));
  return repair::RunRepair(config, flags.options);
}

int RunRepairCommand(RepairFlags& flags) {
  const auto report = RunRepairFlags(flags);
  if (!report.ok()) return Fail(report.status(), flags.json ? "repair" : "");
  return Finish(flags.json ? repair::RepairJson(*report) : repair::RepairText(*report), report->exit_code());
}

int RunAuditCheck(const std::string& path) {
  const auto state = repair::CheckAudit(path);
  if (!state.ok()) return Fail(state.status());
  return Finish(fmt::format("{} lines, each follows the one before it; last hash {}\n", state->lines, state->head), 0);
}

void AddRepairLimits(CLI::App* sub, const std::shared_ptr<RepairFlags>& flags) {
  sub->add_option("--max-share", flags->options.max_share_percent,
                  "Refuse to change more than this share of the rows compared, in percent")
      ->check(CLI::Range(0.0, 100.0))
      ->type_name("PERCENT")
      ->capture_default_str();
  sub->add_option("--max-rows", flags->options.max_rows, "Refuse to change more rows than this")
      ->type_name("N")
      ->capture_default_str();
}

}  // namespace

void AddRepair(CLI::App& app, int* exit_code) {
  CLI::App* const sub = app.add_subcommand(
      "repair", "Make the rows right that verify found wrong, and no other; writes to the legacy tables may go on");
  const auto flags = std::make_shared<RepairFlags>();
  sub->add_option("-c,--config", flags->job_path, "Job file")->type_name("JOB");
  sub->add_option("--findings", flags->options.findings_path,
                  "The file that verify --findings wrote; without it the rows are verified first")
      ->type_name("FILE");
  sub->add_flag("--dry-run", flags->options.dry_run, "Look at each finding again and say what would change");
  AddRepairLimits(sub, flags);
  sub->add_option("--audit", flags->options.audit_path, "The audit file; by default beside the job file")
      ->type_name("FILE");
  sub->add_option("--method", flags->method, "Of the verification without --findings, as for verify")
      ->check(CLI::IsMember({"server", "client"}))
      ->type_name("METHOD")
      ->capture_default_str();
  sub->add_flag("--takeover", flags->options.takeover, "End another migrate or repair of this job instead of refusing");
  sub->add_flag("--json", flags->json, "Print the report as JSON");
  sub->add_option("--events-fd", flags->events_fd,
                  "Write progress events, one JSON object per line, to this descriptor")
      ->check(CLI::Range(0, 1 << 20))
      ->type_name("N");
  sub->add_option("--pause-at", flags->pauses, "For rehearsals: hold for ever at the N-th passage of a place")
      ->type_name("POINT:N")
      ->group("");
  sub->require_subcommand(0, 1);
  CLI::App* const audit = sub->add_subcommand("audit", "The audit file of repairs");
  audit->require_subcommand(1);
  CLI::App* const check = audit->add_subcommand("check", "Whether a line was changed, removed or moved");
  check->add_option("FILE", flags->audit_to_check, "Audit file")->required();
  check->callback([flags, exit_code] { *exit_code = RunAuditCheck(flags->audit_to_check); });
  sub->callback([sub, flags, exit_code] {
    if (sub->get_subcommands().empty()) *exit_code = RunRepairCommand(*flags);
  });
}

}  // namespace shardlift::cmd
