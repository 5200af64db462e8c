#include "migrate/value_counts.h"

namespace shardlift::migrate {

void ValueCounts::Add(const ValueCounts& other) {
  for (const auto& [column, counts] : other.columns_) {
    ColumnCounts& mine = columns_[column];
    mine.replaced += counts.replaced;
    mine.lossy += counts.lossy;
    mine.set_aside += counts.set_aside;
  }
}

std::vector<ValueCount> ListValueCounts(const std::map<std::string, MappingCounts>& by_mapping) {
  std::vector<ValueCount> list;
  for (const auto& [mapping, all] : by_mapping) {
    for (const auto& [column, counts] : all.values.columns()) {
      const std::string name = column < 0 ? "where" : all.target->columns[static_cast<std::size_t>(column)].name;
      list.push_back({mapping, name, counts});
    }
  }
  return list;
}

}  // namespace shardlift::migrate
