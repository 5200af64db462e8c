// Text in any character set of the servers, to UTF-8, for showing (mappings read only those of mapping/charset.h).
//
// The tables are the C library's; codes that a server converts in another way, or that only one side has, are left out.
// A test compares every code of one and two bytes with both servers. Thread rules: all functions may run anywhere.
#pragma once

#include <string>
#include <string_view>

namespace shardlift::mapping {

// Appends to `out`. False, and `out` as it was, when the text holds a code that is not known to be the same for both
// servers, or the character set is not known here.
bool AppendShownText(std::string_view charset, std::string_view bytes, std::string* out);

}  // namespace shardlift::mapping
