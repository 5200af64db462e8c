// Collation ids of both servers to the names of their character sets.
#pragma once

#include <cstdint>
#include <string_view>

namespace shardlift::binlog {

inline constexpr std::string_view kBinaryCharset = "binary";

// "utf8mb4", "latin1"...; empty for an id that neither server has. utf8mb3 is always so called.
std::string_view CharsetOfCollation(std::uint64_t id);

}  // namespace shardlift::binlog
