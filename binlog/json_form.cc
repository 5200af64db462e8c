// Parts of JSON as the server prints them, and of SQL that makes it.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>

#include "binlog/json_binary.h"
#include "binlog/json_quote.h"

namespace shardlift::binlog {
namespace {

constexpr int kFixedDigitsMax = 15;
constexpr std::size_t kDoubleDigitsMax = 17;  // what tells any two doubles apart

}  // namespace

char* WriteJsonDouble(double value, char* p) {
  const auto put = [&p](std::string_view text) { p = std::copy(text.begin(), text.end(), p); };
  const auto put_zeros = [&p](int count) { p = std::fill_n(p, count, '0'); };
  if (!std::isfinite(value)) {  // cannot be stored; printed as the server's formatter would
    put("0.0");
    return p;
  }
  // The shortest digits that read back the same, laid out as the server's formatter does.
  char text[32];
  const auto result = std::to_chars(text, text + sizeof(text), value, std::chars_format::scientific);
  const char* at = text;
  if (*at == '-') *p++ = *at++;
  const char* const e = std::find(at, static_cast<const char*>(result.ptr), 'e');
  int exponent = 0;
  std::from_chars(e + (e[1] == '+' ? 2 : 1), result.ptr, exponent);
  char digits_text[kDoubleDigitsMax];
  char* const digits_end = std::copy(at + std::min<std::ptrdiff_t>(2, e - at), e, digits_text + 1);
  digits_text[0] = *at;
  const std::string_view digits(digits_text, static_cast<std::size_t>(digits_end - digits_text));
  const int point = exponent + 1;  // digits before the decimal point
  const int count = static_cast<int>(digits.size());
  if (point < -kFixedDigitsMax + 1 || (point > kFixedDigitsMax && count <= point)) {
    *p++ = digits[0];
    if (count > 1) *p++ = '.';
    put(digits.substr(1));
    *p++ = 'e';
    p = std::to_chars(p, p + 4, exponent).ptr;
  } else if (point <= 0) {
    put("0.");
    put_zeros(-point);
    put(digits);
  } else if (count <= point) {
    put(digits);
    put_zeros(point - count);
    put(".0");
  } else {
    put(digits.substr(0, static_cast<std::size_t>(point)));
    *p++ = '.';
    put(digits.substr(static_cast<std::size_t>(point)));
  }
  return p;
}

char* WriteJsonEscaped(std::string_view text, char* to) {
  static constexpr char kHex[] = "0123456789abcdef";
  for (const char c : text) {
    const auto code = static_cast<unsigned char>(c);
    if (!IsJsonSpecial(c)) {
      *to++ = c;
      continue;
    }
    *to++ = '\\';
    switch (c) {
      case '"':
      case '\\': *to++ = c; break;
      case '\b': *to++ = 'b'; break;
      case '\f': *to++ = 'f'; break;
      case '\n': *to++ = 'n'; break;
      case '\r': *to++ = 'r'; break;
      case '\t': *to++ = 't'; break;
      default: {
        const char escaped[] = {'u', '0', '0', kHex[code >> 4], kHex[code & 15]};
        to = std::copy(std::begin(escaped), std::end(escaped), to);
      }
    }
  }
  return to;
}

void AppendJsonBase64(std::string_view bytes, std::string& out) {
  static constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  constexpr std::size_t kGroupsPerLine = 76 / 4;  // the server breaks long lines
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    if (i > 0 && i / 3 % kGroupsPerLine == 0) out += "\\n";
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 3; ++j) {
      group = (group << 8) | (i + j < bytes.size() ? static_cast<unsigned char>(bytes[i + j]) : 0u);
    }
    for (std::size_t j = 0; j < 4; ++j) {
      out += i + j > bytes.size() ? '=' : kAlphabet[(group >> (18 - 6 * j)) & 63];
    }
  }
}

// An SQL value becomes a JSON scalar inside an array only, whatever its type.
std::string_view JsonRootOpening(std::uint8_t type, JsonForm form) {
  const bool scalar = !IsJsonObject(type) && !IsJsonArray(type);
  return scalar && form == JsonForm::kSql ? "JSON_EXTRACT(JSON_ARRAY(" : "";
}

std::string_view JsonRootClosing(std::uint8_t type, JsonForm form) {
  return JsonRootOpening(type, form).empty() ? "" : "), '$[0]')";
}

}  // namespace shardlift::binlog
