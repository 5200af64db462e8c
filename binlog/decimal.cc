#include "binlog/decimal.h"

#include <algorithm>
#include <array>

namespace shardlift::binlog {
namespace {

constexpr unsigned kDigitsPerGroup = 9;
constexpr std::array<unsigned char, 10> kBytesOfDigits = {0, 1, 1, 2, 2, 3, 3, 4, 4, 4};
constexpr std::array<unsigned, 10> kLimit = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000};
constexpr std::size_t kPackedBytesMax = 64;

// One group of up to 9 digits from big-endian bytes; false when the bytes hold a larger number.
bool ReadGroup(const unsigned char*& in, unsigned digits, char*& out) {
  unsigned value = 0;
  for (unsigned i = 0; i < kBytesOfDigits[digits]; ++i) value = (value << 8) | *in++;
  if (value >= kLimit[digits]) return false;
  for (unsigned i = digits; i > 0; --i) {
    out[i - 1] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
  out += digits;
  return true;
}

}  // namespace

std::size_t DecimalBytes(unsigned precision, unsigned scale) {
  if (precision == 0 || precision > kDecimalPrecisionMax || scale > precision || scale > kDecimalScaleMax) return 0;
  const unsigned whole = precision - scale;
  return whole / kDigitsPerGroup * 4 + kBytesOfDigits[whole % kDigitsPerGroup] + scale / kDigitsPerGroup * 4 +
         kBytesOfDigits[scale % kDigitsPerGroup];
}

std::string_view ReadDecimal(Cursor& in, unsigned precision, unsigned scale, Arena& arena) {
  const std::size_t bytes = DecimalBytes(precision, scale);
  const unsigned whole = precision - scale;
  const std::string_view stored = in.Bytes(bytes);
  if (!in.ok() || bytes == 0 || bytes > kPackedBytesMax) {
    in.Fail();
    return {};
  }
  // The sign bit is inverted so that the bytes sort; a negative number has all its bits inverted.
  const bool negative = (static_cast<unsigned char>(stored[0]) & 0x80) == 0;
  std::array<unsigned char, kPackedBytesMax> packed{};
  for (std::size_t i = 0; i < bytes; ++i) {
    packed[i] = static_cast<unsigned char>(static_cast<unsigned char>(stored[i]) ^ (negative ? 0xff : 0));
  }
  packed[0] ^= 0x80;

  std::array<char, kDecimalPrecisionMax> digits{};
  char* end = digits.data();
  const unsigned char* next = packed.data();
  bool ok = ReadGroup(next, whole % kDigitsPerGroup, end);
  for (unsigned i = 0; ok && i < whole / kDigitsPerGroup; ++i) ok = ReadGroup(next, kDigitsPerGroup, end);
  for (unsigned i = 0; ok && i < scale / kDigitsPerGroup; ++i) ok = ReadGroup(next, kDigitsPerGroup, end);
  if (!ok || !ReadGroup(next, scale % kDigitsPerGroup, end)) {
    in.Fail();
    return {};
  }

  char* out = arena.Allocate(precision + 3);
  char* p = out;
  if (negative) *p++ = '-';
  unsigned first = 0;
  while (first < whole && digits[first] == '0') ++first;
  if (first == whole) *p++ = '0';
  p = std::copy(digits.data() + first, digits.data() + whole, p);
  if (scale > 0) {
    *p++ = '.';
    p = std::copy(digits.data() + whole, digits.data() + precision, p);
  }
  return {out, static_cast<std::size_t>(p - out)};
}

}  // namespace shardlift::binlog
