// Decimal digits of a known number, quickly.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace shardlift::binlog {

// "00" to "99".
inline constexpr auto kDigitPairs = [] {
  std::array<char, 200> pairs{};
  for (std::size_t i = 0; i < 100; ++i) {
    pairs[2 * i] = static_cast<char>('0' + i / 10);
    pairs[2 * i + 1] = static_cast<char>('0' + i % 10);
  }
  return pairs;
}();

// Two digits of a value below 100. Returns the end, as all of these do.
inline char* WriteTwoDigits(std::uint32_t value, char* out) {
  std::memcpy(out, &kDigitPairs[std::size_t{2} * value], 2);
  return out + 2;
}

// The last `width` digits, with zeros in front.
inline char* WriteDigits(std::uint32_t value, unsigned width, char* out) {
  unsigned i = width;
  for (; i >= 2; i -= 2) {
    WriteTwoDigits(value % 100, out + i - 2);
    value /= 100;
  }
  if (i == 1) *out = static_cast<char>('0' + value % 10);
  return out + width;
}

}  // namespace shardlift::binlog
