// The hash functions of the routing strategies, and those that the report of docs/routing.md compares them with.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace shardlift::store {

// CRC32 (IEEE) of `bytes` after bytes whose CRC32 is `crc`; as zlib's, but made for the few bytes of a routing key.
std::uint32_t Crc32(std::uint32_t crc, std::string_view bytes);
// CRC32 of the account type in decimal and ':'.
std::uint32_t Crc32OfType(std::uint32_t account_type);
// XXH3 of 64 bits, seed 0, over account_type ':' account_key.
std::uint64_t RoutingXxh3(std::uint32_t account_type, std::string_view account_key);

// MurmurHash3_x86_32, seed 0.
std::uint32_t Murmur3(std::string_view bytes);
// Multiplication by 2^64 divided by the golden ratio: the upper `bits` bits.
std::uint32_t Fibonacci(std::uint64_t value, unsigned bits);
// Lamping and Veach: "A Fast, Minimal Memory, Consistent Hash Algorithm".
std::uint32_t JumpHash(std::uint64_t value, std::uint32_t cells);

}  // namespace shardlift::store
