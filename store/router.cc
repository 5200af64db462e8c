#include "store/router.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace shardlift::store {

using base::Code;
using base::Status;

namespace {

base::Result<std::vector<std::uint16_t>> ShardOfEachBucket(std::uint32_t buckets,
                                                           const std::vector<BucketRange>& ranges) {
  std::vector<std::uint16_t> shard_of(buckets, kNoShard);
  for (const BucketRange& range : ranges) {
    const std::string name = fmt::format("bucket range {}-{}", range.first, range.last);
    if (range.first > range.last || range.last >= buckets) {
      return Status(Code::kUsage, fmt::format("{} does not lie in 0-{}: correct the shard map", name, buckets - 1));
    }
    if (range.shard >= kNoShard) return Status(Code::kUsage, name + ": there are at most 65534 shards");
    for (std::uint32_t bucket = range.first; bucket <= range.last; ++bucket) {
      if (shard_of[bucket] != kNoShard) {
        return Status(Code::kUsage,
                      fmt::format("{}: bucket {} is in another range too; give it to one shard", name, bucket));
      }
      shard_of[bucket] = static_cast<std::uint16_t>(range.shard);
    }
  }
  const auto missing = std::find(shard_of.begin(), shard_of.end(), kNoShard);
  if (missing != shard_of.end()) {
    return Status(Code::kUsage, fmt::format("bucket {} is in no range of the shard map; give it to one shard",
                                            missing - shard_of.begin()));
  }
  return shard_of;
}

std::vector<BucketRange> RangesOf(const std::vector<std::uint32_t>& shard_of) {
  std::vector<BucketRange> ranges;
  for (std::uint32_t bucket = 0; bucket < shard_of.size(); ++bucket) {
    if (ranges.empty() || ranges.back().shard != shard_of[bucket]) ranges.push_back({bucket, bucket, shard_of[bucket]});
    ranges.back().last = bucket;
  }
  return ranges;
}

// How many buckets each of `shards` shards is to have: as even as can be, the larger shares to those that have most.
std::vector<std::uint32_t> Shares(const std::vector<std::uint32_t>& shard_of, std::uint32_t shards) {
  const auto buckets = static_cast<std::uint32_t>(shard_of.size());
  std::vector<std::uint32_t> have(shards);
  for (const std::uint32_t shard : shard_of) {
    if (shard < shards) ++have[shard];
  }
  std::vector<std::uint32_t> order(shards);
  for (std::uint32_t shard = 0; shard < shards; ++shard) order[shard] = shard;
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return have[a] > have[b]; });
  std::vector<std::uint32_t> share(shards, buckets / shards);
  for (std::uint32_t i = 0; i < buckets % shards; ++i) ++share[order[i]];
  return share;
}

}  // namespace

base::Result<Router> Router::Create(RoutingRules rules, std::uint64_t epoch, const std::vector<BucketRange>& ranges) {
  Router router;
  SL_ASSIGN(BucketRules checked, BucketRules::Create(std::move(rules)));
  router.rules_ = std::make_shared<const BucketRules>(std::move(checked));
  return router.WithMap(epoch, ranges);
}

base::Result<Router> Router::Create(std::uint32_t buckets, const std::vector<BucketRange>& ranges) {
  RoutingRules rules;
  rules.buckets = buckets;
  return Create(std::move(rules), 1, ranges);
}

base::Result<Router> Router::WithMap(std::uint64_t epoch, const std::vector<BucketRange>& ranges) const {
  Router router;
  router.rules_ = rules_;
  router.epoch_ = epoch;
  SL_ASSIGN(const std::vector<std::uint16_t> shard_of, ShardOfEachBucket(rules_->bucket_count(), ranges));
  router.where_.resize(shard_of.size());
  for (std::size_t bucket = 0; bucket < shard_of.size(); ++bucket) {
    router.where_[bucket] = {shard_of[bucket], static_cast<std::uint16_t>(bucket % rules_->rules().tables)};
  }
  return router;
}

Place Router::Route(const AccountKey& key) const {
  const std::uint32_t bucket = rules_->BucketOf(key);
  if (bucket == kNoBucket) return {};
  return {bucket, where_[bucket].shard, where_[bucket].table, epoch_};
}

std::vector<std::uint32_t> Router::ShardsOfBuckets() const {
  std::vector<std::uint32_t> shards;
  shards.reserve(where_.size());
  for (const Where& where : where_) shards.push_back(where.shard);
  return shards;
}

std::string Router::MapText() const {
  std::string text;
  for (const BucketRange& range : RangesOf(ShardsOfBuckets())) {
    text += fmt::format("{}{}-{}:{}", text.empty() ? "" : " ", range.first, range.last, range.shard);
  }
  return text;
}

std::vector<BucketRange> Router::EqualRanges(std::uint32_t buckets, std::uint32_t shards) {
  std::vector<BucketRange> ranges;
  ranges.reserve(shards);
  std::uint64_t first = 0;
  for (std::uint32_t shard = 0; shard < shards; ++shard) {
    std::uint64_t next = std::uint64_t{buckets} * (shard + 1) / shards;
    if (next == first) continue;  // more shards than buckets: this one gets none
    ranges.push_back({static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(next - 1), shard});
    first = next;
  }
  return ranges;
}

std::vector<BucketRange> Router::EqualRanges(const BucketRules& rules, std::uint32_t shards) {
  const std::uint32_t hashed = rules.rules().buckets;
  std::vector<BucketRange> ranges = EqualRanges(hashed, shards);
  for (BucketRange range : EqualRanges(rules.bucket_count() - hashed, shards)) {
    range.first += hashed;
    range.last += hashed;
    ranges.push_back(range);
  }
  return ranges;
}

std::vector<BucketRange> Router::Resized(std::uint32_t shards) const {
  const std::vector<std::uint32_t> before = ShardsOfBuckets();
  std::vector<std::uint32_t> room = Shares(before, shards);
  std::vector<std::uint32_t> shard_of(before.size(), kNoShard);
  for (std::size_t bucket = 0; bucket < shard_of.size(); ++bucket) {
    const std::uint32_t now = before[bucket];
    if (now >= shards || room[now] == 0) continue;
    shard_of[bucket] = now;
    --room[now];
  }
  std::uint32_t next = 0;
  for (std::uint32_t& shard : shard_of) {
    if (shard != kNoShard) continue;
    while (room[next] == 0) ++next;
    shard = next;
    --room[next];
  }
  return RangesOf(shard_of);
}

}  // namespace shardlift::store
