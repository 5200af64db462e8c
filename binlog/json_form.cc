// The fixed parts of JSON as text and as SQL, and numbers as the server prints them.
#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <iterator>

#include "binlog/json_binary.h"

namespace shardlift::binlog {
namespace {

constexpr int kFixedDigitsMax = 15;

}  // namespace

void AppendJsonDouble(double value, std::string& out) {
  if (!std::isfinite(value)) {  // cannot be stored; printed as the server's formatter would
    out += "0.0";
    return;
  }
  // The shortest digits that read back the same, laid out as the server's formatter does.
  char text[32];
  const auto result = std::to_chars(text, text + sizeof(text), value, std::chars_format::scientific);
  std::string_view all(text, static_cast<std::size_t>(result.ptr - text));
  if (all.front() == '-') {
    out += '-';
    all.remove_prefix(1);
  }
  const std::size_t e = all.find('e');
  int exponent = 0;
  const std::size_t exponent_at = e + (all[e + 1] == '+' ? 2 : 1);
  std::from_chars(all.data() + exponent_at, all.data() + all.size(), exponent);
  std::string digits(1, all[0]);
  if (e > 2) digits += all.substr(2, e - 2);
  const int point = exponent + 1;  // digits before the decimal point
  const int count = static_cast<int>(digits.size());
  if (point < -kFixedDigitsMax + 1 || (point > kFixedDigitsMax && count <= point)) {
    out += digits[0];
    if (count > 1) out.append(1, '.').append(digits, 1);
    fmt::format_to(std::back_inserter(out), "e{}", exponent);
  } else if (point <= 0) {
    out.append("0.").append(static_cast<std::size_t>(-point), '0').append(digits);
  } else if (count <= point) {
    out.append(digits).append(static_cast<std::size_t>(point - count), '0').append(".0");
  } else {
    out.append(digits, 0, static_cast<std::size_t>(point))
        .append(1, '.')
        .append(digits, static_cast<std::size_t>(point));
  }
}

std::string_view JsonOpening(bool object, JsonForm form) {
  if (form == JsonForm::kText) return object ? "{" : "[";
  return object ? "JSON_OBJECT(" : "JSON_ARRAY(";
}

std::string_view JsonClosing(bool object, JsonForm form) { return form == JsonForm::kSql ? ")" : object ? "}" : "]"; }

// An SQL value becomes a JSON scalar inside an array only, whatever its type.
std::string_view JsonRootOpening(std::uint8_t type, JsonForm form) {
  const bool scalar = !IsJsonObject(type) && !IsJsonArray(type);
  return scalar && form == JsonForm::kSql ? "JSON_EXTRACT(JSON_ARRAY(" : "";
}

std::string_view JsonRootClosing(std::uint8_t type, JsonForm form) {
  return JsonRootOpening(type, form).empty() ? "" : "), '$[0]')";
}

}  // namespace shardlift::binlog
