// OwnerChecker: compares single owners, named by their keys, row by row: the source's SQL against all shards, as they
// are now.
//
// One thread. Borrows what it is given.
#pragma once

#include <atomic>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "job/catalog.h"
#include "job/config.h"
#include "store/router.h"
#include "verify/table_check.h"
#include "verify/verify.h"

namespace shardlift::verify {

class OwnerChecker {
 public:
  // `stop` may be nullptr; when it is set, Check ends with kStopped.
  OwnerChecker(const job::JobConfig& config, const job::Catalog& catalog, const store::Router& router,
               const std::atomic<bool>* stop);
  OwnerChecker(const OwnerChecker&) = delete;
  OwnerChecker& operator=(const OwnerChecker&) = delete;

  // What is wrong with these owners of a table; an owner without a finding is right: one equal row in its place, or no
  // row on either side.
  base::Result<std::vector<Finding>> Check(const job::CatalogTable& table, std::span<const std::string> owner_keys);

 private:
  VerifyOptions options_;
  std::atomic<std::uint64_t> rows_done_{0};
  const CheckContext context_;
  TableChecker checker_;
};

}  // namespace shardlift::verify
