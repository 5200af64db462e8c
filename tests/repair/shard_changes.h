// What a shard's binlog says was changed in its message table since a position.
#pragma once

#include <set>
#include <string>

#include "mysql/position.h"
#include "mysql/session.h"

namespace shardlift::repair::testing {

mysql::SourcePosition PositionOf(mysql::Session& shard);

// "1/7 000000000000002A" for each owner that occurs in a before or after image.
std::set<std::string> OwnersChangedSince(mysql::Session& shard, const std::string& database,
                                         const mysql::SourcePosition& position);

}  // namespace shardlift::repair::testing
