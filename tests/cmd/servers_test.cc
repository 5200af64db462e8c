// The commands against real servers: a whole small move, and what they refuse.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/cmd/store_commands.h"

namespace shardlift::cmd::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;
using std::chrono::seconds;

class CommandsTest : public StoreCommandsTest {
 protected:
  static Json RunJson(std::vector<std::string> arguments, int exit_code) {
    arguments.insert(arguments.end(), {"-c", JobPath(), "--json"});
    const Output output = RunProgram(arguments);
    EXPECT_EQ(output.exit_code, exit_code) << output.out << output.err;
    Json json = Json::parse(output.out, nullptr, false);
    EXPECT_FALSE(json.is_discarded()) << output.out;
    return json;
  }
  bool StoreExists() const {
    for (const job::ShardConfig& shard : config_.shards) {
      auto session = mysql::Session::Open(shard.endpoint, mysql::SessionOptions());
      const auto rows = (*session)->Query("SHOW DATABASES LIKE '" + shard.database + "'", "test");
      if (rows.ok() && !rows->rows.empty()) return true;
    }
    return false;
  }
  static void ExpectOneLine(const Output& output) {
    EXPECT_EQ(std::count(output.err.begin(), output.err.end(), '\n'), 1) << output.err;
  }
  // The job file with one text replaced.
  static std::string ChangedJob(const std::string& name, const std::string& from, const std::string& to) {
    std::ifstream file(JobPath());
    std::stringstream stream;
    stream << file.rdbuf();
    std::string text = stream.str();
    const std::size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos);
    text.replace(at, from.size(), to);
    const std::string path = live::Directory() + "/" + name;
    std::ofstream(path) << text;
    return path;
  }
};

TEST_F(CommandsTest, AWholeSmallMove) {
  Json plan = RunJson({"plan"}, 0);
  EXPECT_EQ(plan["schema"], "shardlift.plan/1");
  ASSERT_EQ(plan["tables"].size(), 6u);
  for (const auto& table : plan["tables"]) EXPECT_TRUE(table["ordinal"].is_null());
  EXPECT_EQ(plan["shards"][0]["schema"], "missing");
  EXPECT_FALSE(StoreExists()) << "plan must write nothing";
  EXPECT_EQ(plan["routing"]["strategy"], "crc32-fmix32");
  EXPECT_EQ(plan["routing"]["buckets_checked_by"], "sql");
  const std::string other_rules =
      ChangedJob("other-rules.json", R"("job": )",
                 R"("routing": {"strategy": "xxh3", "pins": [{"biz_tag": 2, "first": 4096}]}, "job": )");
  const Output other = RunProgram({"plan", "-c", other_rules});
  EXPECT_EQ(other.exit_code, 0) << other.err;
  EXPECT_THAT(other.out, AllOf(HasSubstr("xxh3, 4096 buckets"), HasSubstr("biz tag 2 to buckets 4096-4096"),
                               HasSubstr("verify computes the buckets itself")));

  const Json moved = RunJson({"migrate", "--until-caught-up"}, 0);
  EXPECT_EQ(moved["schema"], "shardlift.migrate/1");
  EXPECT_EQ(moved["caught_up"], true);
  EXPECT_EQ(moved["rows_copied"], kKept);
  EXPECT_EQ(moved["rows_left_behind"], kLeftBehind);
  EXPECT_EQ(moved["dead_letters"], 0);

  plan = RunJson({"plan"}, 0);
  for (const auto& table : plan["tables"]) EXPECT_TRUE(table["ordinal"].is_number()) << table;
  EXPECT_EQ(plan["shards"][1]["schema"], "complete");

  const Json clean = RunJson({"verify"}, 0);
  EXPECT_EQ(clean["clean"], true);
  EXPECT_EQ(clean["rows_compared"], kKept);
  for (const char* command : {"plan", "migrate", "verify"}) {
    const Output refused = RunProgram({command, "-c", other_rules});
    EXPECT_EQ(refused.exit_code, 4) << command;
    EXPECT_THAT(refused.err, AllOf(HasSubstr("other routing rules"), HasSubstr("start with empty shards"))) << command;
  }

  OnShard(1, "UPDATE message SET body = CONCAT(body, 'x') ORDER BY owner_table, owner_key LIMIT 1");
  const Json spoiled = RunJson({"verify"}, 1);
  EXPECT_EQ(spoiled["findings_total"], 1);
  EXPECT_EQ(spoiled["findings"][0]["kind"], "differs");
  EXPECT_EQ(spoiled["findings"][0]["shard"], "s1");
  EXPECT_EQ(spoiled["findings"][0]["columns"], Json::array({"body"}));

  const Output text = RunProgram({"verify", "-c", JobPath()});
  EXPECT_EQ(text.exit_code, 1);
  EXPECT_THAT(text.out, AllOf(HasSubstr("differs"), HasSubstr("on shard s1"), Not(HasSubstr("result: clean"))));
}

TEST_F(CommandsTest, ChangesAreFollowedUntilAGentleStop) {
  Running migrate({"migrate", "-c", JobPath(), "--events-fd", "3"});
  ASSERT_NE(migrate.WaitForEvent("\"catch-up\"", seconds(60)), "");
  OnSource(1, "UPDATE im_2.msg_00 SET content = 'changed' WHERE id <= 10");
  OnSource(0, "DELETE FROM im_0.msg_00 WHERE id = 5");
  migrate.Signal(SIGTERM);
  const Output stopped = migrate.Wait();
  EXPECT_EQ(stopped.exit_code, 5) << stopped.err;
  EXPECT_EQ(RunJson({"migrate", "--until-caught-up"}, 0)["caught_up"], true);
  EXPECT_EQ(RunJson({"verify"}, 0)["rows_compared"], kKept - 1);

  // Live: it applies what the sources have in store, and says what it claims.
  OnSource(0, "DELETE FROM im_0.msg_00 WHERE id = 6");
  const Json live = RunJson({"verify", "--live"}, 0);
  EXPECT_EQ(live["is_live"], true);
  EXPECT_EQ(live["rows_compared"], kKept - 2);
  EXPECT_THAT(live["claim"].get<std::string>(), HasSubstr("right at some moment of the pass"));
}

TEST_F(CommandsTest, APausedThreadIsAnnouncedAndTheProcessCanBeKilledThere) {
  {
    Running migrate({"migrate", "-c", JobPath(), "--events-fd", "3", "--pause-at", "chunk.read:2", "--pause-at",
                     "no.such.point:1"});
    const std::string event = migrate.WaitForEvent("\"pause\"", seconds(60));
    ASSERT_NE(event, "");
    const Json json = Json::parse(event);
    EXPECT_EQ(json["event"], "pause");
    EXPECT_EQ(json["point"], "chunk.read");
    EXPECT_TRUE(json["detail"].is_string());
    migrate.Signal(SIGKILL);
    EXPECT_EQ(migrate.Wait().exit_code, -SIGKILL);
  }
  EXPECT_EQ(RunJson({"migrate", "--until-caught-up"}, 0)["caught_up"], true);
  EXPECT_EQ(RunJson({"verify"}, 0)["clean"], true);
}

TEST_F(CommandsTest, TheEndOfTheWindowIsExitCodeFive) {
  const Json json = RunJson({"migrate", "--max-duration", "3s"}, 5);
  EXPECT_EQ(json["error"]["code"], "stopped");
}

TEST_F(CommandsTest, SchemaApplyCreatesOnceAndRefusesForeignTables) {
  Output output = RunProgram({"schema", "apply", "-c", JobPath()});
  EXPECT_EQ(output.exit_code, 0) << output.err;
  EXPECT_THAT(output.out, AllOf(HasSubstr("shard s0 (store_0): 11 tables, columns and keys created"),
                                HasSubstr("shard s1 (store_1): 11 tables, columns and keys created")));
  output = RunProgram({"schema", "apply", "-c", JobPath()});
  EXPECT_EQ(output.exit_code, 0) << output.err;
  EXPECT_THAT(output.out, AllOf(HasSubstr("s0 (store_0): complete already"), Not(HasSubstr("created"))));
}

TEST_F(CommandsTest, AForeignTableOnOneShardStopsAllOfThem) {
  auto session = mysql::Session::Open(config_.shards[1].endpoint, mysql::SessionOptions());
  ASSERT_TRUE(session.ok());
  SL_ASSERT_OK((*session)->Execute("CREATE DATABASE store_1", "test"));
  SL_ASSERT_OK((*session)->Execute("CREATE TABLE store_1.message (id INT PRIMARY KEY)", "test"));
  for (const std::vector<std::string>& command : {std::vector<std::string>{"schema", "apply"}, {"migrate"}, {"plan"}}) {
    std::vector<std::string> arguments = command;
    arguments.insert(arguments.end(), {"-c", JobPath()});
    const Output output = RunProgram(arguments);
    EXPECT_EQ(output.exit_code, 4) << output.err;
    EXPECT_THAT(output.err,
                AllOf(HasSubstr("store_1.message.bucket: this column is missing"), HasSubstr("shardlift schema diff")));
    ExpectOneLine(output);
  }
  auto other = mysql::Session::Open(config_.shards[0].endpoint, mysql::SessionOptions());
  ASSERT_TRUE(other.ok());
  const auto rows = (*other)->Query("SHOW DATABASES LIKE 'store_0'", "test");
  ASSERT_TRUE(rows.ok());
  EXPECT_TRUE(rows->rows.empty()) << "nothing may be created anywhere";
}

TEST_F(CommandsTest, SchemaDiffExitsWithOneUntilAllShardsAreAsWanted) {
  const Json empty = RunJson({"schema", "diff"}, 1);
  EXPECT_EQ(empty["schema"], "shardlift.schema-diff/1");
  EXPECT_EQ(empty["shards"][1]["statements"].size(), 11u);
  EXPECT_FALSE(StoreExists());
  ASSERT_EQ(RunProgram({"schema", "apply", "-c", JobPath()}).exit_code, 0);
  const Json same = RunJson({"schema", "diff"}, 0);
  EXPECT_EQ(same["same"], true);

  live::SqlOn(config_.shards[0].endpoint, "ALTER TABLE store_0.message DROP COLUMN edited_at, DROP KEY conversation");
  Output output = RunProgram({"schema", "diff", "-c", JobPath()});
  EXPECT_EQ(output.exit_code, 1) << output.err;
  EXPECT_THAT(output.out,
              AllOf(HasSubstr("-- shard s0 (store_0): 2 differences"), HasSubstr("-- shard s1 (store_1): same"),
                    HasSubstr("\nALTER TABLE `store_0`.`message` ADD COLUMN `edited_at`")));
  output = RunProgram({"migrate", "-c", JobPath()});
  EXPECT_EQ(output.exit_code, 4);
  EXPECT_THAT(output.err, HasSubstr("store_0.message.edited_at: this column is missing; run shardlift schema apply"));

  // A shard that needs more than additions keeps all of them as they are.
  live::SqlOn(config_.shards[1].endpoint, "ALTER TABLE store_1.message ADD COLUMN mine INT");
  output = RunProgram({"schema", "apply", "-c", JobPath()});
  EXPECT_EQ(output.exit_code, 4);
  EXPECT_THAT(output.err, HasSubstr("store_1.message.mine: a column that is not part of the store"));
  EXPECT_EQ(RunJson({"schema", "diff"}, 1)["shards"][0]["differences"].size(), 2u);
  live::SqlOn(config_.shards[1].endpoint, "ALTER TABLE store_1.message DROP COLUMN mine");
  EXPECT_EQ(RunProgram({"schema", "apply", "-c", JobPath()}).exit_code, 0);
  EXPECT_EQ(RunJson({"schema", "diff"}, 0)["same"], true);
}

TEST_F(CommandsTest, DerivedTablesAreRebuiltAndChecked) {
  ASSERT_EQ(RunJson({"migrate", "--until-caught-up"}, 0)["caught_up"], true);
  EXPECT_EQ(RunProgram({"store", "check", "-c", JobPath()}).exit_code, 1) << "nothing was built yet";
  Output output = RunProgram({"store", "rebuild", "-c", JobPath()});
  EXPECT_EQ(output.exit_code, 0) << output.err;
  EXPECT_EQ(RunProgram({"store", "check", "-c", JobPath()}).exit_code, 0);
  OnShard(1, "UPDATE conversation SET messages = messages + 1 LIMIT 1");
  output = RunProgram({"store", "check", "-c", JobPath(), "--table", "conversation"});
  EXPECT_EQ(output.exit_code, 1);
  EXPECT_THAT(output.out, HasSubstr("shard s1: conversation: 1 rows are missing, 1 do not follow"));
  OnShard(0, "UPDATE message SET owner_origin = 0 LIMIT 1");
  output = RunProgram({"store", "rebuild", "-c", JobPath()});
  EXPECT_EQ(output.exit_code, 4);
  EXPECT_THAT(output.err, HasSubstr("shard s0: it has messages that applications wrote"));
  EXPECT_EQ(RunProgram({"store", "rebuild", "-c", JobPath(), "--table", "conversation"}).exit_code, 0);
  EXPECT_EQ(RunProgram({"store", "check", "-c", JobPath(), "--table", "conversation"}).exit_code, 0);
}

TEST_F(CommandsTest, PlanExplainsWhatBecomesOfEachColumn) {
  const Json plan = RunJson({"plan", "--explain-mapping"}, 0);
  EXPECT_EQ(plan["schema"], "shardlift.plan/1");
  // Tables of one form are one entry; JSON is text on MariaDB, so push has two.
  ASSERT_EQ(plan["mappings"].size(), 4u);
  const auto& im = plan["mappings"][0];
  EXPECT_EQ(im["tables"].size(), 3u);
  EXPECT_EQ(im["columns"][0]["target"], "account_type");
  EXPECT_EQ(im["columns"][1]["source_columns"], Json::array({"to_uid"}));
  EXPECT_EQ(im["owner_is_injective"], true);
  ASSERT_EQ(plan["gaps"].size(), 1u) << "im_{0..3}.msg_{00..15} stands for 64 tables";
  EXPECT_EQ(plan["gaps"][0]["tables"], 64);
  EXPECT_EQ(plan["gaps"][0]["missing"].size(), 61u);
  EXPECT_EQ(plan["gaps"][0]["missing"][0], "im_0.msg_01");
  EXPECT_EQ(im["owner_key"][0]["encoding"], "8 bytes, big-endian");
  EXPECT_THAT(RunProgram({"plan", "--explain-mapping", "-c", JobPath()}).out,
              AllOf(HasSubstr("mapping notice: 1 table"), HasSubstr("lossy: LOWER drops upper case"),
                    HasSubstr("risk: username"), HasSubstr("all columns can be computed back"),
                    HasSubstr("username (account_key: upper and lower case"),
                    HasSubstr("unique key PRIMARY of NOT NULL columns"), HasSubstr("next: shardlift")));

  // All problems of all tables, not the first one only.
  OnSource(0, "ALTER TABLE im_0.msg_03 ADD COLUMN colour INT, ADD COLUMN size INT");
  const Output text = RunProgram({"plan", "--explain-mapping", "-c", JobPath()});
  EXPECT_EQ(text.exit_code, 2) << text.err;
  EXPECT_THAT(text.out, AllOf(HasSubstr("NOT MAPPED: colour int"), HasSubstr("PROBLEM: column colour is not used"),
                              HasSubstr("PROBLEM: column size is not used"), HasSubstr("name it under \"ignore\"")));
  const Json unusable = RunJson({"plan", "--explain-mapping"}, 2);
  EXPECT_EQ(unusable["error"]["exit_code"], 2);
  EXPECT_EQ(unusable["mappings"][1]["tables"], Json::array({"legacy_maria: im_0.msg_03"}));
  EXPECT_EQ(unusable["mappings"][1]["problems"].size(), 2u);
  OnSource(0, "ALTER TABLE im_0.msg_03 DROP COLUMN colour, DROP COLUMN size");
}

TEST_F(CommandsTest, VerifyBeforeAnyMigrateIsRefusedNotClean) {
  const Output output = RunProgram({"verify", "-c", JobPath()});
  EXPECT_THAT(output.exit_code, ::testing::AnyOf(2, 4)) << output.err;
  RunProgram({"schema", "apply", "-c", JobPath()});
  EXPECT_EQ(RunProgram({"verify", "--live", "-c", JobPath()}).exit_code, 4);
  const Output empty = RunProgram({"verify", "-c", JobPath()});
  EXPECT_EQ(empty.exit_code, 4);
  EXPECT_THAT(empty.err, HasSubstr("run migrate first"));
}

TEST_F(CommandsTest, AWrongPasswordIsAUsageErrorAndIsNotShown) {
  std::ofstream(live::Directory() + "/wrong.secret") << "correct-horse\n";
  const std::string job =
      ChangedJob("wrong.json", live::Directory() + "/legacy_maria.secret", live::Directory() + "/wrong.secret");
  for (const char* command : {"plan", "migrate", "verify"}) {
    const Output output = RunProgram({command, "-c", job});
    EXPECT_EQ(output.exit_code, 2) << output.err;
    EXPECT_THAT(output.err, AllOf(HasSubstr("legacy_maria (127.0.0.1:"), HasSubstr("password_file"),
                                  Not(HasSubstr("correct-horse"))));
    ExpectOneLine(output);
  }
  EXPECT_FALSE(StoreExists());
}

TEST_F(CommandsTest, APatternThatMatchesNothingIsAUsageError) {
  std::ofstream(live::Directory() + "/typo.mapping.json")
      << R"({"name": "typo", "origin": 9, "match": ["im_0.mgs_*"], "key": ["id"], "columns": {"account_type": "1"}})";
  const std::string job = ChangedJob("typo.json", "\"mappings\": [", "\"mappings\": [\"typo.mapping.json\", ");
  const Output output = RunProgram({"plan", "-c", job});
  EXPECT_EQ(output.exit_code, 2) << output.err;
  EXPECT_THAT(output.err, AllOf(HasSubstr("typo"), HasSubstr("im_0.mgs_*")));
}

TEST_F(CommandsTest, AServerThatIsDownIsExitCodeThree) {
  CloseSessions();
  SL_ASSERT_OK(live::Get("legacy_mysql").KillNow());
  for (const char* command : {"plan", "migrate", "verify"}) {
    const Output output = RunProgram({command, "-c", JobPath()});
    EXPECT_EQ(output.exit_code, 3) << command << ": " << output.err;
    EXPECT_THAT(output.err, AllOf(HasSubstr("legacy_mysql (127.0.0.1:"), HasSubstr("check that the server runs")));
  }
  SL_ASSERT_OK(live::Get("legacy_mysql").StartAgain());
  EXPECT_FALSE(StoreExists());
}

TEST_F(CommandsTest, ATableWithoutAKeyIsAUsageErrorBeforeAnythingIsCreated) {
  OnSource(0, "ALTER TABLE push.push_202309 MODIFY push_id BIGINT NOT NULL, DROP PRIMARY KEY");
  for (const char* command : {"plan", "migrate"}) {
    const Output output = RunProgram({command, "-c", JobPath()});
    EXPECT_EQ(output.exit_code, 2) << command << ": " << output.err;
    EXPECT_THAT(output.err,
                AllOf(HasSubstr("configs/mappings/push.json: key: "), HasSubstr("push.push_202309, which has none"),
                      HasSubstr("give it one, or leave the table out of \"match\"")));
    ExpectOneLine(output);
  }
  EXPECT_FALSE(StoreExists());
}

TEST_F(CommandsTest, ASourceThatFailsACheckIsRefusedBeforeAnythingIsCreated) {
  OnSource(1, "SET GLOBAL binlog_format = 'STATEMENT'");
  for (const char* command : {"plan", "migrate"}) {
    const Output output = RunProgram({command, "-c", JobPath()});
    EXPECT_EQ(output.exit_code, 4) << command << ": " << output.err;
    EXPECT_THAT(output.err, AllOf(HasSubstr("source legacy_mysql (127.0.0.1:"), HasSubstr("binlog_format is STATEMENT"),
                                  HasSubstr("SET GLOBAL binlog_format = 'ROW'")));
    ExpectOneLine(output);
  }
  OnSource(1, "SET GLOBAL binlog_format = 'ROW'");
  EXPECT_FALSE(StoreExists());
}

TEST_F(CommandsTest, BothServersComputeTheBucketThatRoutePrints) {
  const Output output = RunProgram({"route", "--json", "1:10045", "2:Open-7", "255:it's \\ \xE9\x80\x9A", "0:0"});
  ASSERT_EQ(output.exit_code, 0) << output.err;
  const Json routes = Json::parse(output.out);
  for (const auto& route : routes["routes"]) {
    for (const job::SourceConfig& source : config_.sources) {
      auto session = mysql::Session::Open(source.endpoint, mysql::SessionOptions());
      ASSERT_TRUE(session.ok());
      const auto rows = (*session)->Query(route["sql"].get<std::string>(), "test");
      ASSERT_TRUE(rows.ok()) << rows.status().message();
      EXPECT_EQ(rows->rows[0][0], std::to_string(route["bucket"].get<int>())) << route;
    }
  }
}

}  // namespace
}  // namespace shardlift::cmd::testing
