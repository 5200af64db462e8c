#include "job/json_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "base/check.h"

namespace shardlift::job {
namespace {

using base::Code;
using base::Result;
using base::Status;
using nlohmann::json;

std::string LineAndColumn(std::string_view text, std::size_t byte) {
  byte = std::min(byte, text.size());
  const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(byte), '\n');
  const std::size_t line_start = text.substr(0, byte).rfind('\n');
  return fmt::format("{}:{}", line, line_start == std::string_view::npos ? byte : byte - line_start - 1);
}

std::string UnknownKey(const ObjectSpec& spec, std::string_view key) {
  if (key == "password" && FindKey(spec, "password_file") != nullptr) {
    return "passwords do not stand in the job file; use \"password_file\" or \"password_env\"";
  }
  const std::string_view nearest = NearestKey(spec, key);
  if (!nearest.empty()) return fmt::format("unknown key; did you mean \"{}\"?", nearest);
  std::string all;
  for (const KeySpec& known : spec.keys) all.append(all.empty() ? "" : ", ").append(known.name);
  return "unknown key; known keys: " + all;
}

// Remembers the keys of the objects that are open while the parser runs, and where it stands; the library keeps one of
// two duplicates silently.
class DuplicateFinder {
 public:
  bool operator()(int, json::parse_event_t event, json& value) {
    switch (event) {
      case json::parse_event_t::object_start:
      case json::parse_event_t::array_start:
        NextItem();
        open_.push_back({event == json::parse_event_t::array_start, 0, "", {}});
        break;
      case json::parse_event_t::object_end:
      case json::parse_event_t::array_end: open_.pop_back(); break;
      case json::parse_event_t::value: NextItem(); break;
      case json::parse_event_t::key:
        open_.back().key = value.get<std::string>();
        if (!open_.back().keys.insert(open_.back().key).second && duplicate_.empty()) duplicate_ = Path();
        break;
    }
    return true;
  }
  // The path of the first key that stands twice in one object; empty: none does.
  const std::string& duplicate() const { return duplicate_; }

 private:
  struct Level {
    bool is_array;
    std::size_t items;
    std::string key;
    std::set<std::string> keys;
  };
  void NextItem() {
    if (!open_.empty() && open_.back().is_array) ++open_.back().items;
  }
  std::string Path() const {
    std::string path;
    for (const Level& level : open_) {
      path += level.is_array ? fmt::format("[{}]", level.items - 1) : (path.empty() ? "" : ".") + level.key;
    }
    return path;
  }
  std::vector<Level> open_;
  std::string duplicate_;
};

// The library's explanation without its own prefix, and without the text it stopped at: that may be a secret.
std::string Explanation(std::string_view what) {
  constexpr std::string_view kSyntax = "syntax error ";
  if (const std::size_t at = what.find(kSyntax); at != std::string_view::npos) what.remove_prefix(at);
  return std::string(what.substr(0, what.find("; last read")));
}

}  // namespace

Result<json> ReadJsonFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    return Status(Code::kUsage, fmt::format("{}: cannot be read: {}; check the path and its permissions", path,
                                            std::strerror(errno)));
  }
  std::stringstream buffer;
  buffer << file.rdbuf();
  const std::string text = buffer.str();
  DuplicateFinder finder;
  try {
    json document = json::parse(text, std::ref(finder), true, true);
    if (!finder.duplicate().empty()) {
      return Status(Code::kUsage, fmt::format("{}: {}: this key stands twice in one object; remove one of them", path,
                                              finder.duplicate()));
    }
    if (!document.is_object()) return Status(Code::kUsage, fmt::format("{}: must be one JSON object", path));
    return document;
  } catch (const json::parse_error& error) {
    return Status(Code::kUsage, fmt::format("{}:{}: not valid JSON (comments are allowed): {}", path,
                                            LineAndColumn(text, error.byte), Explanation(error.what())));
  } catch (const json::exception&) {
    return Status(Code::kUsage, fmt::format("{}: not valid JSON", path));
  }
}

ObjectReader::ObjectReader(const json& object, std::string place, const ObjectSpec& spec)
    : object_(object), place_(std::move(place)), spec_(spec) {
  if (!object_.is_object()) {
    status_ = Status(Code::kUsage, place_ + ": must be an object");
    return;
  }
  // Before anything else, so that a mistyped key is called that and not a missing one.
  for (const auto& [key, value] : object_.items()) {
    if (FindKey(spec_, key) == nullptr) Fail(key, UnknownKey(spec_, key));
  }
}

std::string ObjectReader::Path(std::string_view key) const {
  return fmt::format("{}{}{}", place_, place_.ends_with(':') ? " " : ".", key);
}

void ObjectReader::Fail(std::string_view key, std::string_view problem) {
  if (status_.ok()) status_ = Status(Code::kUsage, fmt::format("{}: {}", Path(key), problem));
}

const KeySpec& ObjectReader::Key(std::string_view key) const {
  const KeySpec* const spec = FindKey(spec_, key);
  SL_CHECK(spec != nullptr);
  return *spec;
}

const json* ObjectReader::Find(std::string_view key) const {
  if (!object_.is_object()) return nullptr;
  const auto found = object_.find(key);
  return found == object_.end() ? nullptr : &*found;
}

std::string ObjectReader::Text(std::string_view key) {
  const KeySpec& spec = Key(key);
  std::string text(spec.fallback);
  if (const json* value = Find(key)) {
    if (!value->is_string()) {
      Fail(key, "must be a string");
      return text;
    }
    text = value->get<std::string>();
  }
  if (text.empty() && spec.required) Fail(key, "is missing or empty");
  const auto& choices = spec.choices;
  const bool missing = spec.fallback.empty() && Find(key) == nullptr;
  if (!choices.empty() && !missing && std::find(choices.begin(), choices.end(), text) == choices.end()) {
    Fail(key, fmt::format("must be one of {}", fmt::join(choices, ", ")));
    text = spec.fallback;
  }
  return text;
}

std::uint64_t ObjectReader::Number(std::string_view key, std::uint64_t fallback) {
  const KeySpec& spec = Key(key);
  const json* value = Find(key);
  if (value == nullptr) {
    if (spec.required) Fail(key, fmt::format("is missing: a whole number from {} to {}", spec.min, spec.max));
    return fallback;
  }
  if (value->is_number_unsigned()) {
    const auto number = value->get<std::uint64_t>();
    if (number >= spec.min && number <= spec.max) return number;
  }
  Fail(key, fmt::format("must be a whole number from {} to {}", spec.min, spec.max));
  return fallback;
}

std::vector<std::string> ObjectReader::Texts(std::string_view key) {
  std::vector<std::string> texts;
  if (const json* value = Array(key)) {
    for (const json& item : *value) {
      if (!item.is_string()) Fail(fmt::format("{}[{}]", key, texts.size()), "must be a string");
      texts.push_back(item.is_string() ? item.get<std::string>() : std::string());
    }
  }
  if (texts.empty() && Key(key).required) Fail(key, "is missing or empty");
  return texts;
}

std::vector<std::pair<std::string, std::string>> ObjectReader::TextMap(std::string_view key) {
  std::vector<std::pair<std::string, std::string>> map;
  const json* value = Object(key);
  if (value == nullptr && Key(key).required) Fail(key, "is missing");
  if (value == nullptr) return map;
  for (const auto& [name, item] : value->items()) {
    if (!item.is_string()) Fail(fmt::format("{}.{}", key, name), "must be a string");
    map.emplace_back(name, item.is_string() ? item.get<std::string>() : std::string());
  }
  return map;
}

const json* ObjectReader::Object(std::string_view key) {
  Key(key);
  const json* value = Find(key);
  if (value == nullptr || value->is_object()) return value;
  Fail(key, "must be an object");
  return nullptr;
}

const json* ObjectReader::Array(std::string_view key) {
  Key(key);
  const json* value = Find(key);
  if (value == nullptr || value->is_array()) return value;
  Fail(key, "must be an array");
  return nullptr;
}

}  // namespace shardlift::job
