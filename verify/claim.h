// Claim: what a verification may say of the time around it, so that its result is more than "equal when read".
//
// All servers of a job are looked at before the first read and after the last one. Both sides are equal, and stay so
// while the fence holds, only if at both ends each source is read-only, at the same position and without prepared XA
// transactions, and each lane has passed that position and not moved (docs/verification.md, "Certificate").
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "job/config.h"
#include "mysql/position.h"

namespace shardlift::verify {

struct ServerIdentity {
  std::string name;      // the job's
  std::string version;   // as the server prints it
  std::string uuid;      // server_uuid; MariaDB: server_uid
  std::string settings;  // of our sessions, "name=value" joined by commas
};

struct SourceSnapshot {
  ServerIdentity server;
  bool fenced = false;  // nobody who is bound by the server's own switches can write
  mysql::SourcePosition position;
  std::uint64_t prepared_xa = 0;
  base::Status failure;  // not ok: it could not be looked at, and nothing else is set
};

struct LaneSnapshot {
  std::string source;
  std::uint64_t epoch = 0;
  std::uint64_t seq = 0;
  std::string fingerprint;
  std::optional<mysql::SourcePosition> applied;  // none: nothing was migrated yet
  bool operator==(const LaneSnapshot&) const = default;
};

struct ShardSnapshot {
  ServerIdentity server;
  std::string rules_sha256;  // the rules themselves may hold account keys
  std::uint64_t map_epoch = 0;
  std::string shard_map;
  std::vector<LaneSnapshot> lanes;  // in the order of source and lane
  base::Status failure;
};

struct ServersSnapshot {
  std::string time;  // "2026-11-21T20:15:00Z"
  std::vector<SourceSnapshot> sources;
  std::vector<ShardSnapshot> shards;
};

// Never fails: what could not be read is in the snapshot's failures.
ServersSnapshot ReadServers(const job::JobConfig& config);

struct Claim {
  std::string pass = "full";          // "full", or the name of a mode that looks at less
  std::vector<std::string> problems;  // of the caller: "another migrate runs"
  std::string tool_version;
  ServersSnapshot before;
  ServersSnapshot after;
};

// Why the claim does not hold for the time of the pass; empty: it does. `fingerprint` is the catalog's.
std::vector<std::string> ClaimProblems(const Claim& claim, const std::string& fingerprint);

}  // namespace shardlift::verify
