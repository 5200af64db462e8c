// The files of one rehearsal: job file, copied mappings, password files (mode 0600), logs of the commands it runs.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "mysql/session.h"
#include "rehearse/rehearse.h"

namespace shardlift::rehearse {

struct ShardPlace {
  std::string name;    // "s0"
  std::string server;  // "shard1"
  mysql::Endpoint endpoint;
  std::string database;
};

struct RunDirectory {
  std::string path;
  std::string job_file;
  std::vector<ShardPlace> shards;
};

// Rows of a chunk for a rehearsal of this size: small enough that even a small rehearsal has many chunks.
std::uint64_t ChunkRows(std::uint64_t rows);
// How many chunks the copy will have, roughly.
std::uint64_t ChunksExpected(std::uint64_t rows);

// Creates `path` and writes everything a job needs: sources "source1" and "source2", four shards s0..s3, two databases
// on each shard server.
base::Result<RunDirectory> MakeRunDirectory(const std::string& path, const RehearseOptions& options,
                                            std::span<const mysql::Endpoint> sources,
                                            std::span<const mysql::Endpoint> shard_servers);
// Copies job file, mappings and logs (no passwords) to `to`, which is created.
base::Status SaveRunDirectory(const RunDirectory& from, const std::string& to);

}  // namespace shardlift::rehearse
