#include "migrate/value_counts.h"

#include "store/message_table.h"

namespace shardlift::migrate {

void ValueCounts::Add(const ValueCounts& other) {
  for (const auto& [column, counts] : other.columns_) {
    ColumnCounts& mine = columns_[column];
    mine.replaced += counts.replaced;
    mine.lossy += counts.lossy;
    mine.set_aside += counts.set_aside;
  }
}

std::vector<ValueCount> ListValueCounts(const std::map<std::string, ValueCounts>& by_mapping) {
  std::vector<ValueCount> list;
  for (const auto& [mapping, values] : by_mapping) {
    for (const auto& [column, counts] : values.columns()) {
      const std::string name = column < 0 ? "where" : store::MessageColumns()[static_cast<std::size_t>(column)].name;
      list.push_back({mapping, name, counts});
    }
  }
  return list;
}

}  // namespace shardlift::migrate
