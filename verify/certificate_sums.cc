// The sums that a certificate holds, read after the pass: independent of its parts and of what it concluded from them.
#include <fmt/format.h>

#include <atomic>
#include <mutex>
#include <thread>

#include "verify/certificate_body.h"
#include "verify/table_check.h"

namespace shardlift::verify {
namespace {

using base::Code;
using base::Result;
using base::Status;

class SumReader {
 public:
  SumReader(const CheckContext& context, const std::vector<store::BucketRange>& ranges)
      : context_(context), ranges_(ranges), sessions_(context) {}

  Result<TableSums> Read(const job::CatalogTable& table, std::vector<std::string>* problems) {
    TableSums sums;
    sums.form.by = context_.router.rules().has_sql() ? SumsBy::kServer : SumsBy::kClient;
    SL_TRY(ReadBothSides(table, sums.form, &sums.source, &sums.shards, problems));
    if (!AllHashed(sums.source) || !AllHashed(sums.shards)) {
      sums.form.by = SumsBy::kClient;
      SL_TRY(ReadBothSides(table, sums.form, &sums.source, &sums.shards, problems));
    }
    if (sums.source == sums.shards || !HasJson(table.target())) return sums;
    sums.form.with_json = false;
    RangeSums shards;
    SL_TRY(ReadBothSides(table, sums.form, &sums.source_no_json, &shards, problems));
    if (sums.source_no_json != shards) problems->push_back(DifferText(table));
    return sums;
  }

  static std::string DifferText(const job::CatalogTable& table) {
    return fmt::format(
        "table {}: the sums over all its rows differ between source and shards: rows changed after they "
        "were compared; stop what writes to the shards and verify again",
        table.schema().name.Text());
  }

 private:
  static bool HasJson(const store::TargetTable& target) {
    for (const store::TargetColumn& column : target.columns) {
      if (column.kind == store::TargetKind::kJson) return true;
    }
    return false;
  }

  Status ReadBothSides(const job::CatalogTable& table, SumsForm form, RangeSums* source, RangeSums* shards,
                       std::vector<std::string>* problems) {
    const store::BucketRules& rules = context_.router.rules();
    SL_ASSIGN(mysql::Session * session, sessions_.Source(table.source));
    SL_ASSIGN(*source, ReadSourceSums(*session, *table.mapper, rules, form, ranges_));
    shards->clear();
    const StoredTable stored{table.target(), table.mapper->config().origin, table.ordinal, &table.mapper->owners()};
    for (std::uint32_t i = 0; i < context_.config.shards.size(); ++i) {
      SL_ASSIGN(mysql::Session * shard, sessions_.Shard(i));
      SL_ASSIGN(const RangeSums sums, ReadShardSums(*shard, stored, rules, form, ranges_));
      for (const auto& [range, sum] : sums) {
        const bool in_place = range >= 0 && ranges_[static_cast<std::size_t>(range)].shard == i;
        if (!in_place) problems->push_back(DifferText(table));
        shards->emplace(range, sum);
      }
    }
    if (source->contains(kNoRange)) problems->push_back(DifferText(table));
    return base::Ok();
  }

  const CheckContext& context_;
  const std::vector<store::BucketRange>& ranges_;
  TableChecker sessions_;
};

}  // namespace

Result<std::vector<TableSums>> ReadAllSums(const job::JobConfig& config, const job::Catalog& catalog,
                                           const store::Router& router, const std::vector<store::BucketRange>& ranges,
                                           const CertificateOptions& options, std::vector<std::string>* problems) {
  const VerifyOptions verify_options;
  std::atomic<std::uint64_t> rows_done{0};
  const CheckContext context{config, catalog, router, verify_options, &rows_done};
  std::vector<TableSums> all(catalog.tables.size());
  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  Status failed;
  const auto work = [&] {
    SumReader reader(context, ranges);
    for (std::size_t i = next++; i < all.size(); i = next++) {
      std::vector<std::string> found;
      const bool stopped = options.stop != nullptr && options.stop->load();
      Result<TableSums> sums = stopped ? Result<TableSums>(Status(Code::kStopped, "stopped on request"))
                                       : reader.Read(catalog.tables[i], &found);
      const std::lock_guard lock(mutex);
      problems->insert(problems->end(), found.begin(), found.end());
      if (!sums.ok()) {
        if (failed.ok()) failed = sums.status();
        next.store(all.size());
        return;
      }
      if (sums->form.with_json && sums->source != sums->shards) {
        problems->push_back(SumReader::DifferText(catalog.tables[i]));
      }
      all[i] = std::move(sums).value();
    }
  };
  std::vector<std::thread> threads;
  for (std::uint32_t i = 1; i < options.threads; ++i) threads.emplace_back(work);
  work();
  for (std::thread& thread : threads) thread.join();
  SL_TRY(failed);
  return all;
}

}  // namespace shardlift::verify
