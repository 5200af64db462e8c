#include "mapping/charset.h"

#include <iconv.h>

#include <array>
#include <cstring>
#include <vector>

#include "base/check.h"

namespace shardlift::mapping {

namespace {

constexpr std::array<std::uint16_t, 32> kLatin1High = {0x20AC, 0x0081, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021,
                                                       0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0x008D, 0x017D, 0x008F,
                                                       0x0090, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
                                                       0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x009D, 0x017E, 0x0178};

constexpr std::size_t kGbkRow = 0x100;

// Code points by (first byte - 0x80) * 256 + second byte; 0: undefined.
std::vector<std::uint16_t> LoadGbk() {
  std::vector<std::uint16_t> table(0x80 * kGbkRow, 0);
  iconv_t converter = iconv_open("UTF-16LE", "GBK");
  // glibc's own converters come with the C library; without this one no gbk column can be read at all.
  SL_CHECK(converter != reinterpret_cast<iconv_t>(-1));  // NOLINT(performance-no-int-to-ptr): iconv's own value
  for (std::size_t first = 0x81; first <= 0xFE; ++first) {
    for (std::size_t second = 0x40; second <= 0xFE; ++second) {
      char in[2] = {static_cast<char>(first), static_cast<char>(second)};
      unsigned char out[8];
      char* in_at = in;
      char* out_at = reinterpret_cast<char*>(out);
      std::size_t in_left = sizeof(in);
      std::size_t out_left = sizeof(out);
      iconv(converter, nullptr, nullptr, nullptr, nullptr);
      if (iconv(converter, &in_at, &in_left, &out_at, &out_left) != 0 || out_left != sizeof(out) - 2) continue;
      table[(first - 0x80) * kGbkRow + second] = static_cast<std::uint16_t>(out[0] | (out[1] << 8));
    }
  }
  iconv_close(converter);
  return table;
}

bool AppendGbk(std::string_view bytes, std::string* out) {
  static const std::vector<std::uint16_t> table = LoadGbk();
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    auto first = static_cast<unsigned char>(bytes[i]);
    if (first < 0x80) {
      out->push_back(bytes[i]);
      continue;
    }
    if (++i == bytes.size()) return false;
    std::uint16_t c = table[(first - 0x80u) * kGbkRow + static_cast<unsigned char>(bytes[i])];
    if (c == 0) return false;
    AppendCharacter(c, out);
  }
  return true;
}

void AppendLatin1(std::string_view bytes, std::string* out) {
  for (char byte : bytes) {
    auto c = static_cast<unsigned char>(byte);
    AppendCharacter(c >= 0x80 && c < 0xA0 ? kLatin1High[c - 0x80u] : c, out);
  }
}

bool IsAscii(std::string_view bytes) {
  for (char c : bytes) {
    if (static_cast<unsigned char>(c) >= 0x80) return false;
  }
  return true;
}

// Length of the valid sequence at `at`, 0 if there is none.
std::size_t SequenceLength(std::string_view s, std::size_t at) {
  auto byte = [&](std::size_t i) { return at + i < s.size() ? static_cast<unsigned char>(s[at + i]) : 0u; };
  auto continues = [&](std::size_t i) { return (byte(i) & 0xC0u) == 0x80u; };
  unsigned c = byte(0);
  if (c < 0x80) return 1;
  if (c >= 0xC2 && c <= 0xDF) return continues(1) ? 2 : 0;
  if (c >= 0xE0 && c <= 0xEF) {
    if (!continues(1) || !continues(2)) return 0;
    if (c == 0xE0 && byte(1) < 0xA0) return 0;
    if (c == 0xED && byte(1) > 0x9F) return 0;
    return 3;
  }
  if (c >= 0xF0 && c <= 0xF4) {
    if (!continues(1) || !continues(2) || !continues(3)) return 0;
    if (c == 0xF0 && byte(1) < 0x90) return 0;
    if (c == 0xF4 && byte(1) > 0x8F) return 0;
    return 4;
  }
  return 0;
}

std::uint32_t Decode(std::string_view s, std::size_t at, std::size_t length) {
  auto tail = [&](std::size_t i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(s[at + i]) & 0x3F); };
  std::uint32_t c = static_cast<unsigned char>(s[at]);
  if (length == 2) return ((c & 0x1F) << 6) | tail(1);
  if (length == 3) return ((c & 0x0F) << 12) | (tail(1) << 6) | tail(2);
  return ((c & 0x07) << 18) | (tail(1) << 12) | (tail(2) << 6) | tail(3);
}

// Blocks of scripts with case, whole blocks on purpose: newer Unicode versions add letters inside them. Sorted.
struct Range {
  std::uint32_t first;
  std::uint32_t last;
};
constexpr Range kCased[] = {{0x00B5, 0x00B5},   {0x00C0, 0x02AF},   {0x0345, 0x0345},   {0x0370, 0x058F},
                            {0x10A0, 0x10FF},   {0x13A0, 0x13FF},   {0x1C80, 0x1CBF},   {0x1D00, 0x1DBF},
                            {0x1E00, 0x1FFF},   {0x2100, 0x218F},   {0x24B6, 0x24E9},   {0x2C00, 0x2D2F},
                            {0xA640, 0xA69F},   {0xA720, 0xA7FF},   {0xAB30, 0xABBF},   {0xFB00, 0xFB1F},
                            {0xFF21, 0xFF3A},   {0xFF41, 0xFF5A},   {0x10400, 0x104FF}, {0x10570, 0x105BF},
                            {0x10C80, 0x10CFF}, {0x10D50, 0x10D8F}, {0x118A0, 0x118DF}, {0x16E40, 0x16EDF},
                            {0x1DF00, 0x1DFFF}, {0x1E900, 0x1E95F}};

}  // namespace

Charset FindCharset(std::string_view name) {
  if (name == "utf8mb4" || name == "utf8mb3" || name == "utf8") return Charset::kUtf8;
  if (name == "ascii") return Charset::kAscii;
  if (name == "latin1") return Charset::kLatin1;
  if (name == "gbk") return Charset::kGbk;
  return Charset::kUnsupported;
}

std::uint64_t Utf8Expansion(Charset charset) {
  switch (charset) {
    case Charset::kUnsupported:  // read by tables (shown_charset.h): one byte gives at most three
    case Charset::kLatin1: return 3;
    case Charset::kGbk: return 2;  // two bytes give at most three
    default: return 1;
  }
}

bool AppendUtf8(Charset charset, std::string_view bytes, std::string* out) {
  switch (charset) {
    case Charset::kUtf8:
      if (!IsUtf8(bytes)) return false;
      out->append(bytes);
      return true;
    case Charset::kAscii:
      if (!IsAscii(bytes)) return false;
      out->append(bytes);
      return true;
    case Charset::kLatin1: AppendLatin1(bytes, out); return true;
    case Charset::kGbk: return AppendGbk(bytes, out);
    case Charset::kUnsupported: return false;
  }
  return false;
}

bool IsUtf8(std::string_view bytes) {
  for (std::size_t at = 0; at < bytes.size();) {
    constexpr std::uint64_t kHighBits = 0x8080808080808080;
    std::uint64_t word = 0;
    if (bytes.size() - at >= sizeof(word)) {
      std::memcpy(&word, bytes.data() + at, sizeof(word));
      if ((word & kHighBits) == 0) {  // eight of ASCII
        at += sizeof(word);
        continue;
      }
    }
    std::size_t length = SequenceLength(bytes, at);
    if (length == 0) return false;
    at += length;
  }
  return true;
}

std::size_t CountCharacters(std::string_view utf8) {
  std::size_t count = 0;
  for (char c : utf8) count += (static_cast<unsigned char>(c) & 0xC0) != 0x80 ? 1 : 0;
  return count;
}

std::size_t CharacterOffset(std::string_view utf8, std::uint64_t n) {
  std::size_t at = 0;
  for (; at < utf8.size(); ++at) {
    if ((static_cast<unsigned char>(utf8[at]) & 0xC0) == 0x80) continue;
    if (n-- == 0) break;
  }
  return at;
}

bool HasCasedNonAscii(std::string_view utf8) {
  for (std::size_t at = 0; at < utf8.size();) {
    std::size_t length = SequenceLength(utf8, at);
    if (length == 0) return true;
    if (length > 1) {
      std::uint32_t c = Decode(utf8, at, length);
      for (const Range& range : kCased) {
        if (c < range.first) break;
        if (c <= range.last) return true;
      }
    }
    at += length;
  }
  return false;
}

void AppendCharacter(std::uint32_t code_point, std::string* out) {
  if (code_point < 0x80) {
    out->push_back(static_cast<char>(code_point));
    return;
  }
  const int tail = code_point < 0x800 ? 1 : code_point < 0x10000 ? 2 : 3;
  static constexpr std::array<unsigned, 4> kLead = {0, 0xC0, 0xE0, 0xF0};
  out->push_back(static_cast<char>(kLead[static_cast<std::size_t>(tail)] | code_point >> (6 * tail)));
  for (int i = tail - 1; i >= 0; --i) out->push_back(static_cast<char>(0x80 | ((code_point >> (6 * i)) & 0x3F)));
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace shardlift::mapping
