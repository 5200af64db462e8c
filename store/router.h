// Router: account -> bucket -> shard and physical table. The one header of target sl_router, which needs neither
// servers nor job files: an application routes with it as shardlift does (docs/routing.md has a whole example).
//
// Two versions are kept apart. RoutingRules (store/routing_rules.h) are the routing version: all that decides a bucket;
// changing any of it is a data move. The shard map (epoch, ranges) only says where buckets live.
//
//   Router       rules and one shard map; immutable, any number of threads.
//   LiveRouter   the same with a map that can be replaced while threads route. Each thread has a LiveRouter::Reader;
//                routing takes no lock, waits for nobody and allocates nothing.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "store/routing_rules.h"

namespace shardlift::store {

inline constexpr std::uint32_t kNoShard = 0xFFFF;

struct BucketRange {
  std::uint32_t first = 0;
  std::uint32_t last = 0;   // included
  std::uint32_t shard = 0;  // index into the job's shards
};

struct Place {
  std::uint32_t bucket = kNoBucket;
  std::uint32_t shard = kNoShard;
  std::uint32_t table = 0;
  std::uint64_t epoch = 0;  // of the map that said so
  bool found() const { return bucket != kNoBucket; }
};

class Router {
 public:
  // kUsage unless the rules are right and the ranges cover each bucket exactly once.
  static base::Result<Router> Create(RoutingRules rules, std::uint64_t epoch, const std::vector<BucketRange>& ranges);
  static base::Result<Router> Create(std::uint32_t buckets, const std::vector<BucketRange>& ranges);
  base::Result<Router> WithMap(std::uint64_t epoch, const std::vector<BucketRange>& ranges) const;
  // Equal contiguous ranges over `shards` shards.
  static std::vector<BucketRange> EqualRanges(std::uint32_t buckets, std::uint32_t shards);
  // The same, the buckets above the hashed ones (pinned, listed) by themselves: pins move no other bucket.
  static std::vector<BucketRange> EqualRanges(const BucketRules& rules, std::uint32_t shards);
  // A map over `shards` shards as even as can be, moving as few buckets as can be away from where they are.
  std::vector<BucketRange> Resized(std::uint32_t shards) const;

  const BucketRules& rules() const { return *rules_; }
  const std::shared_ptr<const BucketRules>& shared_rules() const { return rules_; }
  std::uint32_t buckets() const { return rules_->rules().buckets; }
  std::uint64_t epoch() const { return epoch_; }
  Place Route(const AccountKey& key) const;
  std::uint32_t BucketOf(std::uint32_t account_type, std::string_view account_key) const {
    return rules_->BucketOf({account_type, account_key, 0});
  }
  std::uint32_t ShardOf(std::uint32_t bucket) const { return where_[bucket].shard; }
  // The shard map in one spelling, whatever ranges it was made of: "0-2047:0 2048-4095:1".
  std::string MapText() const;

 private:
  std::shared_ptr<const BucketRules> rules_;
  std::uint64_t epoch_ = 0;
  std::vector<std::uint32_t> ShardsOfBuckets() const;
  struct Where {
    std::uint16_t shard = kNoShard;
    std::uint16_t table = 0;
  };
  std::vector<Where> where_;  // of each bucket
};

class LiveRouter {
 public:
  explicit LiveRouter(Router router);
  ~LiveRouter();  // after all its readers
  LiveRouter(const LiveRouter&) = delete;
  LiveRouter& operator=(const LiveRouter&) = delete;

  // Readers use the new map from their next call on. Any thread. kRefused for other rules, for a smaller epoch, and for
  // another map of the same epoch; the map in use again is no change.
  base::Status Load(Router next);
  std::size_t maps_kept() const;  // the current one, and those that readers still stand at

  // One thread's way in. It stands at one map and leaves it at the first call after a Load, so a map is freed as soon
  // as the last reader has moved on: at most one is kept for each reader.
  class Reader {
   public:
    explicit Reader(LiveRouter& live);
    ~Reader();
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;

    Place Route(const AccountKey& key) { return Current().Route(key); }
    // For several questions to one map; valid until the next call of Route or Current.
    const Router& Current() {
      const Router* now = live_.current_.load(std::memory_order_acquire);
      return now == held_ ? *now : MoveOn(now);
    }

   private:
    const Router& MoveOn(const Router* now);
    LiveRouter& live_;
    std::atomic<const Router*>* slot_;  // what Load must not free
    const Router* held_ = nullptr;
  };

 private:
  struct Slots;
  std::atomic<const Router*> current_;
  mutable std::mutex mutex_;  // of Load, and of readers that come or go
  std::unique_ptr<Slots> slots_;
};

}  // namespace shardlift::store
