#include "cmd/certify.h"

#include <CLI/CLI.hpp>
#include <utility>

namespace shardlift::cmd {

using base::Code;
using base::Result;
using base::Status;

void AddCertifyFlags(CLI::App* sub, CertifyFlags* flags) {
  sub->add_option("--certificate", flags->certificate_path,
                  "Write a signed certificate to this new file; needs fenced writes and a migrate that has caught up")
      ->type_name("FILE");
  sub->add_option("--signing-key", flags->key_path, "The private key that signs it (certificate keygen)")
      ->type_name("KEY.pem");
}

Result<std::unique_ptr<Certifier>> Certifier::Begin(const job::JobConfig& config, const CertifyFlags& flags) {
  if (!flags.wanted()) return std::unique_ptr<Certifier>();
  if (flags.certificate_path.empty() || flags.key_path.empty()) {
    return Status(Code::kUsage,
                  "--certificate and --signing-key go together; shardlift certificate keygen makes a key");
  }
  SL_TRY(verify::CheckCertificatePath(flags.certificate_path));
  SL_ASSIGN(verify::SigningKey key, verify::SigningKey::Read(flags.key_path));
  std::unique_ptr<Certifier> certifier(new Certifier(config, flags.certificate_path, std::move(key)));
  certifier->claim_.tool_version = SHARDLIFT_VERSION;
  auto locks = migrate::JobLocks::Acquire(config, false);
  if (locks.ok()) {
    certifier->locks_ = std::move(locks).value();
  } else if (locks.status().code() == Code::kRefused) {
    certifier->claim_.problems.push_back(locks.status().message());
  } else {
    return locks.status();
  }
  certifier->claim_.before = verify::ReadServers(config);
  return certifier;
}

Status Certifier::End(const verify::VerifyOptions& options, verify::VerifyReport* report) {
  if (locks_ != nullptr) {
    const Status kept = locks_->Maintain();
    if (!kept.ok()) claim_.problems.push_back(kept.message());
  }
  verify::CertificateOptions certificate;
  certificate.path = path_;
  certificate.threads = options.threads;
  certificate.stop = options.stop;
  auto outcome = verify::IssueCertificate(config_, *report, claim_, key_, certificate);
  if (outcome.ok()) {
    report->certificate = std::move(outcome).value();
    return base::Ok();
  }
  if (outcome.status().code() == Code::kStopped) return outcome.status();
  report->certificate.emplace();  // what the pass found is told all the same
  report->certificate->path = path_;
  report->certificate->refused = {outcome.status().message()};
  return base::Ok();
}

}  // namespace shardlift::cmd
