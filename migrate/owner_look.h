// OwnerLook: looks at some owners of one legacy table on both sides, as of one place of their source's stream, and
// writes nothing (docs/verification.md, "Live").
//
// The source's side is read as a chunk of named keys under the window rule. Each shard's side is read inside a
// transaction of its lane, behind everything that the stream brought before that place and before anything it brings
// later. So for an owner that no group touched in the window both sides are of the same place, whenever each of the
// lanes gets there.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_set>

#include "base/status.h"
#include "mysql/session.h"

namespace shardlift::migrate {

// Thread rules: AtSource is called by one thread at a time, AtShard by the lanes' threads, those of different shards at
// once. Either may come again: what it read before no longer counts.
class OwnerLook {
 public:
  OwnerLook() = default;
  OwnerLook(const OwnerLook&) = delete;
  OwnerLook& operator=(const OwnerLook&) = delete;
  virtual ~OwnerLook() = default;
  // `lock`: the rows are to be read with row locks.
  virtual base::Status AtSource(mysql::Session& source, bool lock) = 0;
  virtual base::Status AtShard(std::uint32_t shard, mysql::Session& session) = 0;
};

struct LookOutcome {
  bool is_done = false;  // both sides were read; else what stands in the way is in `reason`
  std::string reason;
  std::unordered_set<std::string> touched;  // owner ids (batch.h) that changed meanwhile: nothing is known of them
};

}  // namespace shardlift::migrate
