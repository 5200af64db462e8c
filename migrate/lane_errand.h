// LaneErrand: work of somebody else inside one transaction of a lane, behind everything that the stream brought before
// and before anything that it brings later.
//
// For what writes rows that no source has: it goes through the lane's connection and fence like all else.
//
// Thread rules: the lane's thread runs it; errands of different shards run at once. A transaction that has to be made
// again runs it again: what it noted before no longer counts. A failure ends the run without the transaction.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "migrate/shard_writer.h"
#include "mysql/session.h"

namespace shardlift::migrate {

struct LanePlace {
  std::uint32_t shard;
  mysql::Session& session;  // inside the transaction; it is not for the errand to end it
  ShardWriter& writer;
  std::vector<std::string>& letters_cleared;  // owner ids whose dead letter the errand removed: the lane forgets them
};

class LaneErrand {
 public:
  LaneErrand() = default;
  LaneErrand(const LaneErrand&) = delete;
  LaneErrand& operator=(const LaneErrand&) = delete;
  virtual ~LaneErrand() = default;
  virtual base::Status Work(LanePlace& place) = 0;
};

struct ShardErrand {
  std::uint32_t shard = 0;
  std::shared_ptr<LaneErrand> errand;
};

}  // namespace shardlift::migrate
