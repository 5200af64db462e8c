#include "binlog/decimal.h"

#include <array>
#include <cstring>

namespace shardlift::binlog {
namespace {

constexpr unsigned kDigitsPerGroup = 9;
constexpr std::array<unsigned char, 10> kBytesOfDigits = {0, 1, 1, 2, 2, 3, 3, 4, 4, 4};
constexpr std::array<unsigned, 10> kLimit = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000};

// The groups of up to 9 digits, first to last. The sign bit is inverted so that the bytes sort; a negative number has
// all its bits inverted.
class Groups {
 public:
  explicit Groups(const char* stored) : next_(stored), flip_((*stored & 0x80) == 0 ? ~std::uint32_t{0} : 0) {}
  bool negative() const { return flip_ != 0; }
  bool ok() const { return ok_; }

  std::uint32_t Next(unsigned digits) {
    const unsigned bytes = kBytesOfDigits[digits];
    std::uint32_t value = 0;
    switch (bytes) {
      case 0: return 0;
      case 1: value = Byte(0); break;
      case 2: value = (Byte(0) << 8) | Byte(1); break;
      case 3: value = (Byte(0) << 16) | (Byte(1) << 8) | Byte(2); break;
      default: std::memcpy(&value, next_, sizeof(value)); value = __builtin_bswap32(value);
    }
    next_ += bytes;
    value ^= sign_ << (8 * (bytes - 1));
    sign_ = 0;
    value ^= flip_ >> (32 - 8 * bytes);
    if (value >= kLimit[digits]) ok_ = false;  // the bytes hold more digits
    return value;
  }

 private:
  std::uint32_t Byte(std::size_t i) const { return static_cast<unsigned char>(next_[i]); }

  const char* next_;
  std::uint32_t flip_;
  std::uint32_t sign_ = 0x80;
  bool ok_ = true;
};

char* WriteTwo(std::uint32_t value, char* p) {
  std::memcpy(p, &kDigitPairs[std::size_t{2} * value], 2);
  return p + 2;
}

char* WriteUpToTwo(std::uint32_t value, char* p) {
  if (value >= 10) return WriteTwo(value, p);
  *p = static_cast<char>('0' + value);
  return p + 1;
}

char* WriteNineDigits(std::uint32_t value, char* p) {
  constexpr std::uint32_t kEightDigits = 100000000;
  *p = static_cast<char>('0' + value / kEightDigits);
  return WriteDigits(value % kEightDigits, 8, p + 1);
}

}  // namespace

std::size_t DecimalBytes(unsigned precision, unsigned scale) {
  if (precision == 0 || precision > kDecimalPrecisionMax || scale > precision || scale > kDecimalScaleMax) return 0;
  const unsigned whole = precision - scale;
  return whole / kDigitsPerGroup * 4 + kBytesOfDigits[whole % kDigitsPerGroup] + scale / kDigitsPerGroup * 4 +
         kBytesOfDigits[scale % kDigitsPerGroup];
}

std::size_t WriteDecimal(const char* stored, unsigned precision, unsigned scale, char* out) {
  Groups groups(stored);
  const unsigned whole = precision - scale;
  char* p = out;
  if (groups.negative()) *p++ = '-';
  char* const digits = p;
  // Zeros in front are not printed: a group is filled up to nine digits only behind others.
  const auto add = [&](std::uint32_t value) {
    if (!groups.ok()) return;
    if (p > digits || value >= kLimit[kDigitsPerGroup - 1]) {
      p = WriteNineDigits(value, p);
    } else if (value >= 100) {
      p = WriteShortest(value, p);
    } else if (value > 0) {  // as most first groups
      p = WriteUpToTwo(value, p);
    }
  };
  add(groups.Next(whole % kDigitsPerGroup));
  for (unsigned i = 0; i < whole / kDigitsPerGroup; ++i) add(groups.Next(kDigitsPerGroup));
  if (p == digits) *p++ = '0';
  if (scale > 0) {
    *p++ = '.';
    for (unsigned i = 0; i < scale / kDigitsPerGroup; ++i) {
      const std::uint32_t value = groups.Next(kDigitsPerGroup);
      if (!groups.ok()) return 0;
      p = WriteNineDigits(value, p);
    }
    const unsigned rest = scale % kDigitsPerGroup;
    const std::uint32_t value = groups.Next(rest);
    if (!groups.ok()) return 0;
    if (rest == 2) {
      p = WriteTwo(value, p);  // as of money
    } else if (rest > 0) {
      p = WriteDigits(value, rest, p);
    }
  }
  return groups.ok() ? static_cast<std::size_t>(p - out) : 0;
}

std::string_view ReadDecimal(Cursor& in, unsigned precision, unsigned scale, char* out) {
  const std::size_t bytes = DecimalBytes(precision, scale);
  const std::string_view stored = in.Bytes(bytes);
  const std::size_t n = in.ok() && bytes > 0 ? WriteDecimal(stored.data(), precision, scale, out) : 0;
  if (n == 0) in.Fail();
  return {out, n};
}

}  // namespace shardlift::binlog
