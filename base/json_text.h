// JSON strings for what is written line by line, without building a document.
#pragma once

#include <string>
#include <string_view>

namespace shardlift::base {

// Appends `text` in quotes. Control characters, DEL too, are escaped; other bytes go as they are, so `text` should be
// UTF-8.
void AppendJsonString(std::string_view text, std::string& out);

}  // namespace shardlift::base
