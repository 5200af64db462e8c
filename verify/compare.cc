#include "verify/compare.h"

#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <utility>

namespace shardlift::verify {
namespace {

using Json = nlohmann::json;

// Deeper than either server stores; keeps the recursion on a stack of any size.
constexpr int kDepthMax = 512;

// Exact: a double equals an integer only if it is that integer, not if it rounds to it.
bool IntegerEqualsDouble(const Json& integer, double d) {
  if (std::trunc(d) != d) return false;
  if (integer.is_number_unsigned()) {
    if (d < 0 || d >= 18446744073709551616.0) return false;
    return integer.get<std::uint64_t>() == static_cast<std::uint64_t>(d);
  }
  if (d < -9223372036854775808.0 || d >= 9223372036854775808.0) return false;
  return integer.get<std::int64_t>() == static_cast<std::int64_t>(d);
}

bool NumbersEqual(const Json& a, const Json& b) {
  const bool a_float = a.is_number_float();
  const bool b_float = b.is_number_float();
  if (a_float && b_float) return a.get<double>() == b.get<double>();
  if (a_float) return IntegerEqualsDouble(b, a.get<double>());
  if (b_float) return IntegerEqualsDouble(a, b.get<double>());
  // The library's own == casts an unsigned side to signed.
  if (a.is_number_unsigned() != b.is_number_unsigned()) {
    const Json& natural = a.is_number_unsigned() ? a : b;
    const Json& negative = a.is_number_unsigned() ? b : a;
    return std::cmp_equal(natural.get<std::uint64_t>(), negative.get<std::int64_t>());
  }
  return a == b;
}

bool ValuesEqual(const Json& a, const Json& b, int depth) {
  if (depth > kDepthMax) return false;
  if (a.is_number() && b.is_number()) return NumbersEqual(a, b);
  if (a.type() != b.type()) return false;
  if (a.is_array()) {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i) {
      if (!ValuesEqual(a[i], b[i], depth + 1)) return false;
    }
    return true;
  }
  if (a.is_object()) {
    if (a.size() != b.size()) return false;
    for (auto left = a.begin(), right = b.begin(); left != a.end(); ++left, ++right) {  // both in key order
      if (left.key() != right.key() || !ValuesEqual(left.value(), right.value(), depth + 1)) return false;
    }
    return true;
  }
  return a == b;
}

// Servers may choose other digits for a floating-point number; its bits count.
bool SameReal(std::string_view a, std::string_view b) {
  double left = 0;
  double right = 0;
  const auto read = [](std::string_view text, double* out) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *out);
    return error == std::errc() && end == text.data() + text.size();
  };
  return read(a, &left) && read(b, &right) && std::bit_cast<std::uint64_t>(left) == std::bit_cast<std::uint64_t>(right);
}

bool EqualByMeaning(store::TargetKind kind, std::string_view want, std::string_view have) {
  if (kind == store::TargetKind::kJson) return JsonEqual(want, have);
  const bool real = kind == store::TargetKind::kFloat || kind == store::TargetKind::kDouble;
  return real && SameReal(want, have);
}

}  // namespace

bool JsonEqual(std::string_view a, std::string_view b) {
  if (a == b) return true;
  const Json left = Json::parse(a, nullptr, false);
  if (left.is_discarded()) return false;
  const Json right = Json::parse(b, nullptr, false);
  return !right.is_discarded() && ValuesEqual(left, right, 0);
}

bool CompareColumns(std::span<const store::TargetColumn> columns, RowFields source, RowFields target,
                    std::vector<std::size_t>* differing) {
  bool by_meaning = false;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const auto& want = source[kFirstColumnField + i];
    const auto& have = target[kFirstColumnField + i];
    if (want == have) continue;
    if (want.has_value() && have.has_value() && EqualByMeaning(columns[i].kind, *want, *have)) {
      by_meaning = true;
    } else {
      differing->push_back(i);
    }
  }
  return by_meaning;
}

}  // namespace shardlift::verify
