// Named places in the write path where a test, or a rehearsal that will kill the process, can stop it.
//
// Disabled (the default) a passage costs one relaxed atomic load. Handlers run on the passing thread and may block.
// Places: "chunk.opened" (window recording, before the chunk's SELECT), "chunk.read" (rows read, H read, not merged),
// "lane.in_transaction" (rows written, not committed), "lane.committed", "catchup.group" (a group was handed to the
// lanes after the copy was done), "lane.connection_lost", "repair.recorded" (a
// repair's changes are on record, not made), "verify.settled" and "verify.recorded" (a part of a pass, before and after
// the ledger has it).
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace shardlift::base {

using SyncPointHandler = std::function<void(std::string_view point, std::string_view detail)>;
// Replaces the process-wide handler; nullptr disables. Not to be called while threads pass points.
void SetSyncPointHandler(SyncPointHandler handler);
void SyncPoint(std::string_view point, std::string_view detail = {});

}  // namespace shardlift::base
