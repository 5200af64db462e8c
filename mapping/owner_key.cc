#include "mapping/owner_key.h"

#include <algorithm>

namespace shardlift::mapping {

using mysql::ValueKind;

namespace {

constexpr std::uint64_t kSignBit = 1ull << 63;

void AppendBigEndian(std::uint64_t value, std::string* out) {
  char bytes[8];
  for (unsigned i = 0; i < 8; ++i) bytes[i] = static_cast<char>(value >> (56 - 8 * i));
  out->append(bytes, sizeof(bytes));
}

void AppendEscaped(std::string_view bytes, std::string* out) {
  for (char c : bytes) {
    out->push_back(c);
    if (c == '\0') out->push_back('\xFF');
  }
  out->push_back('\0');
  out->push_back('\x01');
}

std::optional<std::string> TakeInteger(bool is_unsigned, std::string_view* bytes) {
  if (bytes->size() < 8) return std::nullopt;
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < 8; ++i) bits = bits << 8 | static_cast<unsigned char>((*bytes)[i]);
  bytes->remove_prefix(8);
  return is_unsigned ? std::to_string(bits) : std::to_string(static_cast<std::int64_t>(bits ^ kSignBit));
}

std::optional<std::string> TakeEscaped(std::string_view* bytes) {
  std::string value;
  while (true) {
    const std::size_t zero = bytes->find('\0');
    if (zero == std::string_view::npos || zero + 1 == bytes->size()) return std::nullopt;
    const char next = (*bytes)[zero + 1];
    value.append(*bytes, 0, next == '\xFF' ? zero + 1 : zero);
    bytes->remove_prefix(zero + 2);
    if (next == '\x01') return value;
    if (next != '\xFF') return std::nullopt;
  }
}

std::string ColumnKeySql(const mysql::Column& column) {
  const std::string name = mysql::QuoteIdentifier(column.name);
  return column.is_integer() ? IntegerPartSql(name, !column.is_unsigned) : BytesPartSql("CAST(" + name + " AS BINARY)");
}

}  // namespace

std::string IntegerPartSql(const std::string& integer, bool is_signed) {
  // Of a DECIMAL below zero a server makes no UNSIGNED.
  const std::string bits = is_signed ? "(CAST(CAST(" + integer + " AS SIGNED) AS UNSIGNED) ^ 9223372036854775808)"
                                     : "CAST(" + integer + " AS UNSIGNED)";
  return "UNHEX(LPAD(HEX(" + bits + "), 16, '0'))";
}

std::string BytesPartSql(const std::string& bytes) { return "CONCAT(REPLACE(" + bytes + ", x'00', x'00FF'), x'0001')"; }

bool IsOwnerKeyColumn(const mysql::Column& column) {
  return column.is_integer() || column.is_text() || column.is_binary();
}

base::Result<std::vector<std::size_t>> OwnerKeyColumns(const mysql::TableSchema& schema,
                                                       std::span<const std::string> names) {
  const auto wrong = [](std::string message) { return base::Status(base::Code::kUsage, std::move(message)); };
  const std::string table = schema.name.Text();
  if (names.empty()) return wrong("name the columns of a unique key of " + table);
  std::vector<std::size_t> key;
  for (const std::string& name : names) {
    const int index = schema.Find(name);
    if (index < 0) return wrong("there is no column " + name + " in " + table);
    const mysql::Column& column = schema.columns[static_cast<std::size_t>(index)];
    if (!IsOwnerKeyColumn(column)) {
      return wrong("column " + name + " has type " + column.column_type +
                   "; a key may have integers, text and binary strings");
    }
    key.push_back(static_cast<std::size_t>(index));
  }
  std::string known;
  for (const mysql::UniqueKey& unique : schema.unique_keys) {
    if (unique.columns == key) return key;
    known += known.empty() ? " (" : "; (";
    for (std::size_t i = 0; i < unique.columns.size(); ++i) {
      known += (i > 0 ? ", " : "") + schema.columns[unique.columns[i]].name;
    }
    known += ")";
  }
  const std::string none = "these columns are not a unique key of NOT NULL columns of " + table;
  if (!known.empty()) return wrong(none + "; it has" + known + " (the order counts)");
  return wrong(none + ", which has none: give it one, or leave the table out of \"match\"");
}

const char* EncodeOwnerKey(const mysql::TableSchema& schema, std::span<const std::size_t> key,
                           std::span<const mysql::Value> row, std::string* out) {
  out->clear();
  for (std::size_t index : key) {
    const mysql::Value& value = row[index];
    switch (value.kind) {
      case ValueKind::kInt:
        AppendBigEndian(static_cast<std::uint64_t>(value.i) ^ (schema.columns[index].is_unsigned ? 0 : kSignBit), out);
        break;
      case ValueKind::kUInt: AppendBigEndian(value.u ^ (schema.columns[index].is_unsigned ? 0 : kSignBit), out); break;
      case ValueKind::kBytes: AppendEscaped(value.bytes, out); break;
      case ValueKind::kAbsent: return "a key column is not in the row image";
      default: return "a key column is NULL or of an unexpected kind";
    }
  }
  return out->size() <= kOwnerKeyBytesMax ? nullptr : "the encoded legacy key is longer than 255 bytes";
}

std::optional<std::vector<std::string>> DecodeOwnerKey(const mysql::TableSchema& schema,
                                                       std::span<const std::size_t> key, std::string_view bytes) {
  std::vector<std::string> values;
  for (std::size_t index : key) {
    const bool integer = schema.columns[index].is_integer();
    auto value = integer ? TakeInteger(schema.columns[index].is_unsigned, &bytes) : TakeEscaped(&bytes);
    if (!value) return std::nullopt;
    values.push_back(std::move(*value));
  }
  if (!bytes.empty()) return std::nullopt;
  return values;
}

std::string OwnerKeySql(const mysql::TableSchema& schema, std::span<const std::size_t> key) {
  if (key.size() == 1) return ColumnKeySql(schema.columns[key[0]]);
  std::string sql = "CONCAT(";
  for (std::size_t i = 0; i < key.size(); ++i) sql += (i > 0 ? ", " : "") + ColumnKeySql(schema.columns[key[i]]);
  return sql + ")";
}

std::string OwnerKeyOrder(const mysql::TableSchema& schema, std::span<const std::size_t> key) {
  bool integers = std::all_of(key.begin(), key.end(), [&](std::size_t i) { return schema.columns[i].is_integer(); });
  if (!integers) return OwnerKeySql(schema, key);
  std::string sql;
  for (std::size_t i = 0; i < key.size(); ++i) {
    sql += (i > 0 ? ", " : "") + mysql::QuoteIdentifier(schema.columns[key[i]].name);
  }
  return sql;
}

}  // namespace shardlift::mapping
