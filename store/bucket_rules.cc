// RoutingRules: what they may be, and the bucket of an account under them.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <set>
#include <utility>

#include "store/key_hashes.h"
#include "store/router.h"

namespace shardlift::store {

using base::Code;
using base::Status;

namespace {

constexpr std::uint32_t kBucketsMax = 65536;  // message.bucket has 16 bits
constexpr std::uint32_t kTablesMax = 1024;
constexpr std::uint32_t kBizTagMax = 65535;

struct NamedStrategy {
  Strategy strategy;
  std::string_view name;
};
constexpr NamedStrategy kStrategies[] = {{Strategy::kCrc32Fmix32, "crc32-fmix32"},
                                         {Strategy::kXxh3, "xxh3"},
                                         {Strategy::kModulo, "modulo"},
                                         {Strategy::kRange, "range"},
                                         {Strategy::kLookup, "lookup"}};

Status Usage(std::string text) { return Status(Code::kUsage, std::move(text)); }

constexpr std::size_t kDigitsMax = 20;  // of 2^64 - 1
constexpr std::size_t kDigitsNoOverflow = 19;

// Eight decimal digits at once; false when one of the bytes is none.
bool EightDigits(const char* at, std::uint64_t* number) {
  std::uint64_t word;
  std::memcpy(&word, at, sizeof(word));
  const std::uint64_t high = (word & 0xF0F0F0F0F0F0F0F0u) ^ 0x3030303030303030u;
  const std::uint64_t above_nine = ((word & 0x0F0F0F0F0F0F0F0Fu) + 0x0606060606060606u) & 0xF0F0F0F0F0F0F0F0u;
  if ((high | above_nine) != 0) return false;
  word = (word & 0x0F0F0F0F0F0F0F0Fu) * 2561 >> 8;                // pairs: 10 * first + second
  word = (word & 0x00FF00FF00FF00FFu) * 6553601 >> 16;            // 100 * first + second
  *number = (word & 0x0000FFFF0000FFFFu) * 42949672960001 >> 32;  // 10000 * first + second
  return true;
}

// The number that the key is the minimal decimal of.
std::optional<std::uint64_t> NumberOf(std::string_view key) {
  if (key.empty() || key.size() > kDigitsMax || (key[0] == '0' && key.size() > 1)) return std::nullopt;
  if (key.size() > kDigitsNoOverflow) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), number);
    return error == std::errc() && end == key.data() + key.size() ? std::optional(number) : std::nullopt;
  }
  std::uint64_t number = 0;
  for (; key.size() >= 8; key.remove_prefix(8)) {
    std::uint64_t eight = 0;
    if (!EightDigits(key.data(), &eight)) return std::nullopt;
    number = number * 100'000'000 + eight;
  }
  for (const char digit : key) {
    if (digit < '0' || digit > '9') return std::nullopt;
    number = number * 10 + static_cast<std::uint64_t>(digit - '0');
  }
  return number;
}

}  // namespace

std::string_view StrategyName(Strategy strategy) {
  for (const NamedStrategy& named : kStrategies) {
    if (named.strategy == strategy) return named.name;
  }
  return "unknown";
}

std::optional<Strategy> StrategyNamed(std::string_view name) {
  for (const NamedStrategy& named : kStrategies) {
    if (named.name == name) return named.strategy;
  }
  return std::nullopt;
}

base::Result<BucketRules> BucketRules::Create(RoutingRules rules) {
  BucketRules made;
  made.rules_ = std::move(rules);
  SL_TRY(made.Check());
  return made;
}

Status BucketRules::Check() {
  const std::uint32_t buckets = rules_.buckets;
  if (buckets == 0 || buckets > kBucketsMax || !std::has_single_bit(buckets)) {
    return Usage(fmt::format("routing.buckets is {}: it must be a power of two from 1 to {} (4096 is usual)", buckets,
                             kBucketsMax));
  }
  if (rules_.tables == 0 || rules_.tables > kTablesMax) {
    return Usage(fmt::format("routing.tables is {}: it must be from 1 to {}", rules_.tables, kTablesMax));
  }
  bucket_count_ = buckets;
  SL_TRY(CheckPins());
  SL_TRY(CheckRanges());
  return CheckLookup();
}

Status BucketRules::CheckPins() {
  std::sort(rules_.pinned_tags.begin(), rules_.pinned_tags.end(),
            [](const PinnedTag& a, const PinnedTag& b) { return a.first < b.first; });
  std::uint32_t next = rules_.buckets;
  std::set<std::uint32_t> tags;
  for (const PinnedTag& pin : rules_.pinned_tags) {
    const std::string name = fmt::format("routing.pins: biz tag {}", pin.biz_tag);
    if (pin.biz_tag > kBizTagMax) return Usage(fmt::format("{}: biz tags are from 0 to {}", name, kBizTagMax));
    if (!tags.insert(pin.biz_tag).second) return Usage(name + " is pinned twice; keep one");
    if (!std::has_single_bit(pin.buckets) || pin.buckets > kBucketsMax) {
      return Usage(fmt::format("{}: {} buckets; a power of two is needed", name, pin.buckets));
    }
    if (pin.first < next) {
      return Usage(fmt::format("{}: bucket {} is taken; the next free one is {}", name, pin.first, next));
    }
    if (pin.first + std::uint64_t{pin.buckets} > kBucketsMax) {
      return Usage(fmt::format("{}: its last bucket lies beyond {}", name, kBucketsMax - 1));
    }
    next = pin.first + pin.buckets;
  }
  bucket_count_ = next;
  std::sort(rules_.pinned_tags.begin(), rules_.pinned_tags.end(),
            [](const PinnedTag& a, const PinnedTag& b) { return a.biz_tag < b.biz_tag; });
  return base::Ok();
}

Status BucketRules::CheckRanges() {
  const auto& ranges = rules_.ranges;
  if ((rules_.strategy == Strategy::kRange) == ranges.empty()) {
    return Usage(ranges.empty() ? "routing.ranges is empty: name the first key and the bucket of each range"
                                : "routing.ranges is there, but the strategy is not range; take one of them out");
  }
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    if (ranges[i].bucket >= rules_.buckets) {
      return Usage(fmt::format("routing.ranges: the range from {}: bucket {} does not lie in 0-{}", ranges[i].first,
                               ranges[i].bucket, rules_.buckets - 1));
    }
    if (i > 0 && ranges[i].first <= ranges[i - 1].first) {
      return Usage(fmt::format("routing.ranges: the range from {} follows that from {}: put them in ascending order",
                               ranges[i].first, ranges[i - 1].first));
    }
  }
  // Even pieces of the numbers up to the last beginning, a few for each range: a search starts and ends inside one.
  if (ranges.empty()) return base::Ok();
  const std::uint64_t pieces = std::bit_ceil(std::uint64_t{4} * ranges.size());
  while ((ranges.back().first >> range_shift_) >= pieces) ++range_shift_;
  const std::uint64_t last_piece = ranges.back().first >> range_shift_;
  range_hints_.assign(last_piece + 1, 0);
  for (const KeyRange& range : ranges) {
    const std::uint64_t piece = range.first >> range_shift_;
    if (piece < last_piece) ++range_hints_[piece + 1];
  }
  for (std::size_t i = 1; i < range_hints_.size(); ++i) range_hints_[i] += range_hints_[i - 1];
  range_hints_.push_back(static_cast<std::uint32_t>(ranges.size()));
  return base::Ok();
}

std::uint32_t BucketRules::RangeBucket(std::uint64_t number) const {
  const std::uint64_t piece = std::min<std::uint64_t>(number >> range_shift_, range_hints_.size() - 2);
  const KeyRange* const ranges = rules_.ranges.data();
  const KeyRange* const next = std::upper_bound(ranges + range_hints_[piece], ranges + range_hints_[piece + 1], number,
                                                [](std::uint64_t n, const KeyRange& range) { return n < range.first; });
  return next == ranges ? kNoBucket : (next - 1)->bucket;
}

// A listed account may lie in any bucket, pinned ones included: a large account can have its own.
Status BucketRules::CheckLookup() {
  auto& lookup = rules_.lookup;
  if (rules_.strategy != Strategy::kLookup) {
    return lookup.empty() ? base::Ok()
                          : Usage("routing.lookup is there, but the strategy is not lookup; take one of them out");
  }
  const auto key = [](const ListedAccount& a) { return std::pair(a.account_type, std::string_view(a.account_key)); };
  std::sort(lookup.begin(), lookup.end(), [&](const auto& a, const auto& b) { return key(a) < key(b); });
  for (std::size_t i = 0; i < lookup.size(); ++i) {
    if (lookup[i].bucket >= kBucketsMax) {
      return Usage(fmt::format("routing.lookup: bucket {} lies beyond {}", lookup[i].bucket, kBucketsMax - 1));
    }
    if (i > 0 && key(lookup[i]) == key(lookup[i - 1])) {
      return Usage(
          fmt::format("routing.lookup: an account of type {} is listed twice, with buckets {} and {}; keep one",
                      lookup[i].account_type, lookup[i - 1].bucket, lookup[i].bucket));
    }
    bucket_count_ = std::max(bucket_count_, lookup[i].bucket + 1);
  }
  slots_.assign(std::bit_ceil(2 * lookup.size() + 2), Slot());
  for (std::size_t i = 0; i < lookup.size(); ++i) {
    const std::uint32_t hash = RoutingHash(lookup[i].account_type, lookup[i].account_key);
    std::size_t slot = hash & (slots_.size() - 1);
    while (slots_[slot].place != 0) slot = (slot + 1) & (slots_.size() - 1);
    slots_[slot] = {hash, static_cast<std::uint32_t>(i + 1)};
  }
  return base::Ok();
}

const PinnedTag* BucketRules::PinOf(std::uint32_t biz_tag) const {
  const auto pin = std::lower_bound(rules_.pinned_tags.begin(), rules_.pinned_tags.end(), biz_tag,
                                    [](const PinnedTag& p, std::uint32_t tag) { return p.biz_tag < tag; });
  return pin != rules_.pinned_tags.end() && pin->biz_tag == biz_tag ? &*pin : nullptr;
}

const ListedAccount* BucketRules::Listed(const AccountKey& key, std::uint32_t hash) const {
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t slot = hash & mask; slots_[slot].place != 0; slot = (slot + 1) & mask) {
    if (slots_[slot].hash != hash) continue;
    const ListedAccount& listed = rules_.lookup[slots_[slot].place - 1];
    if (listed.account_type == key.account_type && listed.account_key == key.account_key) return &listed;
  }
  return nullptr;
}

std::uint32_t BucketRules::BucketOf(const AccountKey& key) const {
  const std::uint32_t mask = rules_.buckets - 1;
  if (!rules_.pinned_tags.empty()) {
    if (const PinnedTag* pin = PinOf(key.biz_tag)) {
      return pin->first + (RoutingHash(key.account_type, key.account_key) & (pin->buckets - 1));
    }
  }
  switch (rules_.strategy) {
    case Strategy::kCrc32Fmix32: return RoutingHash(key.account_type, key.account_key) & mask;
    case Strategy::kXxh3: return static_cast<std::uint32_t>(RoutingXxh3(key.account_type, key.account_key)) & mask;
    case Strategy::kModulo: {
      const auto number = NumberOf(key.account_key);
      return number ? static_cast<std::uint32_t>(*number) & mask : kNoBucket;
    }
    case Strategy::kRange: {
      const auto number = NumberOf(key.account_key);
      return number ? RangeBucket(*number) : kNoBucket;
    }
    case Strategy::kLookup: {
      const std::uint32_t hash = RoutingHash(key.account_type, key.account_key);
      const ListedAccount* listed = Listed(key, hash);
      return listed != nullptr ? listed->bucket : hash & mask;
    }
  }
  return kNoBucket;
}

BucketRules::Explanation BucketRules::Explain(const AccountKey& key) const {
  Explanation why;
  why.key_bytes = fmt::format("{}:{}", key.account_type, key.account_key);
  why.bucket = BucketOf(key);
  why.reason = StrategyName(rules_.strategy);
  const std::uint32_t hash = RoutingHash(key.account_type, key.account_key);
  if (PinOf(key.biz_tag) != nullptr) {
    why.hash = hash;
    why.reason = fmt::format("pinned biz tag {}", key.biz_tag);
  } else if (rules_.strategy == Strategy::kCrc32Fmix32) {
    why.hash = hash;
  } else if (rules_.strategy == Strategy::kXxh3) {
    why.hash = RoutingXxh3(key.account_type, key.account_key);
  } else if (rules_.strategy == Strategy::kLookup) {
    const bool listed = Listed(key, hash) != nullptr;
    if (!listed) why.hash = hash;
    why.reason = listed ? "listed account" : "not listed: crc32-fmix32";
  } else if (!NumberOf(key.account_key)) {
    why.reason += ": the account key is no number";
  } else if (why.bucket == kNoBucket) {
    why.reason += ": the account key lies below the first range";
  }
  return why;
}

}  // namespace shardlift::store
