#include "mapping/packed_row.h"

#include <algorithm>

#include "base/check.h"
#include "mapping/table_mapper.h"

namespace shardlift::mapping {

void Pack(const std::vector<Val>& fields, std::string* out) {
  std::size_t bytes = 0;
  for (const Val& field : fields) bytes += 4 + (field.null ? 0 : field.bytes.size());
  out->resize(bytes);
  char* at = out->data();
  for (const Val& field : fields) {
    const std::uint32_t length = field.null ? kNullField : static_cast<std::uint32_t>(field.bytes.size());
    for (unsigned i = 0; i < 4; ++i) *at++ = static_cast<char>(length >> (8 * i));
    if (!field.null) at = std::copy(field.bytes.begin(), field.bytes.end(), at);
  }
}

std::optional<std::string_view> FieldReader::Next() {
  SL_CHECK(rest_.size() >= 4);
  std::uint32_t length = 0;
  for (unsigned i = 0; i < 4; ++i) length |= std::uint32_t{static_cast<unsigned char>(rest_[i])} << (8 * i);
  rest_.remove_prefix(4);
  if (length == kNullField) return std::nullopt;
  SL_CHECK(rest_.size() >= length);
  std::string_view field = rest_.substr(0, length);
  rest_.remove_prefix(length);
  return field;
}

}  // namespace shardlift::mapping
