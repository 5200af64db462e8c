// Rows are planted wrong, repaired, and nothing else is touched: on shards of both servers.
#include "repair/repair.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <map>
#include <set>
#include <thread>

#include "repair/audit.h"
#include "store/message_table.h"
#include "tests/migrate/program.h"
#include "tests/repair/fixture.h"
#include "tests/repair/shard_changes.h"
#include "verify/findings_file.h"

namespace shardlift::repair::testing {
namespace {

using ::testing::HasSubstr;
using verify::testing::Fault;
using verify::testing::Faults;
using verify::testing::Planter;

// "1/7 000000000000002A" -> one text for each row, all columns and the shard in it.
using Rows = std::map<std::string, std::multiset<std::string>>;

class RepairTest : public MigratedTest {
 protected:
  void SetUp() override {
    MigratedTest::SetUp();
    if (HasFatalFailure()) return;
    options_.progress = false;
    options_.max_share_percent = 100;
    options_.audit_path = live::Directory() + "/repair-audit.jsonl";
    std::filesystem::remove(options_.audit_path);
  }

  static void PlantAll(Planter* planter) {
    for (const Fault& fault : Faults()) {
      planter->Plant(fault, 0);
      planter->Plant(fault, 1);
    }
  }
  // Owners of the planter's expectations.
  static std::set<std::string> OwnersOf(const Planter& planter) {
    std::set<std::string> owners;
    for (const std::string& name : planter.expected()) owners.insert(OwnerIn(name));
    return owners;
  }

  Rows AllRows() {
    std::string items;
    for (const store::TargetColumn& column : store::MessageColumns()) {
      items += fmt::format("{}COALESCE(HEX({}), 'NULL')", items.empty() ? "" : ", ", column.name);
    }
    Rows rows;
    for (std::size_t shard = 0; shard < 2; ++shard) {
      for (const auto& row :
           AskShard(shard, "SELECT owner_origin, owner_table, HEX(owner_key), " + items + " FROM message")) {
        std::string text = std::to_string(shard);
        for (std::size_t i = 3; i < row.size(); ++i) text += " " + row[i].value_or("?");
        rows[fmt::format("{}/{} {}", *row[0], *row[1], *row[2])].insert(text);
      }
    }
    return rows;
  }

  verify::VerifyReport Verify(const std::string& findings_path = "") {
    verify::VerifyOptions options;
    options.progress = false;
    std::unique_ptr<verify::FindingsWriter> writer;
    if (!findings_path.empty()) {
      auto opened = verify::FindingsWriter::Open(findings_path, config_);
      EXPECT_TRUE(opened.ok()) << opened.status().message();
      writer = std::move(opened).value();
      options.findings_max = 3;  // the file has all
      options.on_finding = [&](const verify::Finding& finding) { writer->Add(finding); };
    }
    auto report = verify::RunVerify(config_, options);
    EXPECT_TRUE(report.ok()) << report.status().message();
    if (!report.ok()) return {};
    if (writer) {
      const base::Status finished = writer->Finish(*report);
      EXPECT_TRUE(finished.ok()) << finished.message();
    }
    return *std::move(report);
  }

  RepairReport Repair() {
    auto report = RunRepair(config_, options_);
    EXPECT_TRUE(report.ok()) << report.status().message();
    return report.ok() ? *std::move(report) : RepairReport();
  }

  RepairOptions options_;
  const std::string findings_path_ = live::Directory() + "/findings.jsonl";
};

TEST_F(RepairTest, EveryKindPlanted_AllRightAfterwards_NoOtherRowTouched) {
  const Rows clean = AllRows();
  Planter planter = NewPlanter(1);
  PlantAll(&planter);
  const std::set<std::string> owners = OwnersOf(planter);
  ASSERT_GT(owners.size(), 40u);
  Rows expected = AllRows();
  for (const std::string& owner : owners) {
    const auto row = clean.find(owner);
    if (row == clean.end()) {
      expected.erase(owner);
    } else {
      expected[owner] = row->second;
    }
  }
  ASSERT_EQ(Verify(findings_path_).findings_total(), planter.expected().size());
  const mysql::SourcePosition before[] = {PositionOf(ShardSession(0)), PositionOf(ShardSession(1))};

  options_.findings_path = findings_path_;
  const RepairReport report = Repair();
  EXPECT_EQ(report.total().found, owners.size());
  EXPECT_EQ(report.total().repaired, owners.size());
  EXPECT_EQ(report.exit_code(), 0) << RepairText(report);
  EXPECT_TRUE(Verify().clean());
  EXPECT_EQ(AllRows(), expected);
  std::set<std::string> changed;
  for (std::size_t shard = 0; shard < 2; ++shard) {
    changed.merge(OwnersChangedSince(ShardSession(shard), config_.shards[shard].database, before[shard]));
  }
  EXPECT_EQ(changed, owners);

  const auto audit = CheckAudit(report.audit_path);
  ASSERT_TRUE(audit.ok()) << audit.status().message();
  EXPECT_EQ(audit->head, report.audit_head);
  EXPECT_GE(audit->lines, 2 * owners.size() + 2);  // a write and an outcome for each, begin and end

  // The same findings again: nothing is left to do.
  const mysql::SourcePosition after[] = {PositionOf(ShardSession(0)), PositionOf(ShardSession(1))};
  const RepairReport again = Repair();
  EXPECT_EQ(again.total().right_meanwhile, owners.size());
  EXPECT_EQ(again.exit_code(), 0);
  for (std::size_t shard = 0; shard < 2; ++shard) {
    EXPECT_EQ(OwnersChangedSince(ShardSession(shard), config_.shards[shard].database, after[shard]),
              std::set<std::string>());
  }
}

TEST_F(RepairTest, DryRun_AndOverTheLimits_NothingIsWritten) {
  Planter planter = NewPlanter(2);
  PlantAll(&planter);
  const std::uint64_t wrong = OwnersOf(planter).size();
  const Rows before = AllRows();
  const auto epochs = AskShard(0, "SELECT SUM(epoch), SUM(seq) FROM sl_lane");

  options_.dry_run = true;
  options_.max_share_percent = 1;
  const RepairReport dry = Repair();
  EXPECT_EQ(dry.total().repaired, wrong);
  EXPECT_GT(dry.total().wrong[static_cast<std::size_t>(verify::FindingKind::kWrongShard)], 0u);
  EXPECT_TRUE(dry.over_limit);
  EXPECT_EQ(dry.exit_code(), 1);
  EXPECT_EQ(AllRows(), before);
  EXPECT_EQ(AskShard(0, "SELECT SUM(epoch), SUM(seq) FROM sl_lane"), epochs);
  EXPECT_FALSE(std::filesystem::exists(options_.audit_path));

  options_.dry_run = false;
  const auto share = RunRepair(config_, options_);
  ASSERT_EQ(share.status().code(), base::Code::kRefused);
  EXPECT_THAT(share.status().message(), HasSubstr("--max-share"));
  EXPECT_THAT(share.status().message(), HasSubstr(fmt::format("{} rows would be changed, of {}", wrong, kKept)));
  options_.max_share_percent = 100;
  options_.max_rows = wrong - 1;
  EXPECT_EQ(RunRepair(config_, options_).status().code(), base::Code::kRefused);
  EXPECT_EQ(AllRows(), before);

  options_.max_rows = wrong;
  EXPECT_EQ(Repair().total().repaired, wrong);
  EXPECT_TRUE(Verify().clean());
}

// The source's rows change all the time, and with them where they belong.
TEST_F(RepairTest, WriterChangesTheSameRows_NewestImagesWin) {
  Planter planter = NewPlanter(3);
  PlantAll(&planter);
  Verify(findings_path_);
  options_.findings_path = findings_path_;
  std::atomic<bool> stop{false};
  std::atomic<int> rounds{0};
  std::thread writer([&] {
    const auto maria = live::Connect(live::Get("legacy_maria").endpoint());
    const auto mysql = live::Connect(live::Get("legacy_mysql").endpoint());
    while (!stop) {
      for (mysql::Session* source : {maria.get(), mysql.get()}) {
        const bool first = source == maria.get();
        live::SqlOn(*source, first ? "UPDATE im_0.msg_00 SET content = CONCAT('new ', id), to_uid = to_uid + 1"
                                   : "UPDATE im_2.msg_00 SET content = CONCAT('new ', id), to_uid = to_uid + 1");
        live::SqlOn(*source, fmt::format("UPDATE push.{} SET deleted = 1 - deleted WHERE push_id % 2 = 0",
                                         first ? "push_202309" : "push_202310"));
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      ++rounds;
    }
  });
  const RepairReport report = Repair();
  stop = true;
  writer.join();
  EXPECT_GT(rounds.load(), 3);
  EXPECT_EQ(report.total().refused, 0u);
  EXPECT_GT(report.total().repaired, 20u);
  Migrate();
  if (report.total().still_wrong > 0) Repair();  // rows hot to the end: said so, and right by the next repair
  const verify::VerifyReport after = Verify();
  EXPECT_TRUE(after.clean()) << verify::ReportText(after);
}

TEST_F(RepairTest, KilledInTheMiddle_RepairedAgain_SameResult) {
  const Rows clean = AllRows();
  Planter planter = NewPlanter(4);
  planter.PlantAt(Faults()[0], 1, OrdinalOf(0, "im_0.msg_00"), 3);
  for (const Fault& fault : Faults()) {
    if (!fault.verdict.empty()) planter.Plant(fault);
  }
  const std::uint64_t wrong = OwnersOf(planter).size();
  Verify(findings_path_);
  const std::string log = live::Directory() + "/repair.log";
  const std::vector<std::string> arguments{"repair",      "-c",  JobPath(), "--findings",        findings_path_,
                                           "--max-share", "100", "--audit", options_.audit_path, "--json"};
  {
    std::vector<std::string> paused = arguments;
    paused.insert(paused.end(), {"--pause-at", "repair.recorded:2"});
    migrate::testing::Program program(paused, log);
    ASSERT_NE(program.WaitForEvent({"\"pause\"", "repair.recorded"}, 60), "") << program.Log();
    program.Kill();
  }
  EXPECT_FALSE(Verify().clean());
  migrate::testing::Program again(arguments, log);
  EXPECT_EQ(again.Wait(), 0) << again.Log();
  EXPECT_THAT(again.Log(), HasSubstr(fmt::format("\"found\": {}", wrong)));
  EXPECT_EQ(AllRows(), clean);
  EXPECT_TRUE(CheckAudit(options_.audit_path).ok());
}

TEST_F(RepairTest, RowsThatCannotBeRepaired_RefusedByName_OthersAreRepaired) {
  Planter planter = NewPlanter(5);
  ASSERT_TRUE(planter.PlantAt(Faults()[0], 1, OrdinalOf(0, "im_0.msg_00"), 7));
  // A row of a table that no job has.
  const std::string owner = OwnerOnShard(0, OrdinalOf(0, "im_0.msg_03"), 0);
  OnShard(0, fmt::format("UPDATE message SET owner_table = 999 WHERE owner_table = {} AND owner_key = x'{}'",
                         OrdinalOf(0, "im_0.msg_03"), owner));
  const RepairReport report = Repair();
  // It has the target key of the row that should be there.
  EXPECT_EQ(report.total().refused, 2u) << RepairText(report);
  EXPECT_EQ(report.total().repaired, 1u);
  EXPECT_EQ(report.exit_code(), 1);
  EXPECT_THAT(RepairText(report), HasSubstr("no table of this job"));
  EXPECT_THAT(RepairText(report), HasSubstr("dead letter (conflict)"));
}

TEST_F(RepairTest, TextKeys_OfAnotherCharset_AreFoundByTheirBytes) {
  for (const std::size_t source : {0u, 1u}) {
    OnSource(source, "DROP DATABASE IF EXISTS codes");
    OnSource(source, "CREATE DATABASE codes");
    OnSource(source,
             "CREATE TABLE codes.event (code VARCHAR(40) NOT NULL, n INT NOT NULL, body TEXT NOT NULL, PRIMARY KEY "
             "(code, n)) DEFAULT CHARSET=latin1");
    OnSource(source,
             "INSERT INTO codes.event VALUES ('caf\xC3\xA9', 1, 'a'), ('CAF', 2, 'b'), ('o''k\\\\', 3, 'c'), ('', 4, "
             "'d'), ('plain', 5, 'e'), ('Plain ', 6, 'f')");
  }
  LoadAndFill(R"json({"name": "codes", "origin": 4, "match": ["codes.event"], "key": ["code", "n"], "columns": {
      "account_type": "4", "account_key": "n", "conversation": "CONCAT('c', n)", "sent_at": "FROM_UNIXTIME(n)",
      "msg_id": "COMPOSE_ID(n)", "biz_tag": "4", "msg_type": "0", "body": "body"}})json");
  MigrateAnew();
  const Rows clean = AllRows();
  std::uint64_t wrong = 0;
  for (std::size_t shard = 0; shard < 2; ++shard) {
    const auto changed = ShardSession(shard).ExecuteCount(
        "UPDATE message SET body = CONCAT(body, 'x') WHERE owner_origin = 4 AND CAST(account_key AS CHAR) < '4'",
        "test");
    const auto lost = ShardSession(shard).ExecuteCount(
        "DELETE FROM message WHERE owner_origin = 4 AND CAST(account_key AS CHAR) >= '4'", "test");
    ASSERT_TRUE(changed.ok() && lost.ok());
    wrong += *changed + *lost;
  }
  ASSERT_EQ(wrong, 12u);
  const RepairReport report = Repair();
  EXPECT_EQ(report.total().repaired, wrong) << RepairText(report);
  EXPECT_EQ(AllRows(), clean);
}

TEST_F(RepairTest, FindingsFileCutOrOfAnotherJob_Refused) {
  Planter planter = NewPlanter(6);
  PlantAll(&planter);
  Verify(findings_path_);
  struct stat info{};
  ASSERT_EQ(stat(findings_path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777u, 0600u);
  const auto whole = verify::ReadFindings(findings_path_, config_);
  ASSERT_TRUE(whole.ok()) << whole.status().message();
  EXPECT_EQ(whole->findings.size(), planter.expected().size());
  EXPECT_EQ(whole->rows_compared, kKept);
  job::JobConfig other = config_;
  other.fingerprint = std::string(64, '0');
  EXPECT_EQ(verify::ReadFindings(findings_path_, other).status().code(), base::Code::kRefused);
  std::filesystem::resize_file(findings_path_, std::filesystem::file_size(findings_path_) / 2);
  EXPECT_FALSE(verify::ReadFindings(findings_path_, config_).ok());
}

}  // namespace
}  // namespace shardlift::repair::testing
