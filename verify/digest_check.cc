#include "verify/digest_check.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "base/sync_point.h"
#include "verify/pace.h"
#include "verify/pass_log.h"

namespace shardlift::verify {
namespace {

using base::Code;
using base::Result;
using base::Status;

// Into how many a chunk is cut that differs.
constexpr std::uint64_t kFanOut = 8;
// After so many chunks in a row that differ, the next ones that do are compared row by row at once.
constexpr unsigned kDifferingInARowMax = 4;
constexpr std::uint64_t kSlicesMax = 4096;

std::uint64_t FindingsOf(const MergeCounts& counts) {
  std::uint64_t sum = 0;
  for (const std::uint64_t count : counts.findings) sum += count;
  return sum;
}

}  // namespace

DigestChecker::DigestChecker(const CheckContext& context, TableChecker* rows)
    : context_(context), rows_(rows), ranges_(MapRanges(context.router)) {}

Status DigestChecker::Check(const job::CatalogTable& table, const OwnerPart& part, TableState* state,
                            TableResult* result) {
  OwnerPart rest = part;  // not settled yet: another try begins there
  TableResult settled;
  auto begun = std::chrono::steady_clock::now();
  const auto settle = [&](const OwnerPart& done, TableResult one) {
    if (context_.pace != nullptr) context_.pace->Took(one.counts.source_rows);
    context_.rows_done->fetch_add(one.counts.source_rows, std::memory_order_relaxed);
    const auto now = std::chrono::steady_clock::now();
    const double seconds = std::chrono::duration<double>(now - std::exchange(begun, now)).count();
    if (context_.log != nullptr) context_.log->AddPart(table, done, one, seconds);
    AddResult(std::move(one), context_.options.findings_max, &settled);
  };
  const Status status = rows_->Try(table, result, [&](TableResult*, std::uint64_t*) -> Status {
    if (HasKeyRanges(*table.mapper)) {
      Task task{table, state, [&](PartResult one) {
                  if (one.part.upto) rest.after = *one.part.upto;
                  const OwnerPart done = one.part;
                  settle(done, ToResult(std::move(one)));
                }};
      return Walk(task, rest, context_.options.chunk_rows);
    }
    TableResult whole;
    Task task{table, state,
              [&](PartResult one) { AddResult(ToResult(std::move(one)), context_.findings_kept(), &whole); }};
    SL_TRY(CheckSliced(task));
    settle(part, std::move(whole));
    return base::Ok();
  });
  settled.failure = result->failure;
  *result = std::move(settled);
  return status;
}

Status DigestChecker::Walk(Task& task, const OwnerPart& part, std::uint64_t rows) {
  const std::string what = "find the next chunk of " + task.table.schema().name.Text();
  OwnerPart rest = part;
  for (;;) {
    if (context_.options.stop != nullptr && context_.options.stop->load()) {
      return {Code::kStopped, "stopped on request"};
    }
    if (context_.pace != nullptr) SL_TRY(context_.pace->Turn());
    SL_ASSIGN(mysql::Session * source, rows_->Source(task.table.source));
    SL_ASSIGN(const mysql::Rows found, source->Query(BoundarySql(*task.table.mapper, rest, rows), what));
    OwnerPart chunk = rest;
    if (!found.rows.empty()) chunk.upto = found.rows[0].at(0);
    SL_TRY(CheckChunk(task, chunk, rows));
    if (found.rows.empty()) return base::Ok();
    rest.after = *chunk.upto;
    if (rest.upto == rest.after) return base::Ok();
  }
}

Status DigestChecker::CheckChunk(Task& task, const OwnerPart& part, std::uint64_t rows) {
  const bool json_by_rows = task.state->json_by_rows.load();
  SL_ASSIGN(const PartDigests digests, Read(task, {part, 0, !json_by_rows}));
  PartResult equal = EqualPart(part, digests, {});
  const bool differs = !Differing(digests).empty();
  if (!differs) {
    task.differing_in_a_row = 0;
    if (json_by_rows) {
      SL_ASSIGN(const bool json_is_equal, JsonIsEqual(task, part));
      if (!json_is_equal) return CompareByRows(task, std::move(equal));
      equal.json_by_rows = true;
    }
    task.on_part(std::move(equal));
    return base::Ok();
  }
  ++task.differing_in_a_row;
  const std::uint64_t few = context_.options.rows_compared_max;
  if (rows <= few || equal.counts.source_rows <= few || task.differing_in_a_row > kDifferingInARowMax) {
    return CompareByRows(task, std::move(equal));
  }
  return Walk(task, part, std::max(few, rows / kFanOut));
}

Status DigestChecker::CheckSliced(Task& task) {
  if (context_.pace != nullptr) SL_TRY(context_.pace->Turn());
  const std::uint64_t few = std::max<std::uint64_t>(context_.options.rows_compared_max, 1);
  const auto slices =
      static_cast<std::uint32_t>(std::clamp<std::uint64_t>(task.table.schema().rows_estimate / few, 1, kSlicesMax));
  SL_ASSIGN(const PartDigests digests, Read(task, {OwnerPart(), slices, true}));
  const std::set<std::uint32_t> differing = Differing(digests);
  task.on_part(EqualPart(OwnerPart(), digests, differing));
  if (differing.empty()) return base::Ok();
  PartResult rest;
  rest.part.slices = slices;
  rest.part.slice_list.assign(differing.begin(), differing.end());
  return CompareByRows(task, std::move(rest));
}

Result<DigestChecker::PartDigests> DigestChecker::Read(Task& task, const DigestScope& scope) {
  const mapping::TableMapper& mapper = *task.table.mapper;
  const std::string name = mapper.context().schema.name.Text();
  PartDigests digests;
  SL_ASSIGN(mysql::Session * source, rows_->Source(task.table.source));
  SL_ASSIGN(digests.source,
            ReadDigests(*source, SourceDigestSql(mapper, scope, ranges_), "compute a digest of " + name));
  base::SyncPoint("verify.source_read", name);
  const std::string sql = ShardDigestSql(mapper.target(), mapper.owners(), scope, ranges_);
  for (std::uint32_t i = 0; i < context_.config.shards.size(); ++i) {
    SL_ASSIGN(mysql::Session * shard, rows_->Shard(i));
    SL_ASSIGN(digests.shards.emplace_back(), ReadDigests(*shard, sql, "compute a digest of migrated rows of " + name));
  }
  return digests;
}

Result<bool> DigestChecker::JsonIsEqual(Task& task, const OwnerPart& part) {
  TableResult result;
  SL_TRY(rows_->CompareRows(task.table, {part, true}, &result, nullptr));
  return FindingsOf(result.counts) == 0;
}

Status DigestChecker::CompareByRows(Task& task, PartResult part) {
  TableResult result;
  SL_TRY(rows_->CompareRows(task.table, {part.part, false}, &result, nullptr));
  part.by_rows = true;
  part.counts = std::move(result.counts);
  part.findings = std::move(result.findings);
  part.live = std::move(result.live);
  const std::uint64_t equal_by_meaning = part.counts.equal_by_meaning;
  if (task.state->equal_by_meaning.fetch_add(equal_by_meaning) + equal_by_meaning >
      context_.options.equal_by_meaning_max) {
    task.state->json_by_rows.store(true);
  }
  task.on_part(std::move(part));
  return base::Ok();
}

std::set<std::uint32_t> DigestChecker::Differing(const PartDigests& digests) const {
  std::set<std::uint32_t> differing;
  const auto has = [](const Digests& side, const DigestGroup& group, const Digest& digest) {
    const auto found = side.find(group);
    return found != side.end() && found->second == digest && digest.hashed == digest.rows;
  };
  for (const auto& [group, digest] : digests.source) {
    const auto [slice, range] = group;
    if (range < 0 || !has(digests.shards[ranges_[static_cast<std::size_t>(range)].shard], group, digest)) {
      differing.insert(slice);
    }
  }
  for (std::size_t shard = 0; shard < digests.shards.size(); ++shard) {
    for (const auto& [group, digest] : digests.shards[shard]) {
      const auto [slice, range] = group;
      const bool in_place = range >= 0 && ranges_[static_cast<std::size_t>(range)].shard == shard;
      if (!in_place || !has(digests.source, group, digest)) differing.insert(slice);
    }
  }
  return differing;
}

PartResult DigestChecker::EqualPart(const OwnerPart& part, const PartDigests& digests,
                                    const std::set<std::uint32_t>& without) const {
  PartResult equal;
  equal.part = part;
  for (const auto& [group, digest] : digests.source) {
    if (!without.contains(group.first)) equal.counts.source_rows += digest.rows;
  }
  equal.counts.equal = equal.counts.source_rows;
  for (const Digests& shard : digests.shards) {
    std::uint64_t& rows = equal.counts.shard_rows.emplace_back(0);
    for (const auto& [group, digest] : shard) rows += without.contains(group.first) ? 0 : digest.rows;
  }
  return equal;
}

TableResult DigestChecker::ToResult(PartResult part) {
  TableResult result;
  result.digests.parts = 1;
  if (part.by_rows) {
    result.digests.parts_by_rows = 1;
    result.digests.rows_by_rows = part.counts.source_rows;
  }
  if (part.json_by_rows) result.digests.rows_json_by_rows = part.counts.source_rows;
  result.counts = std::move(part.counts);
  result.findings = std::move(part.findings);
  result.live = std::move(part.live);
  return result;
}

}  // namespace shardlift::verify
