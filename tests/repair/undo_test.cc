// A repair is undone: the shards are byte for byte what they were, but for what was changed since.
#include "repair/undo.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "repair/audit.h"
#include "repair/image_log.h"
#include "repair/repair.h"
#include "store/message_table.h"
#include "tests/migrate/program.h"
#include "tests/repair/fixture.h"
#include "verify/findings_file.h"

namespace shardlift::repair::testing {
namespace {

using migrate::testing::Program;
using ::testing::HasSubstr;
using verify::testing::Fault;
using verify::testing::Faults;
using verify::testing::Planter;

const Fault& FaultNamed(std::string_view name) {
  for (const Fault& fault : Faults()) {
    if (fault.name == name) return fault;
  }
  ADD_FAILURE() << name;
  return Faults()[0];
}

class UndoTest : public MigratedTest {
 protected:
  void SetUp() override {
    MigratedTest::SetUp();
    if (HasFatalFailure()) return;
    std::filesystem::remove(audit_path_);
    std::filesystem::remove(ImagesPathOf(audit_path_));
  }

  // All columns of all rows, table by table and shard by shard.
  std::multiset<std::string> Dump() {
    std::string items;
    for (const store::TargetColumn& column : store::MessageColumns()) {
      items += fmt::format("{}COALESCE(HEX({}), 'NULL')", items.empty() ? "" : ", ' ', ", column.name);
    }
    std::multiset<std::string> rows;
    for (std::size_t shard = 0; shard < 2; ++shard) {
      for (const auto& row : AskShard(shard, "SELECT CONCAT(" + items + ") FROM message")) {
        rows.insert(fmt::format("{} {}", shard, row[0].value_or("?")));
      }
      for (const char* table : {"sl_dead_letter", "sl_copy", "sl_source_table", "conversation", "message_tag"}) {
        for (const auto& row : AskShard(shard, fmt::format("SELECT * FROM {}", table))) {
          std::string text = fmt::format("{} {}", shard, table);
          for (const auto& column : row) text += " " + column.value_or("NULL");
          rows.insert(std::move(text));
        }
      }
    }
    return rows;
  }

  std::uint64_t FindingsNow() {
    verify::VerifyOptions options;
    options.progress = false;
    const auto report = verify::RunVerify(config_, options);
    EXPECT_TRUE(report.ok()) << report.status().message();
    return report.ok() ? report->findings_total() : 0;
  }

  void FindAll(const std::string& path) {
    verify::VerifyOptions options;
    options.progress = false;
    const auto file = verify::FindingsWriter::Open(path, config_);
    ASSERT_TRUE(file.ok()) << file.status().message();
    options.on_finding = [&](const verify::Finding& finding) { (*file)->Add(finding); };
    const auto report = verify::RunVerify(config_, options);
    ASSERT_TRUE(report.ok()) << report.status().message();
    SL_ASSERT_OK((*file)->Finish(*report));
  }
  RepairReport Repair(bool images = true) {
    RepairOptions options;
    options.progress = false;
    options.max_share_percent = 100;
    options.audit_path = audit_path_;
    options.images = images;
    auto report = RunRepair(config_, options);
    EXPECT_TRUE(report.ok()) << report.status().message();
    return report.ok() ? *std::move(report) : RepairReport();
  }
  UndoOptions Options(const std::string& run = "") const {
    UndoOptions options;
    options.progress = false;
    options.audit_path = audit_path_;
    options.run = run;
    return options;
  }
  UndoReport Undo(const std::string& run = "") {
    auto report = RunUndo(config_, Options(run));
    EXPECT_TRUE(report.ok()) << report.status().message();
    return report.ok() ? *std::move(report) : UndoReport();
  }
  // Those of repairs that wrote, in order.
  std::vector<std::string> Runs() {
    std::vector<std::string> runs;
    const auto read = ReadAudit(audit_path_, [&](const AuditLine& line) {
      if (line.event == "write" && (runs.empty() || runs.back() != line.fields.at("run"))) {
        runs.push_back(line.fields.at("run"));
      }
      return base::Ok();
    });
    EXPECT_TRUE(read.ok()) << read.status().message();
    return runs;
  }
  // The last 8 digits of the keys of what a planter planted.
  static std::vector<std::uint64_t> IdsOf(const Planter& planter) {
    std::vector<std::uint64_t> ids;
    for (const std::string& name : planter.expected()) {
      const std::string owner = name.substr(0, name.find(" ["));
      ids.push_back(std::stoull(owner.substr(owner.size() - 8), nullptr, 16));
    }
    return ids;
  }
  static std::vector<std::string> LinesOf(const std::string& path) {
    std::ifstream in(path);
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
  }
  static void WriteLines(const std::string& path, const std::vector<std::string>& lines) {
    std::ofstream out(path, std::ios::trunc);
    for (const std::string& line : lines) out << line << "\n";
  }
  void ExpectRefused(const std::string& what) {
    const auto report = RunUndo(config_, Options());
    ASSERT_FALSE(report.ok());
    EXPECT_EQ(report.status().code(), base::Code::kRefused) << report.status().message();
    EXPECT_THAT(report.status().message(), HasSubstr(what));
  }

  const std::string audit_path_ = live::Directory() + "/undo.repair-audit.jsonl";
  const std::string log_ = live::Directory() + "/undo.log";
};

TEST_F(UndoTest, EveryKindPlanted_RepairedAndUndone_ByteForByteAsBefore) {
  Planter planter = NewPlanter(11);
  for (const Fault& fault : Faults()) {
    planter.Plant(fault, 0);
    planter.Plant(fault, 1);
  }
  const auto faulty = Dump();
  const RepairReport repaired = Repair();
  const auto clean = Dump();
  EXPECT_EQ(FindingsNow(), 0u);
  ASSERT_NE(faulty, clean);
  struct stat info{};
  ASSERT_EQ(stat(ImagesPathOf(audit_path_).c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777u, 0600u);

  UndoOptions dry = Options();
  dry.dry_run = true;
  const auto looked = RunUndo(config_, dry);
  ASSERT_TRUE(looked.ok()) << looked.status().message();
  EXPECT_EQ(looked->restored, repaired.total().repaired);
  EXPECT_EQ(Dump(), clean);

  const UndoReport undone = Undo();
  EXPECT_EQ(undone.undoes, repaired.run);
  EXPECT_EQ(undone.restored, repaired.total().repaired);
  EXPECT_EQ(undone.exit_code(), 0) << UndoText(undone);
  EXPECT_EQ(Dump(), faulty);
  EXPECT_EQ(FindingsNow(), planter.expected().size());
  const auto audit = CheckAudit(audit_path_);
  ASSERT_TRUE(audit.ok()) << audit.status().message();
  EXPECT_EQ(audit->head, undone.audit_head);

  const UndoReport again = Undo();
  EXPECT_EQ(again.as_before, undone.restored);
  EXPECT_EQ(again.exit_code(), 0);
  EXPECT_EQ(Repair().total().repaired, undone.restored);
  EXPECT_EQ(Dump(), clean);
}

TEST_F(UndoTest, RowChangedAtTheSourceSince_ListedAndLeftAlone_OthersAreRestored) {
  const std::uint32_t table = OrdinalOf(0, "im_0.msg_00");
  Planter changed = NewPlanter(12);
  ASSERT_TRUE(changed.PlantAt(FaultNamed("bit"), 1, table, 3));
  ASSERT_TRUE(changed.PlantAt(FaultNamed("moved"), 1, table, 7));
  Planter others = NewPlanter(13);
  ASSERT_TRUE(others.PlantAt(FaultNamed("bit"), 1, table, 20));
  ASSERT_TRUE(others.PlantAt(FaultNamed("moved"), 1, table, 24));
  ASSERT_TRUE(others.PlantAt(FaultNamed("copied"), 1, table, 28));
  // Two owners with each other's rows, target keys and all.
  const std::uint32_t swapped = OrdinalOf(0, "im_0.msg_03");
  const std::string a = OwnerOnShard(1, swapped, 0);
  const std::string b = OwnerOnShard(1, swapped, 1);
  for (const auto& [to, from] : {std::pair<std::string, std::string>{"00", a}, {a, b}, {b, "00"}}) {
    OnShard(1, fmt::format("UPDATE message SET owner_key = x'{}' WHERE owner_table = {} AND owner_key = x'{}'", to,
                           swapped, from));
  }
  const auto faulty = Dump();
  const RepairReport repaired = Repair();
  EXPECT_EQ(repaired.total().repaired, 7u) << RepairText(repaired);
  EXPECT_EQ(FindingsNow(), 0u);

  std::string ids;
  for (const std::uint64_t id : IdsOf(changed)) ids += fmt::format("{}{}", ids.empty() ? "" : ", ", id);
  OnSource(0, fmt::format("UPDATE im_0.msg_00 SET content = CONCAT('since ', id) WHERE id IN ({})", ids));
  const UndoReport undone = Undo();
  EXPECT_EQ(undone.restored, 5u) << UndoText(undone);
  EXPECT_EQ(undone.left, 2u);
  EXPECT_EQ(undone.exit_code(), 1);
  for (const LeftOwner& owner : undone.listed) {
    EXPECT_THAT(ids, HasSubstr(owner.key_text));
    EXPECT_THAT(owner.reason, HasSubstr("changed it since"));
  }
  EXPECT_EQ(FindingsNow(), 5u);  // the rows that changed are right, and on their shards only
  const UndoReport again = Undo();
  EXPECT_EQ(again.as_before, 5u);
  EXPECT_EQ(again.left, 2u);
  OnSource(0, fmt::format("UPDATE im_0.msg_00 SET content = 'x' WHERE id IN ({})", ids));
}

TEST_F(UndoTest, TargetKeyTakenSince_ListedAndNothingOfItIsWritten) {
  const std::uint32_t table = OrdinalOf(0, "im_0.msg_00");
  Planter planter = NewPlanter(14);
  ASSERT_TRUE(planter.PlantAt(FaultNamed("bucket, same shard"), 1, table, 5));
  const std::string owner = planter.expected().begin()->substr(std::string("wrong_bucket 1/").size());
  const std::string key = owner.substr(owner.find(' ') + 1, 16);
  const std::string where = fmt::format("owner_table = {} AND owner_key = x'{}'", table, key);
  const std::size_t shard = AskShard(0, "SELECT 1 FROM message WHERE " + where).empty() ? 1 : 0;
  // A row of somebody else with the target key that the wrong row had.
  live::SqlOn(ShardSession(shard), "CREATE TABLE kept LIKE message");
  OnShard(shard, "INSERT INTO kept SELECT * FROM message WHERE " + where);
  EXPECT_EQ(Repair().total().repaired, 1u);
  const auto repaired = Dump();
  OnShard(shard, "UPDATE kept SET owner_table = 999");
  OnShard(shard, "INSERT INTO message SELECT * FROM kept");
  live::SqlOn(ShardSession(shard), "DROP TABLE kept");
  const auto taken = Dump();
  const UndoReport undone = Undo();
  EXPECT_EQ(undone.left, 1u) << UndoText(undone);
  ASSERT_EQ(undone.listed.size(), 1u);
  EXPECT_THAT(undone.listed[0].reason, HasSubstr("target key"));
  EXPECT_EQ(Dump(), taken);
  OnShard(shard, "DELETE FROM message WHERE owner_table = 999");
  EXPECT_EQ(Dump(), repaired);
  EXPECT_EQ(Undo().restored, 1u);
}

// Killed at each place, run again: both ways end where they would have ended.
TEST_F(UndoTest, RepairAndUndoKilledAtEachPlace_RunAgain_SameResult) {
  Planter planter = NewPlanter(15);
  for (const Fault& fault : Faults()) {
    if (!fault.verdict.empty()) planter.Plant(fault);
  }
  const auto faulty = Dump();
  const std::string findings = live::Directory() + "/undo.findings.jsonl";
  FindAll(findings);
  const auto killed_at = [&](std::vector<std::string> arguments, const std::string& point) {
    arguments.insert(arguments.end(), {"--pause-at", point});
    Program program(arguments, log_);
    ASSERT_NE(program.WaitForEvent({"\"pause\""}, 60), "") << point << program.Log();
    program.Kill();
  };
  // Commits before: those of the checkpoints of four lanes, twice before rows are written.
  for (const std::string point : {"repair.imaged:1", "repair.recorded:2", "lane.committed:10"}) {
    killed_at({"repair", "-c", JobPath(), "--findings", findings, "--max-share", "100", "--audit", audit_path_}, point);
    Repair();
    EXPECT_EQ(FindingsNow(), 0u) << point;
    const std::vector<std::string> runs = Runs();
    for (auto run = runs.rbegin(); run != runs.rend(); ++run) EXPECT_EQ(Undo(*run).exit_code(), 0) << point;
    EXPECT_EQ(Dump(), faulty) << point;
  }
  for (const std::string point : {"undo.recorded:1", "undo.recorded:3", "lane.committed:10"}) {
    Repair();
    EXPECT_EQ(FindingsNow(), 0u) << point;
    killed_at({"repair", "undo", audit_path_, "-c", JobPath()}, point);
    EXPECT_EQ(Undo().exit_code(), 0) << point;
    EXPECT_EQ(Dump(), faulty) << point;
  }
  EXPECT_TRUE(CheckAudit(audit_path_).ok());
}

TEST_F(UndoTest, AuditOrImagesChanged_RefusedNamingTheLine_NothingIsWritten) {
  Planter planter = NewPlanter(16);
  for (std::size_t i = 0; i < 4; ++i) ASSERT_TRUE(planter.Plant(FaultNamed("bit")));
  const RepairReport report = Repair();
  EXPECT_EQ(report.images_path, ImagesPathOf(audit_path_));
  const auto repaired = Dump();
  const std::vector<std::string> audit = LinesOf(audit_path_);
  const std::vector<std::string> images = LinesOf(report.images_path);
  ASSERT_EQ(images.size(), 4u);

  std::vector<std::string> lines = images;
  char& digit = lines[1][lines[1].size() - 5];
  digit = digit == '1' ? '2' : '1';
  WriteLines(report.images_path, lines);
  ExpectRefused(report.images_path + ":2:");
  lines = images;
  lines[2].resize(lines[2].size() / 2);
  WriteLines(report.images_path, lines);
  ExpectRefused(report.images_path + ":3:");
  lines = images;
  lines.erase(lines.begin());
  WriteLines(report.images_path, lines);
  ExpectRefused("the image of " + audit_path_);
  std::filesystem::remove(report.images_path);
  ExpectRefused("cannot be read");
  WriteLines(report.images_path, images);

  lines = audit;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::size_t write = lines[i].find("\"event\":\"write\"");
    if (write == std::string::npos) continue;
    char& after = lines[i][lines[i].find("\"after\":\"") + 9];
    after = after == '1' ? '2' : '1';
    WriteLines(audit_path_, lines);
    ExpectRefused(fmt::format("{}:{}:", audit_path_, i + 1));
    break;
  }
  WriteLines(audit_path_, audit);
  UndoOptions few = Options();
  few.max_rows = 3;
  EXPECT_EQ(RunUndo(config_, few).status().code(), base::Code::kRefused);
  EXPECT_EQ(RunUndo(config_, Options("no such run")).status().code(), base::Code::kRefused);
  EXPECT_EQ(Dump(), repaired);
  EXPECT_EQ(Undo().restored, 4u);

  Repair(false);
  ExpectRefused("--no-images");
}

TEST_F(UndoTest, MigrateOfTheJobRuns_RepairAndUndoRefused_ExitCodeFour) {
  Planter planter = NewPlanter(17);
  ASSERT_TRUE(planter.Plant(FaultNamed("bit")));
  Repair();
  const auto repaired = Dump();
  Program migrate({"migrate", "-c", JobPath()}, log_);
  ASSERT_NE(migrate.WaitForEvent({"catch-up"}, 60), "") << migrate.Log();
  const std::string other = live::Directory() + "/other.repair-audit.jsonl";
  Program repair({"repair", "-c", JobPath(), "--audit", other}, log_ + "1");
  Program undo({"repair", "undo", audit_path_, "-c", JobPath()}, log_ + "2");
  EXPECT_EQ(repair.Wait(), 4) << repair.Log();
  EXPECT_EQ(undo.Wait(), 4) << undo.Log();
  EXPECT_THAT(repair.Log(), HasSubstr("another process is migrating"));
  EXPECT_THAT(undo.Log(), HasSubstr("another process is migrating"));
  migrate.Signal(SIGTERM);
  EXPECT_EQ(migrate.Wait(), 5);
  EXPECT_EQ(Dump(), repaired);
}

}  // namespace
}  // namespace shardlift::repair::testing
