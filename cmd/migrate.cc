// `shardlift migrate`: copies the legacy tables and follows their changes until stopped or caught up.
#include "migrate/migrate.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/events.h"
#include "base/progress.h"
#include "cmd/commands.h"
#include "cmd/plan_tables.h"
#include "cmd/schemas.h"
#include "cmd/support.h"
#include "job/config.h"
#include "job/preflight.h"

namespace shardlift::cmd {
namespace {

using Json = nlohmann::ordered_json;

struct MigrateFlags {
  std::string job_path;
  bool until_caught_up = false;
  std::string max_duration;
  bool takeover = false;
  bool json = false;
  EventFlags events;
  bool unsafe_windows = false;
};

std::vector<std::string> NextSteps(const migrate::MigrateSummary& summary, const std::string& job_path) {
  std::vector<std::string> steps;
  if (summary.dead_letters > 0) {
    steps.emplace_back(
        "read sl_dead_letter in the shards: each row says why it was set aside; correct it at the source "
        "and run migrate again");
  }
  if (!summary.caught_up) {
    steps.push_back(fmt::format("run shardlift migrate -c {} again to go on from the checkpoints", job_path));
  } else {
    steps.push_back(
        fmt::format("stop the writes to the legacy tables, run migrate --until-caught-up once more, then "
                    "shardlift verify -c {}",
                    job_path));
  }
  return steps;
}

Json ValuesJson(const migrate::MigrateSummary& s) {
  Json values = Json::array();
  for (const migrate::ValueCount& one : s.values) {
    values.push_back({{"mapping", one.mapping},
                      {"column", one.column},
                      {"replaced", one.counts.replaced},
                      {"lossy", one.counts.lossy},
                      {"set_aside", one.counts.set_aside}});
  }
  return values;
}

std::string SummaryJson(const migrate::MigrateSummary& s, const std::string& job_path) {
  const Json out{{"schema", "shardlift.migrate/1"},
                 {"rows_copied", s.rows_copied},
                 {"rows_left_behind", s.rows_left_behind},
                 {"changes_applied", s.changes_applied},
                 {"changes_total", s.changes_total},
                 {"groups_streamed", s.groups_streamed},
                 {"chunks_merged", s.chunks_merged},
                 {"chunks_voided", s.chunks_voided},
                 {"rows_dropped_by_windows", s.rows_dropped_by_windows},
                 {"dead_letters", s.dead_letters},
                 {"values", ValuesJson(s)},
                 {"caught_up", s.caught_up},
                 {"seconds", s.seconds},
                 {"next_steps", NextSteps(s, job_path)}};
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string SummaryText(const migrate::MigrateSummary& s, const std::string& job_path) {
  using base::FormatCount;
  std::string text = fmt::format("{} after {:.1f} s\n", s.caught_up ? "caught up" : "ended", s.seconds);
  text += fmt::format("rows copied {} (left behind by where: {}), changes applied {} (in all runs: {})\n",
                      FormatCount(s.rows_copied), FormatCount(s.rows_left_behind), FormatCount(s.changes_applied),
                      FormatCount(s.changes_total));
  text +=
      fmt::format("chunks merged {} (voided and read again: {}), rows in chunks that a change replaced: {}\n",
                  FormatCount(s.chunks_merged), FormatCount(s.chunks_voided), FormatCount(s.rows_dropped_by_windows));
  for (const migrate::ValueCount& one : s.values) {
    text += fmt::format("mapping {}, {}: bad values replaced {}, rows set aside {}, values that lost a part {}\n",
                        one.mapping, one.column, FormatCount(one.counts.replaced), FormatCount(one.counts.set_aside),
                        FormatCount(one.counts.lossy));
  }
  text += fmt::format("open dead letters {}\n", FormatCount(s.dead_letters));
  for (const std::string& step : NextSteps(s, job_path)) text += "next: " + step + "\n";
  return text;
}

base::Result<migrate::MigrateSummary> RunFlags(const MigrateFlags& flags) {
  migrate::MigrateOptions options;
  options.until_caught_up = flags.until_caught_up;
  options.takeover = flags.takeover;
  options.unsafe_windows_by_binlog_order = flags.unsafe_windows;
  options.stop = InstallStopSignals();
  if (!flags.max_duration.empty()) {
    SL_ASSIGN(options.max_duration, ParseDuration(flags.max_duration));
  }
  SL_TRY(UseEventFlags(flags.events));
  SL_ASSIGN(const job::JobConfig config, job::LoadJobConfig(flags.job_path));
  SL_TRY(job::CheckServers(config));
  // Tables that cannot be moved are refused before anything is created; what the job's own targets take is known only
  // once they are there.
  if (config.targets.empty()) SL_TRY(PlanTables(config).status());
  SL_TRY(ApplySchemas(config));
  return migrate::RunMigrate(config, options);
}

int RunCommand(const MigrateFlags& flags) {
  const auto summary = RunFlags(flags);
  if (!summary.ok()) return Fail(summary.status(), flags.json ? "migrate" : "");
  const int exit_code =
      summary->dead_letters > 0 ? base::ExitCodeOf(base::Status(base::Code::kFindings, "dead letters")) : 0;
  return Finish(flags.json ? SummaryJson(*summary, flags.job_path) : SummaryText(*summary, flags.job_path), exit_code);
}

}  // namespace

void AddMigrate(CLI::App& app, int* exit_code) {
  CLI::App* const sub = app.add_subcommand(
      "migrate",
      "Copy the legacy tables to the shards and follow their changes; killed or stopped, it goes on where it "
      "was when it is run again");
  const auto flags = std::make_shared<MigrateFlags>();
  sub->add_option("-c,--config", flags->job_path, "Job file")->required()->type_name("JOB");
  sub->add_flag("--until-caught-up", flags->until_caught_up,
                "End once all rows are copied and all changes made until then are applied");
  sub->add_option("--max-duration", flags->max_duration, "Stop gently after this time (90s, 10m, 2h); exit 5")
      ->type_name("TIME");
  sub->add_flag("--takeover", flags->takeover, "End another migrate process of this job instead of refusing");
  sub->add_flag("--json", flags->json, "Print the summary as JSON");
  AddEventFlags(sub, &flags->events);
  sub->add_flag("--unsafe-windows-by-binlog-order", flags->unsafe_windows, "For tests only: loses data")->group("");
  sub->callback([flags, exit_code] { *exit_code = RunCommand(*flags); });
}

}  // namespace shardlift::cmd
