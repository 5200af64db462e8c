#include "mapping/json_check.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>

#include "mapping/charset.h"

namespace shardlift::mapping {

namespace {

class Checker {
 public:
  explicit Checker(std::string_view text) : s_(text) {}

  bool Run() {
    SkipSpace();
    if (!CheckValue(1)) return false;
    SkipSpace();
    return at_ == s_.size();
  }

 private:
  char Peek() const { return at_ < s_.size() ? s_[at_] : '\0'; }
  bool Take(char c) {
    if (at_ >= s_.size() || s_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool TakeWord(std::string_view word) {
    if (!s_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }
  void SkipSpace() {
    while (at_ < s_.size() && (s_[at_] == ' ' || s_[at_] == '\t' || s_[at_] == '\n' || s_[at_] == '\r')) ++at_;
  }

  bool CheckValue(int depth) {
    switch (Peek()) {
      case '{': return depth <= kJsonDepthMax && CheckObject(depth);
      case '[': return depth <= kJsonDepthMax && CheckArray(depth);
      case '"': return CheckString();
      case 't': return TakeWord("true");
      case 'f': return TakeWord("false");
      case 'n': return TakeWord("null");
      default: return CheckNumber();
    }
  }

  bool CheckObject(int depth) {
    ++at_;
    SkipSpace();
    if (Take('}')) return true;
    while (true) {
      SkipSpace();
      if (!CheckString()) return false;
      SkipSpace();
      if (!Take(':')) return false;
      SkipSpace();
      if (!CheckValue(depth + 1)) return false;
      SkipSpace();
      if (Take('}')) return true;
      if (!Take(',')) return false;
    }
  }

  bool CheckArray(int depth) {
    ++at_;
    SkipSpace();
    if (Take(']')) return true;
    while (true) {
      SkipSpace();
      if (!CheckValue(depth + 1)) return false;
      SkipSpace();
      if (Take(']')) return true;
      if (!Take(',')) return false;
    }
  }

  // Four hexadecimal digits; -1 if they are not there.
  int HexUnit() {
    if (s_.size() - at_ < 4) return -1;
    int unit = 0;
    for (int i = 0; i < 4; ++i) {
      int digit = HexDigit(s_[at_++]);
      if (digit < 0) return -1;
      unit = unit * 16 + digit;
    }
    return unit;
  }

  bool CheckEscape() {
    char c = Peek();
    ++at_;
    if (c != 'u') return c != '\0' && std::string_view("\"\\/bfnrt").find(c) != std::string_view::npos;
    int unit = HexUnit();
    if (unit < 0 || (unit >= 0xDC00 && unit <= 0xDFFF)) return false;
    if (unit < 0xD800 || unit > 0xDBFF) return true;
    if (!TakeWord("\\u")) return false;
    int low = HexUnit();
    return low >= 0xDC00 && low <= 0xDFFF;
  }

  bool CheckString() {
    if (!Take('"')) return false;
    std::size_t begin = at_;
    while (at_ < s_.size()) {
      auto c = static_cast<unsigned char>(s_[at_]);
      if (c < 0x20) return false;
      if (c == '"') {
        bool valid = IsUtf8(s_.substr(begin, at_ - begin));
        ++at_;
        return valid;
      }
      ++at_;
      if (c == '\\' && !CheckEscape()) return false;
    }
    return false;
  }

  bool TakeDigits() {
    std::size_t begin = at_;
    while (Peek() >= '0' && Peek() <= '9') ++at_;
    return at_ > begin;
  }

  bool CheckNumber() {
    std::size_t begin = at_;
    Take('-');
    if (!Take('0') && !TakeDigits()) return false;
    if (Take('.') && !TakeDigits()) return false;
    bool scientific = Peek() == 'e' || Peek() == 'E';
    if (scientific) {
      ++at_;
      if (!Take('+')) Take('-');
      if (!TakeDigits()) return false;
    }
    if (!scientific && at_ - begin < 300) return true;
    // MySQL keeps such numbers as DOUBLE and refuses those that are out of range.
    double value = 0;
    return std::from_chars(s_.data() + begin, s_.data() + at_, value).ec == std::errc();
  }

  std::string_view s_;
  std::size_t at_ = 0;
};

}  // namespace

bool IsJson(std::string_view text) { return Checker(text).Run(); }

void AppendJsonString(std::string_view text, bool upper_hex, std::string* out) {
  const char* digits = upper_hex ? "0123456789ABCDEF" : "0123456789abcdef";
  out->push_back('"');
  const auto is_plain = [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != '"' && c != '\\'; };
  const auto first = std::find_if_not(text.begin(), text.end(), is_plain);
  out->append(text.begin(), first);
  for (char c : text.substr(static_cast<std::size_t>(first - text.begin()))) {
    switch (c) {
      case '"': out->append("\\\""); break;
      case '\\': out->append("\\\\"); break;
      case '\b': out->append("\\b"); break;
      case '\f': out->append("\\f"); break;
      case '\n': out->append("\\n"); break;
      case '\r': out->append("\\r"); break;
      case '\t': out->append("\\t"); break;
      default:
        if (static_cast<unsigned char>(c) >= 0x20) {
          out->push_back(c);
        } else {
          out->append("\\u00").append({digits[c >> 4], digits[c & 15]});
        }
    }
  }
  out->push_back('"');
}

}  // namespace shardlift::mapping
