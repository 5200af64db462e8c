// What `verify --certificate` does around the pass: locks and a look at all servers before it, the certificate after.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/status.h"
#include "job/config.h"
#include "migrate/lane_claim.h"
#include "verify/certificate.h"
#include "verify/verify.h"

namespace CLI {
class App;
}

namespace shardlift::cmd {

struct CertifyFlags {
  std::string certificate_path;
  std::string key_path;
  bool wanted() const { return !certificate_path.empty() || !key_path.empty(); }
};
void AddCertifyFlags(CLI::App* sub, CertifyFlags* flags);

class Certifier {
 public:
  // nullptr when no certificate is asked for. What stands against one is told at the end; a key or a file that cannot
  // be used is told here, before hours of reading.
  static base::Result<std::unique_ptr<Certifier>> Begin(const job::JobConfig& config, const CertifyFlags& flags);
  base::Status End(const verify::VerifyOptions& options, verify::VerifyReport* report);

 private:
  Certifier(const job::JobConfig& config, std::string path, verify::SigningKey key)
      : config_(config), path_(std::move(path)), key_(std::move(key)) {}
  const job::JobConfig& config_;
  const std::string path_;
  const verify::SigningKey key_;
  std::unique_ptr<migrate::JobLocks> locks_;  // no migrate or repair runs meanwhile
  verify::Claim claim_;
};

}  // namespace shardlift::cmd
