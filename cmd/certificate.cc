// `shardlift certificate keygen|show|check`: the signed result of a verification.
#include "verify/certificate.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cmd/commands.h"
#include "cmd/support.h"
#include "job/config.h"
#include "verify/seal.h"
#include "verify/signing.h"

namespace shardlift::cmd {
namespace {

using base::Code;
using base::Result;
using base::Status;

struct CertificateFlags {
  std::string file;
  std::string public_key_path;
  std::string job_path;
  bool json = false;
  verify::DataCheckOptions data;
};

struct CertificateVerdict {
  std::vector<std::string> problems;  // of the document
  bool trusted = false;               // it is signed by the key that was given
  std::optional<verify::DataCheck> data;
  int exit_code() const { return problems.empty() && (!data || data->differences.empty()) ? 0 : 1; }
};

int RunKeygen(const std::string& path) {
  const auto files = verify::GenerateKeyFiles(path);
  if (!files.ok()) return Fail(files.status());
  return Finish(
      fmt::format("{}: the private key, for verify --signing-key; keep it to yourself\n{}: the public key, for "
                  "certificate check --public-key\nfingerprint {}\n",
                  files->private_path, files->public_path, files->fingerprint),
      0);
}

int RunShow(const std::string& path) {
  const auto document = verify::ReadCertificate(path);
  if (!document.ok()) return Fail(document.status());
  std::string text = verify::CertificateText(*document);
  const std::vector<std::string> problems = verify::SealProblems(*document, {});
  for (const std::string& problem : problems) text += "WRONG: " + problem + "\n";
  text += "who signed it is not checked here: shardlift certificate check --public-key\n";
  return Finish(text, problems.empty() ? 0 : 1);
}

Result<CertificateVerdict> RunCheckFlags(const CertificateFlags& flags) {
  CertificateVerdict verdict;
  std::string trusted_key;
  if (!flags.public_key_path.empty()) {
    SL_ASSIGN(trusted_key, verify::ReadPublicKey(flags.public_key_path));
  }
  const auto document = verify::ReadCertificate(flags.file);
  if (!document.ok()) {
    if (document.status().code() != Code::kFindings) return document.status();
    verdict.problems = {document.status().message()};
    return verdict;
  }
  verdict.problems = verify::SealProblems(*document, trusted_key);
  verdict.trusted = verdict.problems.empty() && !trusted_key.empty();
  const std::vector<std::string> content = verify::ContentProblems(*document);
  verdict.problems.insert(verdict.problems.end(), content.begin(), content.end());
  if (flags.job_path.empty() || !verdict.problems.empty()) return verdict;
  SL_ASSIGN(const job::JobConfig config, job::LoadJobConfig(flags.job_path));
  verify::DataCheckOptions options = flags.data;
  options.stop = InstallStopSignals();
  SL_ASSIGN(verdict.data, verify::CheckData(*document, config, options));
  return verdict;
}

std::string VerdictText(const CertificateVerdict& verdict) {
  std::string text;
  for (const std::string& problem : verdict.problems) text += "WRONG: " + problem + "\n";
  if (verdict.problems.empty()) {
    text += verdict.trusted
                ? "signed by the trusted key, and whole\n"
                : "whole: nothing was changed after it was signed. Who signed it is not known: give the key "
                  "that you trust with --public-key\n";
  }
  if (!verdict.data) return text;
  for (const std::string& difference : verdict.data->differences) text += "CHANGED: " + difference + "\n";
  return text + fmt::format("{} sums held against the data, {} differ\n", verdict.data->parts,
                            verdict.data->differences.size());
}

std::string VerdictJson(const CertificateVerdict& verdict) {
  nlohmann::ordered_json out{{"schema", "shardlift.certificate-check/1"},
                             {"exit_code", verdict.exit_code()},
                             {"whole", verdict.problems.empty()},
                             {"trusted", verdict.trusted},
                             {"problems", verdict.problems}};
  if (verdict.data) out["data"] = {{"sums", verdict.data->parts}, {"differences", verdict.data->differences}};
  return out.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

int RunCertificateCheck(const CertificateFlags& flags) {
  const Result<CertificateVerdict> verdict =
      flags.data.shards_only && flags.job_path.empty()
          ? Result<CertificateVerdict>(Status(Code::kUsage, "--shards-only goes with -c JOB"))
          : RunCheckFlags(flags);
  if (!verdict.ok()) return Fail(verdict.status(), flags.json ? "certificate-check" : "");
  return Finish(flags.json ? VerdictJson(*verdict) : VerdictText(*verdict), verdict->exit_code());
}

void AddCheckOf(CLI::App* certificate, int* exit_code) {
  CLI::App* const check = certificate->add_subcommand(
      "check", "Whether it is whole and by the key that you trust, and with -c whether the data is still as it says");
  const auto flags = std::make_shared<CertificateFlags>();
  check->add_option("FILE", flags->file, "Certificate")->required();
  check->add_option("--public-key", flags->public_key_path, "The key that you trust")->type_name("PUB.pem");
  check->add_option("-c,--config", flags->job_path, "Compute all sums again, with this job file")->type_name("JOB");
  check->add_flag("--shards-only", flags->data.shards_only, "With -c: do not ask the sources");
  check->add_flag("--json", flags->json, "Print the result as JSON");
  check->callback([flags, exit_code] { *exit_code = RunCertificateCheck(*flags); });
}

}  // namespace

void AddCertificate(CLI::App& app, int* exit_code) {
  CLI::App* const certificate =
      app.add_subcommand("certificate", "The signed certificate that verify --certificate writes");
  certificate->require_subcommand(1);
  CLI::App* const keygen = certificate->add_subcommand("keygen", "Make a key for verify --signing-key");
  const auto key_path = std::make_shared<std::string>();
  keygen->add_option("KEY", *key_path, "New file for the private key; the public one is written beside it")->required();
  keygen->callback([key_path, exit_code] { *exit_code = RunKeygen(*key_path); });
  CLI::App* const show = certificate->add_subcommand("show", "Print it for a person");
  const auto file = std::make_shared<std::string>();
  show->add_option("FILE", *file, "Certificate")->required();
  show->callback([file, exit_code] { *exit_code = RunShow(*file); });
  AddCheckOf(certificate, exit_code);
}

}  // namespace shardlift::cmd
