// What a certificate says, as JSON; and the sums it is made of. Only for the .cc files of certificates.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/status.h"
#include "job/catalog.h"
#include "job/config.h"
#include "verify/certificate.h"
#include "verify/table_sums.h"

namespace shardlift::verify {

struct TableSums {
  SumsForm form;             // with_json false: the JSON of both sides is spelled differently, and equal by meaning
  RangeSums source;          // with JSON
  RangeSums shards;          // with JSON; each range is on its own shard only
  RangeSums source_no_json;  // of form.with_json false
};

// Sums of all tables, several at a time. A table whose sums differ between the sides is told in `problems`.
base::Result<std::vector<TableSums>> ReadAllSums(const job::JobConfig& config, const job::Catalog& catalog,
                                                 const store::Router& router,
                                                 const std::vector<store::BucketRange>& ranges,
                                                 const CertificateOptions& options, std::vector<std::string>* problems);

struct CertificateParts {
  const job::JobConfig& config;
  const job::Catalog& catalog;
  const store::Router& router;
  const VerifyReport& report;
  const Claim& claim;
  const std::vector<store::BucketRange>& ranges;
  const std::vector<TableSums>& sums;
  std::string job_file_sha256;
};
nlohmann::json CertificateDocument(const CertificateParts& parts);

std::string SumText(std::uint64_t sum);  // 16 hex digits

}  // namespace shardlift::verify
