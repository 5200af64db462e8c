// Rows by bucket, of each mapping: the sources' number against the shards'.
#include <fmt/format.h>

#include <charconv>
#include <set>

#include "mysql/schema.h"
#include "verify/beyond_checks.h"
#include "verify/client_buckets.h"

namespace shardlift::verify {
namespace {

using base::Code;
using base::Result;
using base::Status;

Result<std::uint64_t> CountIn(const std::optional<std::string_view>& text) {
  std::uint64_t value = 0;
  if (text) {
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
    if (error == std::errc() && end == text->data() + text->size()) return value;
  }
  return Status(Code::kInternal, "a number was expected of the server");
}

// What WithBuckets needs of a row, and NULL for the rest.
std::string AccountRowsSql(const mapping::TableMapper& mapper) {
  const store::TargetTable& target = mapper.target();
  std::string sql = "SELECT _binary'' AS `_key`";
  for (std::size_t i = 0; i < target.columns.size(); ++i) {
    const bool wanted = i == target.account_key || i == target.account_type || i == target.biz_tag;
    sql += fmt::format(", {} AS `_c{}`", wanted ? mapper.sql().columns[i] : "NULL", i);
  }
  return fmt::format("{} FROM {} WHERE ({})", sql, mapper.context().schema.name.Quoted(), mapper.sql().where);
}

}  // namespace

// Rows without a bucket are in none: a row that cannot be mapped is a missing row, or a dead letter.
Status BeyondWork::CountSourceBuckets(const job::CatalogTable& table, Counts* counts) {
  const mapping::TableMapper& mapper = *table.mapper;
  const store::TargetTable& target = mapper.target();
  const std::string what = "count rows by bucket of " + table.schema().name.Text();
  SL_ASSIGN(mysql::Session * session, sessions_.Source(table.source));
  const store::BucketRules& rules = input_.router.rules();
  if (rules.has_sql()) {
    const std::string sql = fmt::format(
        "SELECT `_bucket`, COUNT(*) FROM (SELECT {} AS `_bucket` FROM {} WHERE ({})) AS `_rows` WHERE `_bucket` IS NOT "
        "NULL GROUP BY `_bucket`",
        mapper.sql().columns[target.bucket], table.schema().name.Quoted(), mapper.sql().where);
    SL_ASSIGN(const mysql::Rows rows, session->Query(sql, what));
    for (const auto& row : rows.rows) {
      SL_ASSIGN(const std::uint64_t bucket, CountIn(row[0]));
      SL_ASSIGN(const std::uint64_t count, CountIn(row[1]));
      (*counts)[static_cast<std::uint32_t>(bucket)] += count;
    }
    return base::Ok();
  }
  SL_ASSIGN(auto rows, OpenSqlRows(*session, AccountRowsSql(mapper), what));
  rows = WithBuckets(std::move(rows), target, rules, BucketField::kColumn);
  for (;;) {
    SL_ASSIGN(const bool more, rows->Next());
    if (!more) return base::Ok();
    const auto& field = rows->row()[kFirstColumnField + target.bucket];
    if (!field) continue;
    SL_ASSIGN(const std::uint64_t bucket, CountIn(field));
    ++(*counts)[static_cast<std::uint32_t>(bucket)];
  }
}

Status BeyondWork::CheckBucketsOf(const mapping::MappingConfig& mapping, BeyondCheck* check) {
  Counts at_sources;
  std::vector<Counts> on_shards(input_.config.shards.size());
  for (const job::CatalogTable& table : input_.catalog.tables) {
    if (table.mapper->config().name != mapping.name) continue;
    SL_TRY(CheckStop());
    SL_TRY(CountSourceBuckets(table, &at_sources));
    const mapping::OwnerSql& owners = table.mapper->owners();
    const std::string sql = fmt::format(
        "SELECT {} AS `_bucket`, COUNT(*) FROM {} FORCE INDEX ({}) WHERE {} GROUP BY "
        "`_bucket`",
        owners.Shown(table.target().bucket), mysql::QuoteIdentifier(table.target().name),
        mysql::QuoteIdentifier(table.target().owner_index), owners.OfTable());
    for (std::uint32_t shard = 0; shard < on_shards.size(); ++shard) {
      SL_ASSIGN(mysql::Session * session, sessions_.Shard(shard));
      SL_ASSIGN(const mysql::Rows rows, session->Query(sql, "count migrated rows by bucket"));
      for (const auto& row : rows.rows) {
        SL_ASSIGN(const std::uint64_t bucket, CountIn(row[0]));
        SL_ASSIGN(const std::uint64_t count, CountIn(row[1]));
        on_shards[shard][static_cast<std::uint32_t>(bucket)] += count;
      }
    }
  }
  std::set<std::uint32_t> buckets;
  for (const auto& [bucket, rows] : at_sources) buckets.insert(bucket);
  for (const Counts& counts : on_shards) {
    for (const auto& [bucket, rows] : counts) buckets.insert(bucket);
  }
  check->looked_at += buckets.size();
  for (const std::uint32_t bucket : buckets) {
    std::uint64_t moved = 0;
    for (std::uint32_t shard = 0; shard < on_shards.size(); ++shard) {
      const std::uint64_t rows = on_shards[shard].contains(bucket) ? on_shards[shard].at(bucket) : 0;
      moved += rows;
      const bool known = bucket < input_.router.rules().bucket_count();
      if (rows == 0 || (known && input_.router.ShardOf(bucket) == shard)) continue;
      Add(check, fmt::format("mapping {}, bucket {}: {} rows on shard {}, which does not have that bucket ({})",
                             mapping.name, bucket, rows, ShardName(shard),
                             known ? "it is on " + ShardName(input_.router.ShardOf(bucket)) : "no shard has it"));
    }
    const std::uint64_t wanted = at_sources.contains(bucket) ? at_sources.at(bucket) : 0;
    if (wanted == moved) continue;
    Add(check, fmt::format("mapping {}, bucket {}: {} rows at the sources, {} on the shards", mapping.name, bucket,
                           wanted, moved));
  }
  return base::Ok();
}

Status BeyondWork::CheckBucketCounts(BeyondCheck* check) {
  for (const mapping::MappingConfig& mapping : input_.config.mappings) SL_TRY(CheckBucketsOf(mapping, check));
  return base::Ok();
}

}  // namespace shardlift::verify
