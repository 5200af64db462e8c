// One typical value of each column type, as row events store it, and tables and events made of them.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "binlog/described_table.h"
#include "binlog/group.h"
#include "tests/binlog/event_builder.h"

namespace shardlift::binlog {

struct SampleColumn {
  std::string_view name;
  WireColumn wire;
  std::string stored;
  bool is_unsigned = false;
  bool binary = false;  // CHAR, VARCHAR, TEXT and BLOB: without a charset
};

inline std::vector<SampleColumn> SampleColumns() {
  const std::string text64 = "a message of a chat, which is of the usual length: sixty-four ";
  const std::string text200 = text64 + text64 + text64 + "and more";
  const std::string json = std::string("\0\x01\x00\x0c\x00\x0b\x00\x01\x00\x05\x07\x00", 12) + "a";  // {"a": 7}
  return {
      {"tinyint", {WireType::kTiny}, "\x05"},
      {"smallint", {WireType::kShort}, Little(500, 2)},
      {"mediumint", {WireType::kInt24}, Little(70000, 3)},
      {"int", {WireType::kLong}, Little(1690000000, 4)},
      {"bigint unsigned", {WireType::kLongLong}, Little(123456789012, 8), true},
      {"float", {WireType::kFloat, 4}, Little(0x3fc00000, 4)},
      {"double", {WireType::kDouble, 8}, Little(0x3ff8000000000000, 8)},
      {"decimal(10,2)", {WireType::kNewDecimal, 10, 2}, Big(0x800000, 3) + Big(0x0c32, 2)},
      {"decimal(30,10)",
       {WireType::kNewDecimal, 30, 10},
       Big(0x80, 1) + Big(1234, 4) + Big(5678, 4) + Big(9, 4) + Big(1, 1)},
      {"year", {WireType::kYear}, "\x7c"},
      {"date", {WireType::kDate}, Little(2026 * 512 + 11 * 32 + 21, 3)},
      {"time(0)", {WireType::kTime2, 0}, Big(0x800000 + 12 * 4096 + 34 * 64 + 56, 3)},
      {"datetime(0)",
       {WireType::kDateTime2, 0},
       Big(0x8000000000 + ((2026ull * 13 + 11) * 32 + 21) * 131072 + 50000, 5)},
      {"datetime(3)",
       {WireType::kDateTime2, 3},
       Big(0x8000000000 + ((2026ull * 13 + 11) * 32 + 21) * 131072 + 50000, 5) + Big(1230, 2)},
      {"timestamp(0)", {WireType::kTimestamp2, 0}, Big(1763722098, 4)},
      {"timestamp(6)", {WireType::kTimestamp2, 6}, Big(1763722098, 4) + Big(123456, 3)},
      {"enum", {WireType::kEnum, 1}, "\x02"},
      {"set", {WireType::kSet, 1}, "\x05"},
      {"bit(12)", {WireType::kBit, 12}, Big(0x5a5, 2)},
      {"char(16)",
       {WireType::kString, 64},
       "\x0a"
       "0123456789"},
      {"binary(16)",
       {WireType::kString, 16},
       "\x0c"
       "0123456789ab",
       false,
       true},
      {"varchar(40) of 22",
       {WireType::kVarchar, 160},
       "\x16"
       "im:100000001:100000002"},
      {"varchar(200) of 62", {WireType::kVarchar, 800}, Little(text64.size(), 2) + text64},
      {"text of 194", {WireType::kBlob, 2}, Little(text200.size(), 2) + text200},
      {"blob of 62", {WireType::kBlob, 2}, Little(text64.size(), 2) + text64, false, true},
      {"json", {WireType::kJson, 4}, Little(json.size(), 4) + json},
  };
}

inline std::shared_ptr<const DescribedTable> DescribeSample(std::span<const SampleColumn> columns) {
  TableMapEvent map;
  map.schema = "db";
  map.table = "sample";
  std::string signedness(columns.size() / 8 + 1, '\0');
  std::string charsets;
  std::size_t bit = 0;
  for (const SampleColumn& column : columns) {
    map.columns.push_back(column.wire);
    map.column_names.push_back(column.name);
    const WireType type = column.wire.type;
    if (type == WireType::kString || type == WireType::kVarchar || type == WireType::kBlob) {
      charsets += static_cast<char>(column.binary ? 63 : 45);  // binary, utf8mb4_general_ci
    }
    if (!HasSignednessBit(type)) continue;
    if (column.is_unsigned) signedness[bit / 8] = static_cast<char>(signedness[bit / 8] | (0x80 >> (bit % 8)));
    ++bit;
  }
  map.signedness = signedness;
  map.metadata[static_cast<std::size_t>(MetadataField::kColumnCharset)] = charsets;
  auto table = DescribeTable(map, mysql::Flavour::kMySql, 0);
  SL_CHECK(table.ok());
  return std::move(table).value();
}

// One image of a row with all columns; the one at `null_at` is NULL.
inline std::string SampleImage(std::span<const SampleColumn> columns, std::size_t null_at = ~std::size_t{0}) {
  std::string nulls((columns.size() + 7) / 8, '\0');
  std::string values;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (i == null_at) {
      nulls[i / 8] = static_cast<char>(1u << (i % 8));
    } else {
      values += columns[i].stored;
    }
  }
  return nulls + values;
}

// The data of a row event, from its column count on. Every eighth image has a NULL if `with_nulls`.
inline std::string SampleRows(std::span<const SampleColumn> columns, RowOp op, std::size_t rows, bool with_nulls) {
  const std::size_t images = op == RowOp::kUpdate ? 2 : 1;
  std::string data(1, static_cast<char>(columns.size()));
  data.append(images * ((columns.size() + 7) / 8), '\xff');
  for (std::size_t i = 0; i < rows * images; ++i) {
    data += SampleImage(columns, with_nulls && i % 8 == 7 ? i % columns.size() : ~std::size_t{0});
  }
  return data;
}

}  // namespace shardlift::binlog
