#include "verify/certificate.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "job/routing.h"
#include "verify/certificate_body.h"
#include "verify/seal.h"

namespace shardlift::verify {
namespace {

using base::Code;
using base::Result;
using base::Status;

Status CertificateFileError(const std::string& path, const char* what) {
  return {Code::kEnvironment, fmt::format("certificate {}: {}: {}", path, what, std::strerror(errno))};
}

Result<std::string> ReadWhole(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return CertificateFileError(path, "cannot be read");
  std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  if (in.bad()) return CertificateFileError(path, "cannot be read");
  return text;
}

// Under its name only once it is whole and on disk; never over another file.
Status WriteCertificate(const std::string& path, const std::string& text) {
  const std::string part = path + ".part";
  const int fd = open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return CertificateFileError(part, "cannot be written");
  std::string_view rest = text;
  while (!rest.empty()) {
    const ssize_t n = write(fd, rest.data(), rest.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    rest.remove_prefix(static_cast<std::size_t>(n));
  }
  const bool synced = rest.empty() && fsync(fd) == 0;
  const bool closed = close(fd) == 0;
  const bool named = synced && closed && link(part.c_str(), path.c_str()) == 0;
  const Status status = named ? base::Ok() : CertificateFileError(path, "cannot be written");
  unlink(part.c_str());
  return status;
}

std::vector<std::string> ReportProblems(const VerifyReport& report) {
  std::vector<std::string> problems;
  if (report.findings_total() > 0) {
    problems.push_back(fmt::format("{} rows are wrong; repair them and verify again", report.findings_total()));
  }
  if (report.dead_letters > 0) {
    problems.push_back(
        fmt::format("{} rows are set aside as dead letters; correct them at the source, run migrate "
                    "and verify again",
                    report.dead_letters));
  }
  for (const NotVerified& table : report.not_verified) {
    problems.push_back(fmt::format("{} {} was not verified: {}", table.source, table.table, table.reason));
  }
  if (report.beyond.empty()) problems.emplace_back("the checks beyond rows were not made");
  for (const BeyondCheck& check : report.beyond) {
    switch (check.state) {
      case BeyondState::kClean:
      case BeyondState::kNothing: break;
      case BeyondState::kFindings:
        problems.push_back(fmt::format("the check {} found {} things that are wrong", check.name, check.findings));
        break;
      case BeyondState::kNotMade:
        problems.push_back(fmt::format("the check {} could not be made: {}", check.name, check.reason));
        break;
      case BeyondState::kLeftOut:
        problems.push_back(fmt::format("the check {} was left out; verify again without --skip", check.name));
        break;
    }
  }
  return problems;
}

void AddMapProblems(const store::Router& router, const ServersSnapshot& servers, std::vector<std::string>* problems) {
  for (const ShardSnapshot& shard : servers.shards) {
    if (!shard.failure.ok() || shard.rules_sha256.empty()) continue;  // told already
    if (shard.map_epoch == router.epoch() && shard.shard_map == router.MapText()) continue;
    problems->push_back(
        fmt::format("shard {}: its shard map (epoch {}) is not the job's (epoch {}); run migrate with "
                    "this job file",
                    shard.server.name, shard.map_epoch, router.epoch()));
  }
}

}  // namespace

Status CheckCertificatePath(const std::string& path) {
  if (access(path.c_str(), F_OK) == 0) {
    return {Code::kRefused,
            fmt::format("certificate {}: the file is there, and certificates are not overwritten; name another", path)};
  }
  const std::string part = path + ".part";
  const int fd = open(part.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return CertificateFileError(path, "cannot be written; name another place");
  close(fd);
  unlink(part.c_str());
  return base::Ok();
}

Result<CertificateOutcome> IssueCertificate(const job::JobConfig& config, const VerifyReport& report, Claim claim,
                                            const SigningKey& key, const CertificateOptions& options) {
  SL_ASSIGN(const store::Router router, job::MakeRouter(config.routing));
  SL_ASSIGN(const job::Catalog catalog, job::LoadCatalog(config, false));
  CertificateOutcome outcome;
  outcome.path = options.path;
  const std::vector<std::string> of_report = ReportProblems(report);
  claim.after = claim.before;
  const bool may_hold = of_report.empty() && ClaimProblems(claim, catalog.fingerprint).empty();
  const std::vector<store::BucketRange> ranges = CertificateRanges(router, catalog.tables.size());
  std::vector<TableSums> sums;
  std::vector<std::string> of_sums;
  if (may_hold) {
    SL_ASSIGN(sums, ReadAllSums(config, catalog, router, ranges, options, &of_sums));
  }
  claim.after = ReadServers(config);
  outcome.refused = ClaimProblems(claim, catalog.fingerprint);
  outcome.refused.insert(outcome.refused.begin(), of_report.begin(), of_report.end());
  outcome.refused.insert(outcome.refused.end(), of_sums.begin(), of_sums.end());
  AddMapProblems(router, claim.after, &outcome.refused);
  if (!outcome.refused.empty()) return outcome;
  SL_ASSIGN(const std::string job_file, ReadWhole(config.path));
  const nlohmann::json document =
      CertificateDocument({config, catalog, router, report, claim, ranges, sums, Sha256Of(job_file)});
  outcome.refused = ContentProblems(document);
  if (!outcome.refused.empty()) return outcome;
  SL_ASSIGN(const std::string text, Seal(document, key));
  SL_TRY(WriteCertificate(options.path, text));
  outcome.issued = true;
  outcome.sha256 = Sha256Of(text);
  outcome.key_fingerprint = KeyFingerprint(key.public_key());
  return outcome;
}

Result<nlohmann::json> ReadCertificate(const std::string& path) {
  SL_ASSIGN(const std::string text, ReadWhole(path));
  Result<nlohmann::json> document = ParseSealed(text, kCertificateSchema);
  if (!document.ok()) return document.status().WithContext("certificate " + path);
  return document;
}

}  // namespace shardlift::verify
