// The table of keys against what is written from it, and against the reader.
#include "job/config_reference.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "job/config.h"

namespace shardlift::job {
namespace {

using ::testing::HasSubstr;

std::string FileText(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(ConfigReference, TheFilesOfTheTreeAreFresh) {
  EXPECT_EQ(FileText("configs/job.schema.json"), SchemaText(ConfigObject("job")))
      << "shardlift config schema > configs/job.schema.json";
  EXPECT_EQ(FileText("configs/mapping.schema.json"), SchemaText(ConfigObject("mapping")))
      << "shardlift config schema mapping > configs/mapping.schema.json";
  EXPECT_EQ(FileText("docs/configuration.md"), ReferenceText()) << "shardlift config reference > docs/configuration.md";
}

bool HasAll(const nlohmann::json& document, const nlohmann::json& keys) {
  return std::all_of(keys.begin(), keys.end(), [&](const auto& key) { return document.contains(key); });
}

// What the schema of a job file asks of the keys that are there: "required" alone and under "not", one of "anyOf".
bool HasWhatItNeeds(const nlohmann::json& document) {
  const nlohmann::json schema = nlohmann::json::parse(SchemaText(ConfigObject("job")));
  EXPECT_FALSE(schema.contains("required"));
  return std::any_of(schema.at("anyOf").begin(), schema.at("anyOf").end(), [&](const nlohmann::json& one) {
    return one.contains("not") ? !HasAll(document, one.at("not").at("required")) : HasAll(document, one.at("required"));
  });
}

TEST(ConfigReference, TheSchemaFitsWholeFilesThoseThatIncludeAndThoseThatAreIncluded) {
  EXPECT_TRUE(HasWhatItNeeds({{"job", "j"}, {"sources", 1}, {"shards", 1}, {"mappings", 1}}));
  EXPECT_TRUE(HasWhatItNeeds({{"job", "j"}, {"include", 1}}));
  EXPECT_TRUE(HasWhatItNeeds({{"sources", 1}}));
  EXPECT_TRUE(HasWhatItNeeds({{"mappings", 1}, {"copy", 1}}));
  EXPECT_FALSE(HasWhatItNeeds({{"job", "j"}, {"sources", 1}, {"shards", 1}}));
}

TEST(ConfigReference, TheSampleNamesEveryKey) {
  const std::string sample = FileText("configs/sample.job.jsonc") + FileText("configs/mappings/push.json") +
                             FileText("configs/mappings/README.md");
  for (const ObjectSpec& object : ConfigObjects()) {
    for (const KeySpec& key : object.keys) {
      const bool named = sample.find(fmt::format("\"{}\"", key.name)) != std::string::npos ||
                         sample.find(fmt::format("`{}`", key.name)) != std::string::npos;
      EXPECT_TRUE(named) << object.name << "." << key.name;
    }
  }
}

// A job with one more key in one of its objects.
std::string JobWith(std::string_view object, const std::string& more) {
  const auto in = [&](std::string_view name) { return object == name ? ", " + more : std::string(); };
  // Ranges and listed accounts belong to different strategies.
  std::string rules =
      object == "key_range"
          ? fmt::format(R"("strategy": "range", "ranges": [{{"first": 0, "bucket": 0{}}}])", in("key_range"))
          : fmt::format(R"("strategy": "lookup", "lookup": [{{"account_type": 1, "account_key": "k",
                            "bucket": 0{}}}])",
                        in("account"));
  rules += fmt::format(R"(, "pins": [{{"biz_tag": 1, "first": 4096{}}}])", in("pin"));
  return fmt::format(
      R"({{"job": "j"{}, "sources": [{{"name": "l1", "user": "u", "reader": {{"user": "u"{}}}{}}}],
      "shards": [{{"name": "s0", "user": "u", "database": "d"{}}}],
      "routing": {{"version": 1, {}, "map": [{{"first": 0, "last": 4096, "shard": "s0"{}}}]{}}},
      "targets": [{{"name": "t", "account_key": "k", "like": "source"{}}}],
      "mappings": [{{"name": "m", "target": "t", "origin": 1, "match": ["a.b"], "key": ["id"], "columns": {{}}{}}}],
      "copy": {{"readers": 1{}}}, "apply": {{"retry_seconds": 1{}}}, "spool": {{"bytes_max": 1000000000{}}}}})",
      in("job"), in("connection"), in("source"), in("shard"), rules, in("range"), in("routing"), in("target"),
      in("mapping"), in("copy"), in("apply"), in("spool"));
}

const char* PathOf(std::string_view object) {
  return object == "job"          ? "job.json: "
         : object == "source"     ? "job.json: sources[0]."
         : object == "connection" ? "job.json: sources[0].reader."
         : object == "shard"      ? "job.json: shards[0]."
         : object == "range"      ? "job.json: routing.map[0]."
         : object == "key_range"  ? "job.json: routing.ranges[0]."
         : object == "account"    ? "job.json: routing.lookup[0]."
         : object == "pin"        ? "job.json: routing.pins[0]."
         : object == "routing"    ? "job.json: routing."
         : object == "target"     ? "job.json: targets[0]."
         : object == "mapping"    ? "job.json: mappings[0]."
         : object == "copy"       ? "job.json: copy."
         : object == "apply"      ? "job.json: apply."
                                  : "job.json: spool.";
}

// Ways to mistype a word of at least three letters.
std::vector<std::string> Mistyped(const std::string& word) {
  const std::size_t middle = word.size() / 2;
  std::string dropped = word, doubled = word, swapped = word, wrong = word;
  dropped.erase(middle, 1);
  doubled.insert(middle, 1, word[middle]);
  std::swap(swapped[word.size() - 1], swapped[word.size() - 2]);
  wrong[middle] = wrong[middle] == 'x' ? 'y' : 'x';
  return {dropped, doubled, swapped, wrong};
}

class ConfigKeys : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_ = std::filesystem::temp_directory_path() / ("shardlift_config_keys_" + std::to_string(getpid()));
    std::filesystem::create_directories(directory_);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  std::string Load(const std::string& text) {
    std::ofstream(directory_ / "job.json") << text;
    const auto config = LoadJobConfig((directory_ / "job.json").string());
    return config.ok() ? "" : config.status().message();
  }
  std::filesystem::path directory_;
};

// The word replaces the key where the job has it, and is added where not.
std::string JobMistyped(std::string_view object, std::string_view key, const std::string& word) {
  const std::string whole = JobWith(object, "\"$mark\": 1");
  const std::size_t end = whole.find("\"$mark\"");
  const std::string quoted = fmt::format("\"{}\":", key);
  // The nearest one in front, in the same object: no other brace in between.
  const std::size_t at = whole.rfind(quoted, end);
  const bool here = at != std::string::npos && whole.substr(at, end - at).find_first_of("{}") == std::string::npos;
  if (!here) return JobWith(object, fmt::format("\"{}\": 1", word));
  std::string job = whole;
  job.replace(at, quoted.size(), fmt::format("\"{}\":", word));
  return job.erase(job.find(", \"$mark\": 1"), 12);
}

TEST_F(ConfigKeys, EveryKeyMistyped_IsRefusedAtItsPathWithTheRightKey) {
  EXPECT_EQ(Load(JobWith("none", "")), "");
  int tried = 0;
  for (const ObjectSpec& object : ConfigObjects()) {
    for (const KeySpec& key : object.keys) {
      for (const std::string& word : Mistyped(std::string(key.name))) {
        if (FindKey(object, word) != nullptr) continue;
        const std::string error = Load(JobMistyped(object.name, key.name, word));
        EXPECT_THAT(error, HasSubstr(fmt::format("{}{}: unknown key; did you mean \"{}\"?", PathOf(object.name), word,
                                                 key.name)));
        ++tried;
      }
    }
  }
  EXPECT_GT(tried, 200);
}

// No key may be in the table that the reader does not look at.
TEST_F(ConfigKeys, EveryKeyWithAValueOfAnotherKind_IsRefusedAtItsPath) {
  for (const ObjectSpec& object : ConfigObjects()) {
    for (const KeySpec& key : object.keys) {
      const bool in_the_job = JobWith("none", "").find(fmt::format("\"{}\"", key.name)) != std::string::npos;
      if (key.name == "$schema" || in_the_job) continue;
      const std::string error = Load(JobWith(object.name, fmt::format("\"{}\": {{\"a\": 1}}", key.name)));
      EXPECT_THAT(error, HasSubstr(fmt::format("{}{}", PathOf(object.name), key.name)));
    }
  }
}

}  // namespace
}  // namespace shardlift::job
