#include "binlog/row_decoder.h"

#include <fmt/format.h>

#include <bit>
#include <cstring>
#include <new>
#include <type_traits>

#include "binlog/compression.h"
#include "binlog/decimal.h"
#include "binlog/fixed_text.h"
#include "binlog/json_difference.h"
#include "binlog/temporal.h"

namespace shardlift::binlog {
namespace {

using mysql::Value;
static_assert(std::is_trivially_destructible_v<Value>, "rows are overwritten without ending the old values");

bool Bit(std::string_view bitmap, std::size_t index) {
  return ((static_cast<unsigned char>(bitmap[index / 8]) >> (index % 8)) & 1) != 0;
}

std::size_t CountBits(std::string_view bitmap, std::size_t bits) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < bits; ++i) count += Bit(bitmap, i) ? 1u : 0u;
  return count;
}

Value Integer(std::uint64_t raw, unsigned bytes, bool is_unsigned) {
  if (is_unsigned) return Value::UInt(raw);
  const unsigned shift = 64 - 8 * bytes;
  return Value::Int(static_cast<std::int64_t>(raw << shift) >> shift);
}

Value Year(std::uint8_t stored, bool is_unsigned) {
  const unsigned year = stored == 0 ? 0 : 1900u + stored;
  return is_unsigned ? Value::UInt(year) : Value::Int(year);
}

}  // namespace

base::Status RowDecoder::Decode(const TableMap& table, RowOp op, bool partial, std::string_view data,
                                const std::function<base::Status(const RowChange&)>& fn) {
  Cursor in(data);
  first_column_ = table.schema->columns.data();
  refused_ = base::Ok();
  json_form_ = table.json_as_sql ? JsonForm::kSql : JsonForm::kText;
  const std::size_t columns = table.columns.size();
  const std::uint64_t claimed = in.Packed();
  if (!in.ok() || claimed != columns) {
    return Corrupt(fmt::format("{} columns in the row event, {} in its table map", claimed, columns));
  }
  const bool has_before = op != RowOp::kInsert;
  const bool has_after = op != RowOp::kDelete;
  for (Image* image : {has_before ? &before_ : nullptr, has_after ? &after_ : nullptr}) {
    if (image == nullptr) continue;
    image->present = in.Bytes((columns + 7) / 8);
    if (!in.ok()) return Corrupt("row event cut short in its column bitmap");
    image->present_count = CountBits(image->present, columns);
    image->values.resize(columns);
  }
  json_before_.assign(partial ? columns : 0, {});
  differs_.assign(partial ? columns : 0, false);
  while (in.remaining() > 0) {
    const std::size_t row_start = in.position();
    arena_.Reset();
    if (has_before) SL_TRY(ReadImage(table, in, before_));
    if (partial) SL_TRY(ReadPartialBits(table, in));
    if (has_after) SL_TRY(ReadImage(table, in, after_));
    if (partial) differs_.assign(columns, false);
    if (in.position() == row_start) return Corrupt("row event with rows of no bytes");
    RowChange change;
    change.table = table.schema;
    change.op = op;
    if (has_before) change.before = before_.values;
    if (has_after) change.after = after_.values;
    SL_TRY(fn(change));
  }
  return base::Ok();
}

// Before the after image: what its values may be, and a bit for each JSON column of the table.
base::Status RowDecoder::ReadPartialBits(const TableMap& table, Cursor& in) {
  constexpr std::uint64_t kPartialJson = 1;
  const std::uint64_t options = in.Packed();
  if (!in.ok() || options > kPartialJson) return Corrupt("partial update with unknown options of its values");
  if (options == 0) return base::Ok();
  std::size_t json_columns = 0;
  for (const WireColumn& column : table.columns) json_columns += column.type == WireType::kJson ? 1u : 0u;
  const std::string_view bits = in.Bytes((json_columns + 7) / 8);
  if (!in.ok()) return Corrupt("partial update cut short");
  std::size_t bit = 0;
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    if (table.columns[i].type == WireType::kJson) differs_[i] = Bit(bits, bit++);
  }
  return base::Ok();
}

base::Status RowDecoder::ReadImage(const TableMap& table, Cursor& in, Image& image) {
  const std::string_view nulls = in.Bytes((image.present_count + 7) / 8);
  if (!in.ok()) return Corrupt("row cut short in its null bitmap");
  std::size_t present = 0;
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    if (!Bit(image.present, i)) {
      image.values[i] = Value::Absent();
      continue;
    }
    if (Bit(nulls, present++)) {
      image.values[i] = Value::Null();
      continue;
    }
    // Made in place: a copy of 32 bytes right after they were written in pieces costs more than most values.
    new (&image.values[i]) Value(ReadValue(table.schema->columns[i], table.columns[i], in));
    if (!refused_.ok()) return refused_.WithContext("column " + table.schema->columns[i].name);
    if (!in.ok()) return Corrupt(fmt::format("bad value of column {}", table.schema->columns[i].name));
  }
  return base::Ok();
}

Value RowDecoder::ReadValue(const mysql::Column& column, const WireColumn& wire, Cursor& in) {
  switch (wire.type) {
    case WireType::kTiny: return Integer(in.U8(), 1, column.is_unsigned);
    case WireType::kShort: return Integer(in.U16(), 2, column.is_unsigned);
    case WireType::kInt24: return Integer(in.Little(3), 3, column.is_unsigned);
    case WireType::kLong: return Integer(in.U32(), 4, column.is_unsigned);
    case WireType::kLongLong: return Integer(in.U64(), 8, column.is_unsigned);
    case WireType::kFloat: return Value::Float(in.Int<float>());
    case WireType::kDouble: return Value::Double(in.Int<double>());
    case WireType::kYear: return Year(in.U8(), column.is_unsigned);
    case WireType::kBit: return Value::UInt(in.Big((wire.size + 7u) / 8));
    case WireType::kEnum:
    case WireType::kSet: return Value::UInt(in.Little(wire.size));
    case WireType::kNewDecimal: return Value::Bytes(ReadDecimal(in, wire.size, wire.scale, arena_));
    case WireType::kDate:
    case WireType::kNewDate:
    case WireType::kTime:
    case WireType::kTime2:
    case WireType::kDateTime:
    case WireType::kDateTime2:
    case WireType::kTimestamp:
    case WireType::kTimestamp2: return ReadTemporal(column, wire, in);
    case WireType::kVarchar:
    case WireType::kVarString:
    case WireType::kString: return ReadString(column, wire, in);
    case WireType::kVarcharCompressed: return ReadCompressed(in.Bytes(in.Little(wire.size > 255 ? 2 : 1)), in);
    case WireType::kBlobCompressed: return ReadCompressed(in.Bytes(in.Little(wire.size)), in);
    case WireType::kJson: {
      const std::string_view stored = in.Bytes(in.Little(wire.size));
      if (differs_.empty()) return ReadJson(stored, in);
      const auto index = static_cast<std::size_t>(&column - first_column_);
      if (differs_[index]) return ReadJsonDifferences(index, stored, in);
      json_before_[index] = stored;
      return ReadJson(stored, in);
    }
    case WireType::kTinyBlob:
    case WireType::kMediumBlob:
    case WireType::kLongBlob:
    case WireType::kBlob:
    case WireType::kGeometry:
    case WireType::kVector: return Value::Bytes(in.Bytes(in.Little(wire.size)));
    case WireType::kNull:
    case WireType::kTypedArray: break;
  }
  in.Fail();
  return Value::Null();
}

Value RowDecoder::ReadString(const mysql::Column& column, const WireColumn& wire, Cursor& in) {
  const std::string_view stored = in.Bytes(in.Little(wire.size > 255 ? 2 : 1));
  if (!in.ok() || stored.size() > wire.size) {
    in.Fail();
    return Value::Null();
  }
  using mysql::ColumnType;
  const bool is_text =
      column.type == ColumnType::kUuid || column.type == ColumnType::kInet4 || column.type == ColumnType::kInet6;
  if (column.type != ColumnType::kBinary && !is_text) return Value::Bytes(stored);
  std::string_view whole = stored;
  // Servers cut trailing zero bytes of BINARY(n) in the binlog; SELECT shows all n.
  if (stored.size() < wire.size) {
    char* padded = arena_.Allocate(wire.size);
    std::memcpy(padded, stored.data(), stored.size());
    std::memset(padded + stored.size(), 0, wire.size - stored.size());
    whole = {padded, wire.size};
  }
  switch (column.type) {
    case ColumnType::kUuid: return Value::Bytes(UuidText(whole, arena_));
    case ColumnType::kInet4: return Value::Bytes(Inet4Text(whole, arena_));
    case ColumnType::kInet6: return Value::Bytes(Inet6Text(whole, arena_));
    default: return Value::Bytes(whole);
  }
}

Value RowDecoder::ReadTemporal(const mysql::Column& column, const WireColumn& wire, Cursor& in) {
  const unsigned fraction = column.fraction;  // of the new forms it equals the metadata's; MatchTableMap saw to it
  if (fraction > 6) in.Fail();
  if (!in.ok()) return Value::Null();
  switch (wire.type) {
    case WireType::kTime: return Value::Bytes(ReadTimeOld(in, fraction, arena_));
    case WireType::kTime2: return Value::Bytes(ReadTime2(in, fraction, arena_));
    case WireType::kDateTime: return Value::Bytes(ReadDateTimeOld(in, fraction, arena_));
    case WireType::kDateTime2: return Value::Bytes(ReadDateTime2(in, fraction, arena_));
    case WireType::kTimestamp: return Value::Bytes(ReadTimestampOld(in, fraction, arena_));
    case WireType::kTimestamp2: return Value::Bytes(ReadTimestamp2(in, fraction, arena_));
    default: return Value::Bytes(ReadDate(in, arena_));
  }
}

void RowDecoder::CheckJson(base::Status status, Cursor& in) {
  if (status.ok()) return;
  in.Fail();
  if (status.code() == base::Code::kRefused) refused_ = std::move(status);
}

Value RowDecoder::ReadJson(std::string_view binary, Cursor& in) {
  json_.clear();
  if (in.ok()) CheckJson(AppendJson(binary, json_form_, json_), in);
  return Value::Bytes(arena_.Copy(json_));
}

Value RowDecoder::ReadJsonDifferences(std::size_t column, std::string_view stored, Cursor& in) {
  if (before_.values[column].is_absent()) return Value::Absent();
  json_.clear();
  if (before_.values[column].is_null()) in.Fail();
  if (in.ok()) CheckJson(AppendJsonAfterDifferences(json_before_[column], stored, json_form_, json_), in);
  return Value::Bytes(arena_.Copy(json_));
}

Value RowDecoder::ReadCompressed(std::string_view stored, Cursor& in) {
  json_.clear();
  if (in.ok() && !UncompressColumn(stored, json_).ok()) in.Fail();
  return Value::Bytes(arena_.Copy(json_));
}

}  // namespace shardlift::binlog
