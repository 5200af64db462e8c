// A whole move, its certificate, and the commands that look at it.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/cmd/store_commands.h"

namespace shardlift::cmd::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using Json = nlohmann::json;

class CertificateCommandsTest : public StoreCommandsTest {
 protected:
  void SetUp() override {
    StoreCommandsTest::SetUp();
    if (HasFatalFailure()) return;
    directory_ = live::Directory() + "/certificate_commands";
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_);
    ASSERT_EQ(RunProgram({"migrate", "--until-caught-up", "-c", JobPath()}).exit_code, 0);
    ASSERT_EQ(RunProgram({"certificate", "keygen", File("key.pem")}).exit_code, 0);
  }
  void TearDown() override {
    Fence(false);
    StoreCommandsTest::TearDown();
  }

  std::string File(const std::string& name) const { return directory_ + "/" + name; }
  void Fence(bool on) {
    OnSource(0, fmt::format("SET GLOBAL read_only = {}", on ? 1 : 0));
    OnSource(1, fmt::format("SET GLOBAL {} = {}", on ? "super_read_only" : "read_only", on ? 1 : 0));
  }
  // Past the binlog. Sources and shards are the same servers here, and a checkpoint that is written to a shard moves
  // the source's position: so the lanes are given where their sources stand.
  void Unlogged(std::size_t shard, const std::string& sql) {
    Fence(false);
    const auto session = live::Connect(config_.shards[shard].endpoint);
    live::SqlOn(*session, "SET SESSION sql_log_bin = 0");
    live::SqlOn(*session, sql);
    Fence(true);
  }
  void LetLanesPassTheirSources() {
    for (std::size_t source = 0; source < 2; ++source) {
      const auto position = mysql::ReadUpperBound(*live::Connect(config_.sources[source].endpoint));
      ASSERT_TRUE(position.ok());
      for (std::size_t shard = 0; shard < 2; ++shard) {
        Unlogged(shard, fmt::format("UPDATE store_{}.sl_lane SET applied = '{}' WHERE source = '{}'", shard,
                                    position->ToText(), config_.sources[source].endpoint.name));
      }
    }
  }
  Output Verify(const std::string& file) {
    return RunProgram({"verify", "-c", JobPath(), "--certificate", File(file), "--signing-key", File("key.pem")});
  }
  Output Check(const std::string& file, std::vector<std::string> further = {}) {
    further.insert(further.begin(), {"certificate", "check", File(file), "--public-key", File("key.pub.pem")});
    return RunProgram(further);
  }

  std::string directory_;
};

TEST_F(CertificateCommandsTest, OfAWholeMove_IsIssuedCheckedAndFoundOut) {
  Output output = Verify("early.json");
  EXPECT_EQ(output.exit_code, 4);
  EXPECT_THAT(output.out, AllOf(HasSubstr("certificate: REFUSED"), HasSubstr("writes were not fenced"),
                                HasSubstr("result: clean, every row")));
  EXPECT_FALSE(std::filesystem::exists(File("early.json")));

  LetLanesPassTheirSources();
  output = Verify("move.json");
  ASSERT_EQ(output.exit_code, 0) << output.out << output.err;
  EXPECT_THAT(output.out, HasSubstr("certificate: " + File("move.json")));
  EXPECT_EQ(Verify("move.json").exit_code, 4) << "it would be overwritten";
  EXPECT_THAT(RunProgram({"certificate", "show", File("move.json")}).out,
              AllOf(HasSubstr("certificate of job verify-test"), HasSubstr("328 rows of 6 tables equal")));

  EXPECT_EQ(Check("move.json").exit_code, 0);
  EXPECT_THAT(Check("move.json").out, HasSubstr("signed by the trusted key"));
  EXPECT_THAT(RunProgram({"certificate", "check", File("move.json")}).out, HasSubstr("Who signed it is not known"));
  output = Check("move.json", {"-c", JobPath()});
  EXPECT_EQ(output.exit_code, 0) << output.out << output.err;
  EXPECT_THAT(output.out, HasSubstr(" 0 differ"));

  Unlogged(1, "UPDATE store_1.message SET body = 'other' ORDER BY owner_table, owner_key LIMIT 1");
  output = Check("move.json", {"-c", JobPath(), "--shards-only", "--json"});
  EXPECT_EQ(output.exit_code, 1) << output.err;
  const Json found = Json::parse(output.out);
  EXPECT_EQ(found["trusted"], true);
  ASSERT_EQ(found["data"]["differences"].size(), 1u);
  EXPECT_THAT(found["data"]["differences"][0].get<std::string>(),
              AllOf(HasSubstr("shard s1, table "), HasSubstr("buckets ")));
}

TEST_F(CertificateCommandsTest, WithoutWhatTheyNeed_AreRefused) {
  EXPECT_EQ(RunProgram({"verify", "-c", JobPath(), "--certificate", File("x.json")}).exit_code, 2);
  EXPECT_EQ(RunProgram({"certificate", "check", File("x.json"), "--shards-only"}).exit_code, 2);
  EXPECT_EQ(RunProgram({"certificate", "keygen", File("key.pem")}).exit_code, 4);
  EXPECT_EQ(RunProgram({"certificate", "show", File("x.json")}).exit_code, 3);
  LetLanesPassTheirSources();
  EXPECT_EQ(RunProgram({"verify", "-c", JobPath(), "--skip", "ids", "--skip", "derived"}).exit_code, 0);
  const auto holder = live::Connect(config_.shards[0].endpoint);
  live::SqlOn(*holder, "DO GET_LOCK(CONCAT('shardlift:', LPAD(LOWER(HEX(CRC32('store_0'))), 8, '0'), ':1'), 0)");
  const Output locked = RunProgram(
      {"verify", "-c", JobPath(), "--certificate", File("x.json"), "--signing-key", File("key.pem"), "--skip", "ids"});
  EXPECT_EQ(locked.exit_code, 4) << locked.out << locked.err;
  EXPECT_THAT(locked.out, AllOf(HasSubstr("another process is migrating into this store"),
                                HasSubstr("the check ids was left out")));
  std::ofstream(File("cut.json")) << R"({"schema":"shardlift.certificate/1",)";
  const Output cut = Check("cut.json");
  EXPECT_EQ(cut.exit_code, 1);
  EXPECT_THAT(cut.out, HasSubstr("WRONG: certificate " + File("cut.json")));
}

}  // namespace
}  // namespace shardlift::cmd::testing
