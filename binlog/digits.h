// Decimal digits of a known number, quickly. A call would cost as much as the work.
#pragma once

#include <array>
#include <bit>
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

// Two digits of a value below 100, as they lie in memory.
[[gnu::always_inline]] inline std::uint64_t TwoDigits(std::uint32_t value) {
  std::uint16_t digits = 0;
  std::memcpy(&digits, &kDigitPairs[std::size_t{2} * value], sizeof(digits));
  return digits;
}

// All eight digits of a value below 10^8 as numbers, the first in the lowest byte. Each step splits all its parts at
// once; multiplication and shift divide exactly by 100 below 10,000 and by 10 below 100.
[[gnu::always_inline]] inline std::uint64_t EightDigits(std::uint32_t value) {
  const std::uint64_t fours = value / 10000 | (static_cast<std::uint64_t>(value % 10000) << 32);
  const std::uint64_t hundreds = ((fours * 10486) >> 20) & 0x0000007f0000007f;
  const std::uint64_t twos = hundreds | ((fours - 100 * hundreds) << 16);
  const std::uint64_t tens = ((twos * 103) >> 10) & 0x000f000f000f000f;
  return tens | ((twos - 10 * tens) << 8);
}

// These write eight bytes, of which those behind the end mean nothing.
inline constexpr std::size_t kDigitsWritten = 8;

// The last `width` digits of a value below 10^8, with zeros in front. Returns the end. `width`: 1 to 8.
[[gnu::always_inline]] inline char* WriteDigits(std::uint32_t value, unsigned width, char* out) {
  const std::uint64_t digits = (EightDigits(value) | 0x3030303030303030) >> (8 * (8 - width));
  std::memcpy(out, &digits, sizeof(digits));
  return out + width;
}

// Without zeros in front, but at least one digit.
[[gnu::always_inline]] inline char* WriteShortest(std::uint32_t value, char* out) {
  const std::uint64_t digits = EightDigits(value);
  const auto zeros = static_cast<unsigned>(std::countr_zero(digits | (std::uint64_t{1} << 56))) / 8;
  const std::uint64_t text = (digits | 0x3030303030303030) >> (8 * zeros);
  std::memcpy(out, &text, sizeof(text));
  return out + 8 - zeros;
}

}  // namespace shardlift::binlog
