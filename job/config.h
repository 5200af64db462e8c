// JobConfig: the job file, parsed and checked (design 3). One file, used by every command.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "mapping/config.h"
#include "mysql/session.h"
#include "store/message_table.h"
#include "store/router.h"

namespace shardlift::job {

struct SourceConfig {
  mysql::Endpoint endpoint;     // endpoint.name is the source's name; the password is loaded already
  std::uint32_t server_id = 0;  // of our reader as a replica; default: derived from job and source name
  // "reader": {connection keys}: a MySQL replica of this source that chunks are read from. MySQL only: on MariaDB
  // chunks must be read on the server whose binlog is followed.
  std::optional<mysql::Endpoint> reader;
};

struct ShardConfig {
  mysql::Endpoint endpoint;
  std::string database;
};

// Made ready by job::MakeRouter (job/routing.h).
struct RoutingConfig {
  store::RoutingRules rules;  // what decides a row's bucket: the routing version
  std::uint64_t map_epoch = 1;
  std::vector<store::BucketRange> ranges;  // the shard map; default: equal ranges
};

struct CopyConfig {
  std::uint32_t chunk_rows = 10000;
  std::uint64_t chunk_bytes_max = 8ull << 20;  // a chunk is cut when its mapped rows reach this
  std::uint32_t readers = 2;                   // chunk readers per source
};

struct ApplyConfig {
  std::uint32_t batch_changes_max = 2000;  // changes per lane transaction
  std::uint64_t batch_bytes_max = 4ull << 20;
  std::uint32_t retry_seconds = 120;  // how long a lost server is waited for before exit 3
};

// A target table of the job's own (docs/configuration.md#targets). The store's `message` is always there.
struct TargetConfig {
  std::string place;         // where it stands, for messages
  store::CustomTable table;  // its body is empty where the definition is taken from the sources
  bool like_source = false;
};

// The raw binlogs of the sources, kept on this machine until checkpoints have passed them (docs/formats.md#spool).
struct SpoolConfig {
  std::string directory;                  // default: JOB.spool beside the job file; one folder for each source
  std::uint64_t bytes_max = 16ull << 30;  // of each source; a full spool holds the source's stream back
};

struct JobConfig {
  std::string name;
  std::string path;  // of the file, for messages
  std::vector<SourceConfig> sources;
  std::vector<ShardConfig> shards;
  RoutingConfig routing;
  std::vector<TargetConfig> targets;
  std::vector<mapping::MappingConfig> mappings;
  CopyConfig copy;
  ApplyConfig apply;
  SpoolConfig spool;
  // SHA-256 over what decides the target's contents (mappings, targets, routing rules): 64 hex digits.
  std::string fingerprint;
  std::vector<std::string> TargetNames() const;  // `message` first
};

// kUsage with file and path ("job.json: sources[2].port: ...") and a remedy; unknown keys suggest the nearest known
// one, duplicate keys are errors, // and /* */ comments are allowed. Secrets: "password_file" or "password_env" only.
// Mapping entries are objects, or strings naming a file relative to the job file.
base::Result<JobConfig> LoadJobConfig(const std::string& path);

}  // namespace shardlift::job
