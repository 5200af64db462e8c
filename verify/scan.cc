#include "verify/scan.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "base/log.h"
#include "base/progress.h"
#include "verify/digest.h"
#include "verify/pace.h"
#include "verify/unit_plan.h"

namespace shardlift::verify {
namespace {

using base::Code;
using base::Result;
using base::Status;

// Chunks of the other plan in one statement of this one: nothing has to be found again in it.
constexpr std::uint64_t kChunksPerStatement = 4;

void AddTo(const Digests& some, Digests* all) {
  for (const auto& [group, digest] : some) {
    Digest& sum = (*all)[group];
    sum.rows += digest.rows;
    sum.hashed += digest.hashed;
    sum.first += digest.first;
    sum.second += digest.second;
  }
}

// Rows of a declared key do not say which legacy table they are of: they go along owners.
bool IsScanned(const job::CatalogTable& table) { return table.target().key.empty(); }

struct Scan {
  std::function<Status(TableChecker&)> run;
  std::string where;  // for errors
};

class Scanner {
 public:
  Scanner(const CheckContext& context, const ShardTotals& totals, std::vector<TableResult>* results)
      : context_(context),
        totals_(totals),
        results_(results),
        ranges_(MapRanges(context.router)),
        sources_(context.catalog.tables.size()),
        shards_(context.config.shards.size()) {}

  Status Run() {
    SL_TRY(PlanSources());
    PlanShards();
    Mix();
    SL_TRY(RunAll());
    for (std::size_t table = 0; table < sources_.size(); ++table) Settle(table);
    return base::Ok();
  }

 private:
  std::uint64_t RowsPerStatement() const { return kChunksPerStatement * context_.options.chunk_rows; }

  Status PlanSources() {
    TableChecker sessions(context_);
    for (std::size_t index = 0; index < sources_.size(); ++index) {
      const job::CatalogTable& table = context_.catalog.tables[index];
      if (!IsScanned(table)) continue;
      const std::uint64_t wanted = table.schema().rows_estimate / RowsPerStatement();
      SL_ASSIGN(std::vector<OwnerPart> parts, CutEvenly(sessions, table, static_cast<std::uint32_t>(wanted)));
      const std::string name = table.schema().name.Text();
      for (OwnerPart& part : parts) {
        of_sources_.push_back(
            {[this, index, part = std::move(part)](TableChecker& on) { return Source(on, index, part); },
             "verify " + name});
      }
      of_sources_.push_back({[this, index](TableChecker& on) { return Count(on, index); }, "verify " + name});
    }
    return base::Ok();
  }

  void PlanShards() {
    std::map<const store::TargetTable*, std::uint64_t> targets;
    for (const job::CatalogTable& table : context_.catalog.tables) {
      if (IsScanned(table)) targets[&table.target()];
    }
    for (std::uint32_t shard = 0; shard < shards_.size(); ++shard) {
      for (auto& [target, rows] : targets) {
        rows = 0;
        for (const auto& [stored, count] : totals_.rows[shard]) rows += stored.target == target->name ? count : 0;
        PlanShard(shard, *target, rows);
      }
    }
  }

  // The store's own table lies in bucket order; of others nothing is known.
  void PlanShard(std::uint32_t shard, const store::TargetTable& target, std::uint64_t rows) {
    const std::uint64_t buckets = context_.router.rules().bucket_count();
    std::uint64_t pieces =
        LiesInBucketOrder(target) ? std::clamp<std::uint64_t>(rows / RowsPerStatement(), 1, buckets) : 1;
    // Rows are spread over the shard's own buckets; the others are a piece each before, between and behind these.
    std::vector<std::uint64_t> cuts;
    std::uint64_t own = 0;
    for (std::uint32_t bucket = 0; bucket < buckets; ++bucket)
      own += context_.router.ShardOf(bucket) == shard ? 1u : 0u;
    const std::uint64_t step = std::max<std::uint64_t>(1, own / std::max<std::uint64_t>(1, pieces));
    std::uint64_t seen = 0;
    for (std::uint32_t bucket = 0; pieces > 1 && bucket < buckets; ++bucket) {
      if (context_.router.ShardOf(bucket) != shard) continue;
      if (++seen % step == 0 && seen < own) cuts.push_back(bucket);
    }
    std::optional<std::uint64_t> after;
    const auto add = [&](std::optional<std::uint64_t> upto) {
      of_shards_.push_back(
          {[this, shard, &target, after, upto](TableChecker& on) { return Shard(on, shard, target, {after, upto}); },
           fmt::format("verify shard {}", context_.config.shards[shard].endpoint.name)});
      after = upto;
    };
    for (const std::uint64_t cut : cuts) add(cut);
    add(std::nullopt);
  }

  // Sources and shards by turns: they may be different machines.
  void Mix() {
    for (std::size_t i = 0; i < std::max(of_sources_.size(), of_shards_.size()); ++i) {
      if (i < of_shards_.size()) scans_.push_back(std::move(of_shards_[i]));
      if (i < of_sources_.size()) scans_.push_back(std::move(of_sources_[i]));
    }
  }

  Status Source(TableChecker& on, std::size_t index, const OwnerPart& part) {
    const job::CatalogTable& table = context_.catalog.tables[index];
    SL_ASSIGN(mysql::Session * session, on.Source(table.source));
    SL_ASSIGN(const Digests digests, ReadDigests(*session, SourceDigestSql(*table.mapper, {part}, ranges_),
                                                 "compute a digest of " + table.schema().name.Text()));
    const std::lock_guard lock(mutex_);
    AddTo(digests, &sources_[index]);
    std::uint64_t rows = 0;
    for (const auto& [group, digest] : digests) rows += digest.rows;
    context_.rows_done->fetch_add(rows);
    if (context_.pace != nullptr) context_.pace->Took(rows);
    return base::Ok();
  }

  Status Count(TableChecker& on, std::size_t index) {
    TableResult counted;
    SL_TRY(on.CountSourceRows(context_.catalog.tables[index], &counted));
    const std::lock_guard lock(mutex_);
    (*results_)[index].source_rows_total = counted.source_rows_total;
    (*results_)[index].source_rows_kept = counted.source_rows_kept;
    return base::Ok();
  }

  Status Shard(TableChecker& on, std::uint32_t shard, const store::TargetTable& target, const BucketPart& part) {
    SL_ASSIGN(mysql::Session * session, on.Shard(shard));
    SL_ASSIGN(const Digests digests,
              ReadDigests(*session, ShardScanSql(target, part, ranges_), "compute a digest of " + target.name));
    const std::lock_guard lock(mutex_);
    AddTo(digests, &shards_[shard][&target]);
    return base::Ok();
  }

  Status RunAll() {
    base::ProgressOptions progress_options;
    progress_options.enabled = context_.options.progress;
    base::ProgressReporter progress("verify (scan)", progress_options);
    std::uint64_t total = 0;
    for (const job::CatalogTable& table : context_.catalog.tables) total += table.schema().rows_estimate;
    progress.SetTotal(total);
    std::atomic<std::size_t> next{0};
    const auto work = [&] {
      TableChecker on(context_);
      for (std::size_t turn = next.fetch_add(1); turn < scans_.size(); turn = next.fetch_add(1)) {
        Status status = RunOne(on, scans_[turn]);
        progress.SetDone(context_.rows_done->load());
        if (status.ok()) continue;
        next.store(scans_.size());
        const std::lock_guard lock(mutex_);
        if (failure_.ok()) failure_ = std::move(status);
      }
    };
    std::vector<std::thread> threads;
    for (std::uint32_t i = 0; i < std::max(1u, context_.options.threads); ++i) threads.emplace_back(work);
    for (std::thread& thread : threads) thread.join();
    progress.SetTotal(context_.rows_done->load());
    return failure_;
  }

  Status RunOne(TableChecker& on, const Scan& scan) const {
    if (context_.pace != nullptr) SL_TRY(context_.pace->Turn());
    Status status = scan.run(on);
    if (status.ok()) return status;
    on.CloseAll();
    if (status.code() == Code::kEnvironment) {
      base::LogWarning("a server was lost during a scan; the piece is read again",
                       {{"piece", scan.where}, {"error", status.message()}});
      status = scan.run(on);
    }
    return status.ok() ? status : status.WithContext(scan.where);
  }

  void Settle(std::size_t index) {
    const job::CatalogTable& table = context_.catalog.tables[index];
    const std::uint32_t slice = ScanSlice(table.mapper->config().origin, table.ordinal);
    TableResult& result = (*results_)[index];
    const std::uint64_t total = result.source_rows_total;
    const std::uint64_t kept = result.source_rows_kept;
    result = TableResult();
    if (!IsScanned(table)) return;
    MergeCounts counts;
    std::uint64_t found = 0;  // rows of the shards that are in their places, and equal
    for (const auto& [group, digest] : sources_[index]) {
      if (group.second < 0 || digest.hashed != digest.rows) return;
      const std::uint32_t shard = ranges_[static_cast<std::size_t>(group.second)].shard;
      const Digests& there = shards_[shard][&table.target()];
      const auto same = there.find({slice, group.second});
      if (same == there.end() || same->second != digest) return;
      counts.source_rows += digest.rows;
    }
    for (auto& targets : shards_) {
      std::uint64_t& rows = counts.shard_rows.emplace_back(0);
      for (const auto& [group, digest] : targets[&table.target()]) rows += group.first == slice ? digest.rows : 0;
      found += rows;
    }
    if (found != counts.source_rows) return;
    counts.equal = counts.source_rows;
    result.counts = std::move(counts);
    result.source_rows_total = total;
    result.source_rows_kept = kept;
    result.digests.parts = 1;
    result.is_settled = true;
  }

  const CheckContext& context_;
  const ShardTotals& totals_;
  std::vector<TableResult>* const results_;
  const std::vector<store::BucketRange> ranges_;
  std::vector<Scan> of_sources_;
  std::vector<Scan> of_shards_;
  std::vector<Scan> scans_;
  std::mutex mutex_;                                                  // guards what follows, and the results
  std::vector<Digests> sources_;                                      // of each table
  std::vector<std::map<const store::TargetTable*, Digests>> shards_;  // of each shard; slices are tables
  Status failure_;
};

}  // namespace

Status ScanTables(const CheckContext& context, const ShardTotals& totals, std::vector<TableResult>* results) {
  results->clear();
  results->resize(context.catalog.tables.size());
  return Scanner(context, totals, results).Run();
}

}  // namespace shardlift::verify
