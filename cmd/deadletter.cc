// `shardlift deadletter`: rows that were set aside: lists them, reads them again, gives them up.
#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "cmd/commands.h"
#include "cmd/support.h"
#include "job/config.h"
#include "job/preflight.h"
#include "repair/dead_letters.h"

namespace shardlift::cmd {
namespace {

struct LetterFlags {
  std::string job_path;
  repair::LetterFilter filter;
  repair::LetterOptions options;
  std::string pause = "1s";
  std::size_t limit = 100;
  bool all = false;
  bool yes = false;
  bool json = false;
};
using LetterFlagsPtr = std::shared_ptr<LetterFlags>;

base::Result<job::JobConfig> LoadLetterJob(LetterFlags& flags) {
  flags.options.stop = InstallStopSignals();
  SL_ASSIGN(job::JobConfig config, job::LoadJobConfig(flags.job_path));
  SL_TRY(job::CheckServers(config));
  return config;
}

base::Result<repair::LetterList> ListLetters(LetterFlags& flags) {
  SL_ASSIGN(const job::JobConfig config, LoadLetterJob(flags));
  return repair::ListDeadLetters(config, flags.filter, flags.limit);
}

base::Result<repair::RetryReport> RetryLetters(LetterFlags& flags) {
  SL_ASSIGN(flags.options.pause_first, ParseDuration(flags.pause));
  SL_ASSIGN(const job::JobConfig config, LoadLetterJob(flags));
  return repair::RetryDeadLetters(config, flags.filter, flags.options);
}

base::Result<repair::DropReport> DropLetters(LetterFlags& flags) {
  const bool named = !flags.filter.table.empty() && !flags.filter.key.empty();
  if (named == flags.all || (flags.all && !flags.yes)) {
    return base::Status(base::Code::kUsage,
                        "deadletter drop: name one row by --table and --key, or give up all by --all --yes");
  }
  SL_ASSIGN(const job::JobConfig config, LoadLetterJob(flags));
  return repair::DropDeadLetters(config, flags.filter, flags.options);
}

template <class Report>
int Show(const base::Result<Report>& report, bool json, int exit_code) {
  if (!report.ok()) return Fail(report.status(), json ? "deadletter" : "");
  return Finish(json ? repair::LettersJson(*report) : repair::LettersText(*report), exit_code);
}

LetterFlagsPtr AddLetterCommand(CLI::App* sub) {
  const auto flags = std::make_shared<LetterFlags>();
  sub->add_option("-c,--config", flags->job_path, "Job file")->required()->type_name("JOB");
  sub->add_option("--table", flags->filter.table, "Rows of this legacy table")->type_name("SCHEMA.TABLE");
  sub->add_option("--key", flags->filter.key, "The row with this key: numbers as \"12\" or \"12, 3\", else in hex")
      ->type_name("KEY");
  sub->add_option("--reason", flags->filter.reason, "Rows that were set aside for this reason")
      ->check(CLI::IsMember({"bad-value", "conflict", "rejected"}))
      ->type_name("REASON");
  sub->add_flag("--json", flags->json, "Print the result as JSON");
  return flags;
}

void AddTakeover(CLI::App* sub, const LetterFlagsPtr& flags) {
  sub->add_flag("--takeover", flags->options.takeover, "End another migrate or repair of this job instead of refusing");
}

}  // namespace

void AddDeadLetter(CLI::App& app, int* exit_code) {
  CLI::App* const group = app.add_subcommand("deadletter", "Rows that were set aside: list, read again, give up");
  group->require_subcommand(1);

  CLI::App* const list = group->add_subcommand("list", "Which rows are set aside, and why");
  const LetterFlagsPtr to_list = AddLetterCommand(list);
  list->add_option("--limit", to_list->limit, "List at most so many; all are counted")
      ->type_name("N")
      ->capture_default_str();
  list->callback([to_list, exit_code] { *exit_code = Show(ListLetters(*to_list), to_list->json, 0); });

  CLI::App* const retry =
      group->add_subcommand("retry", "Read these rows again at their source, and write those that can be written now");
  const LetterFlagsPtr to_retry = AddLetterCommand(retry);
  retry->add_option("--attempts", to_retry->options.attempts, "Rounds")
      ->check(CLI::Range(1, 100))
      ->type_name("N")
      ->capture_default_str();
  retry->add_option("--pause", to_retry->pause, "Before the second round; doubled each time")
      ->type_name("TIME")
      ->capture_default_str();
  AddTakeover(retry, to_retry);
  retry->callback([to_retry, exit_code] {
    const auto report = RetryLetters(*to_retry);
    *exit_code = Show(report, to_retry->json, report.ok() ? report->exit_code() : 0);
  });

  CLI::App* const drop =
      group->add_subcommand("drop", "Give rows up: remove the letters and leave the rows out; verify names them");
  const LetterFlagsPtr to_drop = AddLetterCommand(drop);
  drop->add_flag("--all", to_drop->all, "All letters that --table and --reason take");
  drop->add_flag("--yes", to_drop->yes, "With --all: these rows may be missing");
  drop->add_option("--audit", to_drop->options.audit_path, "The audit file; by default that of repair")
      ->type_name("FILE");
  AddTakeover(drop, to_drop);
  drop->callback([to_drop, exit_code] { *exit_code = Show(DropLetters(*to_drop), to_drop->json, 0); });
}

}  // namespace shardlift::cmd
