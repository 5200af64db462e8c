#include <gmock/gmock.h>

#include "tests/mysql/live.h"

namespace shardlift::mysql {
namespace {

using base::Code;
using ::testing::HasSubstr;

class LiveLoadTest : public LiveTest {
 protected:
  void SetUp() override {
    LiveTest::SetUp();
    SessionOptions options;
    options.local_infile = true;
    options.database = "d";
    loader_ = Connect(options);
    ASSERT_NE(loader_, nullptr);
    Sql("CREATE TABLE t (id INT PRIMARY KEY, v VARBINARY(10))");
  }
  void TearDown() override {
    loader_.reset();
    LiveTest::TearDown();
  }
  std::unique_ptr<Session> loader_;
};
SL_BOTH_FLAVOURS(LiveLoadTest);

constexpr const char* kLoad = "LOAD DATA LOCAL INFILE 'memory' INTO TABLE t CHARACTER SET binary (id, v)";

TEST_P(LiveLoadTest, LoadsFromMemoryAndCounts) {
  std::string data;
  for (int i = 0; i < 50000; ++i) data += std::to_string(i) + "\tx" + std::to_string(i) + "\n";
  auto r = loader_->LoadData(kLoad, data, "load");
  ASSERT_TRUE(r.ok()) << r.status().message();
  EXPECT_EQ(r->records, 50000u);
  EXPECT_EQ(r->skipped, 0u);
  EXPECT_EQ(r->warnings, 0u);
  EXPECT_EQ(r->affected_rows, 50000u);
  EXPECT_EQ(One("SELECT COUNT(*) FROM t WHERE v = CONCAT('x', id)"), "50000");
  // LOCAL turns errors into warnings: duplicates are skipped, long values cut.
  r = loader_->LoadData(kLoad, "7\ta\n60000\tlonger than ten\n60001\tb\n", "load");
  ASSERT_TRUE(r.ok());
  EXPECT_EQ(r->records, 3u);
  EXPECT_EQ(r->skipped, 1u);
  EXPECT_EQ(r->warnings, 2u);
  EXPECT_EQ(r->affected_rows, 2u);
  r = loader_->LoadData(kLoad, "", "load");
  ASSERT_TRUE(r.ok()) << r.status().message();
  EXPECT_EQ(r->records, 0u);
}

TEST_P(LiveLoadTest, AServerWithLocalInfileOffSaysSo) {
  Sql("SET GLOBAL local_infile = 0");
  SessionOptions options;
  options.local_infile = true;
  options.database = "d";
  auto s = Connect(options);
  ASSERT_NE(s, nullptr);
  const auto r = s->LoadData(kLoad, "1\ta\n", "load");
  Sql("SET GLOBAL local_infile = 1");
  EXPECT_EQ(r.status().code(), Code::kRefused);
  EXPECT_THAT((std::vector<unsigned>{1148, 3948, 4166}), ::testing::Contains(r.status().server_errno()));
  EXPECT_THAT(r.status().message(), HasSubstr("local_infile = ON"));
  EXPECT_TRUE(s->alive());
}

TEST_P(LiveLoadTest, NoServerGetsAFileUnasked) {
  // Not through LoadData: the statement names a file that exists here, and gets nothing.
  const base::Status status = loader_->Execute("LOAD DATA LOCAL INFILE '/etc/hostname' INTO TABLE t (id, v)", "load");
  EXPECT_FALSE(status.ok());
  EXPECT_EQ(One("SELECT COUNT(*) FROM t"), "0");
  auto plain = Connect();
  ASSERT_NE(plain, nullptr);
  EXPECT_FALSE(plain->Execute("LOAD DATA LOCAL INFILE '/etc/hostname' INTO TABLE d.t (id, v)", "load").ok());
  EXPECT_EQ(plain->LoadData(kLoad, "", "load").status().code(), Code::kInternal);
  EXPECT_EQ(One("SELECT COUNT(*) FROM t"), "0");
}

TEST_P(LiveLoadTest, ErrorsOfTheStatementItself) {
  EXPECT_EQ(loader_->LoadData("LOAD DATA LOCAL INFILE 'm' INTO TABLE missing", "1\n", "load").status().server_errno(),
            1146u);
  EXPECT_TRUE(loader_->LoadData(kLoad, "1\ta\n", "load").ok());
}

}  // namespace
}  // namespace shardlift::mysql
