#include "mapping/decimal.h"

#include <algorithm>
#include <array>

namespace shardlift::mapping {

namespace {

constexpr unsigned kWordDigits = 9;  // the servers keep DECIMAL in words of nine digits
constexpr unsigned kWordsMax = 9;
constexpr unsigned kDivisionDigits = 4;  // div_precision_increment, which sessions pin

constexpr std::array<Int128, kDecimalDigitsMax + 1> kPowers = [] {
  std::array<Int128, kDecimalDigitsMax + 1> powers{};
  powers[0] = 1;
  for (std::size_t i = 1; i < powers.size(); ++i) powers[i] = powers[i - 1] * 10;
  return powers;
}();

unsigned WholeWords(unsigned digits) { return (digits + kWordDigits - 1) / kWordDigits * kWordDigits; }

// Digits behind the point to which the servers compute a quotient.
unsigned QuotientDigits(unsigned x_scale, unsigned y_scale) {
  unsigned x_digits = WholeWords(x_scale);
  unsigned y_digits = WholeWords(y_scale);
  unsigned spare = x_digits - x_scale + y_digits - y_scale;
  return WholeWords(x_digits + y_digits + (spare < kDivisionDigits ? kDivisionDigits - spare : 0));
}

}  // namespace

Int128 PowerOfTen(unsigned n) { return kPowers[n]; }

bool ParseDecimal(std::string_view text, unsigned scale, Int128* out) {
  bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  std::size_t point = std::min(text.find('.'), text.size());
  if (point == 0 || point + 1 == text.size()) return false;
  Int128 value = 0;
  unsigned digits = 0;
  unsigned behind = 0;
  bool round_up = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (i == point) continue;
    if (text[i] < '0' || text[i] > '9') return false;
    if (i > point && behind == scale) {
      round_up = round_up || (i == point + 1 + scale && text[i] >= '5');
      continue;
    }
    value = value * 10 + (text[i] - '0');
    if (value != 0 && ++digits > kDecimalDigitsMax) return false;
    if (i > point) ++behind;
  }
  if (digits + (scale - behind) > kDecimalDigitsMax) return false;
  value = value * kPowers[scale - behind] + (round_up ? 1 : 0);
  *out = negative ? -value : value;
  return true;
}

void AppendDecimal(Int128 value, unsigned scale, std::string* out) {
  if (value < 0) out->push_back('-');
  char digits[kDecimalDigitsMax + 4];
  char* const end = digits + sizeof(digits);
  char* at = end;
  unsigned written = 0;
  for (; value != 0 || written <= scale; value /= 10, ++written) {
    if (written == scale && scale > 0) *--at = '.';
    auto digit = static_cast<int>(value % 10);
    *--at = static_cast<char>('0' + (digit < 0 ? -digit : digit));
  }
  out->append(at, static_cast<std::size_t>(end - at));
}

Int128 RoundScale(Int128 value, unsigned from, unsigned to) {
  Int128 unit = kPowers[from - to];
  Int128 rest = value % unit;
  Int128 result = value / unit;
  if (unit > 1 && (rest < 0 ? -rest : rest) >= unit / 2) result += value < 0 ? -1 : 1;
  return result;
}

Int128 Quotient(Int128 x, unsigned x_scale, Int128 y, unsigned y_scale, unsigned scale) {
  bool negative = (x < 0) != (y < 0);
  if (x < 0) x = -x;
  if (y < 0) y = -y;
  unsigned digits = std::min(QuotientDigits(x_scale, y_scale), scale + 1);
  Int128 quotient = x / y;
  Int128 rest = x % y;
  for (unsigned i = digits + y_scale - x_scale; i > 0; --i) {
    rest *= 10;
    quotient = quotient * 10 + rest / y;
    rest %= y;
  }
  if (digits > scale) quotient = (quotient + 5) / 10;
  return negative ? -quotient : quotient;
}

bool QuotientFits(unsigned x_precision, unsigned x_scale, unsigned y_precision, unsigned y_scale, unsigned scale) {
  unsigned precision = x_precision - x_scale + y_scale + scale;
  if (precision >= kDecimalDigitsMax || y_precision >= kDecimalDigitsMax) return false;
  unsigned words =
      (QuotientDigits(x_scale, y_scale) + WholeWords(x_precision - x_scale + WholeWords(y_scale) + 1)) / kWordDigits;
  return words <= kWordsMax;
}

}  // namespace shardlift::mapping
