// Passes that look at a part of the rows: what they find, what they do not, and when they are refused.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <thread>

#include "job/ledger.h"
#include "tests/verify/fixture.h"
#include "verify/findings_file.h"
#include "verify/verify.h"

namespace shardlift::verify::testing {
namespace {

using base::Code;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;
using ::testing::UnorderedElementsAreArray;

std::vector<std::string> Named(const VerifyReport& report) {
  std::vector<std::string> texts;
  for (const Finding& finding : report.findings) {
    texts.push_back(fmt::format("{} {} {}", FindingKindName(finding.kind), finding.table, finding.key_text));
  }
  return texts;
}

class ModesTest : public StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    options_.progress = false;
    options_.chunk_rows = 10;
    const std::string path = live::Directory() + "/modes.ledger.sqlite";
    for (const char* ending : {"", "-wal", "-shm", ".lock"}) std::filesystem::remove(path + ending);
    auto ledger = job::Ledger::Open(path);
    ASSERT_TRUE(ledger.ok()) << ledger.status().message();
    ledger_ = std::move(*ledger);
    options_.ledger = ledger_.get();
  }

  VerifyReport Pass(VerifyMode mode) {
    options_.mode = mode;
    auto report = RunVerify(config_, options_);
    EXPECT_TRUE(report.ok()) << report.status().message();
    return report.ok() ? *report : VerifyReport();
  }
  void ExpectRefused(const std::string& why) {
    options_.mode = VerifyMode::kIncremental;
    const auto report = RunVerify(config_, options_);
    ASSERT_FALSE(report.ok());
    EXPECT_EQ(report.status().code(), Code::kRefused);
    EXPECT_THAT(report.status().message(), HasSubstr(why));
    EXPECT_THAT(report.status().message(), HasSubstr("run a full pass"));
  }

  // Leaves the last binlog file alone. One that a reader has not given back yet stays for a while.
  void Purge(std::size_t source) {
    OnSource(source, "FLUSH BINARY LOGS");
    const mysql::Endpoint& endpoint = config_.sources[source].endpoint;
    for (int turn = 0; turn < 100; ++turn) {
      const mysql::Rows files = live::RowsOn(endpoint, "SHOW BINARY LOGS");
      ASSERT_FALSE(files.rows.empty());
      if (files.rows.size() == 1) return;
      OnSource(source, fmt::format("PURGE BINARY LOGS TO '{}'", files.rows.back()[0].value_or("")));
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    FAIL() << "the binlog files stay";
  }

  VerifyOptions options_;
  std::unique_ptr<job::Ledger> ledger_;
};

TEST_F(ModesTest, Incremental_FindsWhatTheStreamsTouchedAndNothingElse) {
  ASSERT_TRUE(Pass(VerifyMode::kFull).clean());
  const VerifyReport nothing = Pass(VerifyMode::kIncremental);
  EXPECT_TRUE(nothing.clean());
  EXPECT_EQ(nothing.rows_compared, 0u);
  EXPECT_EQ(nothing.changes_read, 0u);

  // Nobody migrates these: each is found as what it is.
  for (const auto& [source, table] : {std::pair<std::size_t, const char*>{0, "im_0.msg_00"}, {1, "im_2.msg_00"}}) {
    OnSource(source, fmt::format("INSERT INTO {} (id, from_uid, to_uid, kind, content, ctime) VALUES (1000, 1, 2, 0, "
                                 "'new', 1700000000)",
                                 table));
    OnSource(source, fmt::format("UPDATE {} SET flags = 7 - flags WHERE id IN (5, 50)", table));
    OnSource(source, fmt::format("UPDATE {} SET id = 2000 WHERE id = 20", table));
    OnSource(source, fmt::format("DELETE FROM {} WHERE id = 30", table));
  }
  OnSource(0, "UPDATE oldsys.sys_notice SET title = 'other' WHERE region = 1 AND seq = 5");
  // The shards' own: no stream has it.
  const std::uint32_t untouched = OrdinalOf(1, "push.push_202310");
  OnShard(0, fmt::format("UPDATE message SET version = version + 1 WHERE owner_table = {} AND owner_key = x'{}'",
                         untouched, OwnerOnShard(0, untouched, 2)));

  std::vector<std::string> expected{"differs oldsys.sys_notice 1, 5"};
  for (const char* table : {"im_0.msg_00", "im_2.msg_00"}) {
    for (const char* text :
         {"missing {} 1000", "missing {} 2000", "extra {} 20", "extra {} 30", "differs {} 5", "differs {} 50"}) {
      expected.push_back(fmt::format(fmt::runtime(text), table));
    }
  }
  const VerifyReport report = Pass(VerifyMode::kIncremental);
  EXPECT_THAT(Named(report), UnorderedElementsAreArray(expected));
  EXPECT_EQ(report.exit_code(), 1);
  EXPECT_LT(report.rows_compared, kKept / 2);
  EXPECT_THAT(ReportJson(report), HasSubstr("It is blind to changes that the binlogs do not have"));

  // What is wrong stays in sight, though the streams are silent since.
  const VerifyReport again = Pass(VerifyMode::kIncremental);
  EXPECT_THAT(Named(again), UnorderedElementsAreArray(expected));
  EXPECT_EQ(again.changes_read, 0u);
  EXPECT_EQ(Pass(VerifyMode::kFull).findings_total(), expected.size() + 1);
}

TEST_F(ModesTest, Incremental_ClientMethodFindsTheSame) {
  ASSERT_TRUE(Pass(VerifyMode::kFull).clean());
  options_.method = VerifyMethod::kClient;
  OnSource(1, "UPDATE im_2.msg_00 SET flags = 7 - flags WHERE id IN (5, 50)");
  EXPECT_THAT(Named(Pass(VerifyMode::kIncremental)),
              UnorderedElementsAre("differs im_2.msg_00 5", "differs im_2.msg_00 50"));
}

TEST_F(ModesTest, Incremental_ATableThatWasTruncatedIsComparedAsAWhole) {
  ASSERT_TRUE(Pass(VerifyMode::kFull).clean());
  OnSource(0, "TRUNCATE TABLE im_0.msg_03");
  const VerifyReport report = Pass(VerifyMode::kIncremental);
  EXPECT_EQ(report.findings_total(), kImRows);
  EXPECT_EQ(report.counts[static_cast<std::size_t>(FindingKind::kExtra)], kImRows);
}

TEST_F(ModesTest, Incremental_RefusedWithoutAPassToBuildOn) {
  ExpectRefused("none has ended yet");
  options_.sample_share = 1;
  Pass(VerifyMode::kSample);
  ExpectRefused("none has ended yet");
}

TEST_F(ModesTest, Incremental_RefusedWhenTheBinlogIsGone) {
  for (const auto& [source, table] : {std::pair<std::size_t, const char*>{0, "im_0.msg_00"}, {1, "im_2.msg_00"}}) {
    ASSERT_TRUE(Pass(VerifyMode::kFull).clean());
    OnSource(source, fmt::format("UPDATE {} SET mtime = mtime + 1", table));
    OnSource(source, fmt::format("UPDATE {} SET mtime = mtime - 1", table));
    Purge(source);
    ExpectRefused(source == 0 ? "source legacy_maria" : "source legacy_mysql");
  }
}

TEST_F(ModesTest, Sample_SamePartsForASeedAndSomeOfEachTable) {
  options_.sample_share = 0.2;
  options_.seed = 7;
  const VerifyReport first = Pass(VerifyMode::kSample);
  const VerifyReport second = Pass(VerifyMode::kSample);
  EXPECT_TRUE(first.clean());
  EXPECT_EQ(first.rows_compared, second.rows_compared);
  EXPECT_GE(first.digests.parts, first.tables);
  EXPECT_LT(first.rows_compared, kKept / 2);
  EXPECT_THAT(ReportText(first), HasSubstr("It says nothing about the other rows"));

  // Every row is in the sample of some seed, and a fault in it is found.
  const std::uint32_t ordinal = OrdinalOf(0, "im_0.msg_00");
  OnShard(0, fmt::format("DELETE FROM message WHERE owner_table = {} AND owner_key = x'{}'", ordinal,
                         OwnerOnShard(0, ordinal, 3)));
  bool found = false;
  int not_found = 0;
  for (options_.seed = 1; options_.seed <= 60 && !(found && not_found > 0); ++options_.seed) {
    const std::uint64_t findings = Pass(VerifyMode::kSample).findings_total();
    EXPECT_LE(findings, 1u);
    found |= findings == 1;
    not_found += findings == 0 ? 1 : 0;
  }
  EXPECT_TRUE(found);
  EXPECT_GT(not_found, 0);
  options_.sample_share = 1;
  EXPECT_EQ(Pass(VerifyMode::kSample).findings_total(), 1u);
}

// What 1 % of a table costs, touched in one place and all over it. A few rows by default, which say nothing of costs;
// SHARDLIFT_MODES_ROWS=200000 measures.
TEST_F(ModesTest, CostOfIncrementalPasses) {
  const char* const wanted = std::getenv("SHARDLIFT_MODES_ROWS");
  const std::uint64_t rows = wanted == nullptr ? 2000 : std::stoull(wanted);
  OnSource(0,
           fmt::format("INSERT INTO im_0.msg_00 (id, from_uid, to_uid, kind, content, ctime) SELECT seq + 1000, seq, "
                       "seq * 37, 1, REPEAT('text ', 30), 1700000000 FROM im_0.seq_1_to_{}",
                       rows));
  LoadAndFill();
  options_.chunk_rows = VerifyOptions().chunk_rows;
  const auto touch = [&](const std::string& where) {
    for (const char sign : {'+', '-'}) {
      OnSource(0, fmt::format("UPDATE im_0.msg_00 SET mtime = mtime {} 1 WHERE {}", sign, where));
    }
    const VerifyReport report = Pass(VerifyMode::kIncremental);
    EXPECT_TRUE(report.clean());
    EXPECT_GE(report.rows_compared, rows / 100);
    EXPECT_LE(report.rows_compared, rows / 50);
    return report.seconds;
  };
  const double full = Pass(VerifyMode::kFull).seconds;
  const double nothing = Pass(VerifyMode::kIncremental).seconds;
  const double together = touch(fmt::format("id > {0} AND id <= {0} + {1}", 1000 + rows / 2, rows / 100));
  const double scattered = touch("id > 1000 AND id % 100 = 37");
  const auto share = [&](double seconds) { return 100 * (seconds - nothing) / (full - nothing); };
  fmt::print(
      "{} rows: full {:.2f} s, nothing touched {:.2f} s; 1 % together {:.2f} s ({:.1f} %), scattered {:.2f} s "
      "({:.1f} %)\n",
      rows, full, nothing, together, share(together), scattered, share(scattered));
}

TEST_F(ModesTest, OnlyFullPassesAreGoneOnWith) {
  options_.resume = true;
  options_.mode = VerifyMode::kSample;
  const auto report = RunVerify(config_, options_);
  ASSERT_FALSE(report.ok());
  EXPECT_EQ(report.status().code(), Code::kUsage);
}

}  // namespace
}  // namespace shardlift::verify::testing
