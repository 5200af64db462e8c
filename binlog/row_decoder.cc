#include "binlog/row_decoder.h"

#include <fmt/format.h>

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

std::size_t CountBits(std::string_view bitmap, std::size_t bits) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < bits; ++i) count += Bit(bitmap, i) ? 1u : 0u;
  return count;
}

template <class T>
T Load(const char* at) {
  T value;
  std::memcpy(&value, at, sizeof(value));
  return value;
}

std::uint32_t Load24(const char* at) {
  return Load<std::uint16_t>(at) | (static_cast<std::uint32_t>(static_cast<unsigned char>(at[2])) << 16);
}

// Values are made in place: a copy of 32 bytes right after they were written in pieces costs more than most values.
void Put(const Value& value, Value* place) { new (place) Value(value); }

// All eight bytes of the number are written at once: a read of them would wait for two writes of parts.
void PutFloat(const char* at, Value* place) {
  Put(Value::UInt(Load<std::uint32_t>(at)), place);
  place->kind = mysql::ValueKind::kFloat;
}

// Whether none of the first `bits` is set. Bits behind them may have any value.
bool NoneSet(std::string_view bitmap, std::size_t bits) {
  for (std::size_t i = 0; i < bits / 8; ++i) {
    if (bitmap[i] != 0) return false;
  }
  return bits % 8 == 0 || (static_cast<unsigned char>(bitmap[bits / 8]) & ((1u << (bits % 8)) - 1)) == 0;
}

Value Year(std::uint8_t stored, bool is_unsigned) {
  const unsigned year = stored == 0 ? 0 : 1900u + stored;
  return is_unsigned ? Value::UInt(year) : Value::Int(year);
}

}  // namespace

bool RowDecoder::Bad(std::string message) {
  status_ = Corrupt(std::move(message));
  return false;
}

bool RowDecoder::BadColumn(std::size_t column) {
  const std::string& name = table_->schema->columns[column].name;
  if (refused_.ok()) return Bad("bad value of column " + name);
  status_ = refused_.WithContext("column " + name);
  return false;
}

base::Status RowDecoder::Begin(const TableMap& table, RowOp op, bool partial, std::string_view data) {
  Cursor in(data);
  table_ = &table;
  partial_ = partial;
  status_ = {};
  refused_ = {};
  json_form_ = table.json_as_sql ? JsonForm::kSql : JsonForm::kText;
  row_ = {};
  row_.table = table.schema;
  row_.op = op;
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
  if (has_before) row_.before = before_.values;
  if (has_after) row_.after = after_.values;
  json_before_.assign(op == RowOp::kUpdate ? columns : 0, {});
  const std::string_view rows = in.Rest();
  at_ = rows.data();
  end_ = at_ + rows.size();
  return base::Ok();
}

bool RowDecoder::Next() {
  if (at_ == end_ || !status_.ok()) return false;
  const char* const start = at_;
  arena_.Reset();
  if (partial_) differs_.assign(table_->columns.size(), false);
  if (row_.op != RowOp::kInsert && !ReadImage(before_)) return false;
  if (partial_ && !ReadPartialBits()) return false;
  if (row_.op != RowOp::kDelete && !ReadImage(after_)) return false;
  return at_ != start || Bad("row event with rows of no bytes");
}

// Before the after image: what its values may be, and a bit for each JSON column of the table.
bool RowDecoder::ReadPartialBits() {
  constexpr std::uint64_t kPartialJson = 1;
  Cursor in({at_, static_cast<std::size_t>(end_ - at_)});
  const std::uint64_t options = in.Packed();
  if (!in.ok() || options > kPartialJson) return Bad("partial update with unknown options of its values");
  if (options == kPartialJson) {
    std::size_t json_columns = 0;
    for (const WireColumn& column : table_->columns) json_columns += column.type == WireType::kJson ? 1u : 0u;
    const std::string_view bits = in.Bytes((json_columns + 7) / 8);
    if (!in.ok()) return Bad("partial update cut short");
    std::size_t bit = 0;
    for (std::size_t i = 0; i < table_->columns.size(); ++i) {
      if (table_->columns[i].type == WireType::kJson) differs_[i] = Bit(bits, bit++);
    }
  }
  at_ += in.position();
  return true;
}

namespace {

// A value whose length was read; nullptr: there is not so much.
inline const char* PutCounted(std::uint32_t length, const ReadStep& step, const char* at, const char* end,
                              Value* place) {
  at += step.bytes;
  if (length > static_cast<std::size_t>(end - at) || length > step.bytes_max) return nullptr;
  Put(Value::Bytes({at, length}), place);
  return at + length;
}

}  // namespace

// Returns the end of the value; nullptr: it is none. kWhole: all columns have values, and the bytes that this one and
// those behind it take at least are known to be there; that they still are is all that is asked of this one's length.
template <bool kWhole>
[[gnu::always_inline]] inline const char* RowDecoder::ReadColumn(const ReadStep& step, std::size_t column,
                                                                 const char* at, const char* end, Value* place) {
  using Kind = ReadStep::Kind;
  // The types that Value holds as text. Of no size: no server stores that. The room does not depend on the value, so
  // that no value waits for the length of the one before.
  const auto put_text = [&](std::size_t room, auto write) {
    char* const text = arena_.Allocate(room);
    const std::size_t n = write(text);
    Put(Value::Bytes({text, n}), place);
    return n == 0 ? nullptr : at + step.bytes;
  };
  if (kWhole) {
    end -= step.rest;
  } else if (static_cast<std::size_t>(end - at) < step.bytes) {
    return nullptr;
  }
  switch (step.kind) {
    case Kind::kInt8: Put(Value::Int(Load<std::int8_t>(at)), place); break;
    case Kind::kInt16: Put(Value::Int(Load<std::int16_t>(at)), place); break;
    case Kind::kInt24: Put(Value::Int(static_cast<std::int32_t>(Load24(at) << 8) >> 8), place); break;
    case Kind::kInt32: Put(Value::Int(Load<std::int32_t>(at)), place); break;
    case Kind::kInt64: Put(Value::Int(Load<std::int64_t>(at)), place); break;
    case Kind::kUInt8: Put(Value::UInt(Load<std::uint8_t>(at)), place); break;
    case Kind::kUInt16: Put(Value::UInt(Load<std::uint16_t>(at)), place); break;
    case Kind::kUInt24: Put(Value::UInt(Load24(at)), place); break;
    case Kind::kUInt32: Put(Value::UInt(Load<std::uint32_t>(at)), place); break;
    case Kind::kUInt64: Put(Value::UInt(Load<std::uint64_t>(at)), place); break;
    case Kind::kFloat: PutFloat(at, place); break;
    case Kind::kDouble: Put(Value::Double(Load<double>(at)), place); break;
    case Kind::kBytes8: return PutCounted(Load<std::uint8_t>(at), step, at, end, place);
    case Kind::kBytes16: return PutCounted(Load<std::uint16_t>(at), step, at, end, place);
    case Kind::kBytes24: return PutCounted(Load24(at), step, at, end, place);
    case Kind::kBytes32: return PutCounted(Load<std::uint32_t>(at), step, at, end, place);
    case Kind::kDate: return put_text(kTemporalTextBytesMax, [&](char* out) { return WriteStoredDate(at, out); });
    case Kind::kTime2:
      return put_text(kTemporalTextBytesMax, [&](char* out) { return WriteStoredTime2(at, step.fraction, out); });
    case Kind::kDateTime2:
      return put_text(kTemporalTextBytesMax, [&](char* out) { return WriteStoredDateTime2(at, step.fraction, out); });
    case Kind::kTimestamp2:
      return put_text(kTemporalTextBytesMax, [&](char* out) { return WriteStoredTimestamp2(at, step.fraction, out); });
    case Kind::kDecimal:
      return put_text(DecimalTextBytes(step.precision),
                      [&](char* out) { return WriteDecimal(at, step.precision, step.fraction, out); });
    case Kind::kJson:
      if (!partial_) return ReadWholeJson(column, at, end, place);
      [[fallthrough]];
    case Kind::kOther: {
      Cursor in({at, static_cast<std::size_t>(end - at)});
      new (place) Value(ReadOther(column, in));
      return in.ok() ? at + in.position() : nullptr;
    }
  }
  return at + step.bytes;
}

bool RowDecoder::ReadImage(Image& image) {
  const char* const end = end_;
  const std::size_t null_bytes = (image.present_count + 7) / 8;
  if (static_cast<std::size_t>(end - at_) < null_bytes) return Bad("row cut short in its null bitmap");
  const std::string_view nulls(at_, null_bytes);
  const std::size_t columns = image.values.size();
  const bool whole = image.present_count == columns && NoneSet(nulls, columns);
  const ReadStep* const steps = table_->steps.data();
  Value* const values = image.values.data();
  const char* at = at_ + null_bytes;
  if (whole && columns > 0 && static_cast<std::size_t>(end - at) >= steps[0].bytes + std::size_t{steps[0].rest}) {
    for (std::size_t i = 0; i < columns; ++i) {
      at = ReadColumn<true>(steps[i], i, at, end, values + i);
      if (at == nullptr) [[unlikely]]
        return BadColumn(i);
    }
    at_ = at;
    return true;
  }
  std::size_t present = 0;
  for (std::size_t i = 0; i < columns; ++i) {
    const bool absent = !Bit(image.present, i);
    if (absent || Bit(nulls, present++)) {
      Put(absent ? Value::Absent() : Value::Null(), values + i);
      continue;
    }
    at = ReadColumn<false>(steps[i], i, at, end, values + i);
    if (at == nullptr) return BadColumn(i);
  }
  at_ = at;
  return true;
}

Value RowDecoder::ReadOther(std::size_t column, Cursor& in) {
  const mysql::Column& schema = table_->schema->columns[column];
  const WireColumn& wire = table_->columns[column];
  switch (wire.type) {
    case WireType::kYear: return Year(in.U8(), schema.is_unsigned);
    case WireType::kBit: return Value::UInt(in.Big((wire.size + 7u) / 8));
    case WireType::kSet: return Value::UInt(in.Little(wire.size));
    case WireType::kTime:
    case WireType::kDateTime:
    case WireType::kTimestamp: return ReadOldTemporal(wire.type, schema.fraction, in);
    case WireType::kString:
    case WireType::kVarchar:
    case WireType::kVarString: return ReadPadded(schema.type, wire.size, in);
    case WireType::kVarcharCompressed: return ReadCompressed(in.Bytes(in.Little(wire.size > 255 ? 2 : 1)), in);
    case WireType::kBlobCompressed: return ReadCompressed(in.Bytes(in.Little(wire.size)), in);
    case WireType::kJson: {
      const std::string_view stored = in.Bytes(in.Little(wire.size));
      if (partial_ && differs_[column]) return ReadJsonDifferences(column, stored, in);
      if (partial_) json_before_[column] = stored;
      return ReadJson(stored, in);
    }
    default: break;  // no server writes it, or not with such metadata
  }
  in.Fail();
  return Value::Null();
}

// Servers cut trailing zero bytes of BINARY(n) in the binlog; SELECT shows all n.
Value RowDecoder::ReadPadded(mysql::ColumnType type, std::uint16_t bytes, Cursor& in) {
  const std::string_view stored = in.Bytes(in.Little(bytes > 255 ? 2 : 1));
  if (stored.size() > bytes) in.Fail();
  if (!in.ok()) return Value::Null();
  std::string_view whole = stored;
  if (stored.size() < bytes) {
    char* padded = arena_.Allocate(bytes);
    std::memcpy(padded, stored.data(), stored.size());
    std::memset(padded + stored.size(), 0, bytes - stored.size());
    whole = {padded, bytes};
  }
  switch (type) {
    case mysql::ColumnType::kUuid: return Value::Bytes(UuidText(whole, arena_));
    case mysql::ColumnType::kInet4: return Value::Bytes(Inet4Text(whole, arena_));
    case mysql::ColumnType::kInet6: return Value::Bytes(Inet6Text(whole, arena_));
    default: return Value::Bytes(whole);
  }
}

Value RowDecoder::ReadOldTemporal(WireType type, unsigned fraction, Cursor& in) {
  if (fraction > 6) in.Fail();
  if (!in.ok()) return Value::Null();
  switch (type) {
    case WireType::kTime: return Value::Bytes(ReadTimeOld(in, fraction, arena_));
    case WireType::kDateTime: return Value::Bytes(ReadDateTimeOld(in, fraction, arena_));
    default: return Value::Bytes(ReadTimestampOld(in, fraction, arena_));
  }
}

bool RowDecoder::CheckJson(base::Status status) {
  if (status.code() == base::Code::kRefused) refused_ = std::move(status);
  return status.ok();
}

// An update seldom changes it: what is the same before and after is printed once.
const char* RowDecoder::ReadWholeJson(std::size_t column, const char* at, const char* end, Value* place) {
  const auto length = Load<std::uint32_t>(at);
  at += sizeof(length);
  if (length > static_cast<std::size_t>(end - at)) return nullptr;
  const std::string_view stored(at, length);
  if (row_.op == RowOp::kUpdate) {
    const Value* const before = &before_.values[column];
    if (place == before) {
      json_before_[column] = stored;
    } else if (before->kind == mysql::ValueKind::kBytes && json_before_[column] == stored) {
      Put(Value::Bytes(before->bytes), place);
      return at + length;
    }
  }
  std::string_view text;
  if (!CheckJson(PrintJson(stored, json_form_, arena_, scratch_, text))) return nullptr;
  Put(Value::Bytes(text), place);
  return at + length;
}

Value RowDecoder::ReadJson(std::string_view binary, Cursor& in) {
  std::string_view text;
  if (in.ok() && !CheckJson(PrintJson(binary, json_form_, arena_, scratch_, text))) in.Fail();
  return Value::Bytes(text);
}

Value RowDecoder::ReadJsonDifferences(std::size_t column, std::string_view stored, Cursor& in) {
  if (before_.values[column].is_absent()) return Value::Absent();
  scratch_.clear();
  if (before_.values[column].is_null()) in.Fail();
  if (in.ok() && !CheckJson(AppendJsonAfterDifferences(json_before_[column], stored, json_form_, scratch_))) in.Fail();
  return Value::Bytes(arena_.Copy(scratch_));
}

Value RowDecoder::ReadCompressed(std::string_view stored, Cursor& in) {
  scratch_.clear();
  if (in.ok() && !UncompressColumn(stored, scratch_).ok()) in.Fail();
  return Value::Bytes(arena_.Copy(scratch_));
}

}  // namespace shardlift::binlog
