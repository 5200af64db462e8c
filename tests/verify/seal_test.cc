// Signed documents: their bytes, and that no change goes unseen.
#include "verify/seal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

namespace shardlift::verify {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr const char* kSchema = "shardlift.test/1";

class SealTest : public ::testing::Test {
 protected:
  SealTest() {
    std::string name = (std::filesystem::temp_directory_path() / "seal_test_XXXXXX").string();
    directory_ = mkdtemp(name.data());
    files_ = GenerateKeyFiles(directory_ + "/sign.pem").value();
  }
  ~SealTest() override { std::filesystem::remove_all(directory_); }

  static json Document() {
    return {{"schema", kSchema}, {"rows", 7u}, {"parts", {{{"shard", "s0"}, {"sum", "00ff"}}, true}}};
  }
  std::string Sealed() const { return Seal(Document(), SigningKey::Read(files_.private_path).value()).value(); }
  std::string TrustedKey() const { return ReadPublicKey(files_.public_path).value(); }

  std::string directory_;
  KeyFiles files_;
};

TEST_F(SealTest, CanonicalBytes_AreTheseForEver) {
  const json document{{"b", 18446744073709551615u},
                      {"a", {{"z", "caf\xC3\xA9 \"\\/\n\x01\x7F \xF0\x9F\x98\x80"}, {"Z", false}, {"", json::array()}}},
                      {"list", {json::object(), "x", 0u}}};
  EXPECT_EQ(CanonicalJson(document), R"({"a":{"":[],"Z":false,"z":"caf\u00e9 \"\\/\n\u0001\u007f \ud83d\ude00"},)"
                                     R"("b":18446744073709551615,"list":[{},"x",0]})");
}

TEST_F(SealTest, Sealed_IsReadBackAndTrusted) {
  const auto document = ParseSealed(Sealed(), kSchema);
  ASSERT_TRUE(document.ok()) << document.status().message();
  EXPECT_THAT(SealProblems(*document, {}), IsEmpty());
  EXPECT_THAT(SealProblems(*document, TrustedKey()), IsEmpty());
  EXPECT_EQ((*document)["signature"]["fingerprint"], files_.fingerprint);
  EXPECT_EQ(Sealed(), Sealed()) << "Ed25519 signatures have nothing random";
}

TEST_F(SealTest, EachLeafChanged_IsSeen) {
  const json sealed = json::parse(Sealed());
  std::size_t changed = 0;
  const json flat = sealed.flatten();
  for (const auto& [path, leaf] : flat.items()) {
    json copy = sealed;
    json& value = copy[json::json_pointer(path)];
    if (value.is_boolean()) {
      value = !value.get<bool>();
    } else if (value.is_number()) {
      value = value.get<std::uint64_t>() + 1;
    } else {
      std::string text = value.get<std::string>();
      text.back() = text.back() == '0' ? '1' : '0';
      value = text;
    }
    ++changed;
    const auto document = ParseSealed(CanonicalJson(copy) + "\n", kSchema);
    EXPECT_TRUE(!document.ok() || !SealProblems(*document, {}).empty()) << path;
  }
  EXPECT_EQ(changed, 9u);
}

TEST_F(SealTest, CutAtEachLength_IsNoDocument) {
  const std::string text = Sealed();
  for (std::size_t size = 0; size < text.size(); ++size) {
    EXPECT_FALSE(ParseSealed(text.substr(0, size), kSchema).ok()) << size;
  }
  EXPECT_FALSE(ParseSealed(text + " ", kSchema).ok());
}

TEST_F(SealTest, OtherSpellingsOfTheSameDocument_AreRefused) {
  const std::string text = Sealed();
  std::string twice = text;
  twice.insert(1, R"("rows":8,)");
  EXPECT_FALSE(ParseSealed(twice, kSchema).ok())
      << "a reader that takes the first of two keys would see another number";
  EXPECT_FALSE(ParseSealed(json::parse(text).dump(2) + "\n", kSchema).ok());
  std::string number = text;
  number.replace(number.find("\"rows\":7"), 8, "\"rows\":7.0");
  EXPECT_FALSE(ParseSealed(number, kSchema).ok());
  EXPECT_FALSE(ParseSealed(text, "shardlift.test/2").ok());
}

TEST_F(SealTest, SignedByAnotherKey_IsWholeButNotTrusted) {
  const KeyFiles other = GenerateKeyFiles(directory_ + "/other.pem").value();
  json changed = Document();
  changed["rows"] = 8u;
  const auto document =
      ParseSealed(Seal(changed, SigningKey::Read(other.private_path).value()).value(), kSchema).value();
  EXPECT_THAT(SealProblems(document, {}), IsEmpty());
  EXPECT_THAT(SealProblems(document, TrustedKey()), Contains(HasSubstr("not by the trusted one")));
  json exchanged = json::parse(Sealed());
  exchanged["signature"] = document["signature"];
  EXPECT_THAT(SealProblems(exchanged, {}), Contains(HasSubstr("the signature does not fit")));
  exchanged.erase("signature");
  EXPECT_THAT(SealProblems(exchanged, {}), Contains(HasSubstr("not signed")));
}

TEST_F(SealTest, KeyFiles_ArePrivateAndNeverOverwritten) {
  struct stat info{};
  ASSERT_EQ(stat(files_.private_path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_EQ(files_.public_path, directory_ + "/sign.pub.pem");
  const auto again = GenerateKeyFiles(files_.private_path);
  ASSERT_FALSE(again.ok());
  EXPECT_EQ(again.status().code(), base::Code::kRefused);
  std::filesystem::remove(files_.private_path);
  EXPECT_FALSE(GenerateKeyFiles(files_.private_path).ok()) << "the public key is there";
  EXPECT_FALSE(std::filesystem::exists(files_.private_path)) << "half a pair is left";
}

TEST_F(SealTest, KeysThatCannotBeUsed_AreRefusedWithTheirFile) {
  EXPECT_EQ(SigningKey::Read(directory_ + "/none.pem").status().code(), base::Code::kEnvironment);
  EXPECT_EQ(SigningKey::Read(files_.public_path).status().code(), base::Code::kUsage);
  EXPECT_EQ(ReadPublicKey(files_.private_path).status().code(), base::Code::kUsage);
  chmod(files_.private_path.c_str(), 0640);
  const auto open_key = SigningKey::Read(files_.private_path);
  ASSERT_FALSE(open_key.ok());
  EXPECT_THAT(open_key.status().message(), AllOf(HasSubstr("sign.pem"), HasSubstr("chmod 600")));
}

}  // namespace
}  // namespace shardlift::verify
