// JSON strings for what is written line by line, without building a document.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace shardlift::base {

// Appends `text` in quotes. Control characters, DEL too, are escaped; other bytes go as they are, so `text` should be
// UTF-8.
void AppendJsonString(std::string_view text, std::string& out);

// The same without the quotes, to where there is room for JsonEscapedBytesMax. Returns the end. *is_ascii: whether all
// of `text` is.
char* WriteJsonEscaped(std::string_view text, char* out, bool* is_ascii);
constexpr std::size_t JsonEscapedBytesMax(std::size_t text_bytes) { return 6 * text_bytes + 16; }

}  // namespace shardlift::base
