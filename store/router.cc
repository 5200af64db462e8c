#include "store/router.h"

#include <fmt/format.h>
#include <zlib.h>

#include <bit>
#include <charconv>

namespace shardlift::store {

using base::Code;
using base::Status;

namespace {

constexpr std::uint32_t kBucketsMax = 65536;
constexpr std::uint32_t kNoShard = 0xFFFF;

std::string Text(std::uint64_t value) { return fmt::format("{}", value); }

}  // namespace

std::uint32_t Fmix32(std::uint32_t h) {
  h ^= h >> 16;
  h *= 0x85ebca6bu;
  h ^= h >> 13;
  h *= 0xc2b2ae35u;
  h ^= h >> 16;
  return h;
}

std::uint32_t RoutingHash(std::uint32_t account_type, std::string_view account_key) {
  char head[16];
  char* end = std::to_chars(head, head + sizeof(head) - 1, account_type).ptr;
  *end++ = ':';
  uLong crc = crc32(0L, reinterpret_cast<const Bytef*>(head), static_cast<uInt>(end - head));
  crc = crc32_z(crc, reinterpret_cast<const Bytef*>(account_key.data()), account_key.size());
  return Fmix32(static_cast<std::uint32_t>(crc));
}

// x ^ (x >> n) needs its operand twice, and scalar SQL has no way to name an intermediate value that both servers
// accept, so the CRC32 call appears eight times in the text. All operands are below 2^32, the products below 2^64.
std::string BucketSql(std::string_view account_type_sql, std::string_view account_key_sql, std::uint32_t buckets) {
  auto xor_shift = [](const std::string& x, int bits) { return fmt::format("({0} ^ ({0} >> {1}))", x, bits); };
  auto multiply = [](const std::string& x, std::uint32_t by) { return fmt::format("({} * {} & 4294967295)", x, by); };
  std::string h = fmt::format("CRC32(CONCAT({}, ':', {}))", account_type_sql, account_key_sql);
  h = xor_shift(h, 16);
  h = multiply(h, 0x85ebca6bu);
  h = xor_shift(h, 13);
  h = multiply(h, 0xc2b2ae35u);
  h = xor_shift(h, 16);
  return fmt::format("({} & {})", h, buckets - 1);
}

base::Result<Router> Router::Create(std::uint32_t buckets, const std::vector<BucketRange>& ranges) {
  if (buckets == 0 || buckets > kBucketsMax || !std::has_single_bit(buckets)) {
    return Status(Code::kUsage, "routing.buckets is " + Text(buckets) +
                                    ": it must be a power of two from 1 to 65536 (4096 is usual)");
  }
  Router router;
  router.buckets_ = buckets;
  router.shard_of_.assign(buckets, kNoShard);
  for (const BucketRange& range : ranges) {
    std::string name = "bucket range " + Text(range.first) + "-" + Text(range.last);
    if (range.first > range.last || range.last >= buckets) {
      return Status(Code::kUsage, name + " does not lie in 0-" + Text(buckets - 1) + ": correct the shard map");
    }
    if (range.shard >= kNoShard) return Status(Code::kUsage, name + ": there are at most 65534 shards");
    for (std::uint32_t bucket = range.first; bucket <= range.last; ++bucket) {
      if (router.shard_of_[bucket] != kNoShard) {
        return Status(Code::kUsage,
                      name + ": bucket " + Text(bucket) + " is in another range too; give it to one shard");
      }
      router.shard_of_[bucket] = static_cast<std::uint16_t>(range.shard);
    }
  }
  for (std::uint32_t bucket = 0; bucket < buckets; ++bucket) {
    if (router.shard_of_[bucket] == kNoShard) {
      return Status(Code::kUsage, "bucket " + Text(bucket) + " is in no range of the shard map; give it to one shard");
    }
  }
  return router;
}

std::string Router::MapText() const {
  std::string text;
  for (std::uint32_t first = 0; first < buckets_;) {
    std::uint32_t last = first;
    while (last + 1 < buckets_ && shard_of_[last + 1] == shard_of_[first]) ++last;
    text += fmt::format("{}{}-{}:{}", first == 0 ? "" : " ", first, last, shard_of_[first]);
    first = last + 1;
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

}  // namespace shardlift::store
