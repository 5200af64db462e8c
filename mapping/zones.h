// Time zones by name, from this machine's tzdata, for CONVERT_TZ. Internal to mapping/.
//
// The servers read the same rules into their time zone tables (mysql_tzinfo_to_sql). Thread rules: immutable once made.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace shardlift::mapping {

struct ZoneSpan {
  std::int64_t begin = 0;   // UTC seconds since 1970
  std::int64_t offset = 0;  // local time less UTC, until the next span begins
};

struct ZonePair {
  std::vector<ZoneSpan> from;
  std::vector<ZoneSpan> to;
};

// "+08:00" as seconds east of UTC; false for anything else, the servers' limits included.
bool ParseOffset(std::string_view text, std::int64_t* seconds);

// Offsets and names may be mixed. kUsage for a name that tzdata does not have.
base::Result<std::shared_ptr<const ZonePair>> LoadZones(std::string_view from, std::string_view to);

// Seconds of a local time, as if it were UTC, from one zone to the other. nullptr when done, else why it is a bad
// value. A time that the zone has twice is the earlier one, as on the servers.
const char* ConvertZone(const ZonePair& zones, std::int64_t local, std::int64_t* out);

}  // namespace shardlift::mapping
