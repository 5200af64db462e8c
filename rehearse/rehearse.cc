#include "rehearse/rehearse.h"

#include <fmt/format.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <utility>

#include "mysql/session.h"
#include "rehearse/child.h"
#include "rehearse/migrate_runs.h"
#include "rehearse/plant.h"
#include "rehearse/run_directory.h"
#include "rehearse/seed_data.h"
#include "rehearse/server.h"
#include "rehearse/verify_result.h"

namespace shardlift::rehearse {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr std::uint32_t kKillsAtChunk = 2;
constexpr std::uint32_t kKillsInLane = 1;
constexpr std::uint32_t kKillsInCatchUp = 2;
constexpr std::size_t kTailBytes = 2000;
constexpr int kFindingsExit = 1;
constexpr int kEnvironmentExit = 3;

class Rehearsal {
 public:
  explicit Rehearsal(const RehearseOptions& options) : options_(options) { report_.options = options; }
  base::Status Prepare();  // servers: without them there is no report
  void RunPhases();
  RehearseReport Finish();

 private:
  base::Status Phase(const std::string& name, const std::function<base::Status()>& work);
  void Say(const std::string& line) const {
    if (options_.progress) options_.progress(line);
  }
  bool StopAsked() const { return options_.stop != nullptr && *options_.stop; }
  base::Status StartServers();
  base::Status Seed();
  base::Status MigrateUnderLoad();
  base::Status CatchUp();
  base::Status Verify();
  void Judge();
  void CheckKills();
  void SaveReport();
  void Failed(const base::Status& status);

  const RehearseOptions& options_;
  RehearseReport report_;
  std::unique_ptr<ServerGroup> servers_;
  std::vector<mysql::Endpoint> sources_;
  std::vector<mysql::Endpoint> shard_servers_;
  std::unique_ptr<RunDirectory> run_;
  std::unique_ptr<Writers> writers_;
};

base::Status Rehearsal::Phase(const std::string& name, const std::function<base::Status()>& work) {
  if (StopAsked()) return {base::Code::kStopped, "the rehearsal was stopped"};
  Say(name);
  const auto since = Clock::now();
  base::Status status = work();
  report_.phases.push_back({name, std::chrono::duration<double>(Clock::now() - since).count()});
  return status.WithContext(name);
}

base::Status Rehearsal::StartServers() {
  SL_ASSIGN(servers_, ServerGroup::Create(options_.base_directory));
  std::vector<ServerSpec> specs;
  specs.reserve(4);
  for (std::size_t i = 0; i < 2; ++i) {
    specs.push_back({fmt::format("source{}", i + 1), options_.pairing.sources[i], {"--max-binlog-size=64M"}});
  }
  for (std::size_t i = 0; i < 2; ++i) specs.push_back({fmt::format("shard{}", i + 1), options_.pairing.shards[i], {}});
  SL_TRY(servers_->Start(specs));
  for (const ServerSpec& spec : specs) {
    const mysql::Endpoint& endpoint = servers_->Get(spec.name).endpoint();
    (spec.name.starts_with("source") ? sources_ : shard_servers_).push_back(endpoint);
    SL_ASSIGN(const auto session, mysql::Session::Open(endpoint, {}));
    SL_ASSIGN(const auto rows, session->Query("SELECT VERSION()", "version"));
    SL_ASSIGN(const std::string version, rows.Single());
    report_.servers.push_back(
        {spec.name, fmt::format("{} {}", spec.flavour == mysql::Flavour::kMySql ? "MySQL" : "MariaDB", version)});
  }
  SL_ASSIGN(RunDirectory run, MakeRunDirectory(servers_->directory() + "/run", options_, sources_, shard_servers_));
  run_ = std::make_unique<RunDirectory>(std::move(run));
  return base::Ok();
}

base::Status Rehearsal::Prepare() {
  return Phase("servers", [this] { return StartServers(); });
}

base::Status Rehearsal::Seed() {
  SeedOptions seed;
  seed.rows = options_.rows;
  seed.seed = options_.seed;
  seed.stop = options_.stop;
  auto said = Clock::now();
  seed.progress = [&](std::uint64_t done) {
    if (Clock::now() - said < 5s) return;
    said = Clock::now();
    Say(fmt::format("seeded {} of {} rows", done, options_.rows));
  };
  SL_ASSIGN(const SeedReport seeded, SeedSources(sources_, seed));
  report_.seeded_im = seeded.im;
  report_.seeded_push = seeded.push;
  report_.seeded_notice = seeded.notice;
  return base::Ok();
}

base::Status Rehearsal::MigrateUnderLoad() {
  WriterOptions writing;
  writing.seed = options_.seed;
  writing.changes_per_second = options_.writes_per_second;
  writing.xa = options_.xa;
  SL_ASSIGN(writers_, Writers::Start(sources_, writing));
  MigrateRuns runs(options_, *run_, *servers_, *writers_, &report_, [this](const std::string& line) { Say(line); });
  const base::Status migrated = runs.UnderLoad();
  report_.writers = writers_->Snapshot();
  SL_TRY(migrated);
  SL_ASSIGN(report_.writers, writers_->Stop());
  return base::Ok();
}

base::Status Rehearsal::CatchUp() {
  MigrateRuns runs(options_, *run_, *servers_, *writers_, &report_, [this](const std::string& line) { Say(line); });
  return runs.ToTheEnd();
}

base::Status Rehearsal::Verify() {
  ChildOptions child;
  child.program = options_.program;
  child.argv = {"shardlift", "verify", "-c", run_->job_file, "--json"};
  child.stdout_path = run_->path + "/verify.json";
  child.stderr_path = run_->path + "/verify.log";
  SL_ASSIGN(const auto verify, Child::Start(child));
  while (!verify->WaitFor(100ms).has_value()) {
    if (StopAsked()) return {base::Code::kStopped, "the rehearsal was stopped"};
  }
  const int code = verify->Poll().value_or(kEnvironmentExit);
  if (code != 0 && code != kFindingsExit) {
    report_.failure_log = FileTail(child.stderr_path, kTailBytes);
    return {code == 4   ? base::Code::kRefused
            : code == 3 ? base::Code::kEnvironment
                        : base::Code::kInternal,
            fmt::format("verify ended with exit code {}", code)};
  }
  std::ifstream file(child.stdout_path, std::ios::binary);
  const std::string json((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  SL_ASSIGN(report_.verify, ParseVerify(json));
  if ((code == 0) == report_.verify.findings.empty()) return base::Ok();
  return {base::Code::kInternal,
          fmt::format("verify ended with exit code {} but reported {} findings", code, report_.verify.findings.size())};
}

void Rehearsal::Failed(const base::Status& status) {
  report_.failures.push_back(status.message());
  if (report_.exit_code <= kFindingsExit) report_.exit_code = base::ExitCodeOf(status);
}

void Rehearsal::CheckKills() {
  if (!options_.faults.kill) return;
  std::uint32_t at_chunk = 0;
  std::uint32_t in_lane = 0;
  std::uint32_t in_catch_up = 0;
  for (const KillRecord& kill : report_.kills) {
    at_chunk += kill.point == "chunk.read" ? 1U : 0U;
    in_lane += kill.point == "lane.in_transaction" ? 1U : 0U;
    in_catch_up += kill.point == "catchup.group" ? 1U : 0U;
  }
  if (at_chunk >= kKillsAtChunk && in_lane >= kKillsInLane && in_catch_up >= kKillsInCatchUp) return;
  Failed({base::Code::kEnvironment,
          fmt::format(
              "too few kills: {} of {} with a chunk in flight, {} of {} in a lane transaction, {} of {} in catch-up; "
              "use more rows",
              at_chunk, kKillsAtChunk, in_lane, kKillsInLane, in_catch_up, kKillsInCatchUp)});
}

// What was found against what was planted.
void Rehearsal::Judge() {
  const std::size_t unexplained = MatchPlanted(report_.verify, &report_.planted);
  if (!report_.verify.findings.empty()) report_.exit_code = kFindingsExit;
  std::size_t unfound = 0;
  for (const Planted& planted : report_.planted) unfound += planted.found ? 0 : 1;
  if (unfound > 0) {
    Failed({base::Code::kFindings,
            fmt::format("verify did not name {} of {} planted faults", unfound, report_.planted.size())});
  }
  if (unexplained > 0) {
    Failed({base::Code::kFindings, fmt::format("verify found {} differences that nobody planted", unexplained)});
  }
}

void Rehearsal::RunPhases() {
  const auto phases = [this]() -> base::Status {
    SL_TRY(Phase("seed", [this] { return Seed(); }));
    SL_TRY(Phase("migrate under load", [this] { return MigrateUnderLoad(); }));
    SL_TRY(Phase("catch up", [this] { return CatchUp(); }));
    if (!options_.faults.plants.empty()) {
      SL_TRY(Phase("plant", [this]() -> base::Status {
        SL_ASSIGN(report_.planted, PlantFaults(options_.faults.plants, run_->shards, options_.seed));
        return base::Ok();
      }));
    }
    return Phase("verify", [this] { return Verify(); });
  };
  const base::Status status = phases();
  writers_.reset();
  if (status.ok()) {
    Judge();
    CheckKills();
  } else {
    Failed(status);
  }
}

void Rehearsal::SaveReport() {
  const std::string& to = options_.report_directory;
  if (to.empty()) return;
  base::Status saved = SaveRunDirectory(*run_, to);
  for (const ServerInfo& server : report_.servers) {
    std::error_code ignored;  // a server log is a help, not a result
    std::filesystem::copy_file(fmt::format("{}/{}/error.log", servers_->directory(), server.name),
                               fmt::format("{}/{}.error.log", to, server.name),
                               std::filesystem::copy_options::overwrite_existing, ignored);
  }
  std::ofstream text(to + "/report.txt");
  text << ReportText(report_);
  std::ofstream json(to + "/report.json");
  json << ReportJson(report_) << '\n';
  text.close();
  json.close();
  if (saved.ok() && (!text || !json)) saved = {base::Code::kEnvironment, "cannot write the report to " + to};
  if (!saved.ok()) Failed(saved);
}

RehearseReport Rehearsal::Finish() {
  if (options_.keep) {
    report_.kept_directory = servers_->directory();
    const base::Status kept = servers_->KeepDirectory();
    if (!kept.ok()) Failed(kept);
  }
  SaveReport();
  servers_.reset();
  return std::move(report_);
}

}  // namespace

double RehearseReport::seconds() const {
  double sum = 0;
  for (const PhaseTime& phase : phases) sum += phase.seconds;
  return sum;
}

base::Result<RehearseReport> RunRehearsal(const RehearseOptions& options) {
  Rehearsal rehearsal(options);
  SL_TRY(rehearsal.Prepare());
  rehearsal.RunPhases();
  return rehearsal.Finish();
}

}  // namespace shardlift::rehearse
