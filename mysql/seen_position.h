// What a read may have seen at most.
#pragma once

#include "base/status.h"
#include "mysql/position.h"
#include "mysql/session.h"

namespace shardlift::mysql {

// As ReadUpperBound, and exactly so for all that was visible before the call. MySQL adds a GTID to gtid_executed a
// moment after its transaction became visible; until then a session owns it. So owned ones are in it, too, also those
// of transactions that are not committed yet: the position is reached later than that of ReadUpperBound, or never when
// they roll back.
base::Result<SourcePosition> ReadSeenUpperBound(Session& session);

}  // namespace shardlift::mysql
