// What the program says and how it exits before it needs any server.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/cmd/program.h"

namespace shardlift::cmd::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

constexpr const char* kMapping =
    R"({"name": "m", "origin": 1, "match": ["db.t"], "key": ["id"], "columns": {"account_type": "1"}})";

class CommandLineTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string path = (std::filesystem::temp_directory_path() / "shardlift-cli-XXXXXX").string();
    ASSERT_NE(mkdtemp(path.data()), nullptr);
    directory_ = path;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string WriteFile(const std::string& name, const std::string& text) const {
    const std::string path = directory_ + "/" + name;
    std::ofstream(path) << text;
    return path;
  }
  // A job over servers that nobody listens for; `extra` goes into the top object.
  std::string WriteJob(const std::string& extra = {}, const std::string& login = R"("user": "u")") const {
    return WriteFile("job.json", fmt::format(R"({{"job": "j", {}
      "sources": [{{"name": "a", "host": "127.0.0.1", "port": 1, {}}}],
      "shards": [{{"name": "s0", "port": 1, {}, "database": "d0"}}, {{"name": "s1", "port": 1, {}, "database": "d1"}}],
      "mappings": [{}]}})",
                                             extra, login, login, login, kMapping));
  }
  static void ExpectError(const Output& output, int exit_code, const ::testing::Matcher<std::string>& message) {
    EXPECT_EQ(output.exit_code, exit_code) << output.err;
    EXPECT_THAT(output.out, IsEmpty());
    EXPECT_THAT(output.err, AllOf(StartsWith("shardlift: error: "), message));
  }
  static void ExpectUsage(const Output& output, const ::testing::Matcher<std::string>& message) {
    ExpectError(output, 2, message);
    EXPECT_EQ(std::count(output.err.begin(), output.err.end(), '\n'), 1) << output.err;
  }

  std::string directory_;
};

TEST_F(CommandLineTest, NoCommand) { ExpectUsage(RunProgram({}), HasSubstr("--help")); }

TEST_F(CommandLineTest, HelpAndVersionGoToStandardOutput) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"--help"}, {"migrate", "--help"}, {"schema", "apply", "-h"}, {"--version"}}) {
    const Output output = RunProgram(arguments);
    EXPECT_EQ(output.exit_code, 0);
    EXPECT_THAT(output.err, IsEmpty());
    EXPECT_THAT(output.out, HasSubstr("shardlift"));
  }
  EXPECT_THAT(RunProgram({"--version"}).out, ::testing::MatchesRegex("shardlift [0-9]+\\.[0-9]+\\.[0-9]+\n"));
  EXPECT_THAT(RunProgram({"--help"}).out, HasSubstr("Exit codes: 0 done and clean"));
  for (const char* command : {"config", "plan", "schema", "store", "migrate", "verify", "repair", "route"}) {
    EXPECT_THAT(RunProgram({"--help"}).out, HasSubstr(std::string("\n  ") + command));
  }
}

TEST_F(CommandLineTest, HiddenFlagsAreHidden) {
  EXPECT_THAT(RunProgram({"migrate", "--help"}).out, AllOf(Not(HasSubstr("pause-at")), Not(HasSubstr("unsafe"))));
}

TEST_F(CommandLineTest, UnknownThings) {
  const std::string job = WriteJob();
  ExpectUsage(RunProgram({"conquer"}), HasSubstr("--help"));
  ExpectUsage(RunProgram({"--frobnicate"}), HasSubstr("--help"));
  ExpectUsage(RunProgram({"verify", "-c", job, "--frobnicate"}), HasSubstr("--frobnicate"));
  ExpectUsage(RunProgram({"verify", "-c", job, "surplus"}), HasSubstr("surplus"));
  ExpectUsage(RunProgram({"verify"}), HasSubstr("--config"));
  ExpectUsage(RunProgram({"repair"}), HasSubstr("-c JOB"));
  ExpectUsage(RunProgram({"schema"}), HasSubstr("--help"));
  ExpectUsage(RunProgram({"--log-level", "loud", "verify", "-c", job}), HasSubstr("loud"));
}

TEST_F(CommandLineTest, BadValuesOfFlags) {
  const std::string job = WriteJob();
  for (const char* duration : {"10", "5x", "-3s", "0s", "s", "", "1h30m", "99999999999999999999s"}) {
    if (*duration == '\0') continue;
    ExpectUsage(RunProgram({"migrate", "-c", job, "--max-duration", duration}), HasSubstr("90s, 10m, 2h"));
  }
  for (const char* pause : {"chunk.read", "chunk.read:", "chunk.read:0", ":2", "chunk.read:2x"}) {
    ExpectUsage(RunProgram({"migrate", "-c", job, "--pause-at", pause}), HasSubstr("POINT:N"));
  }
  ExpectUsage(RunProgram({"migrate", "-c", job, "--events-fd", "-1"}), HasSubstr("events-fd"));
  ExpectUsage(RunProgram({"verify", "-c", job, "--max-findings", "many"}), HasSubstr("max-findings"));
  ExpectUsage(RunProgram({"verify", "-c", job, "--threads", "0"}), HasSubstr("threads"));
  ExpectUsage(RunProgram({"verify", "-c", job, "--method", "fast"}), HasSubstr("method"));
  ExpectUsage(RunProgram({"verify", "-c", job, "--takeover"}), HasSubstr("--live"));
}

TEST_F(CommandLineTest, JobFilesThatCannotBeUsed) {
  for (const char* command : {"plan", "migrate", "verify"}) {
    ExpectUsage(RunProgram({command, "-c", directory_ + "/none.json"}), HasSubstr("none.json"));
  }
  ExpectUsage(RunProgram({"schema", "print", "-c", directory_ + "/none.json"}), HasSubstr("none.json"));
  ExpectUsage(RunProgram({"plan", "-c", directory_}), HasSubstr(directory_));
  ExpectUsage(RunProgram({"plan", "-c", WriteFile("bad.json", "{\"job\": \"j\",\n \"sources\": [,]}")}),
              HasSubstr("bad.json"));
  ExpectUsage(RunProgram({"plan", "-c", WriteFile("empty.json", "")}), HasSubstr("empty.json"));
  ExpectUsage(RunProgram({"plan", "-c", WriteFile("array.json", "[]")}), HasSubstr("array.json"));
  ExpectUsage(RunProgram({"plan", "-c", WriteFile("null.json", "{}")}), HasSubstr("job"));
}

TEST_F(CommandLineTest, UnknownAndDuplicateKeysOfAJobFile) {
  ExpectUsage(RunProgram({"plan", "-c", WriteJob(R"("routeing": {},)")}),
              AllOf(HasSubstr("routeing"), HasSubstr("routing\"")));
  ExpectUsage(RunProgram({"plan", "-c", WriteJob(R"("job": "k",)")}), AllOf(HasSubstr("job"), HasSubstr("twice")));
  ExpectUsage(RunProgram({"plan", "-c", WriteJob(R"("routing": {"buckets": 1000},)")}), HasSubstr("power of two"));
  ExpectUsage(RunProgram({"plan", "-c", WriteJob(R"("copy": {"chunk_rows": "many"},)")}), HasSubstr("chunk_rows"));
}

TEST_F(CommandLineTest, SecretsStayOutOfFilesAndMessages) {
  const std::string inline_secret = WriteJob({}, R"("user": "u", "password": "hunter2")");
  const Output output = RunProgram({"plan", "-c", inline_secret});
  ExpectUsage(output, HasSubstr("password_file"));
  EXPECT_THAT(output.err, Not(HasSubstr("hunter2")));
  ExpectUsage(RunProgram({"plan", "-c", WriteJob({}, R"("user": "u", "password_file": "no-such-file")")}),
              HasSubstr("no-such-file"));
  const std::string by_environment = WriteJob({}, R"("user": "u", "password_env": "SHARDLIFT_TEST_SECRET")");
  ExpectUsage(RunProgram({"plan", "-c", by_environment}), HasSubstr("SHARDLIFT_TEST_SECRET"));
  const Output unreachable = RunProgram({"plan", "-c", by_environment}, {"SHARDLIFT_TEST_SECRET=hunter2"});
  EXPECT_EQ(unreachable.exit_code, 3) << unreachable.err;
  EXPECT_THAT(unreachable.err, Not(HasSubstr("hunter2")));
}

TEST_F(CommandLineTest, ServersThatDoNotAnswerAreExitCodeThree) {
  const std::string job = WriteJob();
  for (const char* command : {"plan", "migrate", "verify"}) {
    ExpectError(RunProgram({command, "-c", job}), 3, HasSubstr("127.0.0.1:1"));
  }
  ExpectError(RunProgram({"schema", "apply", "-c", job}), 3, HasSubstr("s0"));
}

TEST_F(CommandLineTest, WithJsonAFailureIsADocumentToo) {
  const Output output = RunProgram({"verify", "-c", WriteJob(), "--json"});
  EXPECT_EQ(output.exit_code, 3);
  EXPECT_THAT(output.err, StartsWith("shardlift: error: "));
  const auto json = nlohmann::json::parse(output.out);
  EXPECT_EQ(json["schema"], "shardlift.verify/1");
  EXPECT_EQ(json["error"]["code"], "environment");
  EXPECT_EQ(json["error"]["exit_code"], 3);
  EXPECT_TRUE(json["next_steps"].is_array());
}

TEST_F(CommandLineTest, SchemaPrintNeedsNoServer) {
  const Output output = RunProgram({"schema", "print", "-c", WriteJob()});
  EXPECT_EQ(output.exit_code, 0) << output.err;
  for (const char* table : {"`message`", "`sl_lane`", "`sl_copy`", "`sl_dead_letter`", "`sl_source_table`",
                            "`conversation`", "`read_cursor`", "`message_tag`", "`message_dedup`"}) {
    EXPECT_THAT(output.out, HasSubstr(std::string("CREATE TABLE IF NOT EXISTS ") + table));
  }
}

TEST_F(CommandLineTest, ConfigNeedsNoServer) {
  const Output checked = RunProgram({"config", "check", "-c", WriteJob()});
  EXPECT_EQ(checked.exit_code, 0) << checked.err;
  EXPECT_THAT(checked.out, HasSubstr("1 sources, 2 shards, 1 mappings"));
  ExpectUsage(RunProgram({"config", "check", "-c", WriteJob(R"("aply": {},)")}), HasSubstr("\"apply\""));
  const auto schema = nlohmann::json::parse(RunProgram({"config", "schema"}).out);
  EXPECT_EQ(schema["properties"]["copy"]["$ref"], "#/$defs/copy");
  EXPECT_THAT(RunProgram({"config", "reference"}).out, HasSubstr("| `chunk_rows` |"));
  EXPECT_THAT(RunProgram({"config", "reference", "apply"}).out,
              AllOf(StartsWith("## apply"), Not(HasSubstr("chunk_rows"))));
}

TEST_F(CommandLineTest, RouteIsFixedForLife) {
  const Output output = RunProgram({"route", "--json", "1:10045", "2:Open-7", "3:a:b"});
  ASSERT_EQ(output.exit_code, 0) << output.err;
  const auto json = nlohmann::json::parse(output.out);
  EXPECT_EQ(json["schema"], "shardlift.route/1");
  ASSERT_EQ(json["routes"].size(), 3u);
  EXPECT_EQ(json["routes"][0]["hash"], 0x05b1f6f3);
  EXPECT_EQ(json["routes"][0]["bucket"], 1779);
  EXPECT_FALSE(json["routes"][0].contains("shard"));
  EXPECT_EQ(json["routes"][2]["account_key"], "a:b");
  EXPECT_THAT(RunProgram({"route", "1:10045"}).out, AllOf(HasSubstr("bucket 1779"), HasSubstr("SELECT ")));
}

TEST_F(CommandLineTest, RouteNamesTheShardOfAJob) {
  const Output output = RunProgram({"route", "-c", WriteJob(), "--json", "1:10045", "1:7"});
  ASSERT_EQ(output.exit_code, 0) << output.err;
  const auto json = nlohmann::json::parse(output.out);
  EXPECT_EQ(json["routes"][0]["shard"], "s0");  // buckets 0 to 2047 of 4096
  EXPECT_EQ(json["routes"][1]["shard"], json["routes"][1]["bucket"] < 2048 ? "s0" : "s1");
}

TEST_F(CommandLineTest, RouteExplainsByTheRulesOfAJob) {
  const std::string job = WriteJob(R"("routing": {"strategy": "lookup", "buckets": 64,
      "lookup": [{"account_type": 1, "account_key": "10045", "bucket": 70}],
      "pins": [{"biz_tag": 7, "first": 64, "buckets": 4}]},)");
  const Output output = RunProgram({"route", "-c", job, "--json", "1:10045", "1:7"});
  ASSERT_EQ(output.exit_code, 0) << output.err;
  const auto json = nlohmann::json::parse(output.out);
  EXPECT_EQ(json["routes"][0]["rule"], "listed account");
  EXPECT_EQ(json["routes"][0]["bucket"], 70);
  EXPECT_EQ(json["routes"][0]["shard"], "s1");
  EXPECT_EQ(json["routes"][1]["rule"], "not listed: crc32-fmix32");
  EXPECT_LT(json["routes"][1]["bucket"], 64);
  EXPECT_EQ(json["pinned_elsewhere"], nlohmann::json({7}));
  const Output pinned = RunProgram({"route", "-c", job, "--biz-tag", "7", "1:10045"});
  EXPECT_THAT(pinned.out, AllOf(HasSubstr("pinned biz tag 7"), HasSubstr("bucket 6"), HasSubstr("CASE 7 WHEN 7")));
  EXPECT_THAT(RunProgram({"route", "-c", job, "1:7"}).out, HasSubstr("messages with biz tag 7 lie elsewhere"));
  ExpectUsage(RunProgram({"route", "--biz-tag", "7", "1:7"}), HasSubstr("--config"));
}

TEST_F(CommandLineTest, RouteByOtherRules) {
  const Output modulo =
      RunProgram({"route", "--hash", "modulo", "--buckets", "64", "--tables", "32", "--json", "1:100"});
  ASSERT_EQ(modulo.exit_code, 0) << modulo.err;
  const auto route = nlohmann::json::parse(modulo.out)["routes"][0];
  EXPECT_EQ(route["rule"], "modulo");
  EXPECT_EQ(route["bucket"], 36);
  EXPECT_EQ(route["table"], 4);
  EXPECT_THAT(RunProgram({"route", "--hash", "xxh3", "1:10086"}).out,
              AllOf(HasSubstr("hash 0x6621106e01cde524"), HasSubstr("bucket 1316"), HasSubstr("no SQL computes it")));
  ExpectUsage(RunProgram({"route", "--hash", "modulo", "1:abc"}), HasSubstr("the account key is no number"));
  ExpectUsage(RunProgram({"route", "--hash", "range", "1:1"}), HasSubstr("--hash is"));
  ExpectUsage(RunProgram({"route", "--buckets", "100", "1:1"}), HasSubstr("power of two"));
  ExpectUsage(RunProgram({"route", "-c", WriteJob(), "--hash", "xxh3", "1:1"}), HasSubstr("--hash"));
}

TEST_F(CommandLineTest, RouteSimulatesLayouts) {
  const Output output = RunProgram({"route", "--simulate", "8x32", "16x32", "--json"});
  ASSERT_EQ(output.exit_code, 0) << output.err;
  const auto simulation = nlohmann::json::parse(output.out)["simulation"];
  EXPECT_EQ(simulation["keys"], 100000);
  ASSERT_EQ(simulation["layouts"].size(), 2u);
  EXPECT_EQ(simulation["layouts"][0]["cells"], 256);
  EXPECT_NEAR(simulation["layouts"][0]["deviation"].get<double>(), 17.8, 0.05);  // as docs/routing.md has it
  EXPECT_EQ(simulation["layouts"][1]["keys_of_database"].size(), 16u);
  EXPECT_NEAR(simulation["moves"][0]["moved_percent"].get<double>(), 50, 0.2);
  EXPECT_NEAR(simulation["moves"][0]["moved_percent_with_equal_ranges"].get<double>(), 93.75, 0.2);
  EXPECT_EQ(simulation["moves"][0]["table_changes"], 0);

  const std::string keys = WriteFile("keys", "1:1\n2:a\n3:b:c\n");
  EXPECT_THAT(RunProgram({"route", "--simulate", "1x1", "2x4", "--keys", keys}).out,
              AllOf(HasSubstr("3 keys"), HasSubstr("1x1 to 2x4"), HasSubstr("map 0-2047:0 2048-4095:1")));
  ExpectUsage(RunProgram({"route", "--simulate", "8by32"}), HasSubstr("8by32 is no layout"));
  ExpectUsage(RunProgram({"route", "--simulate", "1x1", "--keys", WriteFile("bad", "1:1\nzzz\n")}),
              HasSubstr("line 2"));
}

TEST_F(CommandLineTest, RouteRefusesWhatIsNoKey) {
  for (const std::string& key : {std::string("10045"), std::string("1:"), std::string("x:1"), std::string("256:1"),
                                 std::string(":1"), "1:" + std::string(192, 'k')}) {
    ExpectUsage(RunProgram({"route", key}), HasSubstr("TYPE:KEY"));
  }
  ExpectUsage(RunProgram({"route"}), HasSubstr("KEY"));
}

TEST_F(CommandLineTest, AResultThatCannotBeWrittenIsAnError) {
  const std::string command = std::string(SHARDLIFT_PROGRAM) + " route 1:1 > /dev/full 2> " + directory_ + "/err";
  const int status = system(command.c_str());
  EXPECT_EQ(WEXITSTATUS(status), 3);
}

}  // namespace
}  // namespace shardlift::cmd::testing
