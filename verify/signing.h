// Ed25519 keys in PEM files, and signatures by them (OpenSSL).
//
// Units: public keys are 32 raw bytes, signatures 64. Thread rules: values; any thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/status.h"

struct evp_pkey_st;

namespace shardlift::verify {

struct KeyFiles {
  std::string private_path;
  std::string public_path;
  std::string fingerprint;
};

// Where keygen puts the public key: "sign.pem" -> "sign.pub.pem".
std::string PublicKeyPathOf(const std::string& private_path);

// Writes a new private key (mode 0600) and its public key beside it. kRefused when one of the files is there.
base::Result<KeyFiles> GenerateKeyFiles(const std::string& private_path);

class SigningKey {
 public:
  // kUsage for a file that holds no unencrypted Ed25519 private key, or that others than its owner may read.
  static base::Result<SigningKey> Read(const std::string& path);
  const std::string& public_key() const { return public_key_; }
  base::Result<std::string> Sign(std::string_view bytes) const;

 private:
  std::shared_ptr<evp_pkey_st> key_;
  std::string public_key_;
};

// The raw public key of a PEM file. kUsage when it holds none.
base::Result<std::string> ReadPublicKey(const std::string& path);

// False also for a key or a signature that is none.
bool IsSignedBy(std::string_view public_key, std::string_view bytes, std::string_view signature);

std::string Sha256Of(std::string_view bytes);  // lower case hex
// What names a public key: SHA-256 of its raw bytes.
inline std::string KeyFingerprint(std::string_view public_key) { return Sha256Of(public_key); }

}  // namespace shardlift::verify
