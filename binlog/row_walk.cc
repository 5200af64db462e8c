#include "binlog/row_walk.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "binlog/decimal.h"
#include "binlog/event.h"

namespace shardlift::binlog {
namespace {

constexpr std::uint32_t FractionBytes(unsigned fraction) { return (fraction + 1) / 2; }

}  // namespace

RowWalk::RowWalk(const std::vector<WireColumn>& columns) {
  for (const WireColumn& column : columns) {
    const Step step = StepOf(column);
    steps_.push_back(step);
    if (column.type == WireType::kJson) ++json_columns_;
    const bool joins = !whole_.empty() && whole_.back().length_bytes == 0 && whole_.back().readable;
    if (joins) {
      whole_.back() = {whole_.back().fixed + step.fixed, step.length_bytes, step.readable};
    } else {
      whole_.push_back(step);
    }
  }
}

RowWalk::Step RowWalk::StepOf(const WireColumn& column) {
  const auto fixed = [](std::uint32_t bytes) { return Step{bytes, 0, true}; };
  const auto counted = [](unsigned length_bytes) { return Step{0, static_cast<std::uint8_t>(length_bytes), true}; };
  switch (column.type) {
    case WireType::kTiny:
    case WireType::kYear: return fixed(1);
    case WireType::kShort: return fixed(2);
    case WireType::kInt24:
    case WireType::kDate:
    case WireType::kNewDate:
    case WireType::kTime: return fixed(3);
    case WireType::kLong:
    case WireType::kTimestamp: return fixed(4);
    case WireType::kLongLong:
    case WireType::kDateTime: return fixed(8);
    case WireType::kFloat:
    case WireType::kDouble:
    case WireType::kEnum:
    case WireType::kSet: return fixed(column.size);
    case WireType::kBit: return fixed((column.size + 7u) / 8);
    case WireType::kNewDecimal: {
      const std::size_t bytes = DecimalBytes(column.size, column.scale);
      return {static_cast<std::uint32_t>(bytes), 0, bytes > 0};
    }
    case WireType::kTime2: return fixed(3 + FractionBytes(column.size));
    case WireType::kDateTime2: return fixed(5 + FractionBytes(column.size));
    case WireType::kTimestamp2: return fixed(4 + FractionBytes(column.size));
    case WireType::kVarchar:
    case WireType::kVarString:
    case WireType::kVarcharCompressed:
    case WireType::kString: return counted(column.size > 255 ? 2 : 1);
    case WireType::kTinyBlob:
    case WireType::kMediumBlob:
    case WireType::kLongBlob:
    case WireType::kBlob:
    case WireType::kBlobCompressed:
    case WireType::kGeometry:
    case WireType::kVector:
    case WireType::kJson: return counted(column.size);
    case WireType::kNull:
    case WireType::kTypedArray: break;
  }
  return {0, 0, false};
}

inline void RowWalk::Take(const Step& step, Cursor& in) {
  in.Skip(step.fixed);
  if (step.length_bytes != 0) in.Skip(in.Little(step.length_bytes));
  if (!step.readable) in.Fail();
}

void RowWalk::SkipPartialBits(Cursor& in) const {
  const std::uint64_t options = in.Packed();
  if (options > 1) in.Fail();
  if (options == 1) in.Skip((json_columns_ + 7) / 8);
}

void RowWalk::SkipImage(std::string_view present, std::size_t present_count, Cursor& in) const {
  const std::string_view nulls = in.Bytes((present_count + 7) / 8);
  if (!in.ok()) return;
  // Bits behind the last column may have any value.
  const bool whole =
      present_count == steps_.size() && present_count % 8 != 0
          ? std::all_of(nulls.begin(), nulls.end() - 1, [](char c) { return c == 0; }) &&
                (static_cast<unsigned char>(nulls.back()) & ((1u << (present_count % 8)) - 1)) == 0
          : present_count == steps_.size() && std::all_of(nulls.begin(), nulls.end(), [](char c) { return c == 0; });
  if (whole) {
    for (const Step& step : whole_) Take(step, in);
    return;
  }
  std::size_t index = 0;
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    if (Bit(present, i) && !Bit(nulls, index++)) Take(steps_[i], in);
  }
}

base::Result<std::uint64_t> RowWalk::CountRows(RowOp op, bool partial, std::string_view data) const {
  Cursor in(data);
  const std::uint64_t claimed = in.Packed();
  if (!in.ok() || claimed != steps_.size()) {
    return Corrupt(fmt::format("{} columns in the row event, {} in its table map", claimed, steps_.size()));
  }
  struct Image {
    std::string_view present;
    std::size_t count = 0;
  };
  std::array<Image, 2> images;
  const std::size_t image_count = op == RowOp::kUpdate ? 2 : 1;
  for (std::size_t k = 0; k < image_count; ++k) {
    images[k].present = in.Bytes((steps_.size() + 7) / 8);
    if (!in.ok()) return Corrupt("row event cut short in its column bitmap");
    for (std::size_t i = 0; i < steps_.size(); ++i) images[k].count += Bit(images[k].present, i) ? 1u : 0u;
  }
  std::uint64_t rows = 0;
  while (in.remaining() > 0) {
    const std::size_t row_start = in.position();
    for (std::size_t k = 0; k < image_count; ++k) {
      if (partial && k == 1) SkipPartialBits(in);
      SkipImage(images[k].present, images[k].count, in);
    }
    if (!in.ok()) return Corrupt("row event cut short in a row");
    if (in.position() == row_start) return Corrupt("row event with rows of no bytes");
    ++rows;
  }
  return rows;
}

}  // namespace shardlift::binlog
