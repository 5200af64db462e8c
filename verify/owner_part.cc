#include "verify/owner_part.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

#include "mapping/owner_key.h"
#include "mysql/session.h"

namespace shardlift::verify {
namespace {

constexpr std::uint64_t kSignBit = 1ull << 63;
constexpr std::size_t kIntegerKeyBytes = 8;

// `k1` >= 7 AND (`k1` > 7 OR (`k1` = 7 AND (`k2` > 42))): servers use an index for the first term, but not for a
// comparison of rows.
std::string BeyondSql(const std::vector<std::string>& columns, const std::vector<std::string>& values, char symbol,
                      bool included) {
  std::string sql;
  for (std::size_t i = columns.size(); i-- > 0;) {
    const bool last = i + 1 == columns.size();
    if (last) {
      sql = fmt::format("{} {}{} {}", columns[i], symbol, included ? "=" : "", values[i]);
    } else {
      sql = fmt::format("{0} {1}= {2} AND ({0} {1} {2} OR ({0} = {2} AND ({3})))", columns[i], symbol, values[i], sql);
    }
  }
  return sql;
}

std::vector<std::string> KeyColumns(const mapping::TableMapper& mapper) {
  std::vector<std::string> columns;
  for (const std::size_t index : mapper.key_columns()) {
    columns.push_back(mysql::QuoteIdentifier(mapper.context().schema.columns[index].name));
  }
  return columns;
}

std::string BoundConditionSql(const mapping::TableMapper& mapper, const std::string& key, char symbol, bool included) {
  const auto values = mapping::DecodeOwnerKey(mapper.context().schema, mapper.key_columns(), key);
  return values ? BeyondSql(KeyColumns(mapper), *values, symbol, included) : std::string("NULL");
}

std::string LiteralSql(const mysql::Column& column, const std::string& text) {
  if (column.is_integer()) return text;
  if (column.charset.empty()) return mysql::HexLiteral(text);
  // In the column's own collation, so that its index is used.
  return fmt::format("_{} {} COLLATE {}", column.charset, mysql::HexLiteral(text), column.collation);
}

// The key's columns lead to the rows by an index; the bytes tell keys apart that a collation does not.
std::string OwnersSql(const mapping::TableMapper& mapper, const std::vector<std::string>& owners) {
  const std::vector<std::string> columns = KeyColumns(mapper);
  std::vector<std::string> rows;
  std::vector<std::string> keys;
  for (const std::string& owner : owners) {
    const auto values = mapping::DecodeOwnerKey(mapper.context().schema, mapper.key_columns(), owner);
    if (!values) continue;  // no row of this table can have it
    std::string row;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const mysql::Column& column = mapper.context().schema.columns[mapper.key_columns()[i]];
      row += fmt::format("{}{} = {}", i > 0 ? " AND " : "", columns[i], LiteralSql(column, (*values)[i]));
    }
    rows.push_back(std::move(row));
    keys.push_back(mysql::HexLiteral(owner));
  }
  if (rows.empty()) return "0";
  return fmt::format("(({})) AND {} IN ({})", fmt::join(rows, ") OR ("), mapper.sql().owner_key, fmt::join(keys, ", "));
}

std::string Joined(const std::vector<std::string>& conditions) {
  return conditions.empty() ? std::string("1") : fmt::format("({})", fmt::join(conditions, ") AND ("));
}

std::string BigEndian(std::uint64_t value) {
  std::string bytes;
  for (int shift = 56; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(value >> shift));
  return bytes;
}

// The first key column's value as the number its encoding is.
std::optional<std::uint64_t> EncodedNumber(const std::string& text, bool is_unsigned) {
  const char* const end = text.data() + text.size();
  if (is_unsigned) {
    std::uint64_t value = 0;
    if (std::from_chars(text.data(), end, value).ec != std::errc()) return std::nullopt;
    return value;
  }
  std::int64_t value = 0;
  if (std::from_chars(text.data(), end, value).ec != std::errc()) return std::nullopt;
  return static_cast<std::uint64_t>(value) ^ kSignBit;
}

}  // namespace

bool HasKeyRanges(const mapping::TableMapper& mapper) {
  const auto key = mapper.key_columns();
  return mapper.owners().has_ranges() && std::all_of(key.begin(), key.end(), [&](std::size_t index) {
           return mapper.context().schema.columns[index].is_integer();
         });
}

std::string SliceSql(const std::string& owner_key_sql, std::uint32_t slices) {
  return fmt::format("CRC32({}) % {}", owner_key_sql, slices);
}

std::string SourcePartSql(const mapping::TableMapper& mapper, const OwnerPart& part) {
  std::vector<std::string> conditions;
  if (!part.after.empty()) conditions.push_back(BoundConditionSql(mapper, part.after, '>', false));
  if (part.upto) conditions.push_back(BoundConditionSql(mapper, *part.upto, '<', true));
  if (!part.owners.empty()) conditions.push_back(OwnersSql(mapper, part.owners));
  if (part.slices > 0) {
    conditions.push_back(
        fmt::format("{} IN ({})", SliceSql(mapper.sql().owner_key, part.slices), fmt::join(part.slice_list, ", ")));
  }
  return Joined(conditions);
}

std::string ShardPartSql(const mapping::OwnerSql& owners, const OwnerPart& part) {
  if (!part.owners.empty()) {
    const std::vector<std::string_view> keys(part.owners.begin(), part.owners.end());
    return fmt::format("({})", owners.Owners(keys));
  }
  const bool ranged = !part.after.empty() || part.upto.has_value();
  const std::string rows = ranged ? owners.Range(part.after, mapping::Bound::kExcluded, part.upto) : owners.OfTable();
  if (part.slices == 0) return rows;
  return fmt::format("{} AND {} IN ({})", rows, SliceSql(owners.Key(), part.slices), fmt::join(part.slice_list, ", "));
}

std::string BoundarySql(const mapping::TableMapper& mapper, const OwnerPart& part, std::uint64_t rows) {
  const mapping::MappingSql& sql = mapper.sql();
  return fmt::format("SELECT {} AS `_key` FROM {} WHERE {} ORDER BY {} LIMIT 1 OFFSET {}", sql.owner_key,
                     mapper.context().schema.name.Quoted(), SourcePartSql(mapper, part), sql.order_by, rows - 1);
}

std::string FirstKeyColumnRangeSql(const mapping::TableMapper& mapper) {
  const std::string column = KeyColumns(mapper).front();
  return fmt::format("SELECT MIN({0}), MAX({0}) FROM {1}", column, mapper.context().schema.name.Quoted());
}

std::vector<OwnerPart> EvenParts(const mapping::TableMapper& mapper, const std::string& least,
                                 const std::string& greatest, std::uint32_t parts) {
  std::vector<OwnerPart> out(1);
  const auto key = mapper.key_columns();
  const bool is_unsigned = mapper.context().schema.columns[key.front()].is_unsigned;
  const auto first = EncodedNumber(least, is_unsigned);
  const auto last = EncodedNumber(greatest, is_unsigned);
  if (!first || !last || *last <= *first || parts < 2) return out;
  const std::uint64_t step = (*last - *first) / parts;
  if (step == 0) return out;
  for (std::uint32_t i = 1; i < parts; ++i) {
    // Up to the value with any further columns.
    const std::string cut =
        BigEndian(*first + step * i) + std::string((key.size() - 1) * kIntegerKeyBytes, static_cast<char>(0xFF));
    out.back().upto = cut;
    out.emplace_back().after = cut;
  }
  return out;
}

}  // namespace shardlift::verify
