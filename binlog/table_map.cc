#include "binlog/table_map.h"

#include <fmt/format.h>
#include <strings.h>

#include <algorithm>

#include "binlog/cursor.h"

namespace shardlift::binlog {
namespace {

constexpr std::size_t kColumnsMax = 4096;  // the server's own limit

// STRING's two metadata bytes hold the real type and the length; lengths over 255 borrow two inverted bits of the type.
WireColumn StringColumn(std::uint8_t type, std::uint8_t length) {
  WireColumn column;
  if ((type & 0x30) != 0x30) {
    column.type = static_cast<WireType>(type | 0x30);  // NOLINT(clang-analyzer-optin.core.*): checked by ReadColumn
    column.size = static_cast<std::uint16_t>(length | (((type & 0x30) ^ 0x30) << 4));
  } else {
    column.type = static_cast<WireType>(type);
    column.size = length;
  }
  return column;
}

// Reads the metadata of one column; fails the cursor on types this decoder does not know.
WireColumn ReadColumn(WireType type, Cursor& meta) {
  WireColumn column;
  column.type = type;
  switch (type) {
    case WireType::kFloat:
    case WireType::kDouble:
    case WireType::kTinyBlob:
    case WireType::kMediumBlob:
    case WireType::kLongBlob:
    case WireType::kBlob:
    case WireType::kBlobCompressed:
    case WireType::kGeometry:
    case WireType::kJson:
    case WireType::kVector:
    case WireType::kTimestamp2:
    case WireType::kDateTime2:
    case WireType::kTime2: column.size = meta.U8(); break;
    case WireType::kVarchar:
    case WireType::kVarString:
    case WireType::kVarcharCompressed: column.size = meta.U16(); break;
    case WireType::kBit: {
      const std::uint8_t bits = meta.U8();
      column.size = static_cast<std::uint16_t>(meta.U8() * 8 + bits);
      if (bits > 7 || column.size == 0 || column.size > 64) meta.Fail();
      break;
    }
    case WireType::kNewDecimal:
      column.size = meta.U8();
      column.scale = meta.U8();
      break;
    case WireType::kString:
    case WireType::kEnum:
    case WireType::kSet: {
      const std::uint8_t real = meta.U8();
      column = StringColumn(real, meta.U8());
      const bool is_set = column.type == WireType::kEnum || column.type == WireType::kSet;
      if (column.type != WireType::kString && !is_set) meta.Fail();
      break;
    }
    case WireType::kTypedArray: {  // only in hidden columns of multi-valued indexes
      const auto element = static_cast<WireType>(meta.U8());
      (void)ReadColumn(element == WireType::kTypedArray ? WireType::kNull : element, meta);
      break;
    }
    default: break;
  }
  return column;
}

bool KnownWireType(std::uint8_t type) {
  return (type >= 1 && type <= 19) || type == 140 || type == 141 || type == 242 || type >= 244;
}

void ReadColumnNames(Cursor field, TableMapEvent& map) {
  while (field.ok() && field.remaining() > 0) map.column_names.push_back(field.Bytes(field.Packed()));
  if (!field.ok() || map.column_names.size() != map.columns.size()) map.column_names.clear();
}

base::Status ReadOptionalMetadata(Cursor& in, TableMapEvent& map) {
  while (in.ok() && in.remaining() > 0) {
    const std::uint8_t type = in.U8();
    const std::string_view field = in.Bytes(in.Packed());
    if (!in.ok()) break;
    if (type < map.metadata.size()) map.metadata[type] = field;
    if (type == static_cast<std::uint8_t>(MetadataField::kSignedness)) map.signedness = field;
    if (type == static_cast<std::uint8_t>(MetadataField::kColumnName)) ReadColumnNames(Cursor(field), map);
  }
  return in.ok() ? base::Ok() : Corrupt("TABLE_MAP_EVENT: optional metadata cut short");
}

Cursor AfterPostHeader(const Event& event, const Format& format, std::uint64_t& table_id) {
  const std::size_t post_header = format.PostHeaderBytes(EventType::kTableMap, 8);
  Cursor in(event.body);
  const std::size_t id_bytes = post_header == 6 ? 4 : 6;
  table_id = in.Little(id_bytes);
  if (post_header < id_bytes) in.Fail();
  in.Skip(post_header - std::min(post_header, id_bytes));
  return in;
}

std::string_view ReadName(Cursor& in) {
  const std::string_view name = in.Bytes(in.U8());
  if (in.U8() != 0) in.Fail();
  return name;
}

// Bytes of a BLOB's length field, by the column's type.
unsigned LengthBytes(mysql::ColumnType type) {
  using mysql::ColumnType;
  switch (type) {
    case ColumnType::kTinyText:
    case ColumnType::kTinyBlob: return 1;
    case ColumnType::kText:
    case ColumnType::kBlob: return 2;
    case ColumnType::kMediumText:
    case ColumnType::kMediumBlob: return 3;
    default: return 4;
  }
}

bool IsBlob(WireType type) {
  return type == WireType::kBlob || type == WireType::kTinyBlob || type == WireType::kMediumBlob ||
         type == WireType::kLongBlob || type == WireType::kBlobCompressed;
}

// True if a column of the schema may be stored as this wire column.
bool Compatible(const mysql::Column& column, const WireColumn& wire) {
  using mysql::ColumnType;
  const auto new_or_old = [&](WireType new_form, WireType old_form) {
    return (wire.type == new_form && wire.size == column.fraction) || wire.type == old_form;
  };
  switch (column.type) {
    case ColumnType::kTinyInt: return wire.type == WireType::kTiny;
    case ColumnType::kSmallInt: return wire.type == WireType::kShort;
    case ColumnType::kMediumInt: return wire.type == WireType::kInt24;
    case ColumnType::kInt: return wire.type == WireType::kLong;
    case ColumnType::kBigInt: return wire.type == WireType::kLongLong;
    case ColumnType::kFloat: return wire.type == WireType::kFloat && wire.size == 4;
    case ColumnType::kDouble: return wire.type == WireType::kDouble && wire.size == 8;
    case ColumnType::kDecimal:
      return wire.type == WireType::kNewDecimal && wire.size == column.precision && wire.scale == column.fraction;
    case ColumnType::kBit: return wire.type == WireType::kBit && wire.size == column.length;
    case ColumnType::kYear: return wire.type == WireType::kYear;
    case ColumnType::kDate: return wire.type == WireType::kDate || wire.type == WireType::kNewDate;
    case ColumnType::kTime: return new_or_old(WireType::kTime2, WireType::kTime);
    case ColumnType::kDateTime: return new_or_old(WireType::kDateTime2, WireType::kDateTime);
    case ColumnType::kTimestamp: return new_or_old(WireType::kTimestamp2, WireType::kTimestamp);
    case ColumnType::kChar: return wire.type == WireType::kString;
    case ColumnType::kBinary: return wire.type == WireType::kString && wire.size == column.length;
    case ColumnType::kVarchar:
    case ColumnType::kVarbinary:
      return wire.type == WireType::kVarchar || wire.type == WireType::kVarString ||
             wire.type == WireType::kVarcharCompressed;
    case ColumnType::kTinyText:
    case ColumnType::kText:
    case ColumnType::kMediumText:
    case ColumnType::kLongText:
    case ColumnType::kTinyBlob:
    case ColumnType::kBlob:
    case ColumnType::kMediumBlob:
    case ColumnType::kLongBlob: return IsBlob(wire.type) && wire.size == LengthBytes(column.type);
    case ColumnType::kEnum: return wire.type == WireType::kEnum && (wire.size == 1 || wire.size == 2);
    case ColumnType::kSet: return wire.type == WireType::kSet && wire.size >= 1 && wire.size <= 8;
    case ColumnType::kJson: return (wire.type == WireType::kJson || IsBlob(wire.type)) && wire.size == 4;
    case ColumnType::kGeometry: return wire.type == WireType::kGeometry && wire.size == 4;
    case ColumnType::kVector: return wire.type == WireType::kVector && wire.size == 4;
    case ColumnType::kUuid:
    case ColumnType::kInet6: return wire.type == WireType::kString && wire.size == 16;
    case ColumnType::kInet4: return wire.type == WireType::kString && wire.size == 4;
    case ColumnType::kUnknown: return false;
  }
  return false;
}

base::Status Different(std::string why) { return {base::Code::kRefused, std::move(why)}; }

base::Status CheckSignedness(const TableMapEvent& event, const mysql::TableSchema& schema) {
  if (!event.signedness) return base::Ok();
  std::size_t bit = 0;
  for (std::size_t i = 0; i < event.columns.size(); ++i) {
    if (!HasSignednessBit(event.columns[i].type)) continue;
    if (bit / 8 >= event.signedness->size()) return Corrupt("TABLE_MAP_EVENT: signedness cut short");
    const bool is_unsigned = ((static_cast<unsigned char>((*event.signedness)[bit / 8]) << (bit % 8)) & 0x80) != 0;
    ++bit;
    if (is_unsigned != schema.columns[i].is_unsigned) {
      return Different(
          fmt::format("column {} is {} in the binlog", schema.columns[i].name, is_unsigned ? "unsigned" : "signed"));
    }
  }
  return base::Ok();
}

}  // namespace

bool HasSignednessBit(WireType type) {
  switch (type) {
    case WireType::kTiny:
    case WireType::kShort:
    case WireType::kInt24:
    case WireType::kLong:
    case WireType::kLongLong:
    case WireType::kFloat:
    case WireType::kDouble:
    case WireType::kYear:
    case WireType::kNewDecimal: return true;
    default: return false;
  }
}

base::Result<TableMapName> ParseTableMapName(const Event& event, const Format& format) {
  TableMapName name;
  Cursor in = AfterPostHeader(event, format, name.table_id);
  name.schema = ReadName(in);
  name.table = ReadName(in);
  if (!in.ok()) return Corrupt("TABLE_MAP_EVENT cut short");
  return name;
}

base::Result<TableMapEvent> ParseTableMap(const Event& event, const Format& format) {
  TableMapEvent map;
  Cursor in = AfterPostHeader(event, format, map.table_id);
  map.schema = ReadName(in);
  map.table = ReadName(in);
  const std::uint64_t count = in.Packed();
  if (!in.ok() || count > kColumnsMax) return Corrupt("TABLE_MAP_EVENT: no such number of columns");
  const std::string_view types = in.Bytes(count);
  Cursor meta(in.Bytes(in.Packed()));
  in.Skip((count + 7) / 8);  // which columns are nullable: the schema knows
  if (!in.ok()) return Corrupt("TABLE_MAP_EVENT cut short");
  map.columns.reserve(types.size());
  for (const char c : types) {
    const auto type = static_cast<std::uint8_t>(c);
    if (!KnownWireType(type)) {
      return base::Status(base::Code::kRefused,
                          fmt::format("column {} has type {}, which is not known", map.columns.size() + 1, type));
    }
    map.columns.push_back(ReadColumn(static_cast<WireType>(type), meta));
    if (!meta.ok()) return Corrupt(fmt::format("TABLE_MAP_EVENT: bad metadata of column {}", map.columns.size()));
  }
  SL_TRY(ReadOptionalMetadata(in, map));
  return map;
}

base::Result<std::shared_ptr<const TableMap>> MatchTableMap(const TableMapEvent& event,
                                                            const mysql::TableSchema& schema) {
  if (event.columns.size() != schema.columns.size()) {
    return Different(fmt::format("{} columns in the binlog, {} in the schema read from the server",
                                 event.columns.size(), schema.columns.size()));
  }
  for (std::size_t i = 0; i < event.columns.size(); ++i) {
    const mysql::Column& column = schema.columns[i];
    if (!event.column_names.empty()) {
      const std::string_view name = event.column_names[i];
      if (name.size() != column.name.size() || strncasecmp(name.data(), column.name.data(), name.size()) != 0) {
        return Different(fmt::format("column {} has another name in the binlog", column.name));
      }
    }
    if (!Compatible(column, event.columns[i])) {
      return Different(fmt::format("column {} ({}) has wire type {} size {} in the binlog", column.name,
                                   column.column_type, static_cast<unsigned>(event.columns[i].type),
                                   event.columns[i].size));
    }
  }
  SL_TRY(CheckSignedness(event, schema));
  auto map = std::make_shared<TableMap>();
  map->schema = &schema;
  map->columns = event.columns;
  map->steps = MakeReadSteps(schema.columns, event.columns);
  return std::shared_ptr<const TableMap>(std::move(map));
}

}  // namespace shardlift::binlog
