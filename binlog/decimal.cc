#include "binlog/decimal.h"

#include <array>
#include <charconv>
#include <utility>

#include "binlog/digits.h"

namespace shardlift::binlog {
namespace {

constexpr unsigned kDigitsPerGroup = 9;
constexpr std::array<unsigned char, 10> kBytesOfDigits = {0, 1, 1, 2, 2, 3, 3, 4, 4, 4};
constexpr std::array<unsigned, 10> kLimit = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000};

// The groups of up to 9 digits, first to last. The sign bit is inverted so that the bytes sort; a negative number has
// all its bits inverted.
class Groups {
 public:
  explicit Groups(const char* stored)
      : next_(reinterpret_cast<const unsigned char*>(stored)), flip_((*next_ & 0x80) == 0 ? ~std::uint32_t{0} : 0) {}
  bool negative() const { return flip_ != 0; }
  bool ok() const { return ok_; }

  std::uint32_t Next(unsigned digits) {
    std::uint32_t value = 0;
    const unsigned bytes = kBytesOfDigits[digits];
    for (unsigned i = 0; i < bytes; ++i) value = (value << 8) | (next_[i] ^ (flip_ & 0xff) ^ std::exchange(sign_, 0));
    next_ += bytes;
    if (value >= kLimit[digits]) ok_ = false;  // the bytes hold more digits
    return value;
  }

 private:
  const unsigned char* next_;
  std::uint32_t flip_;
  std::uint32_t sign_ = 0x80;
  bool ok_ = true;
};

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
