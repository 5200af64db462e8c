#include "base/json_text.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>

namespace shardlift::base {
namespace {

constexpr bool IsEscaped(unsigned char c) { return c < 0x20 || c == '"' || c == '\\' || c == 0x7f; }

// So many bytes are looked at together. One mark for each that must be escaped, first byte lowest; `high` gathers marks
// of those that are not ASCII.
#ifdef __SSE2__
constexpr int kBlockBytes = 16;
constexpr int kMarkBits = 1;
std::uint64_t CopyBlock(const char* from, char* to, std::uint64_t* high) {
  const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), block);
  const __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(block, _mm_set1_epi8(0x1f)), block);
  const __m128i quote = _mm_cmpeq_epi8(block, _mm_set1_epi8('"'));
  const __m128i backslash = _mm_cmpeq_epi8(block, _mm_set1_epi8('\\'));
  const __m128i del = _mm_cmpeq_epi8(block, _mm_set1_epi8(0x7f));
  *high |= static_cast<unsigned>(_mm_movemask_epi8(block));
  return static_cast<unsigned>(
      _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(control, quote), _mm_or_si128(backslash, del))));
}
#else
static_assert(std::endian::native == std::endian::little, "the first byte is the lowest");
constexpr int kBlockBytes = 8;
constexpr int kMarkBits = 8;
// A subtraction borrows where a byte is too small, and bytes that had their high bit before do not count. A borrow may
// spoil bytes above the first one marked, never below.
std::uint64_t CopyBlock(const char* from, char* to, std::uint64_t* high) {
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  std::uint64_t word = 0;
  std::memcpy(&word, from, sizeof(word));
  std::memcpy(to, &word, sizeof(word));
  const std::uint64_t control = word - kOnes * 0x20;
  const std::uint64_t quote = (word ^ kOnes * '"') - kOnes;
  const std::uint64_t backslash = (word ^ kOnes * '\\') - kOnes;
  const std::uint64_t del = (word ^ kOnes * 0x7f) - kOnes;
  *high |= word & (kOnes << 7);
  return (control | quote | backslash | del) & ~word & (kOnes << 7);
}
#endif

char* WriteEscape(unsigned char c, char* out) {
  static constexpr std::string_view kHex = "0123456789abcdef";
  *out++ = '\\';
  if (c == '"' || c == '\\') {
    *out++ = static_cast<char>(c);
    return out;
  }
  std::memcpy(out, "u00", 3);
  out[3] = kHex[c >> 4];
  out[4] = kHex[c & 15];
  return out + 5;
}

}  // namespace

char* WriteJsonEscaped(std::string_view text, char* out, bool* is_ascii) {
  const char* p = text.data();
  const char* const end = p + text.size();
  std::uint64_t high = 0;
  while (end - p >= kBlockBytes) {
    const std::uint64_t marks = CopyBlock(p, out, &high);
    const int plain = marks == 0 ? kBlockBytes : std::countr_zero(marks) / kMarkBits;
    p += plain;
    out += plain;
    if (marks != 0) out = WriteEscape(static_cast<unsigned char>(*p++), out);
  }
  for (; p < end; ++p) {
    const auto c = static_cast<unsigned char>(*p);
    high |= c & 0x80u;
    if (IsEscaped(c)) {
      out = WriteEscape(c, out);
    } else {
      *out++ = *p;
    }
  }
  *is_ascii = high == 0;
  return out;
}

void AppendJsonString(std::string_view text, std::string& out) {
  constexpr std::size_t kPieceBytes = 256;
  char escaped[JsonEscapedBytesMax(kPieceBytes)];
  bool is_ascii = false;
  out += '"';
  for (; !text.empty(); text.remove_prefix(std::min(text.size(), kPieceBytes))) {
    out.append(escaped, WriteJsonEscaped(text.substr(0, kPieceBytes), escaped, &is_ascii));
  }
  out += '"';
}

}  // namespace shardlift::base
