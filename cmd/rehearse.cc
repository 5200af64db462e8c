// `shardlift rehearse`: a whole migration against throw-away servers, with writers, kills and planted faults.
#include "rehearse/rehearse.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <memory>
#include <random>
#include <string>

#include "cmd/commands.h"
#include "cmd/support.h"

namespace shardlift::cmd {
namespace {

struct RehearseFlags {
  std::uint64_t rows = rehearse::RehearseOptions().rows;
  std::uint64_t seed = 0;
  bool has_seed = false;
  bool with_mysql = false;
  std::string pairing;
  std::string faults = "kill,shard-kill";
  std::string report_directory;
  std::string mappings_directory;
  std::string routing_file;
  bool json = false;
  bool keep = false;
  bool xa = false;
  std::uint32_t writes_per_second = rehearse::RehearseOptions().writes_per_second;
};

base::Result<rehearse::RehearseReport> RunFlags(const RehearseFlags& flags) {
  if (flags.with_mysql && !flags.pairing.empty() && flags.pairing != "mixed") {
    return base::Status(base::Code::kUsage,
                        "--with-mysql means --pairing mixed; give one of them, or --pairing mysql:mysql alone");
  }
  rehearse::RehearseOptions options;
  options.rows = flags.rows;
  options.seed = flags.has_seed ? flags.seed : std::random_device()();
  const std::string pairing = !flags.pairing.empty() ? flags.pairing : flags.with_mysql ? "mixed" : "mariadb:mariadb";
  SL_ASSIGN(options.pairing, rehearse::ParsePairing(pairing));
  SL_ASSIGN(options.faults, rehearse::ParseFaults(flags.faults));
  options.report_directory = flags.report_directory;
  options.mappings_directory = flags.mappings_directory;
  options.routing_file = flags.routing_file;
  options.keep = flags.keep;
  options.xa = flags.xa;
  options.writes_per_second = flags.writes_per_second;
  options.stop = InstallStopSignals();
  const auto started = std::chrono::steady_clock::now();
  options.progress = [started](std::string_view line) {
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
    fmt::print(stderr, "[{:6.1f} s] {}\n", seconds, line);
  };
  options.progress(fmt::format("rehearsal of {} rows, seed {}, pairing {}", options.rows, options.seed, pairing));
  return rehearse::RunRehearsal(options);
}

int RunCommand(const RehearseFlags& flags) {
  const auto report = RunFlags(flags);
  if (!report.ok()) return Fail(report.status(), flags.json ? "rehearse" : "");
  return Finish(flags.json ? rehearse::ReportJson(*report) + "\n" : rehearse::ReportText(*report), report->exit_code);
}

}  // namespace

void AddRehearse(CLI::App& app, int* exit_code) {
  CLI::App* const sub = app.add_subcommand("rehearse",
                                           "Rehearse a whole migration on throw-away servers: seed, write, kill, "
                                           "resume, verify every row; leaves nothing behind");
  const auto flags = std::make_shared<RehearseFlags>();
  sub->add_option("--rows", flags->rows, "Legacy rows to begin with")
      ->check(CLI::Range(std::uint64_t{1000}, std::uint64_t{1'000'000'000}))
      ->type_name("N")
      ->capture_default_str();
  sub->add_option_function<std::uint64_t>(
         "--seed",
         [flags](const std::uint64_t& seed) {
           flags->seed = seed;
           flags->has_seed = true;
         },
         "Seed of data, writes and kills; default: drawn and printed")
      ->type_name("S");
  sub->add_flag("--with-mysql", flags->with_mysql,
                "One MariaDB and one MySQL source, one MariaDB and one MySQL shard server (--pairing mixed)");
  sub->add_option(
         "--pairing", flags->pairing,
         "Servers of sources:shards: mariadb:mariadb (default), mysql:mysql, mariadb:mysql, mysql:mariadb, or mixed")
      ->type_name("PAIRING");
  sub->add_option(
         "--faults", flags->faults,
         "Comma list of kill, shard-kill, plant:lost|extra|bit|shard|stale; or none. A planted fault must be found: "
         "exit 1")
      ->type_name("LIST")
      ->capture_default_str();
  sub->add_option("--report", flags->report_directory, "Write report.txt, report.json, job file and logs here")
      ->type_name("DIR");
  sub->add_flag("--json", flags->json, "Print the report as JSON");
  sub->add_flag("--keep", flags->keep, "Leave the servers' directory behind (the servers end)");
  sub->add_option("--writes-per-second", flags->writes_per_second, "Row changes of all writers together")
      ->check(CLI::Range(1, 100'000))
      ->type_name("N")
      ->capture_default_str();
  sub->add_flag("--xa", flags->xa, "Writers use XA transactions too");
  sub->add_option("--mappings", flags->mappings_directory, "Directory of im.json, push.json and notice.json")
      ->type_name("DIR");
  sub->add_option("--routing", flags->routing_file,
                  "A JSON file with the job's \"routing\" object, for four shards s0 to s3; default: the default rules")
      ->type_name("FILE");
  sub->callback([flags, exit_code] { *exit_code = RunCommand(*flags); });
}

}  // namespace shardlift::cmd
