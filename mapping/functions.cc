#include "mapping/functions.h"

#include <algorithm>
#include <vector>

namespace shardlift::mapping {

namespace {

std::size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      std::size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

}  // namespace

const Function* FindFunction(std::string_view upper) {
  for (const Alias& alias : Aliases()) {
    if (alias.name == upper) upper = alias.function;
  }
  for (const Function& function : Functions()) {
    if (function.name == upper) return &function;
  }
  return nullptr;
}

std::string_view RefusedFunction(std::string_view upper) {
  for (const Refusal& refusal : Refusals()) {
    if (refusal.name == upper) return refusal.reason;
  }
  return {};
}

std::string_view NearestFunction(std::string_view upper) {
  std::string_view best;
  std::size_t best_distance = 3;
  for (const Function& function : Functions()) {
    std::size_t distance = EditDistance(upper, function.name);
    if (distance < best_distance) {
      best_distance = distance;
      best = function.name;
    }
  }
  return best;
}

}  // namespace shardlift::mapping
