#include "store/distribution.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

namespace shardlift::store {

Distribution Measure(std::span<const std::uint32_t> counts) {
  Distribution d;
  d.cells = counts.size();
  if (counts.empty()) return d;
  for (const std::uint32_t count : counts) d.keys += count;
  const auto cells = static_cast<double>(d.cells);
  d.mean = static_cast<double>(d.keys) / cells;
  double squares = 0;
  for (const std::uint32_t count : counts) squares += (count - d.mean) * (count - d.mean);
  d.deviation = std::sqrt(squares / cells);
  d.chance_deviation = std::sqrt(d.mean * (1 - 1 / cells));
  d.chi_square = d.mean > 0 ? squares / d.mean : 0;
  d.chi_square_z = d.cells > 1 ? (d.chi_square - (cells - 1)) / std::sqrt(2 * (cells - 1)) : 0;
  const auto [least, most] = std::minmax_element(counts.begin(), counts.end());
  d.least = *least;
  d.most = *most;
  return d;
}

std::string Layout::Text() const { return fmt::format("{}x{}", databases, tables); }

bool ParseLayout(std::string_view text, Layout* layout) {
  constexpr std::uint32_t kMost = 1024;
  const char* const end = text.data() + text.size();
  const auto [cross, first] = std::from_chars(text.data(), end, layout->databases);
  if (first != std::errc() || cross == end || *cross != 'x') return false;
  const auto [rest, second] = std::from_chars(cross + 1, end, layout->tables);
  const auto fits = [](std::uint32_t n) { return n >= 1 && n <= kMost; };
  return second == std::errc() && rest == end && fits(layout->databases) && fits(layout->tables);
}

}  // namespace shardlift::store
