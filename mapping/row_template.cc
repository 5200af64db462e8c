#include "mapping/row_template.h"

#include <cstdint>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "mapping/table_mapper.h"

namespace shardlift::mapping {

namespace {

constexpr std::size_t kLengthBytes = 4;

char* PutLength(const Val& field, char* at) {
  const std::uint32_t length = field.null ? kNullField : static_cast<std::uint32_t>(field.bytes.size());
  for (unsigned i = 0; i < kLengthBytes; ++i) at[i] = static_cast<char>(length >> (8 * i));
  return at + kLengthBytes;
}

// Most fields are a few bytes long, for which a call costs more than the copy.
char* PutBytes(std::string_view bytes, char* at) {
  const std::size_t size = bytes.size();
  const char* from = bytes.data();
  if (size > 16) {
    std::memcpy(at, from, size);
  } else if (size >= 8) {
    std::memcpy(at, from, 8);
    std::memcpy(at + size - 8, from + size - 8, 8);
  } else if (size >= 4) {
    std::memcpy(at, from, 4);
    std::memcpy(at + size - 4, from + size - 4, 4);
  } else {
    for (std::size_t i = 0; i < size; ++i) at[i] = from[i];
  }
  return at + size;
}

}  // namespace

void RowTemplate::SetConstant(std::size_t column, const Val& value) {
  constants_[column] = value;
  if (!value.null) constants_[column].bytes = texts_.emplace_back(value.bytes);
  is_constant_[column] = true;
}

void RowTemplate::Finish() {
  std::string constant;
  for (std::size_t column = 0; column < constants_.size(); ++column) {
    constant_bytes_ += kLengthBytes;
    if (!is_constant_[column]) {
      pieces_.push_back({std::exchange(constant, {}), column});
      continue;
    }
    const Val& value = constants_[column];
    char length[kLengthBytes];
    PutLength(value, length);
    constant.append(length, kLengthBytes).append(value.bytes);
    constant_bytes_ += value.bytes.size();
  }
  tail_ = std::move(constant);
}

void RowTemplate::Pack(std::span<const Val> fields, std::string* out) const {
  std::size_t bytes = constant_bytes_;
  for (const Piece& piece : pieces_) bytes += fields[piece.column].bytes.size();  // of NULL: 0
  out->resize(bytes);
  char* at = out->data();
  for (const Piece& piece : pieces_) {
    at = PutBytes(piece.constant, at);
    at = PutBytes(fields[piece.column].bytes, PutLength(fields[piece.column], at));
  }
  PutBytes(tail_, at);
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
