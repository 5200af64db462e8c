// What decides the bucket of an account: the routing version. Part of store/router.h, which is what to include.
//
// Routing key bytes (fixed for life): account_type in decimal, ':', the account key. Integer keys as minimal decimal,
// string keys as UTF-8 after the account type's declared normalisation, which the mapping applies.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace shardlift::store {

inline constexpr std::uint32_t kBucketsDefault = 4096;
inline constexpr std::uint32_t kNoBucket = 0xFFFFFFFF;

enum class Strategy : std::uint8_t {
  kCrc32Fmix32,  // fmix32 (Murmur3's finaliser) over CRC32 (IEEE): plain SQL computes it on both servers
  kXxh3,         // XXH3, 64 bits, seed 0; no SQL computes it
  kModulo,       // the account key as a number; keys that are none have no bucket
  kRange,        // the bucket of the last range that begins at or below that number
  kLookup,       // listed accounts have their own bucket, all others that of kCrc32Fmix32
};
std::string_view StrategyName(Strategy strategy);  // "crc32-fmix32", "xxh3", "modulo", "range", "lookup"
std::optional<Strategy> StrategyNamed(std::string_view name);

struct AccountKey {
  std::uint32_t account_type = 0;
  std::string_view account_key;
  std::uint32_t biz_tag = 0;
};
struct KeyRange {
  std::uint64_t first = 0;
  std::uint32_t bucket = 0;
};
struct ListedAccount {
  std::uint32_t account_type = 0;
  std::string account_key;
  std::uint32_t bucket = 0;
};
// A large tenant: its messages lie in buckets of their own, [first, first + buckets), at or above
// RoutingRules::buckets.
struct PinnedTag {
  std::uint32_t biz_tag = 0;
  std::uint32_t first = 0;
  std::uint32_t buckets = 1;  // a power of two; the default hash chooses among them
};

struct RoutingRules {
  std::uint32_t version = 1;
  Strategy strategy = Strategy::kCrc32Fmix32;
  std::uint32_t buckets = kBucketsDefault;
  std::uint32_t tables = 1;            // physical tables of a shard: a row lies in table bucket % tables
  std::vector<KeyRange> ranges;        // of kRange, ascending
  std::vector<ListedAccount> lookup;   // of kLookup
  std::vector<PinnedTag> pinned_tags;  // of any strategy; a pin goes before it
};

std::uint32_t Fmix32(std::uint32_t h);
// Fmix32(CRC32(account_type ":" account_key)).
std::uint32_t RoutingHash(std::uint32_t account_type, std::string_view account_key);
// The bucket of kCrc32Fmix32 as an SQL expression over two SQL expressions (type: unsigned integer, key: binary
// string).
std::string BucketSql(std::string_view account_type_sql, std::string_view account_key_sql, std::uint32_t buckets);

// BucketRules::Text() for people: lists by their lengths and a checksum, no account keys.
std::string SummaryOfRules(std::string_view text);

// RoutingRules, checked and made ready. Immutable.
class BucketRules {
 public:
  // kUsage, naming the rule, for rules that contradict themselves.
  static base::Result<BucketRules> Create(RoutingRules rules);

  const RoutingRules& rules() const { return rules_; }
  std::uint32_t bucket_count() const { return bucket_count_; }  // pinned and listed buckets included
  std::uint32_t BucketOf(const AccountKey& key) const;          // kNoBucket: see kModulo and kRange
  bool has_sql() const { return rules_.strategy != Strategy::kXxh3; }
  // The same as an SQL expression, NULL for kNoBucket; kUsage without has_sql().
  base::Result<std::string> Sql(std::string_view account_type_sql, std::string_view account_key_sql,
                                std::string_view biz_tag_sql) const;
  std::string Text() const;  // equal for equal rules and for no others

  struct Explanation {
    std::string key_bytes;
    std::optional<std::uint64_t> hash;  // when one decided
    std::string reason;                 // "crc32-fmix32", "pinned biz tag 7", "range from 5000", ...
    std::uint32_t bucket = kNoBucket;
  };
  Explanation Explain(const AccountKey& key) const;

 private:
  const PinnedTag* PinOf(std::uint32_t biz_tag) const;
  const ListedAccount* Listed(const AccountKey& key, std::uint32_t hash) const;
  std::uint32_t RangeBucket(std::uint64_t number) const;
  base::Status Check();
  base::Status CheckRanges();
  base::Status CheckLookup();
  base::Status CheckPins();

  RoutingRules rules_;
  std::uint32_t bucket_count_ = 0;
  struct Slot {
    std::uint32_t hash = 0;
    std::uint32_t place = 0;  // in rules_.lookup, from 1 on; 0 is free
  };
  std::vector<Slot> slots_;                 // kLookup: open addressing by hash
  std::vector<std::uint32_t> range_hints_;  // kRange: how many ranges begin below each 2^range_shift_ numbers
  unsigned range_shift_ = 0;
};

}  // namespace shardlift::store
