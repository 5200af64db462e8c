#include "binlog/described_table.h"

#include <fmt/format.h>

#include "binlog/collation.h"
#include "binlog/cursor.h"

namespace shardlift::binlog {
namespace {

using mysql::ColumnType;

std::string_view Field(const TableMapEvent& event, MetadataField field) {
  return event.metadata[static_cast<std::size_t>(field)];
}

bool IsBlob(WireType type) {
  return type == WireType::kTinyBlob || type == WireType::kMediumBlob || type == WireType::kLongBlob ||
         type == WireType::kBlob || type == WireType::kBlobCompressed;
}

bool IsVarchar(WireType type) {
  return type == WireType::kVarchar || type == WireType::kVarString || type == WireType::kVarcharCompressed;
}

// The columns that the charset fields speak of.
bool IsCharacter(WireType type, mysql::Flavour flavour) {
  const WireType also = flavour == mysql::Flavour::kMariaDb ? WireType::kGeometry : WireType::kVector;
  return type == WireType::kString || IsVarchar(type) || IsBlob(type) || type == also;
}
bool IsEnumOrSet(WireType type, mysql::Flavour) { return type == WireType::kEnum || type == WireType::kSet; }

ColumnType BlobType(unsigned length_bytes, bool binary) {
  static constexpr ColumnType kText[] = {ColumnType::kTinyText, ColumnType::kText, ColumnType::kMediumText,
                                         ColumnType::kLongText};
  static constexpr ColumnType kBlob[] = {ColumnType::kTinyBlob, ColumnType::kBlob, ColumnType::kMediumBlob,
                                         ColumnType::kLongBlob};
  return (binary ? kBlob : kText)[length_bytes - 1];
}

ColumnType TypeOf(const WireColumn& wire, bool binary) {
  switch (wire.type) {
    case WireType::kTiny: return ColumnType::kTinyInt;
    case WireType::kShort: return ColumnType::kSmallInt;
    case WireType::kInt24: return ColumnType::kMediumInt;
    case WireType::kLong: return ColumnType::kInt;
    case WireType::kLongLong: return ColumnType::kBigInt;
    case WireType::kFloat: return ColumnType::kFloat;
    case WireType::kDouble: return ColumnType::kDouble;
    case WireType::kNewDecimal: return ColumnType::kDecimal;
    case WireType::kBit: return ColumnType::kBit;
    case WireType::kYear: return ColumnType::kYear;
    case WireType::kDate:
    case WireType::kNewDate: return ColumnType::kDate;
    case WireType::kTime:
    case WireType::kTime2: return ColumnType::kTime;
    case WireType::kDateTime:
    case WireType::kDateTime2: return ColumnType::kDateTime;
    case WireType::kTimestamp:
    case WireType::kTimestamp2: return ColumnType::kTimestamp;
    case WireType::kString: return binary ? ColumnType::kBinary : ColumnType::kChar;
    case WireType::kVarchar:
    case WireType::kVarString:
    case WireType::kVarcharCompressed: return binary ? ColumnType::kVarbinary : ColumnType::kVarchar;
    case WireType::kTinyBlob:
    case WireType::kMediumBlob:
    case WireType::kLongBlob:
    case WireType::kBlob:
    case WireType::kBlobCompressed: return BlobType(wire.size, binary);
    case WireType::kEnum: return ColumnType::kEnum;
    case WireType::kSet: return ColumnType::kSet;
    case WireType::kJson: return ColumnType::kJson;
    case WireType::kGeometry: return ColumnType::kGeometry;
    case WireType::kVector: return ColumnType::kVector;
    case WireType::kNull:
    case WireType::kTypedArray: break;
  }
  return ColumnType::kUnknown;
}

// The sizes on which the length of a value depends.
bool SizeIsPossible(const WireColumn& wire) {
  switch (wire.type) {
    case WireType::kFloat: return wire.size == 4;
    case WireType::kDouble: return wire.size == 8;
    case WireType::kJson:
    case WireType::kGeometry:
    case WireType::kVector: return wire.size >= 1 && wire.size <= 4;
    case WireType::kEnum: return wire.size == 1 || wire.size == 2;
    case WireType::kSet: return wire.size >= 1 && wire.size <= 8;
    case WireType::kTime2:
    case WireType::kDateTime2:
    case WireType::kTimestamp2: return wire.size <= 6;
    default: return !IsBlob(wire.type) || (wire.size >= 1 && wire.size <= 4);
  }
}

using Charsets = std::vector<std::string_view>;

// By column; empty where nothing is said. A default with exceptions by place, or one for each column of the group.
Charsets ReadCharsets(const TableMapEvent& event, mysql::Flavour flavour, MetadataField common, MetadataField each,
                      bool (*in_group)(WireType, mysql::Flavour)) {
  Charsets charsets(event.columns.size());
  std::vector<std::size_t> group;
  for (std::size_t i = 0; i < event.columns.size(); ++i) {
    if (in_group(event.columns[i].type, flavour)) group.push_back(i);
  }
  if (!Field(event, common).empty()) {
    Cursor in(Field(event, common));
    const std::string_view otherwise = CharsetOfCollation(in.Packed());
    for (const std::size_t i : group) charsets[i] = otherwise;
    while (in.ok() && in.remaining() > 0) {
      const std::uint64_t place = in.Packed();
      const std::string_view charset = CharsetOfCollation(in.Packed());
      if (!in.ok() || place >= group.size()) return Charsets(event.columns.size());
      charsets[group[static_cast<std::size_t>(place)]] = charset;
    }
  } else {
    Cursor in(Field(event, each));
    std::size_t read = 0;
    for (; read < group.size() && in.ok() && in.remaining() > 0; ++read) {
      charsets[group[read]] = CharsetOfCollation(in.Packed());
    }
    // Columns of plug-in types may be counted or not: rather none than the next one's.
    if (!in.ok() || in.remaining() > 0 || read != group.size()) return Charsets(event.columns.size());
  }
  return charsets;
}

// One list of members for each column of `type`: a count, then each text with its length.
void ReadMembers(std::string_view field, WireType type, const TableMapEvent& event, mysql::TableSchema& schema) {
  Cursor in(field);
  for (std::size_t i = 0; i < event.columns.size() && in.remaining() > 0; ++i) {
    if (event.columns[i].type != type) continue;
    const std::uint64_t count = in.Packed();
    for (std::uint64_t member = 0; in.ok() && member < count; ++member) {
      schema.columns[i].members.emplace_back(in.Bytes(in.Packed()));
    }
    if (!in.ok()) {
      schema.columns[i].members.clear();
      return;
    }
  }
}

// Keys over prefixes of columns do not tell rows apart by whole values in general, but do so here: a unique prefix
// makes the whole unique.
void ReadPrimaryKey(const TableMapEvent& event, mysql::TableSchema& schema) {
  const std::string_view whole = Field(event, MetadataField::kPrimaryKey);
  Cursor in(whole.empty() ? Field(event, MetadataField::kPrimaryKeyWithPrefix) : whole);
  mysql::UniqueKey key{"PRIMARY", {}};
  while (in.ok() && in.remaining() > 0) {
    const std::uint64_t column = in.Packed();
    if (whole.empty()) in.Packed();  // the prefix
    if (column >= schema.columns.size()) in.Fail();
    if (in.ok()) key.columns.push_back(static_cast<std::size_t>(column));
  }
  if (in.ok() && !key.columns.empty()) schema.unique_keys.push_back(std::move(key));
}

bool UnsignedBit(std::string_view bits, std::size_t bit) {
  return bit / 8 < bits.size() && ((static_cast<unsigned char>(bits[bit / 8]) << (bit % 8)) & 0x80) != 0;
}

// Why `known` cannot be the schema that the event was written with; empty: it can.
std::string DifferenceTo(const mysql::TableSchema& known, const TableMapEvent& event, const Charsets& charsets) {
  if (const auto match = MatchTableMap(event, known); !match.ok()) return match.status().message();
  for (std::size_t i = 0; i < event.columns.size(); ++i) {
    const mysql::Column& column = known.columns[i];
    if (charsets[i].empty() || !(column.is_text() || column.is_binary())) continue;
    const std::string_view charset = column.is_binary() ? kBinaryCharset : std::string_view(column.charset);
    if (charset != charsets[i]) {
      return fmt::format("column {} has character set {} in the binlog", column.name, charsets[i]);
    }
  }
  return {};
}

// What the event says stands; it was compared with `known`.
void FillIn(const mysql::TableSchema& known, DescribedTable& table) {
  for (std::size_t i = 0; i < known.columns.size(); ++i) {
    mysql::Column& column = table.described.columns[i];
    const std::vector<std::string> members = std::move(column.members);
    column = known.columns[i];
    if (members.empty()) {
      table.member_charsets[i] = "utf8mb4";
    } else {
      column.members = members;
    }
  }
  table.has_names = true;
  if (table.described.unique_keys.empty()) table.described.unique_keys = known.unique_keys;
}

}  // namespace

base::Result<std::shared_ptr<DescribedTable>> DescribeTable(const TableMapEvent& event, mysql::Flavour flavour,
                                                            std::uint64_t number, const mysql::TableSchema* known) {
  auto table = std::make_shared<DescribedTable>();
  table->number = number;
  table->columns = event.columns;
  table->has_names = !event.column_names.empty();
  table->described.name = {std::string(event.schema), std::string(event.table)};
  const Charsets charsets =
      ReadCharsets(event, flavour, MetadataField::kDefaultCharset, MetadataField::kColumnCharset, IsCharacter);
  const Charsets member_charsets = ReadCharsets(event, flavour, MetadataField::kEnumAndSetDefaultCharset,
                                                MetadataField::kEnumAndSetColumnCharset, IsEnumOrSet);
  table->member_charsets.assign(member_charsets.begin(), member_charsets.end());
  std::size_t signedness_bit = 0;
  for (std::size_t i = 0; i < event.columns.size(); ++i) {
    const WireColumn& wire = event.columns[i];
    if (!SizeIsPossible(wire)) return Corrupt(fmt::format("TABLE_MAP_EVENT: bad metadata of column {}", i + 1));
    const bool binary = charsets[i] == kBinaryCharset;
    mysql::Column column;
    column.name = table->has_names ? std::string(event.column_names[i]) : fmt::format("@{}", i + 1);
    column.type = TypeOf(wire, binary);
    column.length = wire.size;
    const bool is_decimal = wire.type == WireType::kNewDecimal;
    const bool has_fraction =
        wire.type == WireType::kTime2 || wire.type == WireType::kDateTime2 || wire.type == WireType::kTimestamp2;
    if (is_decimal) column.precision = static_cast<std::uint8_t>(wire.size);
    column.fraction = is_decimal ? wire.scale : has_fraction ? static_cast<std::uint8_t>(wire.size) : std::uint8_t{0};
    if (!binary) column.charset = charsets[i];
    if (HasSignednessBit(wire.type)) {
      column.is_unsigned = UnsignedBit(event.signedness.value_or(""), signedness_bit++);
      if (wire.type == WireType::kYear) column.is_unsigned = true;
    }
    table->described.columns.push_back(std::move(column));
  }
  ReadMembers(Field(event, MetadataField::kEnumMembers), WireType::kEnum, event, table->described);
  ReadMembers(Field(event, MetadataField::kSetMembers), WireType::kSet, event, table->described);
  ReadPrimaryKey(event, table->described);
  if (known != nullptr) {
    table->known_differs = DifferenceTo(*known, event, charsets);
    if (table->known_differs.empty()) FillIn(*known, *table);
  }
  table->steps = MakeReadSteps(table->described.columns, event.columns);
  table->schema = &table->described;
  return table;
}

}  // namespace shardlift::binlog
