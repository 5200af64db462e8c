// A certificate held against the data, as it is now.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "job/catalog.h"
#include "job/routing.h"
#include "job/targets.h"
#include "verify/certificate.h"
#include "verify/json_access.h"
#include "verify/table_check.h"
#include "verify/table_sums.h"

namespace shardlift::verify {
namespace {

using base::Code;
using base::Result;
using base::Status;
using nlohmann::json;

struct ExpectedPart {
  std::string shard;
  std::uint64_t rows = 0;
  std::optional<std::uint64_t> first;
  std::optional<std::uint64_t> second;
  bool operator==(const Digest& sum) const { return rows == sum.rows && first == sum.first && second == sum.second; }
};

enum class Side : std::uint8_t { kShards, kSource };

class DataChecker {
 public:
  DataChecker(const json& certificate, const job::JobConfig& config, const store::Router& router,
              const job::Targets& targets, const job::Catalog& catalog, const DataCheckOptions& options)
      : certificate_(certificate),
        config_(config),
        router_(router),
        targets_(targets),
        catalog_(catalog),
        options_(options),
        context_{config, catalog, router, verify_options_, &rows_done_},
        sessions_(context_) {}

  Result<DataCheck> Run() {
    SL_TRY(ReadRanges());
    for (const json& table : ListAt(certificate_, "tables")) {
      if (options_.stop != nullptr && options_.stop->load()) return Status(Code::kStopped, "stopped on request");
      name_ = fmt::format("{} {}.{}", TextAt(table, "source"), TextAt(table, "schema"), TextAt(table, "table"));
      SL_TRY(CheckShards(table));
      if (!options_.shards_only) SL_TRY(CheckSource(table));
    }
    return std::move(result_);
  }

 private:
  // In the order of their buckets, as the sums need them.
  Status ReadRanges() {
    std::uint64_t next = 0;
    for (const json& range : ListAt(certificate_, "routing/ranges")) {
      const std::uint64_t first = NumberAt(range, "first_bucket");
      const std::uint64_t last = NumberAt(range, "last_bucket");
      const auto shard = static_cast<std::uint32_t>(ShardNamed(TextAt(range, "shard")));
      if (first != next || last < first || last >= router_.rules().bucket_count() || shard >= config_.shards.size()) {
        return {Code::kRefused,
                fmt::format("the certificate's bucket range {} to {} on shard {} does not fit the job's "
                            "routing; use the job file that it was made with",
                            first, last, TextAt(range, "shard"))};
      }
      ranges_.push_back({static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(last), shard});
      next = last + 1;
    }
    if (next == router_.rules().bucket_count()) return base::Ok();
    return {Code::kRefused,
            "the certificate's bucket ranges are not all buckets of the job's routing; use the job file "
            "that it was made with"};
  }

  std::size_t ShardNamed(const std::string& name) const {
    for (std::size_t i = 0; i < config_.shards.size(); ++i) {
      if (config_.shards[i].endpoint.name == name) return i;
    }
    return config_.shards.size();
  }

  static SumsForm FormOf(const json& table) {
    SumsForm form;
    form.by = TextAt(table, "hash") == SumsName(SumsBy::kClient) ? SumsBy::kClient : SumsBy::kServer;
    return form;
  }

  Result<std::map<std::int32_t, ExpectedPart>> PartsOf(const json& table, Side side) {
    const bool own_sums = side == Side::kSource && TextAt(table, "json") == "same_meaning";
    std::map<std::int32_t, ExpectedPart> parts;
    for (const json& part : ListAt(table, "parts")) {
      std::int32_t at = kNoRange;
      for (std::size_t i = 0; i < ranges_.size(); ++i) {
        const bool same = ranges_[i].first == NumberAt(part, "first_bucket") &&
                          ranges_[i].last == NumberAt(part, "last_bucket") &&
                          config_.shards[ranges_[i].shard].endpoint.name == TextAt(part, "shard");
        if (same) at = static_cast<std::int32_t>(i);
      }
      if (at == kNoRange) {
        return Status(
            Code::kRefused,
            fmt::format("the certificate has buckets {} to {} of {} on shard {}, the job's shard map has not; "
                        "use the job file that it was made with",
                        NumberAt(part, "first_bucket"), NumberAt(part, "last_bucket"), name_, TextAt(part, "shard")));
      }
      parts[at] = {TextAt(part, "shard"), NumberAt(part, "rows"), SumAt(part, own_sums ? "source_first" : "first"),
                   SumAt(part, own_sums ? "source_second" : "second")};
    }
    return parts;
  }

  std::string RangeText(std::int32_t range) const {
    if (range == kNoRange) return "buckets that are none";
    const store::BucketRange& buckets = ranges_[static_cast<std::size_t>(range)];
    return fmt::format("buckets {} to {}", buckets.first, buckets.last);
  }

  void Compare(const std::string& place, std::int32_t range, const ExpectedPart* expected, const Digest* sum) {
    ++result_.parts;
    const Digest nothing;
    const Digest& now = sum != nullptr ? *sum : nothing;
    if (expected == nullptr) {
      result_.differences.push_back(fmt::format("{}, table {}, {}: {} rows that the certificate does not have there",
                                                place, name_, RangeText(range), now.rows));
    } else if (now.hashed != now.rows) {
      result_.differences.push_back(fmt::format("{}, table {}, {}: rows have become too long for the server to sum up",
                                                place, name_, RangeText(range)));
    } else if (!(*expected == now)) {
      result_.differences.push_back(fmt::format(
          "{}, table {}, {}: {}", place, name_, RangeText(range),
          expected->rows == now.rows ? fmt::format("{} rows as certified, with other contents", now.rows)
                                     : fmt::format("{} rows, {} were certified", now.rows, expected->rows)));
    }
  }

  Status CheckShards(const json& table) {
    const auto target = targets_.find(TextAt(table, "target"));
    if (target == targets_.end()) {
      return {Code::kRefused, fmt::format("the job has no target {}, where the certificate has the rows of {}",
                                          TextAt(table, "target"), name_)};
    }
    SL_ASSIGN(const auto parts, PartsOf(table, Side::kShards));
    const job::CatalogTable* const known = FindTable(table);  // none without the sources
    const StoredTable stored{*target->second, static_cast<std::uint32_t>(NumberAt(table, "origin")),
                             static_cast<std::uint32_t>(NumberAt(table, "ordinal")),
                             known == nullptr ? nullptr : &known->mapper->owners()};
    for (std::uint32_t i = 0; i < config_.shards.size(); ++i) {
      SL_ASSIGN(mysql::Session * session, sessions_.Shard(i));
      SL_ASSIGN(const RangeSums sums, ReadShardSums(*session, stored, router_.rules(), FormOf(table), ranges_));
      const std::string& name = config_.shards[i].endpoint.name;
      for (const auto& [range, part] : parts) {
        if (part.shard != name) continue;
        const auto found = sums.find(range);
        Compare("shard " + name, range, &part, found == sums.end() ? nullptr : &found->second);
      }
      for (const auto& [range, sum] : sums) {
        const auto part = parts.find(range);
        if (part == parts.end() || part->second.shard != name) Compare("shard " + name, range, nullptr, &sum);
      }
    }
    return base::Ok();
  }

  Status CheckSource(const json& table) {
    const job::CatalogTable* const found = FindTable(table);
    if (found == nullptr) {
      return {Code::kRefused, fmt::format("the job no longer has the table {}; look at the shards alone with "
                                          "--shards-only",
                                          name_)};
    }
    SL_ASSIGN(const auto parts, PartsOf(table, Side::kSource));
    SL_ASSIGN(mysql::Session * session, sessions_.Source(found->source));
    SL_ASSIGN(const RangeSums sums, ReadSourceSums(*session, *found->mapper, router_.rules(), FormOf(table), ranges_));
    const std::string place = "source " + TextAt(table, "source");
    for (const auto& [range, part] : parts) {
      const auto sum = sums.find(range);
      Compare(place, range, &part, sum == sums.end() ? nullptr : &sum->second);
    }
    for (const auto& [range, sum] : sums) {
      if (!parts.contains(range)) Compare(place, range, nullptr, &sum);
    }
    return base::Ok();
  }

  const job::CatalogTable* FindTable(const json& table) const {
    for (const job::CatalogTable& one : catalog_.tables) {
      if (one.ordinal == NumberAt(table, "ordinal") && one.mapper->config().origin == NumberAt(table, "origin")) {
        return &one;
      }
    }
    return nullptr;
  }

  const json& certificate_;
  const job::JobConfig& config_;
  const store::Router& router_;
  const job::Targets& targets_;
  const job::Catalog& catalog_;
  const DataCheckOptions& options_;
  const VerifyOptions verify_options_;
  std::atomic<std::uint64_t> rows_done_{0};
  const CheckContext context_;
  TableChecker sessions_;
  std::vector<store::BucketRange> ranges_;
  std::string name_;  // of the table that is compared
  DataCheck result_;
};

}  // namespace

Result<DataCheck> CheckData(const json& certificate, const job::JobConfig& config, const DataCheckOptions& options) {
  SL_ASSIGN(const store::Router router, job::MakeRouter(config.routing));
  SL_TRY(job::CheckStoredRules(config, router));
  SL_ASSIGN(const job::Targets targets, job::LoadTargets(config));
  if (TextAt(certificate, "job/fingerprint") != job::FingerprintWith(config, targets) ||
      TextAt(certificate, "routing/shard_map") != router.MapText()) {
    return Status(
        Code::kRefused,
        fmt::format("the certificate is of a job with other mappings, targets, routing rules or another shard "
                    "map than {}; use the job file that it was made with",
                    config.path));
  }
  job::Catalog catalog;
  if (!options.shards_only) {
    auto loaded = job::LoadCatalog(config, false);
    if (!loaded.ok()) {
      return loaded.status().WithContext("the sources could not be read (--shards-only leaves them out)");
    }
    catalog = std::move(loaded).value();
  }
  return DataChecker(certificate, config, router, targets, catalog, options).Run();
}

}  // namespace shardlift::verify
