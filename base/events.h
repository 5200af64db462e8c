// Machine-readable events of a running command: one JSON object per line on a file descriptor (--events-fd N).
//
// A rehearsal follows a migrate process with them; other supervisors may too. Every event has "event" and "t" (unix
// milliseconds). Thread rules: Emit may be called from any thread; lines are written whole. Never user data.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace shardlift::base {

using EventField = std::pair<std::string_view, std::variant<std::int64_t, double, bool, std::string>>;

void OpenEvents(int fd);  // -1: off (default)
bool EventsEnabled();
void EmitEvent(std::string_view event, const std::vector<EventField>& fields = {});

}  // namespace shardlift::base
