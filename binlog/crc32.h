// The checksum of binlog events: CRC-32 as IEEE 802.3 has it, the same as SQL's CRC32().
#pragma once

#include <cstdint>
#include <string_view>

namespace shardlift::binlog {

// `before`: the checksum of what precedes `bytes`.
std::uint32_t Crc32(std::string_view bytes, std::uint32_t before = 0);

}  // namespace shardlift::binlog
