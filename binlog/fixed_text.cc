#include "binlog/fixed_text.h"

#include <fmt/format.h>

#include <array>
#include <cstddef>

namespace shardlift::binlog {
namespace {

constexpr std::size_t kUuidBytes = 16;
constexpr int kInet6Words = 8;

unsigned Byte(std::string_view bytes, std::size_t i) { return static_cast<unsigned char>(bytes[i]); }

using TextBuffer = fmt::basic_memory_buffer<char, 64>;

void AppendInet4(std::string_view stored, TextBuffer& out) {
  fmt::format_to(std::back_inserter(out), "{}.{}.{}.{}", Byte(stored, 0), Byte(stored, 1), Byte(stored, 2),
                 Byte(stored, 3));
}

}  // namespace

// UUIDs of versions 1 to 5 are stored with their parts in reverse order, so that those made at one time sort together.
std::string_view UuidText(std::string_view stored, Arena& arena) {
  static constexpr std::array<unsigned char, kUuidBytes> kReversed = {12, 13, 14, 15, 10, 11, 8, 9,
                                                                      6,  7,  0,  1,  2,  3,  4, 5};
  const unsigned version = Byte(stored, 8);
  const bool reversed = (Byte(stored, 6) & 0x80) != 0 && version != 0 && version <= 0x80;
  TextBuffer out;
  for (std::size_t i = 0; i < kUuidBytes; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) out.push_back('-');
    fmt::format_to(std::back_inserter(out), "{:02x}", Byte(stored, reversed ? kReversed[i] : i));
  }
  return arena.Copy({out.data(), out.size()});
}

std::string_view Inet4Text(std::string_view stored, Arena& arena) {
  TextBuffer out;
  AppendInet4(stored, out);
  return arena.Copy({out.data(), out.size()});
}

// The first of the longest runs of zero words is "::", also if it is one word only. Addresses that hold one of IPv4 end
// as such.
std::string_view Inet6Text(std::string_view stored, Arena& arena) {
  std::array<unsigned, kInet6Words> words{};
  for (std::size_t i = 0; i < words.size(); ++i) words[i] = (Byte(stored, 2 * i) << 8) | Byte(stored, 2 * i + 1);
  int gap = -1;
  int gap_words = 0;
  for (int i = 0; i < kInet6Words; ++i) {
    int n = 0;
    while (i + n < kInet6Words && words[static_cast<std::size_t>(i + n)] == 0) ++n;
    if (n > gap_words) gap = i, gap_words = n;
    i += n;
  }
  TextBuffer out;
  for (int i = 0; i < kInet6Words; ++i) {
    if (i == gap) {
      if (i == 0) out.push_back(':');
      out.push_back(':');
      i += gap_words - 1;
    } else if (i == 6 && gap == 0 && (gap_words == 6 || (gap_words == 5 && words[5] == 0xffff))) {
      AppendInet4(stored.substr(12), out);
      break;
    } else {
      fmt::format_to(std::back_inserter(out), "{:x}", words[static_cast<std::size_t>(i)]);
      if (i != kInet6Words - 1) out.push_back(':');
    }
  }
  return arena.Copy({out.data(), out.size()});
}

}  // namespace shardlift::binlog
