// --pause-at POINT:N: holds a thread for ever at the N-th passage of a named place, so that a rehearsal can kill the
// process exactly there.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"

namespace shardlift::cmd {

// Installs the sync point handler (base/sync_point.h); to be called once, before threads run. At the N-th passage (from
// 1) of a point the event "pause" is emitted with point and detail, and the passing thread never returns. kUsage for
// text that is not POINT:N.
base::Status InstallPauses(const std::vector<std::string>& pauses);

}  // namespace shardlift::cmd
