#include "binlog/decimal.h"

#include <array>
#include <charconv>

#include "binlog/digits.h"

namespace shardlift::binlog {
namespace {

constexpr unsigned kDigitsPerGroup = 9;
constexpr std::array<unsigned char, 10> kBytesOfDigits = {0, 1, 1, 2, 2, 3, 3, 4, 4, 4};
constexpr std::array<unsigned, 10> kLimit = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000};

// The groups of up to 9 digits, first to last.
class GroupReader {
 public:
  // The sign bit is inverted so that the bytes sort; a negative number has all its bits inverted.
  explicit GroupReader(Cursor& in) : in_(in) {
    Cursor first = in;
    negative_ = (first.U8() & 0x80) == 0;
  }
  bool negative() const { return negative_; }

  // 0 and a failed cursor when the bytes hold more digits.
  std::uint32_t Next(unsigned digits) {
    const unsigned bits = 8u * kBytesOfDigits[digits];
    if (bits == 0) return 0;
    std::uint64_t value = in_.Big(bits / 8);
    if (negative_) value ^= (std::uint64_t{1} << bits) - 1;
    if (at_sign_) value ^= std::uint64_t{1} << (bits - 1);
    at_sign_ = false;
    if (value >= kLimit[digits]) in_.Fail();
    return in_.ok() ? static_cast<std::uint32_t>(value) : 0;
  }

 private:
  Cursor& in_;
  bool negative_ = false;
  bool at_sign_ = true;
};

}  // namespace

std::size_t DecimalBytes(unsigned precision, unsigned scale) {
  if (precision == 0 || precision > kDecimalPrecisionMax || scale > precision || scale > kDecimalScaleMax) return 0;
  const unsigned whole = precision - scale;
  return whole / kDigitsPerGroup * 4 + kBytesOfDigits[whole % kDigitsPerGroup] + scale / kDigitsPerGroup * 4 +
         kBytesOfDigits[scale % kDigitsPerGroup];
}

std::size_t WriteDecimal(Cursor& in, unsigned precision, unsigned scale, char* out) {
  if (DecimalBytes(precision, scale) == 0) in.Fail();
  if (!in.ok()) return 0;
  GroupReader groups(in);
  const unsigned whole = precision - scale;
  char* p = out;
  if (groups.negative()) *p++ = '-';
  char* const digits = p;
  // Zeros in front are not printed: a group is filled up to nine digits only behind others.
  const auto add = [&](std::uint32_t value) {
    if (p > digits) {
      p = WriteDigits(value, kDigitsPerGroup, p);
    } else if (value > 0) {
      p = std::to_chars(p, p + kDigitsPerGroup, value).ptr;
    }
  };
  add(groups.Next(whole % kDigitsPerGroup));
  for (unsigned i = 0; i < whole / kDigitsPerGroup; ++i) add(groups.Next(kDigitsPerGroup));
  if (p == digits) *p++ = '0';
  if (scale > 0) {
    *p++ = '.';
    for (unsigned i = 0; i < scale / kDigitsPerGroup; ++i) {
      p = WriteDigits(groups.Next(kDigitsPerGroup), kDigitsPerGroup, p);
    }
    p = WriteDigits(groups.Next(scale % kDigitsPerGroup), scale % kDigitsPerGroup, p);
  }
  return in.ok() ? static_cast<std::size_t>(p - out) : 0;
}

std::string_view ReadDecimal(Cursor& in, unsigned precision, unsigned scale, Arena& arena) {
  char* const out = arena.Allocate(kDecimalTextBytesMax);
  return {out, WriteDecimal(in, precision, scale, out)};
}

}  // namespace shardlift::binlog
