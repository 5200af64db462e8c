#include "verify/owner_check.h"

#include <algorithm>
#include <iterator>
#include <limits>

namespace shardlift::verify {
namespace {

constexpr std::size_t kOwnersPerQuery = 200;

VerifyOptions AllFindings(const std::atomic<bool>* stop) {
  VerifyOptions options;
  options.findings_max = std::numeric_limits<std::size_t>::max();
  options.stop = stop;
  return options;
}

}  // namespace

OwnerChecker::OwnerChecker(const job::JobConfig& config, const job::Catalog& catalog, const store::Router& router,
                           const std::atomic<bool>* stop)
    : options_(AllFindings(stop)), context_{config, catalog, router, options_, &rows_done_}, checker_(context_) {}

base::Result<std::vector<Finding>> OwnerChecker::Check(const job::CatalogTable& table,
                                                       std::span<const std::string> owner_keys) {
  std::vector<Finding> findings;
  for (std::size_t i = 0; i < owner_keys.size(); i += kOwnersPerQuery) {
    if (options_.stop != nullptr && options_.stop->load()) {
      return base::Status(base::Code::kStopped, "stopped on request");
    }
    const auto slice = owner_keys.subspan(i, std::min(kOwnersPerQuery, owner_keys.size() - i));
    RowScope scope;
    scope.part.owners.assign(slice.begin(), slice.end());
    TableResult result;
    SL_TRY(checker_.Try(table, &result, [&](TableResult* attempt, std::uint64_t*) {
      return checker_.CompareRows(table, scope, attempt, nullptr);
    }));
    SL_TRY(result.failure);
    findings.insert(findings.end(), std::make_move_iterator(result.findings.begin()),
                    std::make_move_iterator(result.findings.end()));
  }
  return findings;
}

}  // namespace shardlift::verify
