#include "mapping/zones.h"

#include <date/tz.h>

#include <algorithm>
#include <exception>
#include <string>

namespace shardlift::mapping {

using base::Status;

namespace {

// Whole years in which both servers convert by name: MariaDB's end with 2038-01-19, and 1970 begins within an offset.
constexpr std::int64_t kFirst = 86400;              // 1970-01-02 UTC
constexpr std::int64_t kEnd = 2145916800 - 86400;   // 2037-12-31 UTC
constexpr std::int64_t kReadFrom = -400ll * 86400;  // spans are read with a margin on both sides
constexpr std::int64_t kReadTo = 2145916800 + 400ll * 86400;

base::Result<std::vector<ZoneSpan>> LoadZone(std::string_view name) {
  std::int64_t offset = 0;
  if (ParseOffset(name, &offset)) return std::vector<ZoneSpan>{{kReadFrom, offset}};
  std::vector<ZoneSpan> spans;
  try {
    const date::time_zone* zone = date::locate_zone(std::string(name));
    for (date::sys_seconds at{std::chrono::seconds(kReadFrom)}; at.time_since_epoch().count() < kReadTo;) {
      date::sys_info info = zone->get_info(at);
      spans.push_back({at.time_since_epoch().count(), info.offset.count()});
      if (info.end <= at) break;
      at = info.end;
    }
  } catch (const std::exception&) {
    return Status(base::Code::kUsage, "there is no time zone " + std::string(name) +
                                          "; write an offset such as '+08:00', or a name of tzdata such as "
                                          "'Asia/Shanghai' (is the package tzdata installed?)");
  }
  return spans;
}

const ZoneSpan* SpanAt(const std::vector<ZoneSpan>& spans, std::int64_t utc) {
  auto after = std::upper_bound(spans.begin(), spans.end(), utc,
                                [](std::int64_t seconds, const ZoneSpan& span) { return seconds < span.begin; });
  return after == spans.begin() ? &spans.front() : &*(after - 1);
}

}  // namespace

bool ParseOffset(std::string_view text, std::int64_t* seconds) {
  if (text.size() != 6 || (text[0] != '+' && text[0] != '-') || text[3] != ':') return false;
  for (std::size_t i : {1u, 2u, 4u, 5u}) {
    if (text[i] < '0' || text[i] > '9') return false;
  }
  std::int64_t hours = (text[1] - '0') * 10 + (text[2] - '0');
  std::int64_t minutes = (text[4] - '0') * 10 + (text[5] - '0');
  std::int64_t value = (hours * 60 + minutes) * 60;
  if (minutes > 59 || value > (text[0] == '+' ? 14 * 3600 : 13 * 3600 + 59 * 60)) return false;
  *seconds = text[0] == '+' ? value : -value;
  return true;
}

base::Result<std::shared_ptr<const ZonePair>> LoadZones(std::string_view from, std::string_view to) {
  auto zones = std::make_shared<ZonePair>();
  SL_ASSIGN(zones->from, LoadZone(from));
  SL_ASSIGN(zones->to, LoadZone(to));
  return std::shared_ptr<const ZonePair>(std::move(zones));
}

const char* ConvertZone(const ZonePair& zones, std::int64_t local, std::int64_t* out) {
  static constexpr std::int64_t kDay = 86400;
  if (local < kFirst - kDay || local > kEnd + kDay) return "a time outside 1970 to 2037 under CONVERT_TZ by name";
  // Offsets are less than a day: of the spans around, the first one that has this local time counts.
  const ZoneSpan* first = SpanAt(zones.from, local - kDay);
  const ZoneSpan* last = SpanAt(zones.from, local + kDay);
  const ZoneSpan* end = zones.from.data() + zones.from.size();
  bool found = false;
  std::int64_t utc = 0;
  for (const ZoneSpan* span = first; span <= last; ++span) {
    std::int64_t candidate = local - span->offset;
    bool inside = candidate >= span->begin && (span + 1 == end || candidate < (span + 1)->begin);
    if (!inside && !(span == zones.from.data() && candidate < span->begin)) continue;
    utc = candidate;
    found = true;
    break;
  }
  if (!found) return "a local time that its time zone leaves out";
  if (utc < kFirst || utc >= kEnd) return "a time outside 1970 to 2037 under CONVERT_TZ by name";
  *out = utc + SpanAt(zones.to, utc)->offset;
  return nullptr;
}

}  // namespace shardlift::mapping
