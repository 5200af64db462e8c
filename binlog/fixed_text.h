// MariaDB's types of fixed length that SELECT shows as text: UUID, INET4, INET6. In row events they look like BINARY;
// only the schema tells them apart.
#pragma once

#include <string_view>

#include "binlog/arena.h"

namespace shardlift::binlog {

// `stored`: 16, 4 and 16 bytes.
std::string_view UuidText(std::string_view stored, Arena& arena);
std::string_view Inet4Text(std::string_view stored, Arena& arena);
std::string_view Inet6Text(std::string_view stored, Arena& arena);

}  // namespace shardlift::binlog
