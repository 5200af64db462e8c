// Router: account key -> bucket -> shard.
//
// Routing key bytes (fixed for life): account_type in decimal, ':', the account key. Integer keys as minimal decimal,
// string keys as UTF-8 after the account type's declared normalisation, which the mapping applies.
// bucket = hash & (buckets - 1). Default hash: fmix32 (Murmur3's finaliser) over CRC32 (IEEE), because plain SQL can
// compute it on both servers.
//
// Two versions are kept apart: the routing version decides buckets and is part of a job's fingerprint; the shard map
// (epoch) only says where buckets live. Thread rules: immutable after construction.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace shardlift::store {

inline constexpr std::uint32_t kBucketsDefault = 4096;

std::uint32_t Fmix32(std::uint32_t h);
// Fmix32(CRC32(account_type ":" account_key)).
std::uint32_t RoutingHash(std::uint32_t account_type, std::string_view account_key);
// The same bucket as an SQL expression over two SQL expressions (type: unsigned integer, key: binary string).
std::string BucketSql(std::string_view account_type_sql, std::string_view account_key_sql, std::uint32_t buckets);

struct BucketRange {
  std::uint32_t first = 0;
  std::uint32_t last = 0;   // included
  std::uint32_t shard = 0;  // index into the job's shards
};

class Router {
 public:
  // kUsage unless buckets is a power of two from 1 to 65536 and the ranges cover each bucket exactly once.
  static base::Result<Router> Create(std::uint32_t buckets, const std::vector<BucketRange>& ranges);
  // Equal contiguous ranges over `shards` shards.
  static std::vector<BucketRange> EqualRanges(std::uint32_t buckets, std::uint32_t shards);

  std::uint32_t buckets() const { return buckets_; }
  std::uint32_t BucketOf(std::uint32_t account_type, std::string_view account_key) const {
    return RoutingHash(account_type, account_key) & (buckets_ - 1);
  }
  std::uint32_t ShardOf(std::uint32_t bucket) const { return shard_of_[bucket]; }
  // The shard map in one spelling, whatever ranges it was made of: "0-2047:0 2048-4095:1".
  std::string MapText() const;

 private:
  std::uint32_t buckets_ = 0;
  std::vector<std::uint16_t> shard_of_;
};

}  // namespace shardlift::store
