// Sums of the rows of one legacy table, by shard and bucket range: what a certificate holds of the rows.
//
// The same digests as verify/digest.h, without parts: one statement for each table and side. Where the servers cannot
// compute them (a routing strategy without SQL, rows too long to put together) the rows are streamed and hashed here.
// Thread rules: one thread for each session.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "mapping/table_mapper.h"
#include "mysql/session.h"
#include "store/router.h"
#include "verify/digest.h"

namespace shardlift::verify {

enum class SumsBy : std::uint8_t { kServer, kClient };
std::string_view SumsName(SumsBy by);  // "sha256" and "xxh3": what hashes the rows

struct SumsForm {
  SumsBy by = SumsBy::kServer;
  bool with_json = true;
};

// By place in the list of ranges; kNoRange: buckets in none of them.
using RangeSums = std::map<std::int32_t, Digest>;

// The map's ranges cut into pieces: as many as can be without making a certificate of `tables` tables large.
std::vector<store::BucketRange> CertificateRanges(const store::Router& router, std::size_t tables);

base::Result<RangeSums> ReadSourceSums(mysql::Session& session, const mapping::TableMapper& mapper,
                                       const store::BucketRules& rules, SumsForm form,
                                       const std::vector<store::BucketRange>& ranges);

// A legacy table as the shards know it.
struct StoredTable {
  const store::TargetTable& target;
  std::uint32_t origin = 0;
  std::uint32_t ordinal = 0;
  const mapping::OwnerSql* owners = nullptr;  // null: by the tool's owner columns, which a declared key has none of
};
base::Result<RangeSums> ReadShardSums(mysql::Session& session, const StoredTable& table,
                                      const store::BucketRules& rules, SumsForm form,
                                      const std::vector<store::BucketRange>& ranges);

// True when every row is in the sums.
bool AllHashed(const RangeSums& sums);

}  // namespace shardlift::verify
