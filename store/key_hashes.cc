#include "store/key_hashes.h"

#include <isa-l/crc.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <array>
#include <bit>
#include <cstring>
#include <string>
#include <type_traits>
#include <utility>

#include "store/router.h"

namespace shardlift::store {
namespace {

constexpr std::size_t kTables = 16;  // half of the first cache
using Crc32Tables = std::array<std::array<std::uint32_t, 256>, kTables>;

// tables[n][b]: what byte b, followed by n zero bytes, does to the CRC.
constexpr Crc32Tables MakeCrc32Tables() {
  Crc32Tables tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xEDB88320u : 0u);
    tables[0][byte] = crc;
  }
  for (std::size_t n = 1; n < tables.size(); ++n) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t before = tables[n - 1][byte];
      tables[n][byte] = (before >> 8) ^ tables[0][before & 0xFF];
    }
  }
  return tables;
}
constexpr Crc32Tables kCrc32 = MakeCrc32Tables();

constexpr std::size_t kLongBytes = 64;  // from here on ISA-L's set-up pays
constexpr std::size_t kTypesReady = 256;

// The state after `count` more bytes, at most as many as there are tables and at least as many as the state has or the
// whole rest: every byte's part is looked up by itself, so that none waits for the one before it.
template <std::size_t count, std::size_t... at>
std::uint32_t Advance(std::uint32_t state, const char* bytes, std::index_sequence<at...>) {
  const std::uint64_t wide = state;
  const auto part = [&](std::size_t i) {
    const std::uint64_t of_state = i < sizeof(state) ? (wide >> (8 * i)) & 0xFF : 0;
    return kCrc32[count - 1 - i][static_cast<unsigned char>(bytes[i]) ^ of_state];
  };
  const std::uint32_t rest = count < sizeof(state) ? static_cast<std::uint32_t>(wide >> (8 * count)) : 0;
  return rest ^ (part(at) ^ ...);
}
template <std::size_t count>
std::uint32_t Advance(std::uint32_t state, const char* bytes) {
  return Advance<count>(state, bytes, std::make_index_sequence<count>());
}

std::uint32_t AnyTail(std::uint32_t state, const char* at, std::size_t count) {
  switch (count) {
    case 1: return Advance<1>(state, at);
    case 2: return Advance<2>(state, at);
    case 3: return Advance<3>(state, at);
    case 4: return Advance<4>(state, at);
    case 5: return Advance<5>(state, at);
    case 6: return Advance<6>(state, at);
    case 7: return Advance<7>(state, at);
    case 8: return Advance<8>(state, at);
    case 9: return Advance<9>(state, at);
    case 10: return Advance<10>(state, at);
    case 11: return Advance<11>(state, at);
    case 12: return Advance<12>(state, at);
    case 13: return Advance<13>(state, at);
    case 14: return Advance<14>(state, at);
    case 15: return Advance<15>(state, at);
    default: return state;
  }
}

struct Head {  // the account type in decimal and ':'
  char bytes[12];
  std::uint32_t size;
};

constexpr Head HeadOf(std::uint32_t account_type) {
  Head head{};
  for (std::uint32_t unit = 1'000'000'000; unit > 0; unit /= 10) {
    if (account_type >= unit || unit == 1) head.bytes[head.size++] = static_cast<char>('0' + account_type / unit % 10);
  }
  head.bytes[head.size++] = ':';
  return head;
}

struct ReadyType {
  Head head;
  std::uint32_t crc;
};

constexpr std::uint32_t OneByte(std::uint32_t state, char byte) {
  return (state >> 8) ^ kCrc32[0][(state ^ static_cast<unsigned char>(byte)) & 0xFF];
}

constexpr std::array<ReadyType, kTypesReady> MakeReadyTypes() {
  std::array<ReadyType, kTypesReady> types{};
  for (std::uint32_t type = 0; type < kTypesReady; ++type) {
    types[type].head = HeadOf(type);
    std::uint32_t state = 0xFFFFFFFF;
    for (std::uint32_t i = 0; i < types[type].head.size; ++i) state = OneByte(state, types[type].head.bytes[i]);
    types[type].crc = ~state;
  }
  return types;
}
constexpr std::array<ReadyType, kTypesReady> kReadyTypes = MakeReadyTypes();

// Two copies of fixed size that may overlap: no call for the keys that accounts have.
void CopyShort(std::string_view from, char* to) {
  const std::size_t size = from.size();
  const auto twice = [&]<std::size_t bytes>(std::integral_constant<std::size_t, bytes>) {
    std::memcpy(to, from.data(), bytes);
    std::memcpy(to + size - bytes, from.data() + size - bytes, bytes);
  };
  if (size > 32) {
    std::memcpy(to, from.data(), size);
  } else if (size >= 16) {
    twice(std::integral_constant<std::size_t, 16>());
  } else if (size >= 8) {
    twice(std::integral_constant<std::size_t, 8>());
  } else if (size >= 4) {
    twice(std::integral_constant<std::size_t, 4>());
  } else {
    for (std::size_t i = 0; i < size; ++i) to[i] = from[i];
  }
}

}  // namespace

std::uint32_t Crc32(std::uint32_t crc, std::string_view bytes) {
  static_assert(std::endian::native == std::endian::little);
  if (bytes.size() >= kLongBytes) {
    return crc32_gzip_refl(crc, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  }
  std::uint32_t state = ~crc;
  const char* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= kTables; left -= kTables, at += kTables) state = Advance<kTables>(state, at);
  return ~AnyTail(state, at, left);
}

std::uint32_t Crc32OfType(std::uint32_t account_type) {
  if (account_type < kTypesReady) return kReadyTypes[account_type].crc;
  const Head head = HeadOf(account_type);
  return Crc32(0, {head.bytes, head.size});
}

std::uint64_t RoutingXxh3(std::uint32_t account_type, std::string_view account_key) {
  const Head head = account_type < kTypesReady ? kReadyTypes[account_type].head : HeadOf(account_type);
  char bytes[256];
  if (head.size + account_key.size() <= sizeof(bytes)) {
    std::memcpy(bytes, head.bytes, sizeof(head.bytes));
    CopyShort(account_key, bytes + head.size);
    return XXH3_64bits(bytes, head.size + account_key.size());
  }
  std::string whole(head.bytes, head.size);  // no account key of the message table is so long
  whole += account_key;
  return XXH3_64bits(whole.data(), whole.size());
}

std::uint32_t Fmix32(std::uint32_t h) {
  h ^= h >> 16;
  h *= 0x85ebca6bu;
  h ^= h >> 13;
  h *= 0xc2b2ae35u;
  h ^= h >> 16;
  return h;
}

std::uint32_t RoutingHash(std::uint32_t account_type, std::string_view account_key) {
  return Fmix32(Crc32(Crc32OfType(account_type), account_key));
}

std::uint32_t Murmur3(std::string_view bytes) {
  constexpr std::uint32_t kFirst = 0xcc9e2d51;
  constexpr std::uint32_t kSecond = 0x1b873593;
  const auto scrambled = [](std::uint32_t k) { return std::rotl(k * kFirst, 15) * kSecond; };
  std::uint32_t h = 0;
  std::size_t at = 0;
  for (; at + 4 <= bytes.size(); at += 4) {
    std::uint32_t word;
    std::memcpy(&word, bytes.data() + at, sizeof(word));
    h = std::rotl(h ^ scrambled(word), 13) * 5 + 0xe6546b64;
  }
  std::uint32_t rest = 0;
  for (std::size_t i = bytes.size(); i > at; --i) rest = (rest << 8) | static_cast<unsigned char>(bytes[i - 1]);
  if (at < bytes.size()) h ^= scrambled(rest);
  return Fmix32(h ^ static_cast<std::uint32_t>(bytes.size()));
}

std::uint32_t Fibonacci(std::uint64_t value, unsigned bits) {
  return static_cast<std::uint32_t>((value * 0x9e3779b97f4a7c15ull) >> (64 - bits));
}

std::uint32_t JumpHash(std::uint64_t value, std::uint32_t cells) {
  constexpr double kTwoTo31 = 2147483648.0;
  std::int64_t cell = -1;
  std::int64_t next = 0;
  while (next < static_cast<std::int64_t>(cells)) {
    cell = next;
    value = value * 2862933555777941757ull + 1;
    next =
        static_cast<std::int64_t>(static_cast<double>(cell + 1) * (kTwoTo31 / static_cast<double>((value >> 33) + 1)));
  }
  return static_cast<std::uint32_t>(cell);
}

}  // namespace shardlift::store
