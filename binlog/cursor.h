// Cursor: bounds-checked reads from untrusted bytes.
//
// Failure is sticky: a read past the end returns zero or an empty view, and ok() is false from then on. Callers read a
// whole structure and look at ok() once; loops whose length comes from the data must look at ok() in each round. The
// cursor does not own the bytes; views it returns live as long as they do.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace shardlift::binlog {

static_assert(std::endian::native == std::endian::little, "binlog integers are little-endian and read as they lie");

class Cursor {
 public:
  explicit Cursor(std::string_view data) : data_(data) {}

  bool ok() const { return ok_; }
  std::size_t position() const { return position_; }
  std::size_t remaining() const { return data_.size() - position_; }
  void Fail() { ok_ = false; }

  template <class T>
  T Int() {
    T value = 0;
    if (Has(sizeof(T))) {
      std::memcpy(&value, data_.data() + position_, sizeof(T));
      position_ += sizeof(T);
    }
    return value;
  }
  std::uint8_t U8() { return Int<std::uint8_t>(); }
  std::uint16_t U16() { return Int<std::uint16_t>(); }
  std::uint32_t U32() { return Int<std::uint32_t>(); }
  std::uint64_t U64() { return Int<std::uint64_t>(); }

  // `n` bytes, at most 8, little-endian.
  std::uint64_t Little(std::size_t n) {
    if (n == 0 || n > sizeof(std::uint64_t)) return NoBytes(n);
    if (!Has(n)) return 0;
    // One load of eight bytes where there are so many; a copy of `n` would be a call.
    const char* const at = data_.data() + position_;
    std::uint64_t value = 0;
    if (remaining() >= sizeof(value)) {
      std::memcpy(&value, at, sizeof(value));
      value &= ~std::uint64_t{0} >> (8 * (sizeof(value) - n));
    } else {
      for (std::size_t i = n; i > 0; --i) value = (value << 8) | static_cast<unsigned char>(at[i - 1]);
    }
    position_ += n;
    return value;
  }

  // `n` bytes, at most 8, big-endian.
  std::uint64_t Big(std::size_t n) {
    if (n == 0 || n > sizeof(std::uint64_t)) return NoBytes(n);
    if (!Has(n)) return 0;
    const char* const at = data_.data() + position_;
    std::uint64_t value = 0;
    if (remaining() >= sizeof(value)) {
      std::memcpy(&value, at, sizeof(value));
      value = __builtin_bswap64(value) >> (8 * (sizeof(value) - n));
    } else {
      for (std::size_t i = 0; i < n; ++i) value = (value << 8) | static_cast<unsigned char>(at[i]);
    }
    position_ += n;
    return value;
  }

  std::string_view Bytes(std::uint64_t n) {
    if (!Has(n)) return {};
    const std::string_view view(data_.data() + position_, static_cast<std::size_t>(n));
    position_ += static_cast<std::size_t>(n);
    return view;
  }
  void Skip(std::uint64_t n) { (void)Bytes(n); }
  std::string_view Rest() { return Bytes(ok_ ? remaining() : 0); }

  // A length-encoded integer of the client protocol; 251 (NULL) and 255 are invalid here.
  std::uint64_t Packed() {
    const std::uint8_t first = U8();
    if (first < 251) return first;
    switch (first) {
      case 252: return U16();
      case 253: return Little(3);
      case 254: return U64();
      default: Fail(); return 0;
    }
  }

  // An unsigned integer of MySQL's serialisation library: the count of trailing one bits of the first byte tells how
  // many bytes follow; the value fills the rest.
  std::uint64_t VarUnsigned() {
    const std::uint8_t first = U8();
    if (!ok_) return 0;
    const int follow = std::countr_one(first);
    if (follow == 0) return first >> 1;
    const std::uint64_t high = Little(static_cast<std::size_t>(follow));
    if (follow == 8) return high;
    const std::uint64_t low = first >> (follow + 1);
    return low | (high << (7 - follow));
  }
  // The same for signed integers: the lowest bit is the sign.
  std::int64_t VarSigned() {
    const std::uint64_t raw = VarUnsigned();
    const std::uint64_t mask = (raw & 1) != 0 ? ~std::uint64_t{0} : 0;
    return static_cast<std::int64_t>((raw >> 1) ^ mask);
  }

 private:
  std::uint64_t NoBytes(std::size_t n) {
    if (n != 0) Fail();
    return 0;
  }
  bool Has(std::uint64_t n) {
    if (!ok_ || n > remaining()) ok_ = false;
    return ok_;
  }

  std::string_view data_;
  std::size_t position_ = 0;
  bool ok_ = true;
};

// Bit `index` of a bitmap of columns, which has it.
inline bool Bit(std::string_view bitmap, std::size_t index) {
  return ((static_cast<unsigned char>(bitmap[index / 8]) >> (index % 8)) & 1) != 0;
}

}  // namespace shardlift::binlog
