// Rehearsal: a whole migration against throw-away servers, with writers, kills and planted faults, and a verdict.
//
// Phases: servers -> seed -> migrate under load (kills, resumes) -> writers stop -> catch up -> plant -> verify ->
// report. The migrate and verify commands run as child processes of the same program, as a user would run them.
//
// Thread rules: RunRehearsal blocks; call it on a thread that lives as long as the process (children die with the
// thread that started them). Units: seconds unless said. Everything it starts is gone when it returns, or 10 seconds
// after a kill -9.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "mysql/position.h"
#include "rehearse/writers.h"

namespace shardlift::rehearse {

enum class PlantKind : std::uint8_t { kLost, kExtra, kBit, kShard, kStale };
std::string_view PlantKindName(PlantKind kind);    // "lost"
std::string_view ExpectedFinding(PlantKind kind);  // "missing", "extra", "differs", "wrong_shard", "differs"

// Flavours of the servers: two sources, two shard servers.
struct Pairing {
  std::string name = "mariadb:mariadb";
  std::vector<mysql::Flavour> sources{mysql::Flavour::kMariaDb, mysql::Flavour::kMariaDb};
  std::vector<mysql::Flavour> shards{mysql::Flavour::kMariaDb, mysql::Flavour::kMariaDb};
};
// mariadb:mariadb, mysql:mysql, mariadb:mysql, mysql:mariadb (sources:shards) or mixed (one of each). kUsage otherwise.
base::Result<Pairing> ParsePairing(std::string_view text);

struct Faults {
  bool kill = true;  // SIGKILL of migrate: twice with a chunk in flight, once in a lane transaction, twice in catch-up
  bool shard_kill = true;  // SIGKILL of a shard server while lanes commit
  std::vector<PlantKind> plants;
};
// "kill,shard-kill,plant:lost"; "none". kUsage naming the unknown word.
base::Result<Faults> ParseFaults(std::string_view text);

struct RehearseOptions {
  std::uint64_t rows = 300'000;
  std::uint64_t seed = 1;
  Pairing pairing;
  Faults faults;
  std::uint32_t writes_per_second = 600;
  bool xa = false;               // writers also use XA transactions
  std::string report_directory;  // report.txt, report.json, job file and logs; empty: none
  bool keep = false;             // leave the servers' data behind for inspection
  std::string program = "/proc/self/exe";
  std::string mappings_directory;  // empty: FindMappings()
  std::string routing_file;        // JSON: the job's "routing" object; empty: the defaults
  std::string base_directory;      // for the servers; empty: TMPDIR or /tmp
  const std::atomic<bool>* stop = nullptr;
  std::function<void(std::string_view line)> progress;
};

struct ServerInfo {
  std::string name;
  std::string version;
};
struct PhaseTime {
  std::string name;
  double seconds = 0;
};
struct KillRecord {
  std::string point;   // where migrate was held: "chunk.read"
  std::string phase;   // "copy", "catch-up"
  std::string detail;  // what the pause said
  std::string table;   // of the last chunk read
  std::string after;
  std::uint64_t chunk_rows = 0;
  double lag_seconds = 0;
  std::uint64_t rows_copied = 0;
  std::uint64_t changes_applied = 0;
};
struct ShardKillRecord {
  std::string server;
  std::string phase;
  double down_seconds = 0;
  bool loss_seen = false;
  bool recovery_seen = false;
};
struct Finding {
  std::string kind;
  std::uint64_t origin = 0;
  std::uint64_t table_ordinal = 0;
  std::string table;
  std::string owner_key;  // hex, upper case
  std::string shard;
  std::string expected_shard;
  std::vector<std::string> columns;
};
struct Planted {
  PlantKind kind = PlantKind::kLost;
  std::uint64_t origin = 0;
  std::uint64_t table_ordinal = 0;
  std::string owner_key;  // hex, upper case
  std::string shard;
  bool found = false;  // by verify, as the expected kind
};
struct MappingRows {
  std::string mapping;
  std::uint64_t source_rows = 0;
  std::uint64_t kept = 0;
  std::uint64_t left_behind = 0;
  std::uint64_t equal = 0;
};
struct VerifyOutcome {
  bool done = false;
  std::uint64_t rows_compared = 0;
  std::vector<Finding> findings;
  std::map<std::string, std::uint64_t> counts;  // by kind
  std::vector<std::pair<std::string, std::uint64_t>> shard_rows;
  std::vector<MappingRows> mappings;
};

struct RehearseReport {
  RehearseOptions options;
  std::vector<ServerInfo> servers;
  std::uint64_t seeded_im = 0;
  std::uint64_t seeded_push = 0;
  std::uint64_t seeded_notice = 0;
  WriterReport writers;
  std::uint32_t migrate_runs = 0;
  std::uint32_t migrate_restarts = 0;  // after an exit of its own with code 3
  std::uint64_t changes_applied = 0;   // over all runs, as the shards have counted them
  std::vector<KillRecord> kills;
  std::uint32_t kills_wanted = 0;
  std::vector<ShardKillRecord> shard_kills;
  VerifyOutcome verify;
  std::vector<Planted> planted;
  std::vector<PhaseTime> phases;
  std::vector<std::string> failures;  // empty: the rehearsal did all it set out to do
  std::string failure_log;            // last lines of the standard error of the child that failed
  std::string kept_directory;
  int exit_code = 0;  // 0 clean; 1 differences; otherwise as the command's exit codes
  double seconds() const;
};

// A failed Status only when the servers could not be set up or the options are wrong; later failures are in the report.
base::Result<RehearseReport> RunRehearsal(const RehearseOptions& options);

std::string ReportText(const RehearseReport& report);  // for a person, one screen
std::string ReportJson(const RehearseReport& report);  // "shardlift.rehearse/1"

// configs/mappings near the program, or of the source tree it was built from. kEnvironment with the remedy.
base::Result<std::string> FindMappings();

}  // namespace shardlift::rehearse
