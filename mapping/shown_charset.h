// Text in any character set of the servers, to UTF-8: for showing, and for the columns of mappings that charset.h does
// not know itself.
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

// The tables of one of them, for many texts; lives as long as the program. nullptr for those of charset.h, for those of
// two and four bytes a character (ucs2, utf16, utf32), and for unknown ones.
class CharsetTable;
const CharsetTable* FindCharsetTable(std::string_view charset);
// Appends to `out`; false, with a part in `out`, as above.
bool AppendTableText(const CharsetTable& table, std::string_view bytes, std::string* out);

}  // namespace shardlift::mapping
