#include "migrate/batch.h"

#include <cstring>

#include "base/check.h"

namespace shardlift::migrate {

std::string MakeOwnerId(std::uint32_t origin, std::uint32_t table_ordinal, std::string_view legacy_key) {
  SL_CHECK(origin <= 0xFF && table_ordinal <= 0xFFFF);
  std::string id;
  id.reserve(3 + legacy_key.size());
  id.push_back(static_cast<char>(origin));
  id.push_back(static_cast<char>(table_ordinal >> 8));
  id.push_back(static_cast<char>(table_ordinal & 0xFF));
  id.append(legacy_key);
  return id;
}

OwnerIdParts SplitOwnerId(std::string_view owner_id) {
  SL_CHECK(owner_id.size() >= 3);
  const auto byte = [&](std::size_t i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(owner_id[i])); };
  return {byte(0), byte(1) << 8 | byte(2), owner_id.substr(3)};
}

void PackedRows::Add(std::string_view owner_id, std::string_view fields) {
  for (const std::string_view part : {owner_id, fields}) {
    const auto size = static_cast<std::uint32_t>(part.size());
    char prefix[sizeof size];
    std::memcpy(prefix, &size, sizeof size);
    data_.append(prefix, sizeof size);
    data_.append(part);
  }
  ++count_;
}

std::string_view PackedRows::Take(std::string_view* rest) {
  std::uint32_t size = 0;
  SL_CHECK(rest->size() >= sizeof size);
  std::memcpy(&size, rest->data(), sizeof size);
  SL_CHECK(rest->size() - sizeof size >= size);
  const std::string_view part = rest->substr(sizeof size, size);
  rest->remove_prefix(sizeof size + size);
  return part;
}

}  // namespace shardlift::migrate
