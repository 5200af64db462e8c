// Ranges of owner keys as sets: what is left of a part when some of it is settled.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "verify/owner_part.h"

namespace shardlift::verify {

// As OwnerPart's: `after` excluded, `upto` included and none for all to the last.
struct KeyRange {
  std::string after;
  std::optional<std::string> upto;
};

// The ranges of `part` that are in none of `settled`, which may come in any order and overlap.
std::vector<OwnerPart> Without(const OwnerPart& part, std::vector<KeyRange> settled);

}  // namespace shardlift::verify
