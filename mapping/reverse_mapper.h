// ReverseMapper: from a row of the message store back to the legacy row it was made of, as far as the mapping inverts.
//
// A column comes back from the owner key, or from a target column whose expression tells it (inverse.h); others are
// one-way, with the reason. For every row that maps without a bad value, the columns that come back are the row's own.
// Thread rules: one thread; it keeps buffers.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "mapping/table_mapper.h"

namespace shardlift::mapping {

struct ColumnReverse {
  std::string column;  // of the legacy table
  bool inverts = false;
  std::string how;  // the target column it comes from; else why it does not come back
};

class ReverseMapper {
 public:
  // kUsage for what TableMapper::Compile refuses.
  static base::Result<std::unique_ptr<ReverseMapper>> Compile(const MappingConfig& config, const TableContext& context);
  ~ReverseMapper();

  // One per column of the legacy table, in its order; generated columns are not among them.
  std::span<const ColumnReverse> columns() const;
  bool inverts() const;  // all of them

  // `fields` as in MappedRow. The row has one value per column of the schema, absent where it does not come back; it
  // lives until the next call. kBadValue for fields that this mapping does not make (changed in the target since).
  base::Status Reverse(std::string_view fields, std::vector<mysql::Value>* row);

 private:
  struct Impl;
  explicit ReverseMapper(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace shardlift::mapping
