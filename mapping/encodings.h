// Hexadecimal and base 64 as the servers read and write them. Internal to mapping/.
#pragma once

#include <string>
#include <string_view>

namespace shardlift::mapping {

void AppendHex(std::string_view bytes, bool upper, std::string* out);
// An odd number of digits gets a zero in front. False for anything else than digits.
bool AppendUnhexed(std::string_view text, std::string* out);

// A line end after each 76 characters but the last ones.
void AppendBase64(std::string_view bytes, std::string* out);
// Spaces are skipped, four digits make a group, = only at the end of the last group. False otherwise.
bool AppendFromBase64(std::string_view text, std::string* out);

}  // namespace shardlift::mapping
