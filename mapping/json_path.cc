#include "mapping/json_path.h"

#include "mapping/charset.h"

namespace shardlift::mapping {

namespace {

constexpr std::uint64_t kIndexMax = 1000000;

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsNameStart(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$'; }

// Reads text that is known to be JSON.
class Scanner {
 public:
  explicit Scanner(std::string_view json) : json_(json) { SkipSpace(); }

  char Peek() const { return at_ < json_.size() ? json_[at_] : '\0'; }

  void SkipSpace() {
    while (at_ < json_.size() && IsSpace(json_[at_])) ++at_;
  }
  void Skip() {
    ++at_;
    SkipSpace();
  }

  // The string here, quotes included.
  std::string_view String() {
    std::size_t begin = at_++;
    while (at_ < json_.size() && json_[at_] != '"') at_ += json_[at_] == '\\' ? 2u : 1u;
    ++at_;
    std::string_view text = json_.substr(begin, at_ - begin);
    SkipSpace();
    return text;
  }

  // The value here, of any kind.
  std::string_view Value() {
    const std::size_t begin = at_;
    std::size_t end = at_;
    int depth = 0;
    do {
      const std::size_t start = at_;
      switch (Peek()) {
        case '"': end = start + String().size(); break;
        case '{':
        case '[':
          ++depth;
          end = start + 1;
          Skip();
          break;
        case '}':
        case ']':
          --depth;
          end = start + 1;
          Skip();
          break;
        case ',':
        case ':': Skip(); break;
        default:
          while (at_ < json_.size() && !IsSpace(Peek()) && Peek() != ',' && Peek() != ']' && Peek() != '}') ++at_;
          end = at_;
          SkipSpace();
      }
    } while (depth > 0 && at_ < json_.size());
    return json_.substr(begin, end - begin);
  }

 private:
  std::string_view json_;
  std::size_t at_ = 0;
};

bool SameName(std::string_view quoted, std::string_view name) {
  std::string_view inner = quoted.substr(1, quoted.size() - 2);
  if (inner.find('\\') == std::string_view::npos) return inner == name;
  std::string text;
  return AppendUnquoted(quoted, &text) && text == name;
}

JsonStep FindMember(std::string_view json, std::string_view name, std::string_view* out) {
  Scanner scanner(json);
  if (scanner.Peek() != '{') return JsonStep::kAbsent;
  JsonStep result = JsonStep::kAbsent;
  scanner.Skip();
  while (scanner.Peek() == '"') {
    std::string_view key = scanner.String();
    scanner.Skip();  // the colon
    std::string_view value = scanner.Value();
    if (scanner.Peek() == ',') scanner.Skip();
    if (!SameName(key, name)) continue;
    if (result == JsonStep::kFound) return JsonStep::kDuplicate;
    *out = value;
    result = JsonStep::kFound;
  }
  return result;
}

JsonStep FindElement(std::string_view json, std::uint64_t index, std::string_view* out) {
  Scanner scanner(json);
  if (scanner.Peek() != '[') return JsonStep::kNotAnArray;
  scanner.Skip();
  for (std::uint64_t i = 0; scanner.Peek() != ']' && scanner.Peek() != '\0'; ++i) {
    *out = scanner.Value();
    if (i == index) return JsonStep::kFound;
    if (scanner.Peek() == ',') scanner.Skip();
  }
  return JsonStep::kAbsent;
}

// The four digits at `at`, or a value above all code units.
std::uint32_t CodeUnit(std::string_view text, std::size_t at) {
  std::uint32_t unit = 0;
  for (std::size_t i = at; i < at + 4; ++i) {
    int digit = i < text.size() ? HexDigit(text[i]) : -1;
    if (digit < 0) return 0x10000;
    unit = unit * 16 + static_cast<std::uint32_t>(digit);
  }
  return unit;
}

// The \u escape at `at` (behind the u), with its second half; advances `at` behind it.
bool AppendEscapedUnit(std::string_view text, std::size_t* at, std::string* out) {
  std::uint32_t c = CodeUnit(text, *at);
  *at += 4;
  if (c >= 0xD800 && c <= 0xDBFF && text.substr(*at, 2) == "\\u") {
    std::uint32_t low = CodeUnit(text, *at + 2);
    if (low < 0xDC00 || low > 0xDFFF) return false;
    c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
    *at += 6;
  }
  if ((c >= 0xD800 && c <= 0xDFFF) || c > 0x10FFFF) return false;
  AppendCharacter(c, out);
  return true;
}

}  // namespace

bool ParseJsonPath(std::string_view path, std::size_t place, std::vector<ExprPtr>* steps) {
  if (!path.starts_with('$')) return false;
  for (std::size_t at = 1; at < path.size();) {
    char c = path[at++];
    if (c == '[') {
      ExprPtr step = NewExpr(Op::kIntLiteral, place);
      std::size_t end = path.find(']', at);
      if (end == std::string_view::npos || end == at) return false;
      for (; at < end; ++at) {
        if (!IsDigit(path[at]) || step->number > kIndexMax) return false;
        step->number = step->number * 10 + static_cast<std::uint64_t>(path[at] - '0');
      }
      ++at;
      steps->push_back(std::move(step));
      continue;
    }
    if (c != '.' || at == path.size()) return false;
    ExprPtr step = NewExpr(Op::kTextLiteral, place);
    std::size_t end = at;
    if (path[at] == '"') {
      end = path.find('"', at + 1);
      if (end == std::string_view::npos) return false;
      step->text = path.substr(at + 1, end - at - 1);
      if (step->text.find('\\') != std::string::npos) return false;
      ++end;
    } else {
      if (!IsNameStart(path[at])) return false;
      while (end < path.size() && (IsNameStart(path[end]) || IsDigit(path[end]))) ++end;
      step->text = path.substr(at, end - at);
    }
    at = end;
    steps->push_back(std::move(step));
  }
  return true;
}

JsonStep FindInJson(std::string_view json, std::span<const ExprPtr> steps, std::string_view* out) {
  Scanner scanner(json);
  *out = scanner.Value();
  for (const ExprPtr& step : steps) {
    JsonStep found =
        step->op == Op::kTextLiteral ? FindMember(*out, step->text, out) : FindElement(*out, step->number, out);
    if (found != JsonStep::kFound) return found;
  }
  return JsonStep::kFound;
}

bool AppendUnquoted(std::string_view json, std::string* out) {
  std::string_view text = json.substr(1, json.size() - 2);
  for (std::size_t at = 0; at < text.size();) {
    char c = text[at++];
    if (c != '\\') {
      out->push_back(c);
      continue;
    }
    c = text[at++];
    switch (c) {
      case 'b': out->push_back('\b'); break;
      case 'f': out->push_back('\f'); break;
      case 'n': out->push_back('\n'); break;
      case 'r': out->push_back('\r'); break;
      case 't': out->push_back('\t'); break;
      case 'u':
        if (!AppendEscapedUnit(text, &at, out)) return false;
        break;
      default: out->push_back(c);
    }
  }
  return true;
}

}  // namespace shardlift::mapping
