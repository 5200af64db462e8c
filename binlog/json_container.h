// The containers of MySQL's binary JSON: where the members of an object and the cells of an array lie.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>

#include "binlog/json_binary.h"

namespace shardlift::binlog {

// The byte in front of a value.
enum JsonType : std::uint8_t {
  kJsonSmallObject = 0,
  kJsonLargeObject = 1,
  kJsonSmallArray = 2,
  kJsonLargeArray = 3,
  kJsonLiteral = 4,
  kJsonInt16 = 5,
  kJsonUInt16 = 6,
  kJsonInt32 = 7,
  kJsonUInt32 = 8,
  kJsonInt64 = 9,
  kJsonUInt64 = 10,
  kJsonDouble = 11,
  kJsonString = 12,
  kJsonOpaque = 15,
};

// Small containers have offsets and counts of 2 bytes, large ones of 4. A document has many parts: none of them pays
// for a Status.
template <bool kLarge>
class JsonContainerReader {
 public:
  JsonContainerReader(std::string_view data, bool object) : data_(data), object_(object) {}

  bool Open() {
    constexpr std::size_t kHeadBytes = 2 * kOffsetBytes;
    if (data_.size() < kHeadBytes) return Fail(kTooLarge);
    count_ = Offset(data_.data());
    const std::uint64_t size = Offset(data_.data() + kOffsetBytes);
    const std::uint64_t keys_bytes = object_ ? count_ * kKeyEntryBytes : 0;
    if (size > data_.size() || size < kHeadBytes + keys_bytes + count_ * kValueEntryBytes) return Fail(kTooLarge);
    data_ = {data_.data(), static_cast<std::size_t>(size)};
    key_ = data_.data() + kHeadBytes;
    value_ = key_ + keys_bytes;
    return true;
  }

  std::uint64_t count() const { return count_; }

  // Not more often than count(): Open has seen that so many entries are there.
  bool Next(JsonItem& item) {
    if (object_) {
      const std::uint64_t offset = Offset(key_);
      const std::uint64_t length = Load<std::uint16_t>(key_ + kOffsetBytes);
      key_ += kKeyEntryBytes;
      if (offset + length > data_.size()) return Fail("JSON key out of bounds");
      item.key = {data_.data() + offset, static_cast<std::size_t>(length)};
    }
    item.type = static_cast<std::uint8_t>(*value_);
    const char* const entry = value_ + 1;
    value_ += kValueEntryBytes;
    if (item.type < 32 && ((kInlineTypes >> item.type) & 1) != 0) {
      item.data = {entry, kOffsetBytes};
      return true;
    }
    const std::uint64_t offset = Offset(entry);
    if (offset >= data_.size()) return Fail("JSON member out of bounds");
    item.data = {data_.data() + offset, data_.size() - static_cast<std::size_t>(offset)};
    return true;
  }

  // Why Open or Next failed.
  std::string_view error() const { return error_; }

 private:
  static constexpr std::size_t kOffsetBytes = kLarge ? 4 : 2;
  static constexpr std::size_t kKeyEntryBytes = kOffsetBytes + 2;
  static constexpr std::size_t kValueEntryBytes = kOffsetBytes + 1;
  // A bit each for the types whose values lie in the entry.
  static constexpr std::uint32_t kInlineTypes = (1u << kJsonLiteral) | (1u << kJsonInt16) | (1u << kJsonUInt16) |
                                                (kLarge ? (1u << kJsonInt32) | (1u << kJsonUInt32) : 0);
  static constexpr std::string_view kTooLarge = "JSON object or array larger than its bytes";

  template <class T>
  static std::uint64_t Load(const char* at) {
    T value = 0;
    std::memcpy(&value, at, sizeof(value));
    return value;
  }
  static std::uint64_t Offset(const char* at) {
    return Load<std::conditional_t<kLarge, std::uint32_t, std::uint16_t>>(at);
  }
  bool Fail(std::string_view error) {
    error_ = error;
    return false;
  }

  std::string_view error_;
  std::string_view data_;
  const bool object_;
  std::uint64_t count_ = 0;
  const char* key_ = nullptr;    // the next entry
  const char* value_ = nullptr;  // the next entry
};

}  // namespace shardlift::binlog
