// The shape of the bytes that the target `spool` takes; shared with the writer of its corpus.
//
//   00, a segment's file as it is
//   01, flavour (bit 0: MariaDB), then blocks: kind (1 to 3; bit 7: compressed), claimed length (2 bytes,
//   little-endian),
//       length of the position text (1 byte) and the text, length of the body (2 bytes) and the body. The target puts
//       right checksums around them, so that what lies behind these is reached.
#pragma once

#include <string>
#include <string_view>

#include "binlog/spool_format.h"

namespace shardlift::binlog::fuzz {

inline constexpr std::string_view kSpoolIdentity = "fuzz";
inline constexpr char kSpoolFile = 0;
inline constexpr char kSpoolBlocks = 1;

inline std::string SpoolBlockInput(SpoolBlockKind kind, std::string_view passed, std::string_view entries) {
  const auto two = [](std::size_t n) { return std::string{static_cast<char>(n & 0xff), static_cast<char>(n >> 8)}; };
  return std::string(1, static_cast<char>(kind)) + two(entries.size()) + static_cast<char>(passed.size()) +
         std::string(passed) + two(entries.size()) + std::string(entries);
}

}  // namespace shardlift::binlog::fuzz
