#include "mapping/column_reader.h"

#include <bit>
#include <limits>

#include "mapping/datetime.h"
#include "mapping/typecheck.h"

namespace shardlift::mapping {

using base::Code;
using base::Status;
using mysql::ColumnType;
using mysql::ValueKind;

namespace {

constexpr std::uint64_t kLongBytes = 0xFFFFFFFFu;
constexpr const char* kNotOfItsCharset = "bytes that its character set does not have";

unsigned IntegerBits(const mysql::Column& column) {
  switch (column.type) {
    case ColumnType::kTinyInt: return 8;
    case ColumnType::kSmallInt: return 16;
    case ColumnType::kMediumInt: return 24;
    case ColumnType::kInt: return 32;
    case ColumnType::kBit: return column.length == 0 || column.length > 64 ? 64 : column.length;
    case ColumnType::kYear: return 16;
    default: return 64;
  }
}

std::uint64_t StoredBytesMax(const mysql::Column& column) {
  switch (column.type) {
    case ColumnType::kTinyText:
    case ColumnType::kTinyBlob: return 0xFF;
    case ColumnType::kText:
    case ColumnType::kBlob: return 0xFFFF;
    case ColumnType::kMediumText:
    case ColumnType::kMediumBlob: return 0xFFFFFF;
    case ColumnType::kLongText:
    case ColumnType::kLongBlob:
    case ColumnType::kJson: return kLongBytes;
    default: return column.length;
  }
}

// UTF-8 bytes of the longest value; CHAR and VARCHAR count characters, the TEXT types bytes.
std::uint64_t TextBytesMax(const mysql::Column& column) {
  Charset charset = FindCharset(column.charset);
  bool counts_characters = column.type == ColumnType::kChar || column.type == ColumnType::kVarchar;
  if (!counts_characters) return StoredBytesMax(column) * Utf8Expansion(charset);
  std::uint64_t per_character = charset == Charset::kAscii ? 1 : column.charset == "utf8mb4" ? 4 : 3;
  return column.length * per_character;
}

std::uint64_t MemberBytesMax(const mysql::Column& column) {
  std::uint64_t longest = 0;
  std::uint64_t total = 0;
  for (const std::string& member : column.members) {
    longest = std::max<std::uint64_t>(longest, member.size());
    total += member.size() + 1;
  }
  return column.type == ColumnType::kSet ? total : longest;
}

bool IsReadable(std::string_view charset) {
  return FindCharset(charset) != Charset::kUnsupported || FindCharsetTable(charset) != nullptr;
}

// UTF-8 bytes of the longest value of a column whose bytes are in another character set.
std::uint64_t ContentBytesMax(const mysql::Column& column, std::string_view content) {
  const bool counts_characters = column.type == ColumnType::kChar || column.type == ColumnType::kVarchar;
  const bool of_one_byte = column.charset == "latin1" || column.charset == "ascii";
  const std::uint64_t stored = counts_characters ? column.length * (of_one_byte ? 1ull : 4ull) : StoredBytesMax(column);
  return stored * Utf8Expansion(FindCharset(content));
}

bool IsZerofill(const mysql::Column& column) { return column.column_type.find("zerofill") != std::string::npos; }

}  // namespace

base::Result<ContentCharsets> ContentCharsets::Of(const MappingConfig& config, const mysql::TableSchema& schema) {
  ContentCharsets charsets;
  for (const auto& [name, charset] : config.charsets) {
    const std::string path = "charsets." + name + ": ";
    const int index = schema.Find(name);
    if (index < 0) return Status(Code::kUsage, path + "there is no column " + name + " in " + schema.name.Text());
    const mysql::Column& column = schema.columns[static_cast<std::size_t>(index)];
    if (!column.is_text() && !column.is_binary()) {
      return Status(Code::kUsage, path + "the column has type " + column.column_type + ", which holds no bytes");
    }
    if (!IsReadable(charset)) return Status(Code::kUsage, path + "expressions do not support " + charset);
    charsets.sets_.resize(schema.columns.size());
    charsets.sets_[static_cast<std::size_t>(index)] = charset == column.charset ? "" : charset;
  }
  return charsets;
}

base::Result<Type> ColumnTypeOf(const mysql::Column& column, std::string_view content) {
  Type type;
  type.nullable = column.nullable;
  if (!content.empty()) {
    type.kind = Kind::kText;
    type.bytes_max = ContentBytesMax(column, content);
    return type;
  }
  if (column.is_integer() || column.type == ColumnType::kBit || column.type == ColumnType::kYear) {
    bool is_unsigned = column.is_unsigned || !column.is_integer();
    unsigned bits = IntegerBits(column);
    Int128 span = Int128{1} << bits;
    SetInteger(&type, is_unsigned, is_unsigned ? Int128{0} : -span / 2, is_unsigned ? span - 1 : span / 2 - 1);
    return type;
  }
  if (column.is_text()) {
    if (!IsReadable(column.charset)) {
      return Status(Code::kUsage, "column " + column.name + " has character set " + column.charset +
                                      ", which expressions do not support; put it under \"ignore\"");
    }
    type.kind = Kind::kText;
    type.bytes_max = TextBytesMax(column);
    return type;
  }
  if (column.is_binary()) {
    type.kind = Kind::kBinary;
    type.bytes_max = StoredBytesMax(column);
    return type;
  }
  type.fraction = column.fraction;
  switch (column.type) {
    case ColumnType::kEnum:
    case ColumnType::kSet:
      type.kind = Kind::kText;
      type.bytes_max = MemberBytesMax(column);
      return type;
    case ColumnType::kDateTime:
    case ColumnType::kTimestamp: type.kind = Kind::kDateTime; return type;
    case ColumnType::kDate: type.kind = Kind::kDate; return type;
    case ColumnType::kTime: type.kind = Kind::kTime; return type;
    case ColumnType::kJson:
      type.kind = Kind::kJson;
      type.bytes_max = kLongBytes;
      return type;
    case ColumnType::kDecimal:
      if (IsZerofill(column)) break;
      SetDecimal(&type, column.precision, column.fraction);
      return type;
    case ColumnType::kFloat:
    case ColumnType::kDouble:
      type.kind = Kind::kReal;
      type.is_unsigned = column.is_unsigned;
      type.bytes_max = column.type == ColumnType::kFloat ? 4 : 8;
      return type;
    default: break;
  }
  return Status(Code::kUsage, "column " + column.name + " has type " + column.column_type +
                                  ", which expressions do not support yet; put it under \"ignore\"");
}

ColumnReader::ColumnReader(const mysql::Column& column, std::string_view content)
    : type_(column.type),
      has_members_(column.type == ColumnType::kEnum || column.type == ColumnType::kSet),
      has_integer_text_(column.is_integer() && !IsZerofill(column)),
      members_(column.members) {
  if (column.type == ColumnType::kDate || column.type == ColumnType::kDateTime ||
      column.type == ColumnType::kTimestamp) {
    bytes_ = Bytes::kDate;
  }
  if (content.empty() && !column.is_text()) return;
  const std::string_view charset = content.empty() ? std::string_view(column.charset) : content;
  charset_ = FindCharset(charset);
  if (charset_ == Charset::kUnsupported) table_ = FindCharsetTable(charset);
  if (!IsPassThrough(charset_)) {
    bytes_ = Bytes::kOther;
  } else if (!content.empty()) {
    bytes_ = Bytes::kUtf8;  // else the server made sure of it
  }
}

const char* ColumnReader::ReadMembers(std::uint64_t mask, StringPool& pool, Val* out) const {
  if (type_ == ColumnType::kEnum) {
    if (mask > members_.size()) return "an ENUM ordinal without a member";
    *out = Val::Bytes(mask == 0 ? std::string_view() : std::string_view(members_[mask - 1]));
    return nullptr;
  }
  if (members_.size() < 64 && (mask >> members_.size()) != 0) return "a SET bit without a member";
  std::string& text = pool.New();
  for (std::size_t i = 0; i < members_.size(); ++i) {
    if ((mask >> i & 1) == 0) continue;
    if (!text.empty()) text.push_back(',');
    text.append(members_[i]);
  }
  *out = Val::Bytes(text);
  return nullptr;
}

const char* ColumnReader::Read(const mysql::Value& value, StringPool& pool, Val* out) const {
  switch (value.kind) {
    case ValueKind::kNull: *out = Val(); return nullptr;
    case ValueKind::kInt:
      *out = Val::Bits(static_cast<std::uint64_t>(value.i), has_integer_text_ ? value.bytes : std::string_view());
      return nullptr;
    case ValueKind::kUInt:
      if (has_members_) return ReadMembers(value.u, pool, out);
      *out = Val::Bits(value.u, has_integer_text_ ? value.bytes : std::string_view());
      return nullptr;
    case ValueKind::kFloat: *out = Val::Bits(std::bit_cast<std::uint64_t>(double{value.f})); return nullptr;
    case ValueKind::kDouble: *out = Val::Bits(std::bit_cast<std::uint64_t>(value.d)); return nullptr;
    case ValueKind::kBytes: break;
    default: return "a value of an unexpected kind";
  }
  *out = Val::Bytes(value.bytes);
  switch (bytes_) {
    case Bytes::kAsTheyAre: return nullptr;
    case Bytes::kDate: return IsRealDate(value.bytes) ? nullptr : "a zero or impossible date";
    case Bytes::kUtf8: return IsUtf8(value.bytes) ? nullptr : kNotOfItsCharset;
    case Bytes::kOther: return ReadOther(value.bytes, pool, out);
  }
  return nullptr;
}

const char* ColumnReader::ReadOther(std::string_view bytes, StringPool& pool, Val* out) const {
  std::string& text = pool.New();
  const bool known = table_ != nullptr ? AppendTableText(*table_, bytes, &text) : AppendUtf8(charset_, bytes, &text);
  if (!known) return kNotOfItsCharset;
  *out = Val::Bytes(text);
  return nullptr;
}

}  // namespace shardlift::mapping
