// The tables of docs/routing.md: how good the hashes of the routing strategies are, beside others. Everything in them
// is computed from fixed seeds and one list of words, so that a document that is not up to date can be told.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace shardlift::store {

inline constexpr std::size_t kReportedKeys = 100'000;
inline constexpr const char* kWordList = "/usr/share/dict/american-english";  // Debian's package wamerican

// kEnvironment unless the list has enough words.
base::Result<std::vector<std::string>> ReadWords(const std::string& path);

// Markdown.
std::string RoutingReport(const std::vector<std::string>& words);

// `document` with the report between its two marker lines; kUsage when it has no markers.
base::Result<std::string> WithReport(std::string_view document, std::string_view report);

}  // namespace shardlift::store
