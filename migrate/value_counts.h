// ValueCounts: what became of values that did not arrive as they were, by mapping and target column.
//
// Rows are counted when they are mapped: one that is mapped again (a chunk that was voided, a change after the copy, a
// new run) counts again.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "mapping/table_mapper.h"
#include "store/target_table.h"

namespace shardlift::migrate {

struct ColumnCounts {
  std::uint64_t replaced = 0;   // bad values for which the mapping's replacement stands
  std::uint64_t lossy = 0;      // values of which the expression left away a part
  std::uint64_t set_aside = 0;  // rows that became dead letters because of a bad value here
};

class ValueCounts {
 public:
  void CountRow(const mapping::MappedRow& row) {
    for (const std::uint16_t column : row.replaced) ++columns_[column].replaced;
    for (const std::uint16_t column : row.lossy) ++columns_[column].lossy;
  }
  void CountSetAside(const mapping::MappedRow& row) { ++columns_[row.bad_column].set_aside; }
  void Add(const ValueCounts& other);
  bool empty() const { return columns_.empty(); }
  const std::map<int, ColumnCounts>& columns() const { return columns_; }

 private:
  std::map<int, ColumnCounts> columns_;  // by index of the target's columns; -1: the condition
};

// All of one mapping's tables; they fill one target.
struct MappingCounts {
  store::TargetTablePtr target;
  ValueCounts values;
};

// One line of a report.
struct ValueCount {
  std::string mapping;
  std::string column;  // "where" for the condition
  ColumnCounts counts;
};
// In the order of mappings and columns.
std::vector<ValueCount> ListValueCounts(const std::map<std::string, MappingCounts>& by_mapping);

}  // namespace shardlift::migrate
