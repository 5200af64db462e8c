#include "job/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>

#include "job/routing.h"

namespace shardlift::job {
namespace {

using base::Code;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kMapping =
    R"({"name": "im", "origin": 1, "match": ["im.msg"], "key": ["id"], "columns": {"body": "content"}})";
constexpr const char* kConnections =
    R"("sources": [{"name": "l1", "user": "u"}], "shards": [{"name": "s0", "user": "u", "database": "d"}])";

class ConfigTest : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_ = std::filesystem::temp_directory_path() / ("shardlift_config_test_" + std::to_string(getpid()));
    std::filesystem::create_directories(directory_);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string Write(const std::string& name, const std::string& text) {
    std::ofstream(directory_ / name) << text;
    return (directory_ / name).string();
  }
  base::Result<JobConfig> Load(const std::string& text) { return LoadJobConfig(Write("job.json", text)); }
  // A whole job with `rest` added at the top level.
  static std::string Job(const std::string& rest = "") {
    return std::string(R"({"job": "j", )") + kConnections + R"(, "mappings": [)" + kMapping + "]" + rest + "}";
  }
  // One source with `keys` besides its name.
  static std::string Source(const std::string& keys) {
    return R"({"job": "j", "sources": [{"name": "l1", )" + keys +
           R"(}], "shards": [{"name": "s0", "user": "u", "database": "d"}], "mappings": [)" + kMapping + "]}";
  }
  void ExpectError(const std::string& text, const std::string& place, const std::string& words) {
    const auto config = Load(text);
    ASSERT_FALSE(config.ok()) << text;
    EXPECT_EQ(config.status().code(), Code::kUsage);
    EXPECT_THAT(config.status().message(), HasSubstr(place));
    EXPECT_THAT(config.status().message(), HasSubstr(words));
    EXPECT_THAT(config.status().message(), HasSubstr("job.json"));
  }

  std::filesystem::path directory_;
};

TEST_F(ConfigTest, DefaultsOfASmallJob) {
  const auto config = Load(Job());
  ASSERT_TRUE(config.ok()) << config.status().message();
  EXPECT_EQ(config->name, "j");
  EXPECT_EQ(config->sources[0].endpoint.host, "127.0.0.1");
  EXPECT_EQ(config->sources[0].endpoint.port, 3306);
  EXPECT_EQ(config->sources[0].endpoint.tls, mysql::TlsMode::kPreferred);
  EXPECT_NE(config->sources[0].server_id, 0u);
  EXPECT_EQ(config->routing.rules.buckets, 4096u);
  ASSERT_EQ(config->routing.ranges.size(), 1u);
  EXPECT_EQ(config->routing.ranges[0].last, 4095u);
  EXPECT_EQ(config->copy.chunk_rows, 10000u);
  EXPECT_EQ(config->apply.retry_seconds, 120u);
  EXPECT_EQ(config->mappings[0].columns.size(), 1u);
  EXPECT_EQ(config->mappings[0].on_bad_value, mapping::BadValuePolicy::kRefuse);
  EXPECT_EQ(config->fingerprint.size(), 64u);
}

TEST_F(ConfigTest, TheSampleOfTheTreeLoads) {
  setenv("LEGACY1_PASSWORD", "one", 1);
  setenv("LEGACY2_PASSWORD", "two", 1);
  setenv("STORE_PASSWORD", "three", 1);
  const auto config = LoadJobConfig("configs/sample.job.jsonc");
  ASSERT_TRUE(config.ok()) << config.status().message();
  EXPECT_EQ(config->sources[0].endpoint.password, "one");
  EXPECT_EQ(config->sources[0].server_id, 990001u);
  EXPECT_EQ(config->sources[1].endpoint.socket, "/run/mysqld/mysqld.sock");
  EXPECT_EQ(config->shards[1].endpoint.password, "three");
  EXPECT_EQ(config->routing.ranges[1].shard, 1u);
  ASSERT_EQ(config->mappings.size(), 3u);
  EXPECT_EQ(config->mappings[1].name, "push");
  // What the sample calls a default is one.
  const auto small = Load(Job());
  ASSERT_TRUE(small.ok());
  EXPECT_EQ(config->copy.chunk_rows, small->copy.chunk_rows);
  EXPECT_EQ(config->copy.chunk_bytes_max, small->copy.chunk_bytes_max);
  EXPECT_EQ(config->copy.readers, small->copy.readers);
  EXPECT_EQ(config->apply.batch_changes_max, small->apply.batch_changes_max);
  EXPECT_EQ(config->apply.batch_bytes_max, small->apply.batch_bytes_max);
  EXPECT_EQ(config->apply.retry_seconds, small->apply.retry_seconds);
  EXPECT_EQ(config->routing.rules.buckets, small->routing.rules.buckets);
}

TEST_F(ConfigTest, RoutingRules) {
  Write("accounts.txt", "# bucket TYPE:KEY\r\n\n4100 1:10045\r\n17 2: a:b \n");
  const auto config = Load(Job(R"(, "routing": {"strategy": "lookup", "buckets": 64, "lookup_file": "accounts.txt",
      "lookup": [{"account_type": 3, "account_key": "zoe", "bucket": 5}], "pins": [{"biz_tag": 7, "first": 64,
      "buckets": 4}, {"biz_tag": 8, "first": 70}]})"));
  ASSERT_TRUE(config.ok()) << config.status().message();
  const auto router = MakeRouter(config->routing);
  ASSERT_TRUE(router.ok()) << router.status().message();
  EXPECT_EQ(router->rules().Text(),
            "lookup version=1 buckets=64 tables=1 account=1:3130303435:4100 account=2:20613a6220:17 "
            "account=3:7a6f65:5 pin=7:64+4 pin=8:70+1");
  EXPECT_EQ(router->MapText(), "0-4100:0");
  EXPECT_EQ(router->Route({1, "10045", 0}).bucket, 4100u);
  EXPECT_EQ(router->Route({1, "10045", 8}).bucket, 70u);
}

TEST_F(ConfigTest, DefaultMap_PinnedBucketsAreSpreadAndMoveNoOther) {
  const std::string two_shards =
      R"({"job": "j", "sources": [{"name": "l1", "user": "u"}], "shards": [{"name": "s0", "user": "u", "database": "a"},
      {"name": "s1", "user": "u", "database": "b"}], "mappings": [)" +
      std::string(kMapping) + R"(], "routing": {"buckets": 64, "pins": [{"biz_tag": 7, "first": 64, "buckets": 2}]}})";
  const auto config = Load(two_shards);
  ASSERT_TRUE(config.ok()) << config.status().message();
  const auto router = MakeRouter(config->routing);
  ASSERT_TRUE(router.ok()) << router.status().message();
  EXPECT_EQ(router->MapText(), "0-31:0 32-63:1 64-64:0 65-65:1");
}

TEST_F(ConfigTest, WrongRoutingRulesNameTheirPlace) {
  const auto routing = [](const std::string& keys) { return Job(R"(, "routing": {)" + keys + "}"); };
  ExpectError(routing(R"("strategy": "md5")"), "routing.strategy", "crc32-fmix32, xxh3, modulo, range, lookup");
  ExpectError(routing(R"("buckets": 1000)"), "job.json: routing.buckets", "power of two");
  ExpectError(routing(R"("strategy": "range")"), "job.json: routing.ranges", "name the first key");
  ExpectError(routing(R"("ranges": [{"first": 0, "bucket": 0}])"), "routing.ranges", "set routing.strategy to range");
  ExpectError(routing(R"("lookup": [])"), "routing.lookup", "set routing.strategy to lookup");
  ExpectError(routing(R"("lookup_file": "x")"), "routing.lookup_file", "set routing.strategy to lookup");
  ExpectError(routing(R"("strategy": "lookup")"), "routing.lookup", "is missing");
  ExpectError(routing(R"("strategy": "range", "ranges": [{"first": 9, "bucket": 0}, {"first": 5, "bucket": 1}])"),
              "job.json: routing.ranges", "the range from 5 follows that from 9");
  ExpectError(routing(R"("strategy": "range", "ranges": [{"first": 9, "bucket": 4096}])"), "routing.ranges", "0-4095");
  ExpectError(routing(R"("strategy": "range", "ranges": [{"bucket": 0}])"), "routing.ranges[0].first", "is missing");
  ExpectError(routing(R"("pins": [{"biz_tag": 7, "first": 9}])"), "job.json: routing.pins: biz tag 7", "is taken");
  ExpectError(routing(R"("pins": [{"biz_tag": 7, "first": 4096, "buckets": 3}])"), "routing.pins", "power of two");
  ExpectError(routing(R"("pins": [{"biz_tag": 65536, "first": 4096}])"), "routing.pins[0].biz_tag", "65535");
  ExpectError(routing(R"("pins": [{"biz_tag": 7, "first": 4096}], "map": [{"first": 0, "last": 4095, "shard": "s0"}])"),
              "job.json: routing.map", "bucket 4096 is in no range");
}

TEST_F(ConfigTest, WrongAccountListsNameFileAndLineAndNoAccount) {
  const std::string job = Job(R"(, "routing": {"strategy": "lookup", "lookup_file": "accounts.txt",
      "lookup": [{"account_type": 1, "account_key": "secretive", "bucket": 1}]})");
  ExpectError(job, "routing.lookup_file", "accounts.txt: cannot be read");
  for (const char* line :
       {"1:hidden", "5  1:hidden", "65536 1:hidden", "5 256:hidden", "5 1:", "5 hidden", "-1 1:hidden"}) {
    Write("accounts.txt", std::string("5 1:other\n") + line + "\n");
    ExpectError(job, "accounts.txt:2: ", "is not BUCKET TYPE:KEY");
    EXPECT_THAT(Load(job).status().message(), Not(HasSubstr("hidden")));
  }
  Write("accounts.txt", "5 1:other\n\n5 1:secretive\n");
  ExpectError(job, "accounts.txt:3: ", "routing.lookup[0] lists this account too");
  EXPECT_THAT(Load(job).status().message(), Not(HasSubstr("secretive")));
  Write("accounts.txt", "5 1:other\n6 1:other\n");
  ExpectError(job, "accounts.txt:2: ", "accounts.txt:1 lists this account too");
  std::string many;
  for (int i = 0; i < 10000; ++i) many += "5 1:" + std::to_string(i) + "\n";
  Write("accounts.txt", many);
  ExpectError(job, "accounts.txt:10000: ", "more than 10000 accounts");
}

TEST_F(ConfigTest, EverythingThatDecidesABucketIsInTheFingerprint) {
  const auto fingerprint = [&](const std::string& keys) {
    const auto config = Load(Job(R"(, "routing": {)" + keys + "}"));
    EXPECT_TRUE(config.ok()) << config.status().message();
    return config.ok() ? config->fingerprint : "";
  };
  Write("accounts.txt", "5 1:other\n");
  std::set<std::string> seen{fingerprint("")};
  for (const char* keys :
       {R"("version": 2)", R"("buckets": 64)", R"("strategy": "xxh3")", R"("strategy": "modulo")",
        R"("strategy": "range", "ranges": [{"first": 0, "bucket": 0}])",
        R"("strategy": "range", "ranges": [{"first": 1, "bucket": 0}])",
        R"("strategy": "range", "ranges": [{"first": 0, "bucket": 1}])",
        R"("strategy": "lookup", "lookup": [{"account_type": 1, "account_key": "a", "bucket": 1}])",
        R"("strategy": "lookup", "lookup": [{"account_type": 2, "account_key": "a", "bucket": 1}])",
        R"("strategy": "lookup", "lookup": [{"account_type": 1, "account_key": "b", "bucket": 1}])",
        R"("strategy": "lookup", "lookup": [{"account_type": 1, "account_key": "a", "bucket": 2}])",
        R"("strategy": "lookup", "lookup_file": "accounts.txt")", R"("pins": [{"biz_tag": 7, "first": 4096}])",
        R"("pins": [{"biz_tag": 8, "first": 4096}])", R"("pins": [{"biz_tag": 7, "first": 4097}])",
        R"("pins": [{"biz_tag": 7, "first": 4096, "buckets": 2}])"}) {
    EXPECT_TRUE(seen.insert(fingerprint(keys)).second) << keys;
  }
  // What does not decide one is not; neither is the order in which rules are written.
  EXPECT_EQ(fingerprint(R"("map_epoch": 9)"), fingerprint(""));
  EXPECT_EQ(
      fingerprint(R"("strategy": "lookup", "lookup": [{"account_type": 1, "account_key": "other", "bucket": 5}])"),
      fingerprint(R"("strategy": "lookup", "lookup_file": "accounts.txt")"));
  EXPECT_EQ(fingerprint(R"("pins": [{"biz_tag": 7, "first": 4096}, {"biz_tag": 8, "first": 4097}])"),
            fingerprint(R"("pins": [{"biz_tag": 8, "first": 4097}, {"biz_tag": 7, "first": 4096}])"));
}

TEST_F(ConfigTest, SecretsComeFromFileOrEnvironmentOnly) {
  ExpectError(Source(R"("user": "u", "password": "hunter2")"), "sources[0].password", "password_file");
  EXPECT_THAT(Load(Source(R"("user": "u", "password": "hunter2")")).status().message(), Not(HasSubstr("hunter2")));
  Write("secret", "pass word\r\nsecond line\n");
  auto config = Load(Source(R"("user": "u", "password_file": "secret")"));
  ASSERT_TRUE(config.ok()) << config.status().message();
  EXPECT_EQ(config->sources[0].endpoint.password, "pass word");
  ExpectError(Source(R"("user": "u", "password_file": "missing")"), "sources[0].password_file", "cannot be read");
  unsetenv("SL_TEST_UNSET");
  ExpectError(Source(R"("user": "u", "password_env": "SL_TEST_UNSET")"), "sources[0].password_env", "not set");
  ExpectError(Source(R"("user": "u", "password_env": "A", "password_file": "secret")"), "password_env", "keep one");
}

TEST_F(ConfigTest, UnknownKeysSuggestTheNearest) {
  ExpectError(Source(R"("user": "u", "prot": 3306)"), "sources[0].prot", "did you mean \"port\"?");
  ExpectError(Job(R"(, "aply": {})"), "aply", "did you mean \"apply\"?");
  ExpectError(Job(R"(, "copy": {"chunk_row": 1})"), "copy.chunk_row", "did you mean \"chunk_rows\"?");
  ExpectError(Job(R"(, "zzzzzzzz": 1)"), "zzzzzzzz", "known keys:");
}

TEST_F(ConfigTest, DuplicateKeysNameTheirPath) {
  ExpectError(Job(R"(, "copy": {"readers": 1, "readers": 2})"), "copy.readers", "twice");
  ExpectError(Source(R"("user": "u", "tls": "disabled", "tls": "required")"), "sources[0].tls", "twice");
  ExpectError(R"({"job": "a", "job": "b"})", "job", "twice");
  ExpectError(R"({"sources": [{"a": 1}, {"a": [1, {"b": 1, "b": 2}]}]})", "sources[1].a[1].b", "twice");
  // The same key in two objects is none.
  EXPECT_TRUE(Load(Job(R"(, "copy": {"readers": 1}, "apply": {"retry_seconds": 1})")).ok());
}

TEST_F(ConfigTest, SyntaxErrorsNameLineAndColumnAndShowNoText) {
  ExpectError("{\n  \"job\": \"j\",\n  \"x\" 5\n}", "job.json:3:", "not valid JSON");
  const auto config = Load("{\"job\": \"j\",\n \"password\": \"hunter2\" \"oops\"}");
  EXPECT_THAT(config.status().message(), HasSubstr("job.json:2:"));
  EXPECT_THAT(config.status().message(), Not(HasSubstr("hunter2")));
  EXPECT_THAT(config.status().message(), Not(HasSubstr("oops")));
  ExpectError("", "job.json:1:", "not valid JSON");
  ExpectError("[]", "job.json", "one JSON object");
  EXPECT_EQ(LoadJobConfig("/nonexistent/job.json").status().code(), Code::kUsage);
  EXPECT_TRUE(Load("// comment\n/* and\n another */" + Job()).ok());
}

TEST_F(ConfigTest, WrongValuesNameTheirPath) {
  ExpectError(Source(R"("user": "u", "port": 70000)"), "sources[0].port", "1 to 65535");
  ExpectError(Source(R"("user": "u", "port": "3306")"), "sources[0].port", "whole number");
  ExpectError(Source(R"("user": "")"), "sources[0].user", "missing or empty");
  ExpectError(Source(R"("user": "u", "tls": "maybe")"), "sources[0].tls", "one of disabled, preferred");
  ExpectError(Source(R"("user": "u", "tls": "verify-ca")"), "sources[0].tls_ca", "missing");
  ExpectError(Source(R"("user": "u", "tls_cert": "c.pem")"), "sources[0].tls_key", "missing");
  ExpectError(R"({"job": "j", "sources": 3})", "sources", "must be an array");
  ExpectError(Job(R"(, "routing": {"buckets": 1000})"), "routing", "power of two");
  ExpectError(Job(R"(, "routing": {"map": [{"first": 0, "last": 4095, "shard": "sX"}]})"), "routing.map[0].shard",
              "no shard");
  ExpectError(Job(R"(, "routing": {"map": [{"first": 1, "last": 4095, "shard": "s0"}]})"), "routing", "");
  ExpectError(Job(R"(, "copy": {"readers": 0})"), "copy.readers", "from 1");
}

TEST_F(ConfigTest, NamesMustBeUnique) {
  const std::string mappings = std::string(R"("mappings": [)") + kMapping + "]";
  ExpectError(R"({"job": "j", "sources": [{"name": "a", "user": "u"}, {"name": "a", "user": "u", "port": 1}],
      "shards": [{"name": "s0", "user": "u", "database": "d"}], )" +
                  mappings + "}",
              "sources[1].name", "another source");
  ExpectError(R"({"job": "j", "sources": [{"name": "a", "user": "u"}], "shards": [{"name": "s0", "user": "u",
      "database": "d"}, {"name": "s1", "user": "u", "database": "d"}], )" +
                  mappings + "}",
              "shards[1].database", "same database");
  ExpectError(std::string(R"({"job": "j", )") + kConnections + R"(, "mappings": [)" + kMapping + "," + kMapping + "]}",
              "mappings[1]", "another mapping");
}

TEST_F(ConfigTest, MappingsAreObjectsOrFilesBesideTheJob) {
  Write("m.json", std::string("// a comment\n") + kMapping);
  const std::string head = std::string(R"({"job": "j", )") + kConnections;
  const auto config = Load(head + R"(, "mappings": ["m.json"]})");
  ASSERT_TRUE(config.ok()) << config.status().message();
  EXPECT_THAT(config->mappings[0].match, ElementsAre("im.msg"));
  EXPECT_EQ(config->mappings[0].place, (directory_ / "m.json").string());
  // Where it stands makes no difference to what it does.
  EXPECT_EQ(config->fingerprint, Load(Job())->fingerprint);
  ExpectError(head + R"(, "mappings": ["none.json"]})", "mappings[0]", "none.json");
  Write("m.json", R"({"name": "im", "origin": 200, "match": ["a.b"], "key": ["id"], "columns": {}})");
  const auto bad = Load(head + R"(, "mappings": ["m.json"]})");
  EXPECT_THAT(bad.status().message(), HasSubstr("m.json: origin"));
  ExpectError(
      head + R"(, "mappings": [{"name": "x", "origin": 1, "match": ["a.b"], "key": ["id"], "columns": {"a": 1}}]})",
      "mappings[0].columns.a", "string");
  ExpectError(head + R"(, "mappings": [{"name": "x", "origin": 1, "match": ["a.b"], "key": ["id"], "columns": {},
      "sources": ["l9"]}]})",
              "mappings[0]", "l9");
}

TEST_F(ConfigTest, MappingsByGlobAreSorted) {
  const std::string head = std::string(R"({"job": "j", )") + kConnections;
  std::filesystem::create_directories(directory_ / "maps");
  for (const char* name : {"b", "a", "c"}) {
    std::string text = kMapping;
    text.replace(text.find("\"im\""), 4, std::string("\"") + name + "\"");
    Write(std::string("maps/") + name + ".json", text);
  }
  Write("maps/ignored.txt", "no JSON");
  const auto config = Load(head + R"(, "mappings": ["maps/*.json"]})");
  ASSERT_TRUE(config.ok()) << config.status().message();
  ASSERT_EQ(config->mappings.size(), 3u);
  EXPECT_EQ(config->mappings[0].name, "a");
  EXPECT_EQ(config->mappings[2].place, (directory_ / "maps/c.json").string());
  EXPECT_THAT(Load(head + R"(, "mappings": ["maps/*.json", "maps/b.json"]})").status().message(),
              HasSubstr("maps/b.json: name: another mapping has this name"));
  ExpectError(head + R"(, "mappings": ["none/*.json"]})", "mappings[0]", "no file matches");
  Write("maps/b.json", R"({"name": "b", "orign": 1})");
  const auto bad = Load(head + R"(, "mappings": ["maps/*.json"]})");
  EXPECT_THAT(bad.status().message(), HasSubstr("maps/b.json: orign: unknown key"));
}

TEST_F(ConfigTest, IncludedFilesAddUp) {
  std::filesystem::create_directories(directory_ / "servers");
  Write("servers/2.json", R"({"sources": [{"name": "l2", "user": "u", "password_file": "secret"}]})");
  Write("servers/1.json", R"(// comment
      {"sources": [{"name": "l1", "user": "u"}], "shards": [{"name": "s1", "user": "u", "database": "d1"}]})");
  Write("servers/secret", "word");
  Write("limits.json", std::string(R"({"copy": {"readers": 7}, "mappings": [)") + kMapping + "]}");
  const std::string main = R"({"job": "j", "include": ["servers/*.json", "limits.json"],
      "shards": [{"name": "s0", "user": "u", "database": "d"}])";
  const auto config = Load(main + "}");
  ASSERT_TRUE(config.ok()) << config.status().message();
  ASSERT_EQ(config->sources.size(), 2u);
  EXPECT_EQ(config->sources[0].endpoint.name, "l1");
  EXPECT_EQ(config->sources[1].endpoint.password, "word") << "relative to the file that names it";
  ASSERT_EQ(config->shards.size(), 2u);
  EXPECT_EQ(config->shards[0].endpoint.name, "s0") << "the main file comes first";
  EXPECT_EQ(config->copy.readers, 7u);
  ExpectError(main + R"(, "copy": {"readers": 1}})", "limits.json: copy", "stands in");

  const auto expect_include_error = [&](const std::string& text, const std::string& words) {
    Write("limits.json", text);
    EXPECT_THAT(Load(main + "}").status().message(), HasSubstr(words));
  };
  const std::string mappings = std::string(R"("mappings": [)") + kMapping + "]";
  expect_include_error("{" + mappings + R"(, "copy": {"raeders": 7}})", "limits.json: copy.raeders: unknown key");
  expect_include_error(R"({"include": ["x.json"]})", "limits.json: include: an included file");
  expect_include_error(R"({"sources": [{"name": "l1", "user": "u"}]})", "limits.json: sources[0].name: another source");
  expect_include_error(R"({"shards": [{"name": "s3", "user": "u", "database": "e", "prot": 1}]})",
                       "limits.json: shards[0].prot");
  expect_include_error("{", "limits.json:1:");
  expect_include_error("{}", "job.json: mappings: is missing or empty");
}

TEST_F(ConfigTest, TargetsOfTheJobsOwn) {
  const std::string used = R"({"job": "j", )" + std::string(kConnections) +
                           R"(, "mappings": [{"name": "r", "origin": 1, "target": "receipt", "match": ["a.b"], )"
                           R"("key": ["id"], "columns": {}}], "targets": [{"name": "receipt", "account_key": "uid")";
  const auto with = [&](const std::string& rest) { return used + rest + "}]}"; };
  const std::string ddl = R"(, "ddl": "/* theirs */ create table if not exists `receipt` (uid INT NOT NULL);")";
  const auto config = Load(with(ddl));
  ASSERT_TRUE(config.ok()) << config.status().message();
  ASSERT_EQ(config->targets.size(), 1u);
  EXPECT_EQ(config->targets[0].table.body, "uid INT NOT NULL)");
  EXPECT_EQ(config->targets[0].table.account_type, "1");
  EXPECT_EQ(config->mappings[0].target, "receipt");
  EXPECT_THAT(config->TargetNames(), ElementsAre("message", "receipt"));
  Write("receipt.sql", "-- in a file\nCREATE TABLE receipt (\n  uid INT NOT NULL)\n");
  const auto from_file = Load(with(R"(, "ddl_file": "receipt.sql", "account_type": "kind")"));
  ASSERT_TRUE(from_file.ok()) << from_file.status().message();
  EXPECT_EQ(from_file->targets[0].table.body, "\n  uid INT NOT NULL)");
  const auto like = Load(with(R"(, "like": "source")"));
  ASSERT_TRUE(like.ok()) << like.status().message();
  EXPECT_TRUE(like->targets[0].like_source);
  EXPECT_NE(config->fingerprint, from_file->fingerprint);
  EXPECT_NE(config->fingerprint, like->fingerprint);
  ExpectError(with(""), "targets[0].ddl", "give one of");
  ExpectError(with(ddl + R"(, "like": "source")"), "targets[0].ddl", "give one of");
  ExpectError(with(R"(, "ddl_file": "absent.sql")"), "targets[0].ddl_file", "cannot be read");
  for (const char* wrong : {"CREATE TABLE other (uid INT)", "CREATE TABLE d.receipt (uid INT)", "DROP TABLE receipt",
                            "CREATE TABLE receipt LIKE other", "CREATE TABLE receipt (LIKE other)", "CREATE"}) {
    ExpectError(with(R"(, "ddl": ")" + std::string(wrong) + "\""), "targets[0].ddl",
                "write CREATE TABLE receipt (...)");
  }
  std::string text = with(ddl);
  ExpectError(text.replace(text.find("receipt"), 7, "recipe"), "mappings[0].target", "there is no target recipe");
  text = with(ddl);
  ExpectError(text.replace(text.find("receipt"), 7, "message"), "targets[0]", "no mapping has \"target\": \"receipt\"");
  text = with(R"(, "like": "source")");
  ExpectError(text.replace(text.rfind("receipt"), 7, "sl_lane"), "targets[0].name",
              "the store has a table of this name");
}

TEST_F(ConfigTest, TheFingerprintFollowsWhatDecidesTheTarget) {
  const std::string base = Load(Job())->fingerprint;
  EXPECT_EQ(Load(Job(R"(, "copy": {"readers": 7}, "routing": {"map_epoch": 4})"))->fingerprint, base);
  EXPECT_NE(Load(Job(R"(, "routing": {"version": 2})"))->fingerprint, base);
  EXPECT_NE(Load(Job(R"(, "routing": {"buckets": 2048})"))->fingerprint, base);
  std::string other = Job();
  other.replace(other.find("content"), 7, "contenu");
  EXPECT_NE(Load(other)->fingerprint, base);
}

}  // namespace
}  // namespace shardlift::job
