#include "verify/table_sums.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <charconv>
#include <memory>

#include "verify/client_buckets.h"
#include "verify/row_source.h"
#include "verify/table_check.h"

namespace shardlift::verify {
namespace {

using base::Result;
using base::Status;

constexpr std::size_t kEntriesMax = 20'000;
constexpr std::size_t kPiecesMax = 16;  // of one range of the shard map

RangeSums Unsliced(const Digests& digests) {
  RangeSums sums;
  for (const auto& [group, digest] : digests) sums[group.second] = digest;
  return sums;
}

// The columns of `target` that are hashed, in their order: as in the servers' digests.
std::vector<std::size_t> HashedFields(const store::TargetTable& target, bool with_json) {
  std::vector<std::size_t> fields;
  for (std::size_t i = 0; i < target.columns.size(); ++i) {
    const bool fixed = i == target.bucket || i == target.owner_origin || i == target.owner_table;
    const bool json = target.columns[i].kind == store::TargetKind::kJson;
    if (!fixed && (with_json || !json)) fields.push_back(kFirstColumnField + i);
  }
  return fields;
}

std::int32_t RangeOf(const std::optional<std::string_view>& bucket, const std::vector<store::BucketRange>& ranges,
                     std::uint64_t* number) {
  if (!bucket) return kNoRange;
  const auto [end, error] = std::from_chars(bucket->data(), bucket->data() + bucket->size(), *number);
  if (error != std::errc() || end != bucket->data() + bucket->size()) return kNoRange;
  const auto found = std::find_if(ranges.begin(), ranges.end(), [&](const store::BucketRange& range) {
    return *number >= range.first && *number <= range.last;
  });
  return found == ranges.end() ? kNoRange : static_cast<std::int32_t>(found - ranges.begin());
}

// Each field as its length, a comma and its bytes, or `N`: no two rows have the same bytes.
void AppendField(const std::optional<std::string_view>& field, std::string* bytes) {
  if (!field) {
    bytes->push_back('N');
    return;
  }
  fmt::format_to(std::back_inserter(*bytes), "{},", field->size());
  bytes->append(*field);
}

Result<RangeSums> SumRows(RowSource& rows, const store::TargetTable& target, bool with_json,
                          const std::vector<store::BucketRange>& ranges) {
  const std::vector<std::size_t> hashed = HashedFields(target, with_json);
  RangeSums sums;
  std::string bytes;
  for (;;) {
    SL_ASSIGN(const bool more, rows.Next());
    if (!more) return sums;
    const RowFields row = rows.row();
    bytes.clear();
    for (const std::size_t field : hashed) AppendField(row[field], &bytes);
    const XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
    std::uint64_t bucket = 0;
    Digest& sum = sums[RangeOf(row[kFirstColumnField + target.bucket], ranges, &bucket)];
    ++sum.rows;
    ++sum.hashed;
    sum.first += hash.low64;
    sum.second += hash.high64 * (2 * bucket + 1);
  }
}

}  // namespace

std::string_view SumsName(SumsBy by) { return by == SumsBy::kServer ? "sha256" : "xxh3"; }

std::vector<store::BucketRange> CertificateRanges(const store::Router& router, std::size_t tables) {
  const std::vector<store::BucketRange> whole = MapRanges(router);
  const std::size_t entries = std::max<std::size_t>(tables * whole.size(), 1);
  const std::size_t pieces = std::clamp<std::size_t>(kEntriesMax / entries, 1, kPiecesMax);
  std::vector<store::BucketRange> ranges;
  for (const store::BucketRange& range : whole) {
    const std::uint32_t buckets = range.last - range.first + 1;
    const auto step = static_cast<std::uint32_t>((buckets + pieces - 1) / pieces);
    for (std::uint32_t first = range.first; first <= range.last; first += step) {
      ranges.push_back({first, std::min(range.last, first + step - 1), range.shard});
    }
  }
  return ranges;
}

Result<RangeSums> ReadSourceSums(mysql::Session& session, const mapping::TableMapper& mapper,
                                 const store::BucketRules& rules, SumsForm form,
                                 const std::vector<store::BucketRange>& ranges) {
  const std::string what = "sum up " + mapper.context().schema.name.Text();
  if (form.by == SumsBy::kServer) {
    DigestScope scope;
    scope.with_json = form.with_json;
    SL_ASSIGN(const Digests digests, ReadDigests(session, SourceDigestSql(mapper, scope, ranges), what));
    return Unsliced(digests);
  }
  SL_ASSIGN(auto rows, OpenSqlRows(session, SourceRowsSql(mapper), what));
  rows = WithBuckets(std::move(rows), mapper.target(), rules, BucketField::kColumn);
  return SumRows(*rows, mapper.target(), form.with_json, ranges);
}

Result<RangeSums> ReadShardSums(mysql::Session& session, const StoredTable& table, const store::BucketRules& rules,
                                SumsForm form, const std::vector<store::BucketRange>& ranges) {
  const std::string what = fmt::format("sum up the rows of table {} of origin {}", table.ordinal, table.origin);
  if (table.owners == nullptr && !table.target.key.empty()) {
    return Status(base::Code::kRefused,
                  fmt::format("{}: only its source says which rows of {} these are: check it with "
                              "the sources",
                              what, table.target.name));
  }
  const auto by_columns = mapping::OwnerColumnsSql(table.target, table.origin, table.ordinal);
  const mapping::OwnerSql& owners = table.owners == nullptr ? *by_columns : *table.owners;
  if (form.by == SumsBy::kServer) {
    DigestScope scope;
    scope.with_json = form.with_json;
    SL_ASSIGN(const Digests digests, ReadDigests(session, ShardDigestSql(table.target, owners, scope, ranges), what));
    return Unsliced(digests);
  }
  SL_ASSIGN(auto rows, OpenSqlRows(session, ShardRowsSql(table.target, owners, rules), what));
  return SumRows(*rows, table.target, form.with_json, ranges);
}

bool AllHashed(const RangeSums& sums) {
  return std::all_of(sums.begin(), sums.end(), [](const auto& one) { return one.second.rows == one.second.hashed; });
}

}  // namespace shardlift::verify
