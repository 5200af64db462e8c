#include "verify/table_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/log.h"
#include "base/sync_point.h"
#include "verify/client_buckets.h"
#include "verify/pace.h"
#include "verify/pass_log.h"
#include "verify/prober.h"
#include "verify/suspects.h"

namespace shardlift::verify {
namespace {

using base::Code;
using base::Result;
using base::Status;

constexpr std::uint64_t kSignBit = 1ull << 63;
constexpr std::size_t kIntegerKeyBytes = 8;

std::uint64_t BigEndian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char c : bytes) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

Result<std::uint64_t> ToNumber(const std::optional<std::string>& text) {
  std::uint64_t value = 0;
  if (text) {
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
    if (error == std::errc() && end == text->data() + text->size()) return value;
  }
  return Status(Code::kInternal, "a count that is not a number");
}

bool IsWanted(const store::TargetTable& target, const store::TargetColumn& column, const RowScope& scope) {
  const bool is_bucket = &column == &target.columns[target.bucket];
  return !scope.json_only || is_bucket || column.kind == store::TargetKind::kJson;
}

}  // namespace

std::size_t CheckContext::findings_kept() const {
  return std::max(options.findings_max, log == nullptr ? 0 : kLoggedFindingsMax);
}

Status CheckBalance(const TableResult& result) {
  if (result.counts.source_rows == result.source_rows_kept) return base::Ok();
  return Status(Code::kRefused, fmt::format("it had {} rows to move when counted and {} when read: writes have not "
                                            "stopped; stop them, let migrate catch up and verify again",
                                            result.source_rows_kept, result.counts.source_rows));
}

void AddResult(TableResult some, std::size_t findings_max, TableResult* all) {
  all->counts.Add(some.counts);
  all->source_rows_total += some.source_rows_total;
  all->source_rows_kept += some.source_rows_kept;
  for (Finding& finding : some.findings) {
    if (all->findings.size() < findings_max) all->findings.push_back(std::move(finding));
  }
  all->digests.parts += some.digests.parts;
  all->digests.parts_by_rows += some.digests.parts_by_rows;
  all->digests.rows_by_rows += some.digests.rows_by_rows;
  all->digests.rows_json_by_rows += some.digests.rows_json_by_rows;
  all->live.Add(std::move(some.live), findings_max);
  if (all->failure.ok()) all->failure = some.failure;
}

std::string SourceRowsSql(const mapping::TableMapper& mapper, const RowScope& scope) {
  const mapping::MappingSql& sql = mapper.sql();
  // Every item has an alias of ours: without one an item's name could capture a column of ORDER BY.
  std::string select = "SELECT " + sql.owner_key + " AS `_key`";
  const store::TargetTable& target = mapper.target();
  for (std::size_t i = 0; i < sql.columns.size(); ++i) {
    select += fmt::format(", {} AS `_c{}`", IsWanted(target, target.columns[i], scope) ? sql.columns[i] : "NULL", i);
  }
  return fmt::format("{} FROM {} WHERE ({}) AND {} ORDER BY {}", select, mapper.context().schema.name.Quoted(),
                     sql.where, SourcePartSql(mapper, scope.part), sql.order_by);
}

std::string SourceCountSql(const mapping::TableMapper& mapper) {
  return fmt::format("SELECT COUNT(*), COUNT(CASE WHEN ({}) THEN 1 END) FROM {}", mapper.sql().where,
                     mapper.context().schema.name.Quoted());
}

std::string ShardRowsSql(const store::TargetTable& target, const mapping::OwnerSql& owners,
                         const store::BucketRules& rules, const RowScope& scope) {
  std::string select = "SELECT " + owners.Key() + " AS `_key`";
  for (std::size_t i = 0; i < target.columns.size(); ++i) {
    select += fmt::format(", {} AS `_c{}`", IsWanted(target, target.columns[i], scope) ? owners.Shown(i) : "NULL", i);
  }
  // The owners' index gives the rows in order; without the hint a server may sort the whole table instead.
  return fmt::format("{}, {} AS `_bucket` FROM {} FORCE INDEX ({}) WHERE {} ORDER BY {}", select,
                     store::ShownBucketSql(target, rules), mysql::QuoteIdentifier(target.name),
                     mysql::QuoteIdentifier(target.owner_index), ShardPartSql(owners, scope.part), owners.Order());
}

std::string KeyText(const mapping::TableMapper& mapper, std::string_view owner_key) {
  const auto key_columns = mapper.key_columns();
  if (owner_key.size() != key_columns.size() * kIntegerKeyBytes) return {};
  std::string text;
  for (const std::size_t index : key_columns) {
    const mysql::Column& column = mapper.context().schema.columns[index];
    if (!column.is_integer()) return {};
    const std::uint64_t value = BigEndian(owner_key.substr(0, kIntegerKeyBytes));
    owner_key.remove_prefix(kIntegerKeyBytes);
    if (!text.empty()) text += ", ";
    text +=
        column.is_unsigned ? fmt::format("{}", value) : fmt::format("{}", static_cast<std::int64_t>(value ^ kSignBit));
  }
  return text;
}

TableChecker::TableChecker(const CheckContext& context) : context_(context) { CloseAll(); }

void TableChecker::CloseAll() {
  sources_.clear();
  shards_.clear();
  sources_.resize(context_.config.sources.size());
  shards_.resize(context_.config.shards.size());
}

Result<mysql::Session*> TableChecker::Source(std::uint32_t index) {
  if (!sources_[index]) {
    SL_ASSIGN(sources_[index], mysql::Session::Open(context_.config.sources[index].endpoint, mysql::SessionOptions()));
  }
  return sources_[index].get();
}

Result<mysql::Session*> TableChecker::Shard(std::uint32_t index) {
  if (!shards_[index]) {
    mysql::SessionOptions options;
    options.database = context_.config.shards[index].database;
    SL_ASSIGN(shards_[index], mysql::Session::Open(context_.config.shards[index].endpoint, options));
  }
  return shards_[index].get();
}

Status TableChecker::Check(const job::CatalogTable& table, TableResult* result) {
  return Try(table, result, [&](TableResult* attempt, std::uint64_t* rows_reported) {
    return CheckOnce(table, attempt, rows_reported);
  });
}

Status TableChecker::Try(const job::CatalogTable& table, TableResult* result, const Attempt& attempt) {
  for (int turn = 1;; ++turn) {
    *result = TableResult();
    std::uint64_t rows_reported = 0;
    Status status = attempt(result, &rows_reported);
    if (status.ok()) return base::Ok();
    context_.rows_done->fetch_sub(rows_reported, std::memory_order_relaxed);
    CloseAll();  // a stream may have been left half read
    if (status.code() == Code::kStopped) return status;
    if (context_.options.prober != nullptr) SL_TRY(context_.options.prober->Outcome());
    status.WithContext(fmt::format("verify {}", table.schema().name.Text()));
    if (status.code() != Code::kEnvironment) {
      result->failure = status;
      return base::Ok();
    }
    if (turn == 2) return status;
    base::LogWarning("a server was lost while a table was compared; the table is compared again",
                     {{"table", table.schema().name.Text()}, {"error", status.message()}});
  }
}

Status TableChecker::CheckOnce(const job::CatalogTable& table, TableResult* result, std::uint64_t* rows_reported) {
  SL_TRY(CountSourceRows(table, result));
  Status paced;
  const Status compared = CompareRows(table, RowScope(), result, [&](std::uint64_t rows) {
    *rows_reported += rows;
    context_.rows_done->fetch_add(rows, std::memory_order_relaxed);
    if (context_.pace == nullptr || !paced.ok()) return;
    context_.pace->Took(rows);
    paced = context_.pace->Turn();  // the streams wait with us; when it fails, the merge sees the flag
  });
  SL_TRY(paced);
  SL_TRY(compared);
  if (context_.options.prober == nullptr) result->failure = CheckBalance(*result);
  return base::Ok();
}

Status TableChecker::CountSourceRows(const job::CatalogTable& table, TableResult* result) {
  SL_ASSIGN(mysql::Session * source, Source(table.source));
  SL_ASSIGN(const mysql::Rows count,
            source->Query(SourceCountSql(*table.mapper), "count rows of " + table.schema().name.Text()));
  SL_ASSIGN(result->source_rows_total, ToNumber(count.rows.at(0).at(0)));
  SL_ASSIGN(result->source_rows_kept, ToNumber(count.rows.at(0).at(1)));
  return base::Ok();
}

Status TableChecker::CompareRows(const job::CatalogTable& table, const RowScope& scope, TableResult* result,
                                 std::function<void(std::uint64_t)> on_rows) {
  const mapping::TableMapper& mapper = *table.mapper;
  const std::string name = mapper.context().schema.name.Text();
  SL_ASSIGN(mysql::Session * source, Source(table.source));
  const store::BucketRules& rules = context_.router.rules();
  SL_ASSIGN(auto source_sql_rows, OpenSqlRows(*source, SourceRowsSql(mapper, scope), "read rows of " + name));
  const auto source_rows = WithBuckets(std::move(source_sql_rows), mapper.target(), rules, BucketField::kColumn);
  base::SyncPoint("verify.source_read", name);
  const std::string shard_sql = ShardRowsSql(mapper.target(), mapper.owners(), rules, scope);
  std::vector<std::unique_ptr<RowSource>> streams;
  std::vector<RowSource*> shard_rows;
  for (std::uint32_t i = 0; i < context_.config.shards.size(); ++i) {
    SL_ASSIGN(mysql::Session * shard, Shard(i));
    SL_ASSIGN(auto rows, OpenSqlRows(*shard, shard_sql, "read migrated rows of " + name));
    streams.push_back(WithBuckets(std::move(rows), mapper.target(), rules, BucketField::kRecomputed));
    shard_rows.push_back(streams.back().get());
  }
  MergeInput input;
  input.source = source_rows.get();
  input.shards = shard_rows;
  input.router = &context_.router;
  input.target = &mapper.target();
  input.stop = context_.options.stop;
  input.on_rows = std::move(on_rows);
  SuspectList suspects;
  Status kept;
  const bool probed = context_.options.prober != nullptr && !scope.json_only;
  input.on_finding = [&](const Verdict& verdict) {
    if (probed) {
      if (kept.ok()) kept = suspects.Add(verdict.owner_key);
      return;
    }
    if (context_.findings_done != nullptr && !scope.json_only) ++*context_.findings_done;
    const bool listed = result->findings.size() < context_.findings_kept();
    const bool told = context_.options.on_finding && !scope.json_only;
    if (!listed && !told) return;
    Finding finding = MakeFinding(context_.config, table, verdict);
    if (told) context_.options.on_finding(finding);
    if (listed) result->findings.push_back(std::move(finding));
  };
  SL_TRY(MergeTable(input, &result->counts));
  SL_TRY(kept);
  return probed ? SettleSuspects(context_, table, &suspects, result) : base::Ok();
}

Finding MakeFinding(const job::JobConfig& config, const job::CatalogTable& table, const Verdict& verdict) {
  const auto shard_name = [&](std::uint32_t index) { return config.shards[index].endpoint.name; };
  Finding finding;
  finding.kind = verdict.kind;
  finding.origin = table.mapper->config().origin;
  finding.table_ordinal = table.ordinal;
  finding.mapping = table.mapper->config().name;
  finding.source = config.sources[table.source].endpoint.name;
  finding.table = table.schema().name.Text();
  finding.owner_key = std::string(verdict.owner_key);
  finding.key_text = KeyText(*table.mapper, verdict.owner_key);
  if (verdict.expected_shard) finding.expected_shard = shard_name(*verdict.expected_shard);
  for (const std::uint32_t shard : verdict.shards) {
    finding.shards.push_back(shard_name(shard));
    if (finding.shard.empty() || shard != verdict.expected_shard) finding.shard = shard_name(shard);
  }
  const auto& columns = table.target().columns;
  for (const std::size_t column : verdict.columns) finding.columns.push_back(columns[column].name);
  return finding;
}

}  // namespace shardlift::verify
