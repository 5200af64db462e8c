// Patterns over schema.table.
#include <charconv>
#include <variant>
#include <vector>

#include "mapping/table_mapper.h"

namespace shardlift::mapping {

namespace {

using base::Code;
using base::Status;

struct AnyRun {};
struct AnyOne {};
struct NumberRange {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::size_t width = 0;
};
using Part = std::variant<char, AnyRun, AnyOne, std::vector<std::string>, NumberRange>;

bool ParseNumber(std::string_view text, std::uint64_t* out) {
  const char* end = text.data() + text.size();
  auto [at, error] = std::from_chars(text.data(), end, *out);
  return !text.empty() && text.size() <= 18 && error == std::errc() && at == end;
}

class PatternParser {
 public:
  explicit PatternParser(std::string_view pattern) : pattern_(pattern) {}

  // Parts of the schema and of the table, split at the one dot outside braces.
  base::Result<std::vector<std::vector<Part>>> Run() {
    std::vector<std::vector<Part>> names(1);
    for (std::size_t at = 0; at < pattern_.size(); ++at) {
      char c = pattern_[at];
      if (c == '.') {
        names.emplace_back();
      } else if (c == '*') {
        names.back().emplace_back(AnyRun());
      } else if (c == '?') {
        names.back().emplace_back(AnyOne());
      } else if (c == '{') {
        std::size_t close = pattern_.find('}', at);
        if (close == std::string_view::npos) return Error("has a { without }");
        SL_ASSIGN(Part part, Braces(pattern_.substr(at + 1, close - at - 1)));
        names.back().push_back(std::move(part));
        at = close;
      } else if (c == '}') {
        return Error("has a } without {");
      } else {
        names.back().emplace_back(c);
      }
    }
    if (names.size() != 2 || names[0].empty() || names[1].empty()) return Error("must have the form schema.table");
    return names;
  }

 private:
  Status Error(std::string_view what) const {
    return Status(Code::kUsage, "pattern \"" + std::string(pattern_) + "\" " + std::string(what));
  }

  base::Result<Part> Braces(std::string_view inner) const {
    if (inner.find('{') != std::string_view::npos) return Error("has braces inside braces");
    std::size_t dots = inner.find("..");
    if (dots != std::string_view::npos) {
      NumberRange range;
      std::string_view first = inner.substr(0, dots);
      range.width = first.size();
      if (!ParseNumber(first, &range.first) || !ParseNumber(inner.substr(dots + 2), &range.last)) {
        return Error("has a range that is not of the form {00..15}");
      }
      if (range.first > range.last) return Error("has a range whose end is before its start");
      return Part(range);
    }
    std::vector<std::string> list;
    for (std::size_t begin = 0; begin <= inner.size();) {
      std::size_t comma = std::min(inner.find(',', begin), inner.size());
      list.emplace_back(inner.substr(begin, comma - begin));
      begin = comma + 1;
    }
    if (inner.empty()) return Error("has empty braces");
    return Part(std::move(list));
  }

  std::string_view pattern_;
};

bool Matches(const std::vector<Part>& parts, std::size_t at, std::string_view name);

// Zero-padded to the width of the first number, longer numbers as they are.
bool MatchesRange(const NumberRange& range, const std::vector<Part>& parts, std::size_t at, std::string_view name) {
  for (std::size_t length = range.width; length <= std::min<std::size_t>(name.size(), 18); ++length) {
    std::uint64_t number = 0;
    if (!ParseNumber(name.substr(0, length), &number)) return false;
    if (length > range.width && name[0] == '0') return false;
    bool in_range = number >= range.first && number <= range.last;
    if (in_range && Matches(parts, at + 1, name.substr(length))) return true;
  }
  return false;
}

bool Matches(const std::vector<Part>& parts, std::size_t at, std::string_view name) {
  if (at == parts.size()) return name.empty();
  const Part& part = parts[at];
  if (const char* c = std::get_if<char>(&part)) {
    return !name.empty() && name[0] == *c && Matches(parts, at + 1, name.substr(1));
  }
  if (std::holds_alternative<AnyOne>(part)) {
    if (name.empty()) return false;
    std::size_t length = 1;  // one character, not one byte
    while (length < name.size() && (static_cast<unsigned char>(name[length]) & 0xC0) == 0x80) ++length;
    return Matches(parts, at + 1, name.substr(length));
  }
  if (std::holds_alternative<AnyRun>(part)) {
    for (std::size_t skip = 0; skip <= name.size(); ++skip) {
      if (Matches(parts, at + 1, name.substr(skip))) return true;
    }
    return false;
  }
  if (const auto* range = std::get_if<NumberRange>(&part)) return MatchesRange(*range, parts, at, name);
  for (const std::string& choice : std::get<std::vector<std::string>>(part)) {
    if (name.starts_with(choice) && Matches(parts, at + 1, name.substr(choice.size()))) return true;
  }
  return false;
}

}  // namespace

base::Result<bool> MatchesPattern(std::string_view pattern, std::string_view schema, std::string_view table) {
  SL_ASSIGN(std::vector<std::vector<Part>> names, PatternParser(pattern).Run());
  return Matches(names[0], 0, schema) && Matches(names[1], 0, table);
}

}  // namespace shardlift::mapping
