#include "verify/seal.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>

namespace shardlift::verify {
namespace {

using base::Code;
using base::Result;
using base::Status;
using nlohmann::json;

constexpr const char* kAlgorithm = "ed25519";
constexpr int kDepthMax = 32;

bool HasCanonicalForm(const json& value, int depth) {
  if (depth > kDepthMax) return false;
  if (value.is_object() || value.is_array()) {
    for (const json& child : value) {
      if (!HasCanonicalForm(child, depth + 1)) return false;
    }
    return true;
  }
  return value.is_string() || value.is_number_unsigned() || value.is_boolean();
}

std::string BytesOf(std::string_view hex) {
  const auto digit = [](char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; };
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    const int high = digit(hex[i]);
    const int low = digit(hex[i + 1]);
    if (high < 0 || low < 0) return {};
    bytes.push_back(static_cast<char>(high * 16 + low));
  }
  return hex.size() % 2 == 0 ? bytes : std::string();
}

std::string MemberText(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

std::string LowerHex(std::string_view bytes) {
  std::string hex;
  for (const char c : bytes) hex += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return hex;
}

std::string CanonicalJson(const json& document) { return document.dump(-1, ' ', true, json::error_handler_t::replace); }

Result<std::string> Seal(json document, const SigningKey& key) {
  document["signature"] = {{"algorithm", kAlgorithm},
                           {"public_key", LowerHex(key.public_key())},
                           {"fingerprint", KeyFingerprint(key.public_key())}};
  if (!HasCanonicalForm(document, 0)) return Status(Code::kInternal, "a document without a canonical form");
  SL_ASSIGN(const std::string signature, key.Sign(CanonicalJson(document)));
  document["signature"]["value"] = LowerHex(signature);
  return CanonicalJson(document) + "\n";
}

Result<json> ParseSealed(std::string_view text, std::string_view schema) {
  json document = json::parse(text, nullptr, false);
  if (document.is_discarded() || !document.is_object()) {
    return Status(Code::kFindings, "the text is not a whole JSON document: it was cut short or changed");
  }
  if (MemberText(document, "schema") != schema) {
    return Status(Code::kFindings, fmt::format("it is no {}", schema));
  }
  if (!HasCanonicalForm(document, 0) || CanonicalJson(document) + "\n" != text) {
    return Status(Code::kFindings, "the text is not in the one form that a sealed document has: it was changed");
  }
  return document;
}

std::vector<std::string> SealProblems(const json& document, std::string_view trusted_key) {
  const auto found = document.find("signature");
  if (found == document.end() || !found->is_object()) return {"it is not signed"};
  const json& signature = *found;
  std::vector<std::string> problems;
  if (MemberText(signature, "algorithm") != kAlgorithm) problems.emplace_back("the signature is not by Ed25519");
  const std::string key = BytesOf(MemberText(signature, "public_key"));
  if (MemberText(signature, "fingerprint") != KeyFingerprint(key)) {
    problems.emplace_back("the fingerprint is not that of the public key beside it");
  }
  json unsigned_part = document;
  unsigned_part["signature"].erase("value");
  if (!IsSignedBy(key, CanonicalJson(unsigned_part), BytesOf(MemberText(signature, "value")))) {
    problems.emplace_back("the signature does not fit: the document was changed, or another key signed it");
  }
  if (!trusted_key.empty() && key != trusted_key) {
    problems.push_back(fmt::format("it is signed by the key {}, not by the trusted one, {}",
                                   MemberText(signature, "fingerprint").substr(0, 16),
                                   KeyFingerprint(trusted_key).substr(0, 16)));
  }
  return problems;
}

}  // namespace shardlift::verify
