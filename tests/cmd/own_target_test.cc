// A target table of the job's own, by the commands: the notices, gbk on MariaDB, go to a MariaDB and a MySQL shard.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/cmd/store_commands.h"

namespace shardlift::cmd::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using Json = nlohmann::json;

class OwnTargetTest : public StoreCommandsTest {
 protected:
  void SetUp() override {
    StoreCommandsTest::SetUp();
    if (HasFatalFailure()) return;
    std::ifstream file(JobPath());
    job_ = Json::parse(file);
    job_["targets"] = {{{"name", "notice"},
                        {"ddl",
                         "CREATE TABLE notice (region SMALLINT NOT NULL, seq INT NOT NULL, user VARCHAR(40) NOT NULL, "
                         "title VARCHAR(200) CHARACTER SET gbk NOT NULL, body TEXT NOT NULL, state "
                         "ENUM('new','read','archived','recalled') NOT NULL, posted DATETIME(3) NOT NULL, origin "
                         "CHAR(3) NOT NULL DEFAULT 'old', PRIMARY KEY (user, region, seq))"},
                        {"account_key", "user"}}};
    job_["mappings"][2] = {{"name", "notice"},
                           {"origin", 3},
                           {"target", "notice"},
                           {"match", {"oldsys.sys_notice"}},
                           {"key", {"region", "seq"}},
                           {"columns",
                            {{"region", "region"},
                             {"seq", "seq"},
                             {"user", "username"},
                             {"title", "title"},
                             {"body", "body"},
                             {"state", "state"},
                             {"posted", "post_time"}}}};
  }
  Output Run(std::vector<std::string> arguments) {
    const std::string path = live::Directory() + "/own.json";
    std::ofstream(path) << job_.dump();
    arguments.insert(arguments.end(), {"-c", path});
    return RunProgram(arguments);
  }
  void ExpectMovedAndSame(const std::string& table) {
    Output output = Run({"migrate", "--until-caught-up"});
    EXPECT_EQ(output.exit_code, 0) << output.err;
    for (const char* method : {"server", "client"}) {
      output = Run({"verify", "--method", method});
      EXPECT_EQ(output.exit_code, 0) << output.out << output.err;
    }
    std::size_t rows = 0;
    for (std::size_t shard = 0; shard < 2; ++shard) rows += AskShard(shard, "SELECT 1 FROM " + table).size();
    EXPECT_EQ(rows, kNoticeRows);
  }
  Json job_;
};

TEST_F(OwnTargetTest, Defined_IsMadePlannedFilledAndVerified) {
  Output output = Run({"plan"});
  EXPECT_EQ(output.exit_code, 4);
  EXPECT_THAT(output.err, AllOf(HasSubstr("store_0.notice"), HasSubstr("run shardlift schema apply")));
  EXPECT_THAT(Run({"schema", "print"}).out,
              HasSubstr("CREATE TABLE IF NOT EXISTS `notice` (\n  `bucket` smallint unsigned NOT NULL"));
  EXPECT_EQ(Run({"schema", "diff"}).exit_code, 1);
  output = Run({"schema", "apply"});
  EXPECT_EQ(output.exit_code, 0) << output.err;
  EXPECT_EQ(Run({"schema", "diff"}).exit_code, 0);
  EXPECT_THAT(Run({"plan", "--explain-mapping"}).out,
              AllOf(HasSubstr("mapping notice: 1 table into notice"), HasSubstr("title          <- title"),
                    HasSubstr("origin         <- 'old'  (default)"),
                    HasSubstr("risk: characters that gbk does not have are bad values"),
                    HasSubstr("risk: username (gbk_chinese_ci)"), HasSubstr("risk: values outside -32768 to 32767")));
  ExpectMovedAndSame("notice");

  const auto rows = AskShard(0, "SELECT region, seq, HEX(user) FROM notice LIMIT 1");
  ASSERT_EQ(rows.size(), 1u);
  OnShard(1,
          fmt::format("INSERT INTO notice (bucket, owner_origin, owner_table, owner_key, region, seq, user, title, "
                      "body, state, posted) VALUES (4000, 3, 999, x'01', {}, {}, x'{}', 't', 'b', 'new', '2020-01-01')",
                      *rows[0][0], *rows[0][1], *rows[0][2]));
  output = Run({"verify"});
  EXPECT_EQ(output.exit_code, 1) << output.err;
  EXPECT_THAT(output.out,
              ::testing::ContainsRegex("notice.PRIMARY of a text with hash [0-9a-f]+: 2 rows, on shards s0, s1"));
}

TEST_F(OwnTargetTest, ChangedOnOneShard_IsNamedAndRefused) {
  Output output = Run({"schema", "apply"});
  ASSERT_EQ(output.exit_code, 0) << output.err;
  live::SqlOn(config_.shards[1].endpoint, "ALTER TABLE store_1.notice DROP KEY owner");
  output = Run({"plan"});
  EXPECT_EQ(output.exit_code, 4);
  EXPECT_THAT(output.err, HasSubstr("store_1.notice.owner: this is missing: UNIQUE KEY `owner`"));
  live::SqlOn(config_.shards[1].endpoint,
              "ALTER TABLE store_1.notice ADD UNIQUE KEY owner (owner_origin, owner_table, owner_key), MODIFY body "
              "MEDIUMTEXT NOT NULL, ADD KEY posted (posted), ADD UNIQUE KEY state (state, user)");
  output = Run({"verify"});
  EXPECT_EQ(output.exit_code, 4);
  EXPECT_THAT(output.err, AllOf(HasSubstr("differs between shard s0"), HasSubstr("column body mediumtext not null")));
  output = Run({"schema", "diff"});
  EXPECT_EQ(output.exit_code, 1);
  EXPECT_THAT(output.out, AllOf(HasSubstr("-- shard s0 (store_0): same"), HasSubstr("-- shard s1 (store_1): 2 diff"),
                                HasSubstr("notice.body: it is `body` mediumtext"),
                                HasSubstr("ALTER TABLE `store_1`.`notice` MODIFY COLUMN `body` text"),
                                HasSubstr("ALTER TABLE `store_1`.`notice` DROP KEY `state`")));
  EXPECT_EQ(Run({"schema", "apply"}).exit_code, 4) << "only a person drops and changes";
}

// A table of that name that is somebody else's: which of its rows are the job's cannot be told.
TEST_F(OwnTargetTest, TableWithoutOwnerColumns_IsRefused) {
  for (std::size_t shard = 0; shard < 2; ++shard) {
    live::SqlOn(config_.shards[shard].endpoint, fmt::format("CREATE DATABASE store_{}", shard));
    live::SqlOn(config_.shards[shard].endpoint,
                fmt::format("CREATE TABLE store_{}.notice (user VARCHAR(40) NOT NULL PRIMARY KEY)", shard));
  }
  for (const char* command : {"plan", "migrate"}) {
    const Output output = Run({command});
    EXPECT_EQ(output.exit_code, 4) << command;
    EXPECT_THAT(output.err, AllOf(HasSubstr("store_0.notice.bucket: this is missing"), HasSubstr("schema diff")));
  }
}

TEST_F(OwnTargetTest, DeclaredKey_NothingIsAdded_WhatDoesNotLeadBackIsRefused) {
  Json& target = job_["targets"][0];
  target["ddl"] =
      "CREATE TABLE notice (seq INT NOT NULL, region SMALLINT NOT NULL, user VARCHAR(40) NOT NULL, title VARCHAR(200) "
      "NOT NULL, body TEXT NOT NULL, state ENUM('new','read','archived','recalled') NOT NULL, posted DATETIME(3) NOT "
      "NULL, UNIQUE KEY place (seq, region))";
  target["key"] = {"region", "seq"};
  EXPECT_THAT(Run({"schema", "print"}).out, HasSubstr("CREATE TABLE IF NOT EXISTS `notice` (\nseq INT"));
  ExpectMovedAndSame("notice");
  EXPECT_EQ(Run({"schema", "diff"}).exit_code, 0);
  EXPECT_THAT(Run({"plan", "--explain-mapping"}).out, HasSubstr("the target's declared key is made of these values"));
  job_["mappings"][2]["columns"]["seq"] = "seq DIV 2";
  for (const char* command : {"plan", "migrate", "verify"}) {
    const Output output = Run({command});
    EXPECT_EQ(output.exit_code, 4) << command;
    EXPECT_THAT(output.err, AllOf(HasSubstr("oldsys.sys_notice into notice: declared key: seq: "),
                                  HasSubstr("let the tool add its own columns")));
  }
}

TEST_F(OwnTargetTest, LikeTheSource_MariaDbsDefinitionOnBothServers) {
  job_["targets"] = {{{"name", "copy"}, {"like", "source"}, {"account_key", "username"}, {"account_type", "region"}}};
  job_["mappings"][2]["target"] = "copy";
  job_["mappings"][2]["columns"] = Json::object();
  for (const char* column : {"region", "seq", "username", "title", "body", "state", "post_time"}) {
    job_["mappings"][2]["columns"][column] = column;
  }
  ExpectMovedAndSame("copy");
}

}  // namespace
}  // namespace shardlift::cmd::testing
