// MappingConfig: one mapping as the user wrote it (design 3.1; configs/mappings/*.json). Plain data; parsed by job/.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace shardlift::mapping {

enum class BadValuePolicy : std::uint8_t { kRefuse, kDeadLetter };
enum class ConflictPolicy : std::uint8_t { kDeadLetter, kRefuse };

struct MappingConfig {
  std::string name;                  // "im"
  std::string place;                 // where it stands, for messages: "configs/mappings/im.json" or "mappings[0]"
  std::uint32_t origin = 0;          // 1..255, one per legacy family
  std::vector<std::string> sources;  // names of sources; empty: all
  std::string target = "message";    // the table that its rows go to
  std::vector<std::string> match;    // patterns over schema.table: "im_{0..3}.msg_{00..15}", "push_*.log"
  std::vector<std::string> key;      // columns of the unique key that names a legacy row
  std::string where;                 // rows for which it is not true are left behind and counted; empty: all rows
  std::vector<std::pair<std::string, std::string>> columns;  // target column -> expression, in file order
  std::vector<std::string> ignore;                           // source columns that are deliberately not mapped
  // Source column -> the character set that its bytes really are in, where that is not the column's own.
  std::vector<std::pair<std::string, std::string>> charsets;
  // Target column -> expression that stands there instead of a bad value; on_bad_value is for the others.
  std::vector<std::pair<std::string, std::string>> bad_values;
  BadValuePolicy on_bad_value = BadValuePolicy::kRefuse;
  ConflictPolicy on_conflict = ConflictPolicy::kDeadLetter;  // for rows that want another row's target key to the end

  bool ReadsFrom(std::string_view source) const {
    return sources.empty() || std::find(sources.begin(), sources.end(), source) != sources.end();
  }
};

}  // namespace shardlift::mapping
