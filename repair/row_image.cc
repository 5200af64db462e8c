#include "repair/row_image.h"

#include <fmt/format.h>

#include <cstdint>
#include <span>

#include "mapping/table_mapper.h"
#include "repair/audit.h"
#include "verify/compare.h"

namespace shardlift::repair {

RowViews ViewsOf(const RowColumns& columns) {
  RowViews views(verify::kFirstColumnField);
  for (const auto& column : columns) views.emplace_back(column);
  return views;
}

RowViews ViewsOfPacked(std::string_view fields) {
  RowViews views(verify::kFirstColumnField);
  for (mapping::FieldReader reader(fields); !reader.AtEnd();) views.push_back(reader.Next());
  return views;
}

std::string Packed(const RowColumns& columns) {
  std::string fields;
  for (const auto& column : columns) {
    const std::uint32_t size = column ? static_cast<std::uint32_t>(column->size()) : mapping::kNullField;
    for (int shift = 0; shift < 32; shift += 8) fields += static_cast<char>(size >> shift & 0xFFu);
    if (column) fields += *column;
  }
  return fields;
}

std::string DigestOf(const RowViews& row) {
  if (row.empty()) return "none";
  std::string bytes;
  for (const auto& column : row) bytes += column ? fmt::format("{},{}", column->size(), *column) : "N";
  return Sha256Hex(bytes);
}

bool IsSameRow(const store::TargetTable& target, const RowViews& a, const RowViews& b) {
  if (a.empty() || b.empty()) return a.empty() && b.empty();
  std::vector<std::size_t> differing;
  verify::CompareColumns(std::span(target.columns).first(target.stored()), a, b, &differing);
  return differing.empty();
}

}  // namespace shardlift::repair
