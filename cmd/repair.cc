// `shardlift repair`: makes right, at the shards, the rows that verify found wrong.
#include "repair/repair.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "cmd/commands.h"
#include "cmd/support.h"
#include "job/config.h"
#include "job/preflight.h"
#include "repair/audit.h"
#include "repair/undo.h"

namespace shardlift::cmd {
namespace {

struct RepairFlags {
  std::string job_path;
  bool json = false;
  std::string method{verify::VerifyMethodName(repair::RepairOptions().method)};
  repair::RepairOptions options;
  EventFlags events;
  std::string audit_to_check;
};

struct UndoFlags {
  std::string job_path;
  bool json = false;
  repair::UndoOptions options;
  EventFlags events;
};

base::Result<repair::RepairReport> RunRepairFlags(RepairFlags& flags) {
  flags.options.method = flags.method == "client" ? verify::VerifyMethod::kClient : verify::VerifyMethod::kServer;
  flags.options.stop = InstallStopSignals();
  SL_TRY(UseEventFlags(flags.events));
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

base::Result<repair::UndoReport> RunUndoFlags(UndoFlags& flags) {
  flags.options.stop = InstallStopSignals();
  SL_TRY(UseEventFlags(flags.events));
  SL_ASSIGN(const job::JobConfig config, job::LoadJobConfig(flags.job_path));
  SL_TRY(job::CheckServers(config));
  return repair::RunUndo(config, flags.options);
}

int RunUndoCommand(UndoFlags& flags) {
  const auto report = RunUndoFlags(flags);
  if (!report.ok()) return Fail(report.status(), flags.json ? "repair-undo" : "");
  return Finish(flags.json ? repair::UndoJson(*report) : repair::UndoText(*report), report->exit_code());
}

void AddUndo(CLI::App* repair, int* exit_code) {
  CLI::App* const sub = repair->add_subcommand(
      "undo", "Give back the rows that one run of repair changed, where nothing has changed them since");
  const auto flags = std::make_shared<UndoFlags>();
  sub->add_option("AUDIT", flags->options.audit_path, "The audit file of the repair; the images file lies beside it")
      ->required();
  sub->add_option("-c,--config", flags->job_path, "Job file")->required()->type_name("JOB");
  sub->add_option("--run", flags->options.run, "The run, by its name in the audit; by default the last one that wrote")
      ->type_name("RUN");
  sub->add_flag("--dry-run", flags->options.dry_run, "Compare, and say what would be given back");
  sub->add_option("--max-rows", flags->options.max_rows, "Refuse to undo a run that wrote more rows than this")
      ->type_name("N")
      ->capture_default_str();
  sub->add_flag("--takeover", flags->options.takeover, "End another migrate or repair of this job instead of refusing");
  sub->add_flag("--json", flags->json, "Print the report as JSON");
  AddEventFlags(sub, &flags->events);
  sub->callback([flags, exit_code] { *exit_code = RunUndoCommand(*flags); });
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
  AddEventFlags(sub, &flags->events);
  sub->add_flag(
      "!--no-images", flags->options.images,
      "Do not write the rows before and after to the images file beside the audit. It is the one file that holds user "
      "data; without it the repair cannot be undone");
  sub->require_subcommand(0, 1);
  AddUndo(sub, exit_code);
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
