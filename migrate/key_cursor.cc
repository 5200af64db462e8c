#include "migrate/key_cursor.h"

#include <fmt/format.h>

#include "mysql/session.h"

namespace shardlift::migrate {
namespace {

using base::Code;
using base::Result;
using base::Status;

std::string Hex(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    const auto u = static_cast<unsigned char>(c);
    out += kDigits[u >> 4];
    out += kDigits[u & 15];
  }
  return out;
}

std::vector<std::string_view> SplitItems(std::string_view cursor) {
  std::vector<std::string_view> items;
  while (true) {
    const std::size_t comma = cursor.find(',');
    items.push_back(cursor.substr(0, comma));
    if (comma == std::string_view::npos) return items;
    cursor.remove_prefix(comma + 1);
  }
}

bool IsDecimal(std::string_view text) {
  if (!text.empty() && text.front() == '-') text.remove_prefix(1);
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

bool IsHex(std::string_view text) {
  return text.size() % 2 == 0 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::string BytesLiteral(const mysql::Column& column, std::string_view hex) {
  const std::string literal = hex.empty() ? "''" : "0x" + std::string(hex);
  if (column.charset.empty()) return literal;
  return fmt::format("_{} {} COLLATE {}", column.charset, literal, column.collation);
}

// The literal of one cursor item for comparison with `column`.
Result<std::string> ItemLiteral(const mysql::TableSchema& schema, const mysql::Column& column, std::string_view item) {
  if (!item.empty() && item.front() == 'n' && IsDecimal(item.substr(1))) return std::string(item.substr(1));
  if (!item.empty() && item.front() == 'x' && IsHex(item.substr(1))) {
    return BytesLiteral(column, item.substr(1));
  }
  return Status(Code::kCorrupt, fmt::format("table {}: the stored copy mark does not fit key column {}; run with a new "
                                            "target or remove the table's rows in sl_copy to copy it again",
                                            schema.name.Text(), column.name));
}

}  // namespace

std::string EncodeCursor(const mysql::TableSchema& schema, std::span<const std::size_t> key_columns,
                         std::span<const std::string_view> key_texts) {
  std::string cursor;
  for (std::size_t i = 0; i < key_columns.size(); ++i) {
    if (i > 0) cursor += ',';
    const mysql::Column& column = schema.columns[key_columns[i]];
    if (column.is_integer()) {
      cursor += 'n';
      cursor += key_texts[i];
    } else {
      cursor += 'x';
      cursor += Hex(key_texts[i]);
    }
  }
  return cursor;
}

Result<std::string> CursorCondition(const mysql::TableSchema& schema, std::span<const std::size_t> key_columns,
                                    std::string_view cursor) {
  if (cursor.empty()) return std::string("1");
  const std::vector<std::string_view> items = SplitItems(cursor);
  if (items.size() != key_columns.size()) {
    return Status(Code::kCorrupt, fmt::format("table {}: the stored copy mark has {} key columns, the key has {}",
                                              schema.name.Text(), items.size(), key_columns.size()));
  }
  std::vector<std::string> names;
  std::vector<std::string> literals;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const mysql::Column& column = schema.columns[key_columns[i]];
    names.push_back(mysql::QuoteIdentifier(column.name));
    SL_ASSIGN(literals.emplace_back(), ItemLiteral(schema, column, items[i]));
  }
  // a >= 1 AND (a > 1 OR (b >= 2 AND (b > 2 OR ...))): the leading comparison gives the range on the first column.
  std::string condition = fmt::format("{} > {}", names.back(), literals.back());
  for (std::size_t i = items.size() - 1; i-- > 0;) {
    condition = fmt::format("{0} >= {1} AND ({0} > {1} OR ({2}))", names[i], literals[i], condition);
  }
  return condition;
}

std::string KeyCondition(const mysql::TableSchema& schema, std::span<const std::size_t> key_columns,
                         std::span<const std::string> key_texts) {
  std::string condition;
  for (std::size_t i = 0; i < key_columns.size(); ++i) {
    const mysql::Column& column = schema.columns[key_columns[i]];
    condition += fmt::format("{}{} = {}", i > 0 ? " AND " : "(", mysql::QuoteIdentifier(column.name),
                             column.is_integer() ? key_texts[i] : BytesLiteral(column, Hex(key_texts[i])));
  }
  return condition + ")";
}

std::string OrderByKey(const mysql::TableSchema& schema, std::span<const std::size_t> key_columns) {
  std::string list;
  for (const std::size_t index : key_columns) {
    if (!list.empty()) list += ", ";
    list += mysql::QuoteIdentifier(schema.columns[index].name);
  }
  return list;
}

std::string PrintableCursor(std::string_view cursor) {
  if (cursor.empty()) return {};
  std::string out;
  for (const std::string_view item : SplitItems(cursor)) {
    if (!out.empty()) out += ',';
    if (item.starts_with('n')) {
      out += item.substr(1);
    } else {
      out += fmt::format("<{} bytes>", item.empty() ? 0 : (item.size() - 1) / 2);
    }
  }
  return out;
}

}  // namespace shardlift::migrate
