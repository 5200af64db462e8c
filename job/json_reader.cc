#include "job/json_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>
#include <sstream>

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

std::size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0]++;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({change, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

std::string Nearest(const std::string& key, const std::vector<std::string>& known) {
  const auto nearest = std::min_element(known.begin(), known.end(), [&](const std::string& a, const std::string& b) {
    return EditDistance(key, a) < EditDistance(key, b);
  });
  if (nearest == known.end()) return "no keys are known here";
  if (EditDistance(key, *nearest) * 2 <= std::max<std::size_t>(key.size(), 2))
    return fmt::format("did you mean \"{}\"?", *nearest);
  std::string all;
  for (const std::string& name : known) all += (all.empty() ? "" : ", ") + name;
  return "known keys: " + all;
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

ObjectReader::ObjectReader(const json& object, std::string place) : object_(object), place_(std::move(place)) {
  if (!object_.is_object()) status_ = Status(Code::kUsage, place_ + ": must be an object");
}

std::string ObjectReader::Path(const std::string& key) const {
  return place_ + (place_.ends_with(':') ? " " : ".") + key;
}

void ObjectReader::Fail(const std::string& key, const std::string& problem) {
  if (status_.ok()) status_ = Status(Code::kUsage, Path(key) + ": " + problem);
}

const json* ObjectReader::Find(const char* key) {
  known_.emplace_back(key);
  if (!object_.is_object()) return nullptr;
  const auto found = object_.find(key);
  return found == object_.end() ? nullptr : &*found;
}

std::string ObjectReader::String(const char* key, std::string fallback) {
  const json* value = Find(key);
  if (value == nullptr) return fallback;
  if (value->is_string()) return value->get<std::string>();
  Fail(key, "must be a string");
  return fallback;
}

std::string ObjectReader::RequiredString(const char* key) {
  std::string value = String(key, "");
  if (value.empty()) Fail(key, "is missing or empty");
  return value;
}

std::uint64_t ObjectReader::Number(const char* key, std::uint64_t fallback, std::uint64_t min, std::uint64_t max) {
  const json* value = Find(key);
  if (value == nullptr) return fallback;
  if (value->is_number_unsigned()) {
    const auto number = value->get<std::uint64_t>();
    if (number >= min && number <= max) return number;
  }
  Fail(key, fmt::format("must be a whole number from {} to {}", min, max));
  return fallback;
}

std::uint64_t ObjectReader::RequiredNumber(const char* key, std::uint64_t min, std::uint64_t max) {
  if (object_.is_object() && !object_.contains(key))
    Fail(key, fmt::format("is missing: a whole number from {} to {}", min, max));
  return Number(key, min, min, max);
}

std::vector<std::string> ObjectReader::Strings(const char* key) {
  std::vector<std::string> strings;
  const json* value = Array(key);
  if (value == nullptr) return strings;
  for (const json& item : *value) {
    if (item.is_string()) {
      strings.push_back(item.get<std::string>());
    } else {
      Fail(fmt::format("{}[{}]", key, strings.size()), "must be a string");
    }
  }
  return strings;
}

const json* ObjectReader::Object(const char* key) {
  const json* value = Find(key);
  if (value != nullptr && !value->is_object()) {
    Fail(key, "must be an object");
    return nullptr;
  }
  return value;
}

const json* ObjectReader::Array(const char* key) {
  const json* value = Find(key);
  if (value != nullptr && !value->is_array()) {
    Fail(key, "must be an array");
    return nullptr;
  }
  return value;
}

const json& ObjectReader::RequiredArray(const char* key) {
  static const json kEmpty = json::array();
  const json* value = Array(key);
  if (value == nullptr || value->empty()) Fail(key, "is missing or empty");
  return value == nullptr ? kEmpty : *value;
}

Status ObjectReader::Finish() {
  if (!status_.ok() || !object_.is_object()) return status_;
  for (const auto& [key, value] : object_.items()) {
    if (std::find(known_.begin(), known_.end(), key) != known_.end()) continue;
    return Status(Code::kUsage, fmt::format("{}: unknown key; {}", Path(key), Nearest(key, known_)));
  }
  return base::Ok();
}

}  // namespace shardlift::job
