#include "verify/json_access.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

namespace shardlift::verify {

using nlohmann::json;

const json* MemberAt(const json& value, std::string_view path) {
  const json* at = &value;
  while (!path.empty()) {
    const std::size_t slash = std::min(path.find('/'), path.size());
    if (!at->is_object()) return nullptr;
    const auto found = at->find(std::string(path.substr(0, slash)));
    if (found == at->end()) return nullptr;
    at = &*found;
    path.remove_prefix(std::min(slash + 1, path.size()));
  }
  return at;
}

std::string TextAt(const json& value, std::string_view path) {
  const json* const found = MemberAt(value, path);
  return found != nullptr && found->is_string() ? found->get<std::string>() : std::string();
}

std::uint64_t NumberAt(const json& value, std::string_view path) {
  const json* const found = MemberAt(value, path);
  return found != nullptr && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}

bool TrueAt(const json& value, std::string_view path) {
  const json* const found = MemberAt(value, path);
  return found != nullptr && found->is_boolean() && found->get<bool>();
}

const json& ListAt(const json& value, std::string_view path) {
  static const json kNothing = json::array();
  const json* const found = MemberAt(value, path);
  return found != nullptr && found->is_array() ? *found : kNothing;
}

std::optional<std::uint64_t> SumAt(const json& value, std::string_view path) {
  constexpr std::size_t kDigits = 16;
  const std::string text = TextAt(value, path);
  std::uint64_t sum = 0;
  const char* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, sum, 16);
  if (text.size() != kDigits || error != std::errc() || at != end) return std::nullopt;
  return sum;
}

}  // namespace shardlift::verify
