#include "mapping/encodings.h"

#include <cstddef>

#include "mapping/charset.h"

namespace shardlift::mapping {

namespace {

constexpr std::size_t kBase64LineBytes = 76;
constexpr char kBase64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int Base64Digit(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool IsBase64Space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

}  // namespace

void AppendHex(std::string_view bytes, bool upper, std::string* out) {
  const char* digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
  for (char byte : bytes) {
    auto c = static_cast<unsigned char>(byte);
    out->push_back(digits[c >> 4]);
    out->push_back(digits[c & 15]);
  }
}

bool AppendUnhexed(std::string_view text, std::string* out) {
  int high = text.size() % 2 == 0 ? -1 : 0;
  for (char c : text) {
    int digit = HexDigit(c);
    if (digit < 0) return false;
    if (high < 0) {
      high = digit;
    } else {
      out->push_back(static_cast<char>(high * 16 + digit));
      high = -1;
    }
  }
  return true;
}

void AppendBase64(std::string_view bytes, std::string* out) {
  std::size_t in_line = 0;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    if (in_line == kBase64LineBytes) {
      out->push_back('\n');
      in_line = 0;
    }
    unsigned group = 0;
    for (std::size_t j = i; j < i + 3; ++j) {
      group = group << 8 | (j < bytes.size() ? static_cast<unsigned char>(bytes[j]) : 0u);
    }
    for (unsigned j = 0; j < 4; ++j) {
      out->push_back(i + j > bytes.size() ? '=' : kBase64[group >> (18 - 6 * j) & 63]);
    }
    in_line += 4;
  }
}

bool AppendFromBase64(std::string_view text, std::string* out) {
  unsigned group = 0;
  unsigned digits = 0;
  unsigned fill = 0;
  for (char c : text) {
    if (IsBase64Space(c)) continue;
    int digit = Base64Digit(c);
    if (digits == 0 && fill > 0) return false;  // behind the last group
    if (c == '=' && digits + fill >= 2) {
      ++fill;
    } else if (digit < 0 || fill > 0) {
      return false;
    } else {
      ++digits;
    }
    group = group << 6 | static_cast<unsigned>(digit < 0 ? 0 : digit);
    if (digits + fill < 4) continue;
    for (unsigned j = 0; j < 3 - fill; ++j) out->push_back(static_cast<char>(group >> (16 - 8 * j)));
    group = 0;
    digits = 0;
  }
  return digits == 0;
}

}  // namespace shardlift::mapping
