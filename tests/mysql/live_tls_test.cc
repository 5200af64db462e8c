#include <gmock/gmock.h>

#include <fstream>

#include "tests/mysql/live.h"

namespace shardlift::mysql {
namespace {

using base::Code;
using ::testing::HasSubstr;

class LiveTlsTest : public LiveTest {
 protected:
  static std::string Cipher(Session& session) {
    auto rows = session.Query("SHOW SESSION STATUS LIKE 'Ssl_cipher'", "test");
    return rows.ok() && rows->rows.size() == 1 ? rows->rows[0][1].value_or("") : "?";
  }
  base::Result<std::unique_ptr<Session>> Open(TlsMode mode, const std::string& ca = {}) {
    Endpoint e = Where();
    e.tls = mode;
    e.tls_ca = ca;
    return Session::Open(e, {});
  }
};
SL_BOTH_FLAVOURS(LiveTlsTest);

TEST_P(LiveTlsTest, DisabledIsReallyOff) {
  auto s = Open(TlsMode::kDisabled);
  ASSERT_TRUE(s.ok()) << s.status().message();
  EXPECT_EQ(Cipher(**s), "");
}

// MySQL makes its own certificates, MariaDB 10.11 runs without: both sides of each mode are met.
TEST_P(LiveTlsTest, PreferredTakesWhatThereIs) {
  auto s = Open(TlsMode::kPreferred);
  ASSERT_TRUE(s.ok()) << s.status().message();
  EXPECT_EQ(Cipher(**s).empty(), maria());
}

TEST_P(LiveTlsTest, RequiredNeedsTls) {
  auto s = Open(TlsMode::kRequired);
  if (maria()) {
    EXPECT_EQ(s.status().code(), Code::kUsage) << s.status().message();
    EXPECT_THAT(s.status().message(), HasSubstr("TLS"));
  } else {
    ASSERT_TRUE(s.ok()) << s.status().message();
    EXPECT_NE(Cipher(**s), "");
  }
}

TEST_P(LiveTlsTest, VerifyModesCheckTheCertificate) {
  EXPECT_EQ(Open(TlsMode::kVerifyCa).status().code(), Code::kUsage);
  const std::string ca = ServerOf(Flavour::kMySql).data_directory() + "/ca.pem";
  const std::string other_ca = "/etc/ssl/certs/ca-certificates.crt";
  auto s = Open(TlsMode::kVerifyCa, ca);
  if (maria()) {
    EXPECT_EQ(s.status().code(), Code::kUsage) << s.status().message();
    return;
  }
  ASSERT_TRUE(s.ok()) << s.status().message();
  EXPECT_NE(Cipher(**s), "");
  EXPECT_EQ(Open(TlsMode::kVerifyCa, ServerOf(Flavour::kMySql).data_directory() + "/client-cert.pem").status().code(),
            Code::kUsage);
  // The certificate the server made for itself names no host.
  s = Open(TlsMode::kVerifyIdentity, ca);
  EXPECT_EQ(s.status().code(), Code::kUsage) << s.status().message();
}

TEST_P(LiveTlsTest, PasswordLoginWithoutTlsEvenWhenTheServerHasCachedNothing) {
  // caching_sha2_password's full exchange: RSA over plain TCP, then through the socket.
  Sql("DROP USER IF EXISTS fresh@'127.0.0.1', fresh@localhost");
  Sql("CREATE USER fresh@'127.0.0.1' IDENTIFIED BY 'pw one'");
  Sql("CREATE USER fresh@localhost IDENTIFIED BY 'pw two'");
  Endpoint e = Where();
  e.user = "fresh";
  e.password = "pw one";
  e.tls = TlsMode::kDisabled;
  auto s = Session::Open(e, {});
  EXPECT_TRUE(s.ok()) << s.status().message();
  e.password = "pw two";
  e.socket = ServerOf(GetParam()).data_directory() + "/server.sock";
  for (const TlsMode mode : {TlsMode::kDisabled, TlsMode::kPreferred}) {
    e.tls = mode;
    s = Session::Open(e, {});
    EXPECT_TRUE(s.ok()) << s.status().message();
  }
}

}  // namespace
}  // namespace shardlift::mysql
