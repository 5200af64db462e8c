// RowTemplate: the packed form of a mapped row (MappedRow::fields) with the fields in place that no row changes.
// Internal to mapping/.
//
// Thread rules: immutable after Finish.
#pragma once

#include <cstddef>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mapping/column_reader.h"

namespace shardlift::mapping {

class RowTemplate {
 public:
  explicit RowTemplate(std::size_t columns) : constants_(columns), is_constant_(columns) {}
  void SetConstant(std::size_t column, const Val& value);
  // Once, when all constants are set.
  void Finish();

  // A field of the row whose other fields are `fields`, which has an entry for every column.
  const Val& At(std::size_t column, std::span<const Val> fields) const {
    return is_constant_[column] ? constants_[column] : fields[column];
  }
  // Allocates only while *out is smaller than the row.
  void Pack(std::span<const Val> fields, std::string* out) const;

 private:
  struct Piece {
    std::string constant;    // packed fields that stand before the field
    std::size_t column = 0;  // of the field
  };

  std::vector<Val> constants_;
  std::vector<bool> is_constant_;
  std::deque<std::string> texts_;  // what the constants point to
  std::vector<Piece> pieces_;
  std::string tail_;                // packed constants behind the last piece
  std::size_t constant_bytes_ = 0;  // of all constants and of the lengths of all fields
};

}  // namespace shardlift::mapping
