// How evenly keys fall on cells, and what even means: by chance alone the counts spread as a binomial distribution
// does.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace shardlift::store {

struct Distribution {
  std::uint64_t keys = 0;
  std::size_t cells = 0;
  double mean = 0;
  double deviation = 0;         // standard deviation of the counts
  double chance_deviation = 0;  // what a hash that is as good as dice would give
  double chi_square = 0;        // cells - 1 degrees of freedom
  double chi_square_z = 0;      // its distance from the expected value in its own standard deviations; dice: -3 to 3
  std::uint64_t least = 0;
  std::uint64_t most = 0;
};

Distribution Measure(std::span<const std::uint32_t> counts);

// A layout of databases and physical tables in each: "8x32".
struct Layout {
  std::uint32_t databases = 0;
  std::uint32_t tables = 0;
  std::string Text() const;
};
// False unless `text` is DATABASESxTABLES, 1 to 1024 each.
bool ParseLayout(std::string_view text, Layout* layout);

}  // namespace shardlift::store
