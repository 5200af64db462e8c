// Claiming the lanes of a job: the lock that refuses a second process, the epoch that fences an old one, and the
// checkpoints to resume from (design 5.4).
//
// One lane per (source, shard): all changes of a source's owners on a shard pass it in commit order.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "job/catalog.h"
#include "job/config.h"
#include "mysql/position.h"
#include "mysql/session.h"

namespace shardlift::migrate {

// How far one table's copy has got on one shard (sl_copy).
struct CopyMark {
  std::uint64_t chunk_number = 0;  // counts the chunks of the table; equal numbers mean equal cursors
  std::string cursor;              // migrate/key_cursor.h; empty: nothing copied
  bool done = false;
};

struct LaneClaim {
  std::uint64_t epoch = 0;
  std::uint64_t seq = 0;
  mysql::SourcePosition restart;
  mysql::SourcePosition applied;
  bool fresh = true;  // no position stored yet
};

struct SourceClaim {
  std::vector<LaneClaim> lanes;             // one per shard
  std::map<std::uint32_t, CopyMark> marks;  // by table ordinal; equal on all shards when this is returned
};

// Holds the job's locks (GET_LOCK per shard and origin) on sessions of its own until destroyed. Borrows the config.
class JobLocks {
 public:
  ~JobLocks();
  // kRefused naming the holder when another process has them and `takeover` is false; with it the holder's
  // lock sessions are killed. The epochs fence it in any case.
  static base::Result<std::unique_ptr<JobLocks>> Acquire(const job::JobConfig& config, bool takeover);
  // To be called every few seconds: keeps the sessions busy and takes the locks again on a shard whose server was lost
  // and is back. kRefused when another process was quicker there. An unreachable shard is the lanes' business: ok here.
  base::Status Maintain();

 private:
  const job::JobConfig* config_ = nullptr;
  std::vector<std::unique_ptr<mysql::Session>> sessions_;  // one per shard; nullptr while its server is away
};

// Bumps the epoch of the source's lane on every shard (waiting for the row locks of an old process's open
// transactions), checks fingerprint and formats, and returns the checkpoints. Copy marks that differ between shards (a
// crash between two shards' commits) are set back to the earliest on all shards. A source without checkpoints starts at
// `start`.
base::Result<SourceClaim> ClaimSource(const job::JobConfig& config, const job::Catalog& catalog, std::uint32_t source);

// Stores the start position in lanes that have none.
base::Status StoreStart(const job::JobConfig& config, std::uint32_t source, const mysql::SourcePosition& start,
                        SourceClaim* claim);

std::string EncodeMark(const CopyMark& mark);
base::Result<CopyMark> DecodeMark(std::string_view text, bool done);

inline constexpr int kCheckpointFormat = 1;

}  // namespace shardlift::migrate
