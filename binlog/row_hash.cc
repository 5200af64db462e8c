#include "binlog/row_hash.h"

#include <fmt/format.h>
#include <xxhash.h>
#ifdef __x86_64__
#include <xxh_x86dispatch.h>  // takes the widest instructions that the processor has
#endif

#include <array>
#include <bit>
#include <cstring>
#include <iterator>
#include <span>
#include <string_view>

#include "base/check.h"

namespace shardlift::binlog {
namespace {

using mysql::Value;
using mysql::ValueKind;

constexpr std::size_t kBufferBytes = 16 << 10;
constexpr std::size_t kHeadBytesMax = 9;    // of a change, see Add; of a value: its kind, and a number or a length
constexpr std::size_t kShortBytesMax = 32;  // what AddShort copies

// The kind and what is behind it, by ValueKind; kBytes is not among them.
constexpr std::uint8_t kHeadBytes[] = {1, 1, 9, 9, 5, 9};
static_assert(static_cast<std::size_t>(ValueKind::kBytes) == std::size(kHeadBytes));

template <class T>
char* Store(T value, char* at) {
  std::memcpy(at, &value, sizeof(value));
  return at + sizeof(value);
}

// Two copies of a fixed size that may overlap: for few bytes much cheaper than a call.
template <std::size_t kHalf>
void CopyHalves(std::string_view bytes, char* to) {
  char halves[2 * kHalf];
  std::memcpy(halves, bytes.data(), kHalf);
  std::memcpy(halves + kHalf, bytes.data() + bytes.size() - kHalf, kHalf);
  std::memcpy(to, halves, kHalf);
  std::memcpy(to + bytes.size() - kHalf, halves + kHalf, kHalf);
}

}  // namespace

struct RowHash::State {
  State() { SL_CHECK(hash != nullptr && XXH3_128bits_reset(hash.get()) == XXH_OK); }

  char* end() { return buffer.data() + buffer.size(); }
  void Flush() {
    XXH3_128bits_update(hash.get(), buffer.data(), static_cast<std::size_t>(at - buffer.data()));
    at = buffer.data();
  }
  // These take and return the place to write at: as a member it would be loaded and stored for each value.
  char* Need(std::size_t bytes, char* p) {
    if (static_cast<std::size_t>(end() - p) >= bytes) return p;
    at = p;
    Flush();
    return at;
  }
  char* AddBytes(std::string_view bytes, char* p) {
    const std::size_t n = bytes.size();
    if (n <= kShortBytesMax) {  // there is room
      if (n >= 16) {
        CopyHalves<16>(bytes, p);
      } else if (n >= 8) {
        CopyHalves<8>(bytes, p);
      } else if (n >= 4) {
        CopyHalves<4>(bytes, p);
      } else {
        for (std::size_t i = 0; i < n; ++i) p[i] = bytes[i];
      }
      return p + n;
    }
    if (n > buffer.size()) {
      p = Need(buffer.size(), p);
      XXH3_128bits_update(hash.get(), bytes.data(), n);
      return p;
    }
    p = Need(n, p);
    std::memcpy(p, bytes.data(), n);
    return p + n;
  }
  void AddImage(std::span<const Value> image) {
    constexpr std::size_t kRoom = kHeadBytesMax + kShortBytesMax;
    const char* const last = end() - kRoom;
    char* p = at;
    for (const Value& value : image) {
      if (p > last) p = Need(kRoom, p);
      *p = static_cast<char>(value.kind);
      if (value.kind == ValueKind::kBytes) {
        p = AddBytes(value.bytes, Store(static_cast<std::uint32_t>(value.bytes.size()), p + 1));
      } else {
        Store(value.u, p + 1);
        p += kHeadBytes[static_cast<std::size_t>(value.kind)];
      }
    }
    at = p;
  }

  struct Free {
    void operator()(XXH3_state_t* state) const { XXH3_freeState(state); }
  };
  std::unique_ptr<XXH3_state_t, Free> hash{XXH3_createState()};
  std::array<char, kBufferBytes> buffer;
  char* at = buffer.data();
};

static_assert(std::endian::native == std::endian::little, "numbers are hashed as they lie");

RowHash::RowHash() : state_(std::make_unique<State>()) {}
RowHash::~RowHash() = default;
RowHash::RowHash(RowHash&&) noexcept = default;
RowHash& RowHash::operator=(RowHash&&) noexcept = default;

std::uint64_t RowHash::TableKey(const mysql::TableName& name) {
  const std::string both = name.schema + '\0' + name.table;
  return XXH3_64bits(both.data(), both.size());
}

void RowHash::Add(std::uint64_t table_key, const RowChange& change) {
  State& state = *state_;
  char* p = state.Need(kHeadBytesMax, state.at);
  *p++ = static_cast<char>(change.op);
  state.at = Store(table_key, p);
  state.AddImage(change.before);
  state.AddImage(change.after);
}

std::string RowHash::Hex() const {
  State& state = *state_;
  state.Flush();
  const XXH128_hash_t digest = XXH3_128bits_digest(state.hash.get());
  return fmt::format("{:016x}{:016x}", digest.high64, digest.low64);
}

}  // namespace shardlift::binlog
