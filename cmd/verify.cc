// `shardlift verify`: compares every legacy row with the shards, after the writes have stopped or, with --live, while
// they go on.
#include "verify/verify.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <chrono>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "cmd/certify.h"
#include "cmd/commands.h"
#include "cmd/support.h"
#include "cmd/verify_continuous.h"
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
  verify::PaceOptions pace;
  std::string duration_max;
  std::string until;
  std::string mode{verify::VerifyModeName(verify::VerifyOptions().mode)};
  std::string sample = "5%";
  std::uint64_t seed = 0;  // 0: one of this run's own
  bool continuous = false;
  std::string pause = "10m";
  std::string full_every = "24h";
  std::string method{verify::VerifyMethodName(verify::VerifyOptions().method)};
  bool live = false;
  bool takeover = false;
  std::vector<std::string> skipped;
  CertifyFlags certify;
};

// "5%" or "0.5%".
base::Result<double> ShareOf(std::string_view text) {
  double percent = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), percent);
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  if (error != std::errc() || (unit != "%" && !unit.empty()) || !(percent >= 0.001 && percent <= 100)) {
    return base::Status(base::Code::kUsage,
                        fmt::format("--sample \"{}\" is no share; write for example 5% or 0.5%", text));
  }
  return percent / 100;
}

verify::VerifyMode ModeOf(const VerifyFlags& flags) {
  for (const auto mode : {verify::VerifyMode::kSample, verify::VerifyMode::kIncremental}) {
    if (flags.mode == verify::VerifyModeName(mode)) return mode;
  }
  return verify::VerifyMode::kFull;
}

// The earlier one of --max-duration and --until.
base::Result<verify::PaceOptions> PaceOf(const VerifyFlags& flags) {
  verify::PaceOptions pace = flags.pace;
  const auto now = std::chrono::steady_clock::now();
  if (!flags.duration_max.empty()) {
    SL_ASSIGN(const std::chrono::seconds duration, ParseDuration(flags.duration_max));
    pace.until = now + duration;
  }
  if (!flags.until.empty()) {
    SL_ASSIGN(const std::chrono::seconds left, SecondsUntil(flags.until));
    pace.until = pace.until ? std::min(*pace.until, now + left) : now + left;
  }
  return pace;
}

// A ledger that cannot be made or opened here ends only a run that has to read it; one that is damaged or foreign ends
// any, before it is taken for an empty one.
base::Result<std::unique_ptr<job::Ledger>> OpenLedger(const VerifyFlags& flags, const job::JobConfig& config,
                                                      std::string* note) {
  if (flags.no_ledger) return std::unique_ptr<job::Ledger>();
  auto ledger =
      job::Ledger::Open(flags.ledger_path.empty() ? job::Ledger::DefaultPath(config.path) : flags.ledger_path);
  const bool needed = flags.resume || flags.continuous || ModeOf(flags) == verify::VerifyMode::kIncremental ||
                      !flags.ledger_path.empty();
  if (ledger.ok() || needed || ledger.status().code() != base::Code::kEnvironment) return ledger;
  *note = ledger.status().message() + ". The pass went on without it and cannot be resumed";
  return std::unique_ptr<job::Ledger>();
}

base::Result<verify::VerifyReport> RunPass(const VerifyFlags& flags, const job::JobConfig& config,
                                           verify::VerifyOptions options) {
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

base::Result<verify::VerifyOptions> OptionsOf(const VerifyFlags& flags) {
  verify::VerifyOptions options;
  options.findings_max = flags.findings_max;
  options.threads = flags.threads;
  options.plan = flags.plan == "scan" ? verify::VerifyPlan::kScan : verify::VerifyPlan::kOwners;
  options.method = flags.method == "client" ? verify::VerifyMethod::kClient : verify::VerifyMethod::kServer;
  options.mode = ModeOf(flags);
  if (options.plan == verify::VerifyPlan::kScan &&
      (flags.live || flags.resume || flags.continuous || options.mode != verify::VerifyMode::kFull ||
       options.method == verify::VerifyMethod::kClient)) {
    return base::Status(base::Code::kUsage,
                        "--plan scan is for full passes of --method server, without --live, --resume and --continuous");
  }
  if (flags.certify.wanted() &&
      (flags.live || flags.resume || flags.continuous || options.mode != verify::VerifyMode::kFull)) {
    return base::Status(base::Code::kUsage,
                        "--certificate is for a full pass from its beginning: leave --live, --resume, --continuous and "
                        "--mode out");
  }
  options.beyond = !flags.live && options.mode == verify::VerifyMode::kFull;
  options.beyond_left_out.insert(flags.skipped.begin(), flags.skipped.end());
  if (flags.live && (flags.continuous || options.mode == verify::VerifyMode::kIncremental)) {
    return base::Status(base::Code::kUsage, "--live goes with --mode full and sample, and not with --continuous");
  }
  SL_ASSIGN(options.sample_share, ShareOf(flags.sample));
  options.seed = flags.seed != 0 ? flags.seed : std::random_device()() + std::uint64_t{1};
  options.stop = InstallStopSignals();
  options.resume = flags.resume;
  SL_ASSIGN(options.pace, PaceOf(flags));
  SL_ASSIGN(options.resume_within, ParseDuration(flags.resume_within));
  return options;
}

base::Result<int> RunFlags(const VerifyFlags& flags) {
  SL_ASSIGN(verify::VerifyOptions options, OptionsOf(flags));
  SL_ASSIGN(const job::JobConfig config, job::LoadJobConfig(flags.job_path));
  std::string note;
  SL_ASSIGN(const std::unique_ptr<job::Ledger> ledger, OpenLedger(flags, config, &note));
  options.ledger = ledger.get();
  repair::LiveProber prober({.takeover = flags.takeover, .stop = options.stop});
  if (flags.live) {
    SL_TRY(job::CheckServers(config));
    options.prober = &prober;
  }
  if (flags.continuous) {
    if (!ledger) return base::Status(base::Code::kUsage, "--continuous needs the ledger; leave --no-ledger out");
    ContinuousOptions continuous;
    continuous.json = flags.json;
    continuous.stop = options.stop;
    continuous.until = options.pace.until;
    SL_ASSIGN(continuous.pause, ParseDuration(flags.pause));
    SL_ASSIGN(continuous.full_every, ParseDuration(flags.full_every));
    return RunContinuously(continuous, *ledger, [&](verify::VerifyMode mode) {
      options.mode = mode;
      options.beyond = mode == verify::VerifyMode::kFull;
      options.resume = flags.resume && mode == verify::VerifyMode::kFull;
      return RunPass(flags, config, options);
    });
  }
  SL_ASSIGN(verify::VerifyReport report, RunPass(flags, config, options));
  if (!note.empty()) report.notes.push_back(note);
  return Finish(flags.json ? verify::ReportJson(report) : verify::ReportText(report), report.exit_code());
}

int RunCommand(const VerifyFlags& flags) {
  const auto exit_code = RunFlags(flags);
  return exit_code.ok() ? *exit_code : Fail(exit_code.status(), flags.json ? "verify" : "");
}

// What a pass looks at, and when.
void AddModes(CLI::App* sub, VerifyFlags* flags) {
  CLI::Option* const mode =
      sub->add_option(
             "--mode", flags->mode,
             "full: every row; sample: parts drawn by --seed; incremental: rows that the sources' binlogs have "
             "touched since the last pass")
          ->check(CLI::IsMember({"full", "sample", "incremental"}))
          ->type_name("MODE")
          ->capture_default_str();
  sub->add_option("--sample", flags->sample, "Share of each table's parts")->type_name("N%")->capture_default_str();
  sub->add_option("--seed", flags->seed, "Of a sample; default: another one each time")->type_name("N");
  CLI::Option* const continuous =
      sub->add_flag("--continuous", flags->continuous,
                    "Passes one after the other until a signal, incremental ones between full ones");
  continuous->excludes(mode);
  sub->add_option("--pause", flags->pause, "Between two passes")
      ->type_name("DURATION")
      ->capture_default_str()
      ->needs(continuous);
  sub->add_option("--full-every", flags->full_every, "A full pass at least so often")
      ->type_name("DURATION")
      ->capture_default_str()
      ->needs(continuous);
}

void AddPace(CLI::App* sub, VerifyFlags* flags) {
  sub->add_option("--max-rows-per-second", flags->pace.rows_per_second_max, "Compare at most so many rows a second")
      ->check(CLI::Range(1, 1'000'000'000))
      ->type_name("N");
  sub->add_option("--max-load", flags->pace.threads_running_max,
                  "Wait while a source or shard has more running threads (Threads_running, our own included)")
      ->check(CLI::Range(1, 1'000'000))
      ->type_name("N");
  sub->add_option("--max-duration", flags->duration_max, "End after this time, with exit code 5 when work is left")
      ->type_name("DURATION");
  sub->add_option("--until", flags->until, "End at this time of the day")->type_name("HH:MM");
}

void AddLedger(CLI::App* sub, VerifyFlags* flags) {
  sub->add_flag("--resume", flags->resume, "Go on with the last pass that did not end; begin anew when there is none");
  sub->add_option("--resume-within", flags->resume_within, "Do not go on with a pass that began longer ago")
      ->type_name("DURATION")
      ->capture_default_str();
  CLI::Option* const ledger =
      sub->add_option("--ledger", flags->ledger_path, "Where passes are recorded; default: JOB.ledger.sqlite")
          ->type_name("FILE");
  sub->add_flag("--no-ledger", flags->no_ledger, "Record nothing")->excludes(ledger);
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
  AddModes(sub, flags.get());
  AddPace(sub, flags.get());
  AddLedger(sub, flags.get());
  std::vector<std::string> checks = verify::BeyondCheckNames();
  checks.pop_back();  // the balance costs nothing
  sub->add_option("--skip", flags->skipped, "Leave out this check beyond rows; may be given again")
      ->check(CLI::IsMember(checks))
      ->type_name("CHECK");
  AddCertifyFlags(sub, &flags->certify);
  sub->callback([flags, exit_code] { *exit_code = RunCommand(*flags); });
}

}  // namespace shardlift::cmd
