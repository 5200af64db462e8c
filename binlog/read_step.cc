// What of a column's types decides how its values are read.
#include "base/check.h"
#include "binlog/decimal.h"
#include "binlog/table_map.h"

namespace shardlift::binlog {
namespace {

using Kind = ReadStep::Kind;

ReadStep Fixed(Kind kind, std::size_t bytes) { return {kind, static_cast<std::uint8_t>(bytes)}; }

ReadStep Integer(std::size_t bytes, bool is_unsigned) {
  switch (bytes) {
    case 1: return Fixed(is_unsigned ? Kind::kUInt8 : Kind::kInt8, bytes);
    case 2: return Fixed(is_unsigned ? Kind::kUInt16 : Kind::kInt16, bytes);
    case 3: return Fixed(is_unsigned ? Kind::kUInt24 : Kind::kInt24, bytes);
    case 4: return Fixed(is_unsigned ? Kind::kUInt32 : Kind::kInt32, bytes);
    case 8: return Fixed(is_unsigned ? Kind::kUInt64 : Kind::kInt64, bytes);
    default: return {};
  }
}

ReadStep Counted(std::size_t length_bytes, std::uint32_t bytes_max) {
  static constexpr Kind kKinds[] = {Kind::kBytes8, Kind::kBytes16, Kind::kBytes24, Kind::kBytes32};
  if (length_bytes < 1 || length_bytes > 4) return {};
  return {kKinds[length_bytes - 1], static_cast<std::uint8_t>(length_bytes), 0, 0, bytes_max};
}

// The new temporal forms: whole part and fraction.
ReadStep Temporal(Kind kind, std::size_t whole_bytes, unsigned fraction) {
  if (fraction > 6) return {};
  return {kind, static_cast<std::uint8_t>(whole_bytes + (fraction + 1) / 2), static_cast<std::uint8_t>(fraction)};
}

// Servers cut trailing zero bytes of these.
bool NeedsPadding(mysql::ColumnType type) {
  using mysql::ColumnType;
  return type == ColumnType::kBinary || type == ColumnType::kUuid || type == ColumnType::kInet4 ||
         type == ColumnType::kInet6;
}

ReadStep MakeReadStep(const mysql::Column& column, const WireColumn& wire) {
  switch (wire.type) {
    case WireType::kTiny: return Integer(1, column.is_unsigned);
    case WireType::kShort: return Integer(2, column.is_unsigned);
    case WireType::kInt24: return Integer(3, column.is_unsigned);
    case WireType::kLong: return Integer(4, column.is_unsigned);
    case WireType::kLongLong: return Integer(8, column.is_unsigned);
    case WireType::kEnum:
    case WireType::kSet: return Integer(wire.size, true);
    case WireType::kFloat: return Fixed(Kind::kFloat, sizeof(float));
    case WireType::kDouble: return Fixed(Kind::kDouble, sizeof(double));
    case WireType::kDate:
    case WireType::kNewDate: return Fixed(Kind::kDate, 3);
    case WireType::kTime2: return Temporal(Kind::kTime2, 3, column.fraction);
    case WireType::kDateTime2: return Temporal(Kind::kDateTime2, 5, column.fraction);
    case WireType::kTimestamp2: return Temporal(Kind::kTimestamp2, 4, column.fraction);
    case WireType::kNewDecimal: {
      const std::size_t bytes = DecimalBytes(wire.size, wire.scale);
      if (bytes == 0) return {};
      return {Kind::kDecimal, static_cast<std::uint8_t>(bytes), wire.scale, static_cast<std::uint8_t>(wire.size)};
    }
    case WireType::kVarchar:
    case WireType::kVarString:
    case WireType::kString:
      if (NeedsPadding(column.type)) return {};
      return Counted(wire.size > 255 ? 2 : 1, wire.size);
    case WireType::kTinyBlob:
    case WireType::kMediumBlob:
    case WireType::kLongBlob:
    case WireType::kBlob:
    case WireType::kGeometry:
    case WireType::kVector: return Counted(wire.size, 0xffffffff);
    case WireType::kJson: return wire.size == 4 ? Fixed(Kind::kJson, 4) : ReadStep();
    default: return {};
  }
}

}  // namespace

std::vector<ReadStep> MakeReadSteps(const std::vector<mysql::Column>& columns, const std::vector<WireColumn>& wire) {
  SL_CHECK(columns.size() == wire.size());
  std::vector<ReadStep> steps;
  steps.reserve(wire.size());
  for (std::size_t i = 0; i < wire.size(); ++i) steps.push_back(MakeReadStep(columns[i], wire[i]));
  std::uint32_t rest = 0;
  for (std::size_t i = steps.size(); i-- > 0;) {
    steps[i].rest = rest;
    rest += steps[i].bytes;
  }
  return steps;
}

}  // namespace shardlift::binlog
