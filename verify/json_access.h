// Members of a JSON document that may be of any shape: what is not there, or of another kind, reads as 0 or "".
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace shardlift::verify {

// nullptr when a step of the path ("job/name") is not there.
const nlohmann::json* MemberAt(const nlohmann::json& value, std::string_view path);
std::string TextAt(const nlohmann::json& value, std::string_view path);
std::uint64_t NumberAt(const nlohmann::json& value, std::string_view path);
bool TrueAt(const nlohmann::json& value, std::string_view path);
// An empty list when there is none.
const nlohmann::json& ListAt(const nlohmann::json& value, std::string_view path);
// A sum as 16 lower case hex digits; nothing when the text is none.
std::optional<std::uint64_t> SumAt(const nlohmann::json& value, std::string_view path);

}  // namespace shardlift::verify
