#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "mysql/session_impl.h"

namespace shardlift::mysql {
namespace {

using base::Code;
using base::Effect;
using ::testing::HasSubstr;
using ::testing::Not;

base::Status Map(unsigned number, std::string_view text = "secret-value", bool sent = true) {
  Endpoint endpoint;
  endpoint.name = "legacy1";
  endpoint.port = 3307;
  return ErrorStatus(endpoint, "read chunk", number, text, sent);
}

TEST(ErrorsTest, NamesPlaceStepAndNumber) {
  const base::Status s = Map(1045, "Access denied for user 'x'@'localhost' (using password: YES)");
  EXPECT_THAT(s.message(),
              HasSubstr("legacy1 (127.0.0.1:3307): read chunk: server error 1045: Access denied for user"));
  EXPECT_THAT(s.message(), HasSubstr("password_file"));
  EXPECT_EQ(s.server_errno(), 1045u);
}

TEST(ErrorsTest, ServerTextsThatMayHoldValuesAreDropped) {
  for (const unsigned number : {1062u, 1064u, 1264u, 1265u, 1292u, 1300u, 1366u, 1406u, 1411u, 1526u, 1644u, 1690u,
                                3140u, 3819u, 4025u, 4078u}) {
    EXPECT_THAT(Map(number).message(), Not(HasSubstr("secret-value"))) << number;
    EXPECT_THAT(Map(number).message(), HasSubstr(std::to_string(number)));
  }
  EXPECT_THAT(Map(1062).message(), HasSubstr("(ER_DUP_ENTRY)"));
}

TEST(ErrorsTest, LostConnections) {
  for (const unsigned number : {2006u, 2013u, 2055u, 1927u, 1053u, 1158u, 1159u, 1160u, 1161u, 1184u, 4031u}) {
    EXPECT_EQ(Map(number).code(), Code::kEnvironment) << number;
    EXPECT_EQ(Map(number).effect(), Effect::kUnknown) << number;
    EXPECT_EQ(Map(number, "", false).effect(), Effect::kNotApplied) << number;
    EXPECT_TRUE(IsConnectionLost(number));
  }
}

TEST(ErrorsTest, Classes) {
  EXPECT_EQ(Map(1062).code(), Code::kDuplicate);
  for (const unsigned number : {1044u, 1045u, 1049u, 1142u, 1227u, 1698u})
    EXPECT_EQ(Map(number).code(), Code::kUsage) << number;
  for (const unsigned number : {1040u, 1203u, 1205u, 1213u, 1317u, 3024u}) {
    EXPECT_EQ(Map(number).code(), Code::kEnvironment) << number;
    EXPECT_EQ(Map(number).effect(), Effect::kNotApplied) << number;
  }
  for (const unsigned number : {1064u, 1146u, 1153u, 1236u, 1366u, 1148u, 3948u, 4166u}) {
    EXPECT_EQ(Map(number).code(), Code::kRefused) << number;
  }
  EXPECT_EQ(Map(2003, "Can't connect", false).code(), Code::kEnvironment);
  EXPECT_EQ(Map(2026, "SSL is required, but the server does not support it", false).code(), Code::kUsage);
  EXPECT_EQ(Map(2026, "unexpected eof while reading", false).code(), Code::kEnvironment);
  EXPECT_EQ(Map(1180).effect(), Effect::kUnknown);
}

}  // namespace
}  // namespace shardlift::mysql
