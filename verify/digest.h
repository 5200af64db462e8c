// Digests: what a server computes over its rows of one part, and the SQL that makes it do so.
//
// A row becomes bytes that no other row has (docs/verification.md#digests), these become 128 bits of SHA-256, and the
// two halves are summed: a sum over a hash that is not linear sees values that changed places, which a sum or XOR of
// CRC32s does not. Owner keys are unique within a part and in the bytes, so no two rows of it hash alike. The bucket is
// not in the bytes but a factor of the second sum: the source would have to compute it twice, and it is costly there.
//
// Both sides are grouped by the shard map's bucket ranges: a row that lies in a range of another shard, or on a shard
// that does not own the range, makes a difference by itself.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "mapping/table_mapper.h"
#include "mysql/session.h"
#include "store/router.h"
#include "verify/owner_part.h"

namespace shardlift::verify {

struct Digest {
  std::uint64_t rows = 0;
  std::uint64_t hashed = 0;  // less than rows: a row was too long for the server to put together, or holds what the
                             // column cannot; nothing can be said by digest
  std::uint64_t first = 0;   // sum of the first halves modulo 2^64
  std::uint64_t second = 0;  // of the second ones, each times 2 * bucket + 1
  bool operator==(const Digest&) const = default;
};

inline constexpr std::int32_t kNoRange = -1;  // of rows whose bucket cannot be computed; the map's ranges count from 0
using DigestGroup = std::pair<std::uint32_t, std::int32_t>;  // slice, range
using Digests = std::map<DigestGroup, Digest>;

// Neighbouring buckets on one shard.
std::vector<store::BucketRange> MapRanges(const store::Router& router);

struct DigestScope {
  OwnerPart part;
  std::uint32_t slices = 0;  // > 0: group by slices of the owner key too
  bool with_json = true;     // false: JSON columns are left out
};

// One row for each group: slice, range, and the fields of Digest.
std::string SourceDigestSql(const mapping::TableMapper& mapper, const DigestScope& scope,
                            const std::vector<store::BucketRange>& ranges);
std::string ShardDigestSql(const store::TargetTable& target, const mapping::OwnerSql& owners, const DigestScope& scope,
                           const std::vector<store::BucketRange>& ranges);

// Of the scan plan: the rows of all tables in some buckets of one target, each table in a slice of its own.
struct BucketPart {
  std::optional<std::uint64_t> after;  // excluded; none: from the first on
  std::optional<std::uint64_t> upto;   // included; none: to the last
};
constexpr std::uint32_t ScanSlice(std::uint32_t origin, std::uint32_t table_ordinal) {
  return origin << 16 | table_ordinal;
}
bool LiesInBucketOrder(const store::TargetTable& target);
std::string ShardScanSql(const store::TargetTable& target, const BucketPart& part,
                         const std::vector<store::BucketRange>& ranges);

base::Result<Digests> ReadDigests(mysql::Session& session, const std::string& sql, const std::string& what);

}  // namespace shardlift::verify
