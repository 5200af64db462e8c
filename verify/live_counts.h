// What a live pass looked at again (docs/verification.md#live).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace shardlift::verify {

// A row about which a live pass has no verdict.
struct OpenRow {
  std::string source;
  std::string table;
  std::string owner_key;
  std::string key_text;  // as Finding's
  std::string reason;    // "hot: ..."
};

struct LiveCounts {
  std::uint64_t suspects = 0;      // rows that looked wrong where the two sides were read one after the other
  std::uint64_t right = 0;         // of them: right; the others are findings, or open
  std::uint64_t open = 0;          // complete
  std::vector<OpenRow> open_rows;  // findings_max of them

  void Add(LiveCounts other, std::size_t listed_max);
};

}  // namespace shardlift::verify
