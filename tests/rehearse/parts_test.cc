// The parts of a rehearsal that need no server: options, events, verify's document, report, child processes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "rehearse/child.h"
#include "rehearse/migrate_state.h"
#include "rehearse/rehearse.h"
#include "rehearse/verify_result.h"
#include "tests/rehearse/processes.h"

namespace shardlift::rehearse {
namespace {

using namespace std::chrono_literals;
using mysql::Flavour;
using testing::HasSubstr;

TEST(Options, Pairings) {
  const auto mixed = ParsePairing("mixed");
  ASSERT_TRUE(mixed.ok());
  EXPECT_EQ(mixed->sources, (std::vector{Flavour::kMariaDb, Flavour::kMySql}));
  EXPECT_EQ(mixed->shards, (std::vector{Flavour::kMariaDb, Flavour::kMySql}));
  const auto crossed = ParsePairing("mysql:mariadb");
  ASSERT_TRUE(crossed.ok());
  EXPECT_EQ(crossed->sources, (std::vector{Flavour::kMySql, Flavour::kMySql}));
  EXPECT_EQ(crossed->shards, (std::vector{Flavour::kMariaDb, Flavour::kMariaDb}));
  for (const char* wrong : {"mysql", "mysql:", "oracle:mysql", ""}) {
    EXPECT_EQ(ParsePairing(wrong).status().code(), base::Code::kUsage) << wrong;
  }
}

TEST(Options, FaultLists) {
  const auto none = ParseFaults("none");
  ASSERT_TRUE(none.ok());
  EXPECT_FALSE(none->kill || none->shard_kill || !none->plants.empty());
  const auto all = ParseFaults("kill,plant:bit,shard-kill,plant:stale");
  ASSERT_TRUE(all.ok());
  EXPECT_TRUE(all->kill && all->shard_kill);
  EXPECT_EQ(all->plants, (std::vector{PlantKind::kBit, PlantKind::kStale}));
  const auto wrong = ParseFaults("kill,plant:cat");
  EXPECT_EQ(wrong.status().code(), base::Code::kUsage);
  EXPECT_THAT(wrong.status().message(), HasSubstr("plant:cat"));
}

TEST(MigrateState, FollowsEvents) {
  MigrateState state;
  EXPECT_TRUE(state.Take(R"({"event":"phase","t":1,"phase":"copy"})"));
  EXPECT_TRUE(state.Take(R"({"event":"chunk","state":"reading","table":"im_0.msg_03","after":"12","rows":0})"));
  EXPECT_TRUE(state.new_chunk);
  state.Take(R"({"event":"chunk","state":"read","table":"im_0.msg_03","after":"12","rows":77})");
  state.Take(R"({"event":"chunk","state":"merged","table":"push.push_202309","rows":5})");
  state.Take(R"({"event":"progress","rows_copied":99,"changes_applied":7,"lag_seconds":2})");
  state.Take(R"({"event":"shard-lost","shard":"s1"})");
  state.Take(R"({"event":"pause","point":"chunk.read","detail":"d"})");
  EXPECT_EQ(state.phase, "copy");
  EXPECT_EQ(state.chunk_table, "im_0.msg_03");
  EXPECT_EQ(state.chunk_after, "12");
  EXPECT_EQ(state.chunk_rows, 77U);
  EXPECT_EQ(state.chunks_merged, 1U);
  EXPECT_EQ(state.rows_copied, 99U);
  EXPECT_EQ(state.changes_applied, 7U);
  EXPECT_EQ(state.lag_seconds, 2);
  EXPECT_EQ(state.shards_lost, 1U);
  EXPECT_EQ(state.pause_point, "chunk.read");
  EXPECT_FALSE(state.Take("not json"));
  EXPECT_FALSE(state.Take("[1]"));
}

constexpr std::string_view kVerify = R"({"schema":"shardlift.verify/1","rows_compared":10,"findings":[
  {"kind":"missing","origin":1,"table_ordinal":3,"table":"im_0.msg_03","owner_key":"00ff","shard":"",
   "expected_shard":"s0"},
  {"kind":"differs","origin":2,"table_ordinal":4,"owner_key":"0a","shard":"s1","columns":["body","status"]}],
  "counts":{"missing":1,"differs":1},"per_shard":[{"shard":"s0","rows":4},{"shard":"s1","rows":6}],
  "per_mapping":[{"mapping":"im","source_rows":9,"kept":8,"left_behind":1,"equal":7}]})";

TEST(Verify, ParsesTheDocument) {
  const auto outcome = ParseVerify(kVerify);
  ASSERT_TRUE(outcome.ok());
  EXPECT_EQ(outcome->rows_compared, 10U);
  ASSERT_EQ(outcome->findings.size(), 2U);
  EXPECT_EQ(outcome->findings[0].owner_key, "00FF");
  EXPECT_EQ(outcome->findings[1].columns, (std::vector<std::string>{"body", "status"}));
  EXPECT_EQ(outcome->counts.at("missing"), 1U);
  ASSERT_EQ(outcome->shard_rows.size(), 2U);
  EXPECT_EQ(outcome->shard_rows[1].second, 6U);
  ASSERT_EQ(outcome->mappings.size(), 1U);
  EXPECT_EQ(outcome->mappings[0].left_behind, 1U);
  EXPECT_EQ(ParseVerify("{}").status().code(), base::Code::kCorrupt);
  EXPECT_EQ(ParseVerify("oops").status().code(), base::Code::kCorrupt);
}

TEST(Verify, MatchesWhatWasPlanted) {
  const auto outcome = ParseVerify(kVerify);
  ASSERT_TRUE(outcome.ok());
  std::vector<Planted> right = {{PlantKind::kLost, 1, 3, "00FF", "s0", false},
                                {PlantKind::kStale, 2, 4, "0A", "s1", false}};
  EXPECT_EQ(MatchPlanted(*outcome, &right), 0U);
  EXPECT_TRUE(right[0].found && right[1].found);
  std::vector<Planted> other_kind = {{PlantKind::kExtra, 1, 3, "00FF", "s0", false}};
  EXPECT_EQ(MatchPlanted(*outcome, &other_kind), 2U);
  EXPECT_FALSE(other_kind[0].found);
  std::vector<Planted> other_key = {{PlantKind::kLost, 1, 3, "00FE", "s0", false}};
  EXPECT_EQ(MatchPlanted(*outcome, &other_key), 2U);
  EXPECT_FALSE(other_key[0].found);
}

TEST(Report, TextAndJsonTellTheSame) {
  RehearseReport report;
  report.options.seed = 77;
  report.servers = {{"source1", "MariaDB 10.11"}};
  report.verify = *ParseVerify(kVerify);
  report.planted = {{PlantKind::kLost, 1, 3, "00FF", "s0", false}};
  report.kills = {{"chunk.read", "copy", "table im_0.msg_03 after 12", "im_0.msg_03", "12", 77, 2, 99, 7}};
  report.failures = {"verify did not name 1 of 1 planted faults"};
  report.exit_code = 1;
  const std::string text = ReportText(report);
  EXPECT_THAT(text, HasSubstr("FAILED"));
  EXPECT_THAT(text, HasSubstr("NOT FOUND"));
  EXPECT_THAT(text, HasSubstr("lag 2 s, at table im_0.msg_03 after 12"));
  EXPECT_THAT(text, HasSubstr("--seed 77"));
  EXPECT_THAT(text, HasSubstr("missing im_0.msg_03 origin 1 table 3 key 00FF expected on s0\n"));
  EXPECT_THAT(text, HasSubstr("key 0A on s1 columns body,status\n"));
  EXPECT_LT(std::count(text.begin(), text.end(), '\n'), 40);
  const auto json = nlohmann::json::parse(ReportJson(report));
  EXPECT_EQ(json["schema"], "shardlift.rehearse/1");
  EXPECT_EQ(json["exit_code"], 1);
  EXPECT_EQ(json["planted"][0]["found"], false);
  EXPECT_EQ(json["kills"][0]["chunk"]["after"], "12");
  EXPECT_FALSE(json["next_steps"].empty());
}

class ChildTest : public testing::Test {
 protected:
  void SetUp() override {
    char path[] = "/tmp/shardlift-child-XXXXXX";
    ASSERT_NE(mkdtemp(path), nullptr);
    directory_ = path;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  ChildOptions Shell(const std::string& script) const {
    return {"/bin/sh", {"sh", "-c", script}, directory_ + "/out", directory_ + "/err", true};
  }
  std::string directory_;
};

TEST_F(ChildTest, EventsOutputAndExitCode) {
  const auto child =
      Child::Start(Shell("echo out; echo err >&2; echo one >&3; printf tw >&3; sleep 0.1; echo o >&3; exit 7"));
  ASSERT_TRUE(child.ok()) << child.status().message();
  std::vector<std::string> lines;
  while ((*child)->ReadEvents(100ms, &lines)) {
  }
  EXPECT_EQ(lines, (std::vector<std::string>{"one", "two"}));
  EXPECT_EQ((*child)->WaitFor(5s), 7);
  EXPECT_EQ(FileTail(directory_ + "/out", 100), "out\n");
  EXPECT_EQ(FileTail(directory_ + "/err", 100), "err\n");
}

TEST_F(ChildTest, HoldsNoDescriptorsOfOurs) {
  const int fd = dup(2);  // without close-on-exec
  const auto child = Child::Start(Shell("ls /proc/self/fd | tr '\\n' ' '"));
  ASSERT_TRUE(child.ok());
  EXPECT_EQ((*child)->WaitFor(5s), 0);
  close(fd);
  // 4 is the directory ls itself reads.
  EXPECT_EQ(FileTail(directory_ + "/out", 100), "0 1 2 3 4 ");
}

TEST_F(ChildTest, DiesWithItsOwner) {
  int fds[2];
  ASSERT_EQ(pipe(fds), 0);
  const pid_t owner = fork();
  if (owner == 0) {
    const auto child = Child::Start(Shell("sleep 3600"));
    const pid_t pid = child.ok() ? (*child)->pid() : 0;
    if (write(fds[1], &pid, sizeof pid) != sizeof pid) _exit(1);
    for (;;) pause();
  }
  pid_t pid = 0;
  ASSERT_EQ(read(fds[0], &pid, sizeof pid), static_cast<ssize_t>(sizeof pid));
  ASSERT_GT(pid, 0);
  EXPECT_EQ(kill(pid, 0), 0);
  kill(owner, SIGKILL);
  waitpid(owner, nullptr, 0);
  bool gone = false;
  for (int i = 0; i < 200 && !gone; ++i) {
    const std::string stat = ReadProcFile("/proc/" + std::to_string(pid) + "/stat");
    gone = stat.empty() || stat.find(") Z ") != std::string::npos;
    std::this_thread::sleep_for(10ms);
  }
  EXPECT_TRUE(gone);
  close(fds[0]);
  close(fds[1]);
}

TEST_F(ChildTest, DestructionKills) {
  pid_t pid = 0;
  {
    const auto child = Child::Start(Shell("sleep 3600"));
    ASSERT_TRUE(child.ok());
    pid = (*child)->pid();
    EXPECT_FALSE((*child)->Poll().has_value());
  }
  EXPECT_NE(kill(pid, 0), 0);
}

TEST(FileTail, StartsAtALine) {
  const std::string path = "/tmp/shardlift-tail-" + std::to_string(getpid());
  std::ofstream(path) << "first line\nsecond\nthird\n";
  EXPECT_EQ(FileTail(path, 1000), "first line\nsecond\nthird\n");
  EXPECT_EQ(FileTail(path, 10), "third\n");
  EXPECT_EQ(FileTail(path + ".none", 10), "");
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace shardlift::rehearse
