// Text as JSON quotes it, in slices that fit a raw buffer.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace shardlift::binlog {

inline constexpr std::size_t kJsonSliceBytes = 64;
inline constexpr std::size_t kJsonEscapeBytesMax = 6;  // "\u0001"

// Control characters, quotation marks and backslashes.
inline bool IsJsonSpecial(char c) { return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\'; }

// Whether any of eight bytes is special.
inline bool HasJsonSpecial(std::uint64_t bytes) {
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  constexpr std::uint64_t kHighs = 0x80 * kOnes;
  const std::uint64_t quote = bytes ^ ('"' * kOnes);
  const std::uint64_t backslash = bytes ^ ('\\' * kOnes);
  // A byte borrows, and so gets its high bit, if it is less than what is taken from it.
  return ((((bytes - 0x20 * kOnes) & ~bytes) | ((quote - kOnes) & ~quote) | ((backslash - kOnes) & ~backslash)) &
          kHighs) != 0;
}

inline constexpr std::size_t kJsonWordBytes = sizeof(std::uint64_t);

// These copy; false: something has to be escaped, and what `to` holds is of no use.

// Less than a word, but not nothing; so many bytes in front of the text can be read as make a word with it. `to` has
// room for a word.
inline bool CopyJsonShort(std::string_view text, char* to) {
  const std::size_t n = text.size();
  std::uint64_t bytes = 0;
  std::memcpy(&bytes, text.data() + n - kJsonWordBytes, kJsonWordBytes);
  bytes >>= 8 * (kJsonWordBytes - n);
  std::memcpy(to, &bytes, kJsonWordBytes);
  return !HasJsonSpecial(bytes | (0x6161616161616161ull << (8 * n)));  // letters for the zeros behind the text
}

inline bool CopyJsonPlain(std::string_view text, char* to) {
  const std::size_t n = text.size();
  if (n < kJsonWordBytes) {
    std::copy(text.begin(), text.end(), to);
    return std::none_of(text.begin(), text.end(), IsJsonSpecial);
  }
  const auto copy = [&](std::size_t at) {
    std::uint64_t bytes = 0;
    std::memcpy(&bytes, text.data() + at, kJsonWordBytes);
    std::memcpy(to + at, &bytes, kJsonWordBytes);
    return !HasJsonSpecial(bytes);
  };
  for (std::size_t i = 0; i + kJsonWordBytes < n; i += kJsonWordBytes) {
    if (!copy(i)) return false;
  }
  return copy(n - kJsonWordBytes);
}

// At most kJsonEscapeBytesMax a byte. Returns the end.
char* WriteJsonEscaped(std::string_view text, char* to);

// Base 64 in lines of 76 characters, their ends escaped.
void AppendJsonBase64(std::string_view bytes, std::string& out);

}  // namespace shardlift::binlog
