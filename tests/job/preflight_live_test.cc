#include <gmock/gmock.h>

#include <algorithm>

#include "base/log.h"
#include "job/preflight.h"
#include "tests/job/live.h"

namespace shardlift::job {
namespace {

using base::Code;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class PreflightLiveTest : public LiveJobTest {
 protected:
  static void SetUpTestSuite() { ASSERT_NO_FATAL_FAILURE(Reset()); }
  static base::Status Check(const JobConfig& config) { return CheckServers(config); }
  // One failure, of this class, naming the place, the finding and the remedy.
  static void ExpectOne(const JobConfig& config, Code code, std::initializer_list<const char*> words) {
    const base::Status status = CheckServers(config);
    EXPECT_EQ(status.code(), code) << status.message();
    EXPECT_THAT(status.message(), Not(HasSubstr("checks failed")));
    EXPECT_EQ(std::count(status.message().begin(), status.message().end(), '\n'), 0) << status.message();
    for (const char* word : words) EXPECT_THAT(status.message(), HasSubstr(word));
  }
};

TEST_F(PreflightLiveTest, GoodServersPass) {
  for (const char* source : {"maria", "mysql"}) {
    const base::Status status = Check(Job(source));
    EXPECT_TRUE(status.ok()) << status.message();
  }
}

TEST_F(PreflightLiveTest, NoBinaryLog) {
  ExpectOne(Job("nolog"), Code::kRefused, {"source legacy1 (127.0.0.1:", "log_bin is OFF", "restart"});
}

TEST_F(PreflightLiveTest, StatementFormat) {
  for (const char* source : {"maria", "mysql"}) {
    Sql(source, "SET GLOBAL binlog_format = 'STATEMENT'");
    ExpectOne(Job(source), Code::kRefused,
              {"legacy1", "binlog_format is STATEMENT", "SET GLOBAL binlog_format = 'ROW'"});
    Sql(source, "SET GLOBAL binlog_format = 'ROW'");
  }
}

TEST_F(PreflightLiveTest, MinimalRowImage) {
  for (const char* source : {"maria", "mysql"}) {
    Sql(source, "SET GLOBAL binlog_row_image = 'MINIMAL'");
    ExpectOne(Job(source), Code::kRefused,
              {"legacy1", "binlog_row_image is MINIMAL", "SET GLOBAL binlog_row_image = 'FULL'"});
    Sql(source, "SET GLOBAL binlog_row_image = 'FULL'");
  }
}

TEST_F(PreflightLiveTest, GtidModeOff) {
  for (const char* mode : {"ON_PERMISSIVE", "OFF_PERMISSIVE", "OFF"})
    Sql("mysql", std::string("SET GLOBAL gtid_mode = ") + mode);
  ExpectOne(Job("mysql"), Code::kRefused, {"legacy1", "gtid_mode is OFF", "OFF_PERMISSIVE, ON_PERMISSIVE, and ON"});
  for (const char* mode : {"OFF_PERMISSIVE", "ON_PERMISSIVE", "ON"})
    Sql("mysql", std::string("SET GLOBAL gtid_mode = ") + mode);
}

TEST_F(PreflightLiveTest, PartialJson) {
  Sql("mysql", "SET GLOBAL binlog_row_value_options = 'PARTIAL_JSON'");
  ExpectOne(Job("mysql"), Code::kRefused, {"legacy1", "binlog_row_value_options is PARTIAL_JSON"});
  Sql("mysql", "SET GLOBAL binlog_row_value_options = ''");
}

TEST_F(PreflightLiveTest, WrongPasswordAndClosedPort) {
  JobConfig config = Job("maria");
  config.sources[0].endpoint.password = "wrong-secret";
  ExpectOne(config, Code::kUsage, {"source legacy1 (127.0.0.1:", "1045", "password_file"});
  EXPECT_THAT(Check(config).message(), Not(HasSubstr("wrong-secret")));
  config = Job("maria");
  config.sources[0].endpoint.port = 1;
  ExpectOne(config, Code::kEnvironment, {"source legacy1 (127.0.0.1:1)", "check that the server runs"});
  config = Job("maria");
  config.shards[1].endpoint.port = 1;
  ExpectOne(config, Code::kEnvironment, {"shard s1 (127.0.0.1:1)"});
}

TEST_F(PreflightLiveTest, AUserWithJustWhatIsNeededPasses) {
  JobConfig config = Job("maria");
  config.sources[0].endpoint =
      MakeUser("maria", "lean", {"REPLICATION SLAVE, BINLOG MONITOR, PROCESS ON *.*", "SELECT ON old.*"});
  base::Status status = Check(config);
  EXPECT_TRUE(status.ok()) << status.message();
  config = Job("mysql");
  config.sources[0].endpoint =
      MakeUser("mysql", "lean", {"REPLICATION SLAVE, REPLICATION CLIENT, XA_RECOVER_ADMIN ON *.*", "SELECT ON old.*"});
  status = Check(config);
  EXPECT_TRUE(status.ok()) << status.message();
}

TEST_F(PreflightLiveTest, EachMissingPrivilegeIsNamed) {
  struct Case {
    const char* server;
    std::initializer_list<const char*> grants;
    const char* remedy;
  };
  const Case cases[] = {
      {"maria", {"BINLOG MONITOR, PROCESS ON *.*", "SELECT ON old.*"}, "GRANT REPLICATION SLAVE ON *.*"},
      {"maria", {"REPLICATION SLAVE, PROCESS ON *.*", "SELECT ON old.*"}, "GRANT BINLOG MONITOR ON *.*"},
      {"maria", {"REPLICATION SLAVE, BINLOG MONITOR ON *.*", "SELECT ON old.*"}, "GRANT PROCESS ON *.*"},
      {"maria",
       {"REPLICATION SLAVE, BINLOG MONITOR, PROCESS ON *.*", "SELECT ON old.msg_00", "INSERT ON old.msg_01"},
       "GRANT SELECT ON `old`.`msg_01`"},
      {"maria", {"REPLICATION SLAVE, BINLOG MONITOR, PROCESS ON *.*"}, "matches no table"},
      {"mysql", {"XA_RECOVER_ADMIN ON *.*", "SELECT ON old.*"}, "GRANT REPLICATION SLAVE ON *.*"},
      {"mysql", {"REPLICATION SLAVE ON *.*", "SELECT ON old.*"}, "GRANT XA_RECOVER_ADMIN ON *.*"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.remedy);
    JobConfig config = Job(c.server);
    config.sources[0].endpoint = MakeUser(c.server, "poor", c.grants);
    ExpectOne(config, Code::kUsage, {c.remedy});
  }
}

TEST_F(PreflightLiveTest, ShardsNeedTheirPrivileges) {
  JobConfig config = Job("maria");
  config.shards[1].endpoint = MakeUser("mysql", "writer", {"SELECT, INSERT, UPDATE, DELETE, CREATE ON store_1.*"});
  config.shards[1].endpoint.name = "s1";
  base::Status status = Check(config);
  EXPECT_TRUE(status.ok()) << status.message();
  config.shards[1].endpoint = MakeUser("mysql", "writer", {"SELECT, INSERT, CREATE VIEW ON store_1.*"});
  config.shards[1].endpoint.name = "s1";
  ExpectOne(config, Code::kUsage,
            {"shard s1", "lacks UPDATE, DELETE, CREATE", "GRANT UPDATE, DELETE, CREATE ON `store_1`.*"});
}

TEST_F(PreflightLiveTest, ShardsMustBeWritable) {
  Sql("mysql", "SET GLOBAL super_read_only = 1");
  ExpectOne(Job("maria"), Code::kRefused, {"shard s1", "read_only is ON", "SET GLOBAL read_only = OFF"});
  Sql("mysql", "SET GLOBAL read_only = 0");
}

TEST_F(PreflightLiveTest, LocalInfileOffIsAWarning) {
  std::string log;
  base::SetLogSink([&](std::string_view line) { log += line; });
  Sql("maria", "SET GLOBAL local_infile = 0");
  const base::Status status = Check(Job("maria"));
  Sql("maria", "SET GLOBAL local_infile = 1");
  base::SetLogSink(nullptr);
  EXPECT_TRUE(status.ok()) << status.message();
  EXPECT_THAT(log, AllOf(HasSubstr("local_infile is OFF"), HasSubstr("s0 (127.0.0.1:")));
}

TEST_F(PreflightLiveTest, AllFailuresAreListedAndTheFirstDecides) {
  JobConfig config = Job("nolog");
  config.shards[0].endpoint.port = 1;
  config.shards[1].endpoint.password = "wrong";
  const base::Status status = Check(config);
  EXPECT_EQ(status.code(), Code::kRefused);
  EXPECT_THAT(status.message(), AllOf(HasSubstr("3 checks failed:\n"), HasSubstr("log_bin"), HasSubstr("shard s0"),
                                      HasSubstr("shard s1")));
}

}  // namespace
}  // namespace shardlift::job
