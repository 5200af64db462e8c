// Seal: a JSON document as signed bytes (docs/formats.md, "Certificate").
//
// A sealed document is one object in the one spelling that it can have, so that no byte of a file can change unseen.
// Its member `signature` holds the public key, its fingerprint and the Ed25519 signature; signed is the document
// without `signature.value`.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "verify/signing.h"

namespace shardlift::verify {

// Keys in ascending order of their bytes, no white space, all but printable ASCII as \u00xx.
std::string CanonicalJson(const nlohmann::json& document);

// Adds `signature`, and is the file's text: the canonical bytes and a line feed. kInternal for a document that has no
// canonical form (numbers that are no unsigned integers).
base::Result<std::string> Seal(nlohmann::json document, const SigningKey& key);

// The document of a file's text. kFindings when the text is not a whole sealed document of `schema` in its canonical
// form: cut short, changed by hand, with keys twice.
base::Result<nlohmann::json> ParseSealed(std::string_view text, std::string_view schema);

// What is wrong with the seal of a parsed document; empty: it is signed by the key that is in it, and that is
// `trusted_key` (raw bytes) unless that is empty.
std::vector<std::string> SealProblems(const nlohmann::json& document, std::string_view trusted_key);

std::string LowerHex(std::string_view bytes);

}  // namespace shardlift::verify
