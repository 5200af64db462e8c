// The certificate of a verification: a signed JSON document `shardlift.certificate/1` (docs/formats.md, "Certificate").
//
// Issued only when a full pass found nothing, and its claim (verify/claim.h) holds from before its first read until
// after the sums of the certificate were read. It holds counts, sums, positions and names; no value and no string key.
#pragma once

#include <atomic>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/status.h"
#include "job/config.h"
#include "verify/claim.h"
#include "verify/signing.h"
#include "verify/verify.h"

namespace shardlift::verify {

inline constexpr const char* kCertificateSchema = "shardlift.certificate/1";

struct CertificateOptions {
  std::string path;
  std::uint32_t threads = 2;
  const std::atomic<bool>* stop = nullptr;
};

// Before the pass: kRefused when the certificate's file is there already, kEnvironment when it could not be written.
base::Status CheckCertificatePath(const std::string& path);

// `claim.before` was read before the pass began; `claim.after` is read here, behind the last read of rows. The outcome
// says why there is no certificate; a failed Status is a failure of servers or files.
base::Result<CertificateOutcome> IssueCertificate(const job::JobConfig& config, const VerifyReport& report, Claim claim,
                                                  const SigningKey& key, const CertificateOptions& options);

// The file's document; kFindings when it is no whole one, kEnvironment when it cannot be read.
base::Result<nlohmann::json> ReadCertificate(const std::string& path);

// For a person.
std::string CertificateText(const nlohmann::json& certificate);

// What does not add up inside the document: totals that are not the sum of their parts, a claim that contradicts
// itself. Empty: nothing. Any document may be given.
std::vector<std::string> ContentProblems(const nlohmann::json& certificate);

struct DataCheckOptions {
  bool shards_only = false;  // the sources are not asked
  const std::atomic<bool>* stop = nullptr;
};
struct DataCheck {
  std::uint64_t parts = 0;               // that were held against the data, on each side
  std::vector<std::string> differences;  // each with table, shard and bucket range
};
// Computes all sums again and compares them with those of the certificate. kRefused for a certificate of another job.
base::Result<DataCheck> CheckData(const nlohmann::json& certificate, const job::JobConfig& config,
                                  const DataCheckOptions& options);

}  // namespace shardlift::verify
