#include "rehearse/migrate_runs.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <future>
#include <nlohmann/json.hpp>
#include <thread>
#include <utility>

#include "rehearse/random.h"

namespace shardlift::rehearse {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto kLook = 100ms;
constexpr auto kSilenceMax = 180s;  // a migrate that says nothing for so long is stuck
constexpr auto kGentleStopMax = 120s;
constexpr auto kShardDown = 1s;
constexpr auto kOtherSourceMax = 20s;
constexpr auto kRecoveryMax = 120s;
constexpr auto kCatchUpUnderLoad = 3s;  // how long the last run follows the writers in catch-up
constexpr int kEnvironmentExit = 3;
constexpr int kStoppedExit = 5;
constexpr std::size_t kTailBytes = 2000;

base::Status Stopped() { return {base::Code::kStopped, "the rehearsal was stopped"}; }

// nullopt for a run that did not come to its summary.
std::optional<std::uint64_t> ChangesTotal(const std::string& path) {
  const auto document = nlohmann::json::parse(FileTail(path, 1 << 20), nullptr, false);
  if (!document.is_object()) return std::nullopt;
  const auto found = document.find("changes_total");
  if (found == document.end() || !found->is_number_unsigned()) return std::nullopt;
  return found->get<std::uint64_t>();
}

}  // namespace

MigrateRuns::MigrateRuns(const RehearseOptions& options, const RunDirectory& run, ServerGroup& servers,
                         Writers& writers, RehearseReport* report, std::function<void(const std::string&)> say)
    : options_(options), run_(run), servers_(servers), writers_(writers), report_(report), say_(std::move(say)) {}

MigrateRuns::~MigrateRuns() = default;

base::Status MigrateRuns::StartRun(const std::vector<std::string>& flags) {
  ++report_->migrate_runs;
  log_prefix_ = fmt::format("{}/migrate-{:02}", run_.path, report_->migrate_runs);
  ChildOptions child;
  child.program = options_.program;
  child.argv = {"shardlift", "migrate", "-c", run_.job_file, "--json", "--events-fd", std::to_string(kChildEventsFd)};
  child.argv.insert(child.argv.end(), flags.begin(), flags.end());
  child.stdout_path = log_prefix_ + ".json";
  child.stderr_path = log_prefix_ + ".log";
  child.events = true;
  state_ = MigrateState();
  own_exit_.reset();
  SL_ASSIGN(child_, Child::Start(child));
  return base::Ok();
}

void MigrateRuns::EndRun() {
  if (const auto total = ChangesTotal(log_prefix_ + ".json")) report_->changes_applied = *total;
  child_.reset();
}

base::Status MigrateRuns::ChildFailed(int code) {
  own_exit_ = code;
  report_->failure_log = FileTail(log_prefix_ + ".log", kTailBytes);
  EndRun();
  if (options_.stop != nullptr && *options_.stop) return Stopped();
  const base::Code status_code = code == 4   ? base::Code::kRefused
                                 : code == 1 ? base::Code::kFindings
                                 : code == 2 ? base::Code::kUsage
                                 : code == 3 ? base::Code::kEnvironment
                                             : base::Code::kInternal;
  return {status_code, fmt::format("migrate (run {}, phase {}) ended by itself with exit code {}",
                                   report_->migrate_runs, state_.phase, code)};
}

base::Result<MigrateRuns::Seen> MigrateRuns::Follow(const Condition& condition) {
  auto heard = Clock::now();
  std::vector<std::string> lines;
  std::ofstream events(log_prefix_ + ".events", std::ios::app);
  bool open = true;
  for (;;) {
    if (options_.stop != nullptr && *options_.stop) return Stopped();
    SL_TRY(writers_.Failure());
    lines.clear();
    if (open) {
      open = child_->ReadEvents(kLook, &lines);
    } else {
      std::this_thread::sleep_for(kLook);
    }
    for (const std::string& line : lines) {
      events << line << '\n';
      const std::string phase = state_.phase;
      state_.Take(line);
      if (state_.phase != phase) phase_since_ = Clock::now();
      if (std::exchange(state_.new_chunk, false)) {
        const std::uint64_t rows = std::max<std::uint64_t>(state_.chunk_rows, 50);
        writers_.AimAt(state_.chunk_table, state_.chunk_after, rows);
      }
      heard = Clock::now();
    }
    if (const std::optional<Seen> seen = condition(state_)) return *seen;
    if (lines.empty()) {
      // Once more after the end: it may have happened since the condition looked.
      if (const std::optional<int> ended = child_->Poll()) {
        if (const std::optional<Seen> seen = condition(state_)) return *seen;
        return ChildFailed(*ended);
      }
    }
    if (Clock::now() - heard > kSilenceMax) {
      report_->failure_log = FileTail(log_prefix_ + ".log", kTailBytes);
      return base::Status(base::Code::kEnvironment,
                          fmt::format("migrate (run {}, phase {}) said nothing for {} s", report_->migrate_runs,
                                      state_.phase, kSilenceMax.count()));
    }
  }
}

// A migrate that gave up with "environment, try again" may be started once more in a whole rehearsal.
base::Status MigrateRuns::OneRun(const std::function<base::Status()>& run) {
  base::Status status = run();
  if (status.ok() || own_exit_ != kEnvironmentExit || report_->migrate_restarts > 0) return status;
  ++report_->migrate_restarts;
  say_(fmt::format("migrate gave up with exit code {}; started once more", kEnvironmentExit));
  report_->failure_log.clear();
  return run();
}

base::Status MigrateRuns::KillAt(const std::string& point, std::uint64_t passage) {
  SL_TRY(StartRun({"--pause-at", fmt::format("{}:{}", point, passage)}));
  const bool needs_copy = point == "chunk.read";
  std::optional<Clock::time_point> paused_at;
  SL_ASSIGN(const Seen seen, Follow([&](const MigrateState& state) -> std::optional<Seen> {
              if (state.pause_point == point) {
                // One source may be held in catch-up while another still copies: wait for it, but not for ever.
                if (!paused_at.has_value()) paused_at = Clock::now();
                const bool wait = point == "catchup.group" && state.phase != "catch-up";
                if (!wait || Clock::now() - *paused_at > kOtherSourceMax) return Seen::kYes;
              }
              if (needs_copy && state.phase == "catch-up") return Seen::kMissed;
              return std::nullopt;
            }));
  if (seen == Seen::kYes) {
    KillRecord record;
    record.point = point;
    record.phase = state_.phase;
    record.detail = state_.pause_detail;
    record.table = state_.chunk_table;
    record.after = state_.chunk_after;
    record.chunk_rows = state_.chunk_rows;
    record.lag_seconds = state_.lag_seconds;
    record.rows_copied = state_.rows_copied;
    record.changes_applied = state_.changes_applied;
    report_->kills.push_back(record);
    say_(fmt::format("kill -9 of migrate at {} ({}), phase {}, lag {:.0f} s", point, record.detail, record.phase,
                     record.lag_seconds));
  } else {
    say_(fmt::format("migrate left the copy before it could be killed at {}", point));
  }
  child_->Kill();
  EndRun();
  return base::Ok();
}

base::Status MigrateRuns::Recover(ShardKillRecord* record, Server& server, const MigrateState& before) {
  const auto killed_at = Clock::now();
  auto restart = std::async(std::launch::async, [&server] {
    std::this_thread::sleep_for(kShardDown);
    return server.StartAgain();
  });
  bool up = false;
  base::Status started;
  auto seen = Follow([&](const MigrateState& state) -> std::optional<Seen> {
    if (!up && restart.wait_for(0s) == std::future_status::ready) {
      started = restart.get();
      up = true;
      record->down_seconds = std::chrono::duration<double>(Clock::now() - killed_at).count();
      if (!started.ok()) return Seen::kMissed;
    }
    record->loss_seen = state.shards_lost > before.shards_lost;
    // Every connection that reported a loss has reported its return.
    record->recovery_seen =
        record->loss_seen && state.shards_back - before.shards_back >= state.shards_lost - before.shards_lost;
    const bool moves =
        state.chunks_merged > before.chunks_merged + 1 || state.changes_applied > before.changes_applied + 50;
    if (up && record->loss_seen && record->recovery_seen && moves) return Seen::kYes;
    if (Clock::now() - killed_at > kRecoveryMax) return Seen::kMissed;
    return std::nullopt;
  });
  if (!up) started = restart.get();
  SL_TRY(started);
  if (!seen.ok()) return seen.status();
  if (*seen == Seen::kYes) return base::Ok();
  return {base::Code::kEnvironment,
          fmt::format("migrate did not {} within {} s after the kill of {}",
                      record->loss_seen ? "go on" : "notice the loss", kRecoveryMax.count(), server.spec().name)};
}

base::Status MigrateRuns::ShardKill() {
  SL_TRY(StartRun({}));
  // While lanes commit for all sources. One that has been copied already merges no chunks: then changes must flow.
  std::optional<Clock::time_point> merging_since;
  SL_ASSIGN([[maybe_unused]] const Seen begun, Follow([&](const MigrateState& state) -> std::optional<Seen> {
              if (state.sources_merging.size() >= options_.pairing.sources.size()) return Seen::kYes;
              if (state.chunks_merged > 0 && !merging_since.has_value()) merging_since = Clock::now();
              if (merging_since.has_value() && Clock::now() - *merging_since > kOtherSourceMax) return Seen::kYes;
              if (state.phase == "catch-up" && state.changes_applied >= 50) return Seen::kYes;
              return std::nullopt;
            }));
  Server& server = servers_.Get(Random::For(options_.seed, "shard-kill").OneIn(2) ? "shard1" : "shard2");
  const MigrateState before = state_;
  ShardKillRecord record;
  record.server = server.spec().name;
  record.phase = state_.phase;
  say_(fmt::format("kill -9 of {} in phase {}", record.server, record.phase));
  SL_TRY(server.KillNow());
  const base::Status recovered = Recover(&record, server, before);
  report_->shard_kills.push_back(record);
  SL_TRY(recovered);
  return StopGently();
}

base::Status MigrateRuns::StopGently() {
  child_->Terminate();
  const auto since = Clock::now();
  std::vector<std::string> lines;
  while (!child_->Poll().has_value() && Clock::now() - since < kGentleStopMax) {
    lines.clear();
    if (!child_->ReadEvents(kLook, &lines)) std::this_thread::sleep_for(kLook);
    for (const std::string& line : lines) state_.Take(line);
  }
  const std::optional<int> code = child_->Poll();
  if (!code.has_value()) {
    report_->failure_log = FileTail(log_prefix_ + ".log", kTailBytes);
    return {base::Code::kEnvironment,
            fmt::format("migrate did not stop within {} s of SIGTERM", kGentleStopMax.count())};
  }
  if (*code != 0 && *code != kStoppedExit) return ChildFailed(*code);
  EndRun();
  return base::Ok();
}

base::Status MigrateRuns::UnderLoad() {
  Random random = Random::For(options_.seed, "kills");
  const auto kill_at = [&](const std::string& point, std::uint64_t passage) {
    ++report_->kills_wanted;
    return OneRun([&] { return KillAt(point, passage); });
  };
  if (options_.faults.kill) {
    // The three together leave at least two fifths of the chunks for later.
    const std::uint64_t fifth = ChunksExpected(options_.rows) / 5;
    SL_TRY(kill_at("chunk.read", random.Between(2, fifth)));
    SL_TRY(kill_at("lane.in_transaction", random.Between(2, fifth)));
    SL_TRY(kill_at("chunk.read", random.Between(1, fifth)));
  }
  if (options_.faults.shard_kill) SL_TRY(OneRun([this] { return ShardKill(); }));
  if (options_.faults.kill) {
    SL_TRY(kill_at("catchup.group", random.Between(1, 40)));
    SL_TRY(kill_at("catchup.group", random.Between(1, 120)));
  }
  return OneRun([this]() -> base::Status {
    SL_TRY(StartRun({}));
    SL_ASSIGN([[maybe_unused]] const Seen followed, Follow([this](const MigrateState& state) -> std::optional<Seen> {
                if (state.phase == "catch-up" && Clock::now() - phase_since_ >= kCatchUpUnderLoad) return Seen::kYes;
                return std::nullopt;
              }));
    return StopGently();
  });
}

base::Status MigrateRuns::ToTheEnd() {
  return OneRun([this]() -> base::Status {
    SL_TRY(StartRun({"--until-caught-up"}));
    std::optional<int> code;
    SL_ASSIGN([[maybe_unused]] const Seen ended, Follow([&](const MigrateState&) -> std::optional<Seen> {
                code = child_->Poll();
                return code.has_value() ? std::optional(Seen::kYes) : std::nullopt;
              }));
    if (*code != 0) return ChildFailed(*code);
    EndRun();
    return base::Ok();
  });
}

}  // namespace shardlift::rehearse
