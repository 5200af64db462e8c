#include "verify/key_ranges.h"

#include <algorithm>
#include <utility>

namespace shardlift::verify {

std::vector<OwnerPart> Without(const OwnerPart& part, std::vector<KeyRange> settled) {
  std::sort(settled.begin(), settled.end(), [](const KeyRange& a, const KeyRange& b) { return a.after < b.after; });
  std::vector<OwnerPart> left;
  const auto add = [&](const std::string& after, const std::optional<std::string>& upto) {
    OwnerPart range = part;
    range.after = after;
    range.upto = upto;
    left.push_back(std::move(range));
  };
  std::string from = part.after;
  for (const KeyRange& range : settled) {
    if (range.upto && *range.upto <= from) continue;
    if (part.upto && range.after >= *part.upto) break;
    if (range.after > from) add(from, range.after);
    if (!range.upto || (part.upto && *range.upto >= *part.upto)) return left;
    from = *range.upto;
  }
  add(from, part.upto);
  return left;
}

}  // namespace shardlift::verify
