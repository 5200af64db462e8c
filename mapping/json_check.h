// Is this text JSON that both servers store? Internal to mapping/.
#pragma once

#include <string>
#include <string_view>

namespace shardlift::mapping {

// Nesting that MariaDB's json_valid still takes (MySQL: 100); the target's flavour is not known here.
inline constexpr int kJsonDepthMax = 31;

// RFC 8259, UTF-8, no lone surrogate escapes, numbers within a double's range, at most kJsonDepthMax levels.
bool IsJson(std::string_view text);

// Appends `text` as a JSON string the way the servers' JSON_QUOTE does; they differ in the case of \u00xx digits.
void AppendJsonString(std::string_view text, bool upper_hex, std::string* out);

}  // namespace shardlift::mapping
