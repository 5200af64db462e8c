#include "verify/signing.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace shardlift::verify {
namespace {

using base::Code;
using base::Result;
using base::Status;

constexpr std::size_t kRawKeyBytes = 32;
constexpr std::size_t kSignatureBytes = 64;
constexpr std::string_view kPemSuffix = ".pem";

using KeyPtr = std::shared_ptr<EVP_PKEY>;
using BioPtr = std::unique_ptr<BIO, decltype(&BIO_free)>;
using ContextPtr = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

KeyPtr Owned(EVP_PKEY* key) { return {key, EVP_PKEY_free}; }

const unsigned char* Bytes(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

Status KeyFileError(const std::string& path, const char* what) {
  return {Code::kEnvironment, fmt::format("key {}: {}: {}", path, what, std::strerror(errno))};
}

// Nobody is asked for a passphrase.
int NoPassphrase(char*, int, int, void*) { return 0; }

std::string TextOf(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return size > 0 ? std::string(data, static_cast<std::size_t>(size)) : std::string();
}

Result<std::string> RawPublicKey(const EVP_PKEY* key, const std::string& path) {
  std::string raw(kRawKeyBytes, '\0');
  std::size_t size = raw.size();
  if (EVP_PKEY_get_id(key) == EVP_PKEY_ED25519 &&
      EVP_PKEY_get_raw_public_key(key, reinterpret_cast<unsigned char*>(raw.data()), &size) == 1 &&
      size == kRawKeyBytes) {
    return raw;
  }
  return Status(Code::kUsage,
                fmt::format("key {}: it is no Ed25519 key; make one with shardlift certificate keygen", path));
}

// A file that was not there; whole and synced, or gone again.
Status WriteNewFile(const std::string& path, const std::string& text, mode_t mode) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (fd < 0 && errno == EEXIST) {
    return {Code::kRefused, fmt::format("key {}: the file is there, and keys are not overwritten; name another", path)};
  }
  if (fd < 0) return KeyFileError(path, "cannot be written");
  const ssize_t written = write(fd, text.data(), text.size());
  const bool whole = written == static_cast<ssize_t>(text.size()) && fsync(fd) == 0;
  const bool closed = close(fd) == 0;
  if (whole && closed) return base::Ok();
  const Status status = KeyFileError(path, "cannot be written");
  unlink(path.c_str());
  return status;
}

Result<KeyPtr> ReadKey(const std::string& path, bool is_private) {
  const std::unique_ptr<std::FILE, decltype(&std::fclose)> file(std::fopen(path.c_str(), "re"), &std::fclose);
  if (!file) return KeyFileError(path, "cannot be read");
  struct stat info{};
  if (is_private && (fstat(fileno(file.get()), &info) != 0 || (info.st_mode & 077) != 0)) {
    return Status(Code::kUsage,
                  fmt::format("key {}: others than its owner may read it; chmod 600 it, or make a new one", path));
  }
  EVP_PKEY* const key = is_private ? PEM_read_PrivateKey(file.get(), nullptr, NoPassphrase, nullptr)
                                   : PEM_read_PUBKEY(file.get(), nullptr, NoPassphrase, nullptr);
  if (key != nullptr) return Owned(key);
  return Status(Code::kUsage, fmt::format("key {}: no {} key in PEM without a passphrase is in it", path,
                                          is_private ? "private" : "public"));
}

}  // namespace

std::string PublicKeyPathOf(const std::string& private_path) {
  std::string_view stem = private_path;
  if (stem.ends_with(kPemSuffix)) stem.remove_suffix(kPemSuffix.size());
  return std::string(stem) + ".pub.pem";
}

Result<KeyFiles> GenerateKeyFiles(const std::string& private_path) {
  const KeyPtr key = Owned(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  const BioPtr secret(BIO_new(BIO_s_mem()), &BIO_free);
  const BioPtr open_part(BIO_new(BIO_s_mem()), &BIO_free);
  if (!key || !secret || !open_part ||
      PEM_write_bio_PrivateKey(secret.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1 ||
      PEM_write_bio_PUBKEY(open_part.get(), key.get()) != 1) {
    return Status(Code::kInternal, "OpenSSL made no Ed25519 key");
  }
  SL_ASSIGN(const std::string raw, RawPublicKey(key.get(), private_path));
  KeyFiles files{private_path, PublicKeyPathOf(private_path), KeyFingerprint(raw)};
  SL_TRY(WriteNewFile(files.private_path, TextOf(secret.get()), 0600));
  const Status status = WriteNewFile(files.public_path, TextOf(open_part.get()), 0644);
  if (status.ok()) return files;
  unlink(files.private_path.c_str());
  return status;
}

Result<SigningKey> SigningKey::Read(const std::string& path) {
  SigningKey key;
  SL_ASSIGN(key.key_, ReadKey(path, true));
  SL_ASSIGN(key.public_key_, RawPublicKey(key.key_.get(), path));
  return key;
}

Result<std::string> SigningKey::Sign(std::string_view bytes) const {
  std::string signature(kSignatureBytes, '\0');
  std::size_t size = signature.size();
  const ContextPtr context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  if (context && EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()) == 1 &&
      EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size, Bytes(bytes),
                     bytes.size()) == 1 &&
      size == kSignatureBytes) {
    return signature;
  }
  return Status(Code::kInternal, "OpenSSL did not sign");
}

Result<std::string> ReadPublicKey(const std::string& path) {
  auto key = ReadKey(path, false);
  if (!key.ok()) return key.status();
  return RawPublicKey(key->get(), path);
}

bool IsSignedBy(std::string_view public_key, std::string_view bytes, std::string_view signature) {
  if (public_key.size() != kRawKeyBytes || signature.size() != kSignatureBytes) return false;
  const KeyPtr key =
      Owned(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, Bytes(public_key), public_key.size()));
  const ContextPtr context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  return key && context && EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
         EVP_DigestVerify(context.get(), Bytes(signature), signature.size(), Bytes(bytes), bytes.size()) == 1;
}

std::string Sha256Of(std::string_view bytes) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(Bytes(bytes), bytes.size(), digest.data());
  std::string hex;
  for (const unsigned char byte : digest) hex += fmt::format("{:02x}", byte);
  return hex;
}

}  // namespace shardlift::verify
