#include "verify/unit_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <random>
#include <span>
#include <string>
#include <utility>

namespace shardlift::verify {
namespace {

using base::Result;
using base::Status;

// A table is cut into parts of so many chunks, and into so many parts for each thread: parts are even in keys, not in
// rows.
constexpr std::uint64_t kChunksOfAPart = 4;
constexpr std::uint64_t kPartsPerThread = 4;
constexpr std::uint32_t kSamplePartsMax = 10'000;
// Touched owners are looked at in blocks: as a range when it has few other rows, else in halves, else by their keys.
constexpr std::size_t kBlockKeysMax = 2000;
constexpr std::size_t kBlockKeysMin = 250;
constexpr std::uint64_t kRowsForAKeyMax = 4;

// `count` of the numbers below `end`, in ascending order.
std::vector<std::uint32_t> Draw(std::uint32_t end, std::uint32_t count, std::uint64_t seed) {
  std::vector<std::uint32_t> numbers(end);
  for (std::uint32_t i = 0; i < end; ++i) numbers[i] = i;
  std::mt19937_64 random(seed);
  for (std::uint32_t i = 0; i < count; ++i) {
    // Not std::uniform_int_distribution: the same seed has to draw the same parts everywhere.
    std::swap(numbers[i], numbers[i + random() % (end - i)]);
  }
  numbers.resize(count);
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

std::uint32_t ShareOf(std::uint32_t parts, double share) {
  return std::clamp(static_cast<std::uint32_t>(std::lround(share * parts)), 1u, parts);
}

// True when the source has at most kRowsForAKeyMax rows for each of the keys in the range they span.
Result<bool> IsDense(const job::CatalogTable& table, TableChecker& sessions, const OwnerPart& part, std::size_t keys) {
  const std::uint64_t rows_max = kRowsForAKeyMax * keys;
  SL_ASSIGN(mysql::Session * source, sessions.Source(table.source));
  SL_ASSIGN(const mysql::Rows rows,
            source->Query(fmt::format("SELECT COUNT(*) FROM (SELECT 1 FROM {} WHERE {} LIMIT {}) AS `_some`",
                                      table.schema().name.Quoted(), SourcePartSql(*table.mapper, part), rows_max + 1),
                          "count rows of " + table.schema().name.Text()));
  const std::string text = rows.rows.at(0).at(0).value_or("");
  std::uint64_t count = rows_max + 1;
  std::from_chars(text.data(), text.data() + text.size(), count);
  return count <= rows_max;
}

class TouchedPlan {
 public:
  TouchedPlan(const CheckContext& context, TableChecker& sessions, std::size_t table, std::vector<Unit>* units)
      : table_(context.catalog.tables[table]), index_(table), sessions_(sessions), units_(units) {}

  void AddRange(const std::string& least, const std::string& greatest) {
    units_->push_back({index_, Range(least, greatest), false, false});
  }

  Status AddBlock(std::span<const std::string> keys) {
    if (keys.empty()) return base::Ok();
    const OwnerPart range = Range(keys.front(), keys.back());
    SL_ASSIGN(const bool dense, IsDense(table_, sessions_, range, keys.size()));
    if (dense) {
      units_->push_back({index_, range, false, false});
      return base::Ok();
    }
    if (keys.size() < 2 * kBlockKeysMin) {
      AddKeys(keys);
      return base::Ok();
    }
    SL_TRY(AddBlock(keys.first(keys.size() / 2)));
    return AddBlock(keys.subspan(keys.size() / 2));
  }

  void AddKeys(std::span<const std::string> keys) {
    OwnerPart part;
    part.owners.assign(keys.begin(), keys.end());
    units_->push_back({index_, std::move(part), false, true});
  }

 private:
  static OwnerPart Range(const std::string& least, const std::string& greatest) {
    OwnerPart part;
    part.after = KeyBefore(least);
    part.upto = greatest;
    return part;
  }
  const job::CatalogTable& table_;
  const std::size_t index_;
  TableChecker& sessions_;
  std::vector<Unit>* const units_;
};

}  // namespace

Result<std::vector<OwnerPart>> CutEvenly(TableChecker& sessions, const job::CatalogTable& table, std::uint32_t parts) {
  std::vector<OwnerPart> whole(1);
  if (parts < 2 || !HasKeyRanges(*table.mapper)) return whole;
  SL_ASSIGN(mysql::Session * source, sessions.Source(table.source));
  SL_ASSIGN(const mysql::Rows ends, source->Query(FirstKeyColumnRangeSql(*table.mapper),
                                                  "find the first and last key of " + table.schema().name.Text()));
  const auto& row = ends.rows.at(0);
  if (!row[0] || !row[1]) return whole;
  return EvenParts(*table.mapper, *row[0], *row[1], parts);
}

std::string KeyBefore(std::string key) {
  for (std::size_t i = key.size(); i-- > 0;) {
    const auto byte = static_cast<unsigned char>(key[i]);
    key[i] = static_cast<char>(byte - 1);
    if (byte != 0) return key;
  }
  return {};
}

Result<std::vector<OwnerPart>> PartsForThreads(const CheckContext& context, TableChecker& sessions,
                                               const job::CatalogTable& table) {
  const VerifyOptions& options = context.options;
  return CutEvenly(
      sessions, table,
      static_cast<std::uint32_t>(std::min(table.schema().rows_estimate / (kChunksOfAPart * options.chunk_rows),
                                          kPartsPerThread * std::max(1u, options.threads))));
}

Status AddSampleUnits(const CheckContext& context, TableChecker& sessions, std::size_t table,
                      std::vector<Unit>* units) {
  const VerifyOptions& options = context.options;
  const job::CatalogTable& one = context.catalog.tables[table];
  const auto parts_min = static_cast<std::uint32_t>(std::ceil(1 / options.sample_share));
  const auto wanted = static_cast<std::uint32_t>(
      std::clamp<std::uint64_t>(one.schema().rows_estimate / options.chunk_rows, parts_min, kSamplePartsMax));
  const std::uint64_t seed = options.seed * 1'000'003 + one.ordinal;
  const bool by_rows = options.method == VerifyMethod::kClient;
  if (!HasKeyRanges(*one.mapper)) {
    OwnerPart part;
    part.slices = wanted;
    part.slice_list = Draw(wanted, ShareOf(wanted, options.sample_share), seed);
    units->push_back({table, std::move(part), false, true});
    return base::Ok();
  }
  SL_ASSIGN(std::vector<OwnerPart> parts, CutEvenly(sessions, one, wanted));
  const auto count = static_cast<std::uint32_t>(parts.size());
  for (const std::uint32_t i : Draw(count, ShareOf(count, options.sample_share), seed)) {
    units->push_back({table, std::move(parts[i]), false, by_rows});
  }
  return base::Ok();
}

Status AddTouchedUnits(const CheckContext& context, TableChecker& sessions, std::size_t table, const OwnerSet& owners,
                       std::vector<Unit>* units) {
  if (owners.empty()) return base::Ok();
  const job::CatalogTable& one = context.catalog.tables[table];
  const bool ranges = HasKeyRanges(*one.mapper);
  const bool by_rows = context.options.method == VerifyMethod::kClient;
  TouchedPlan plan(context, sessions, table, units);
  if (owners.all() || (owners.spilled() && !ranges)) {
    SL_ASSIGN(std::vector<OwnerPart> parts, PartsForThreads(context, sessions, one));
    for (OwnerPart& part : parts) units->push_back({table, std::move(part), false, by_rows});
    return base::Ok();
  }
  if (owners.spilled()) {
    plan.AddRange(owners.least(), owners.greatest());
    units->back().by_rows = by_rows;
    return base::Ok();
  }
  const std::vector<std::string> keys = owners.Sorted();
  const std::size_t step = ranges && !by_rows ? kBlockKeysMax : kBlockKeysMin;
  for (std::size_t i = 0; i < keys.size(); i += step) {
    const std::span<const std::string> block = std::span(keys).subspan(i, std::min(step, keys.size() - i));
    if (ranges && !by_rows) {
      SL_TRY(plan.AddBlock(block));
    } else {
      plan.AddKeys(block);
    }
  }
  return base::Ok();
}

}  // namespace shardlift::verify
