// Seeding and writing on real servers of both flavours.
#include "rehearse/writers.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "rehearse/families.h"
#include "rehearse/seed_data.h"
#include "tests/live/live.h"

namespace shardlift::rehearse {
namespace {

using mysql::Flavour;

class WritersTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    endpoints_ = {live::ServerOf(Flavour::kMariaDb).endpoint(), live::ServerOf(Flavour::kMySql).endpoint()};
    SeedOptions options;
    options.rows = 4001;
    options.seed = 11;
    auto seeded = SeedSources(endpoints_, options);
    ASSERT_TRUE(seeded.ok()) << seeded.status().message();
    seeded_ = *seeded;
  }
  static std::string Ask(std::size_t source, const std::string& sql) { return live::OneOn(endpoints_[source], sql); }
  static std::uint64_t CountRows(Family family) {
    std::uint64_t rows = 0;
    for (const LegacyTable& table : AllTables()) {
      if (table.family == family) rows += std::stoull(Ask(table.source, "SELECT COUNT(*) FROM " + table.Text()));
    }
    return rows;
  }

  static inline std::vector<mysql::Endpoint> endpoints_;
  static inline SeedReport seeded_;
};

TEST_F(WritersTest, SeedsAllRowsAndKeepsTheContent) {
  EXPECT_EQ(seeded_.total(), 4001U);
  EXPECT_EQ(CountRows(Family::kIm), seeded_.im);
  EXPECT_EQ(CountRows(Family::kPush), seeded_.push);
  EXPECT_EQ(CountRows(Family::kNotice), seeded_.notice);
  EXPECT_EQ(Ask(0, "SELECT COUNT(*) FROM im_1.msg_03 WHERE to_uid % 64 <> 19"), "0");
  EXPECT_EQ(Ask(0, "SELECT COUNT(*) > 0 FROM oldsys.sys_notice WHERE HEX(body) LIKE '%D55C%'"), "1");  // 0x5C in GBK
  // No generated piece has an ASCII question mark: one would be a character that GBK does not have.
  EXPECT_EQ(Ask(0, "SELECT COUNT(*) FROM oldsys.sys_notice WHERE INSTR(BINARY title, '?') OR INSTR(BINARY body, '?')"),
            "0");
  EXPECT_EQ(Ask(1, "SELECT COUNT(*) > 0 FROM push.push_202310 WHERE params IS NULL"), "1");
  EXPECT_EQ(Ask(1, "SELECT COUNT(*) > 0 FROM push.push_202310 WHERE app_code = 'sandbox'"), "1");
  EXPECT_EQ(Ask(0, "SELECT @@GLOBAL.sync_binlog"), "1");
  EXPECT_EQ(Ask(1, "SELECT @@GLOBAL.innodb_flush_log_at_trx_commit"), "1");
}

TEST_F(WritersTest, WriteAtTheirRateAndSurviveEachOther) {
  WriterOptions options;
  options.seed = 3;
  options.changes_per_second = 600;
  options.big_transaction_every_seconds = 3;
  options.big_transaction_rows = 2000;
  options.xa = true;
  auto writers = Writers::Start(endpoints_, options);
  ASSERT_TRUE(writers.ok()) << writers.status().message();
  (*writers)->AimAt("im_0.msg_00", "", 20);
  (*writers)->AimAt("push.push_202310", "100", 50);
  std::this_thread::sleep_for(std::chrono::seconds(5));
  (*writers)->AimAt("oldsys.sys_notice", "7,5", 5);
  std::this_thread::sleep_for(std::chrono::seconds(5));
  auto report = (*writers)->Stop();
  ASSERT_TRUE(report.ok()) << report.status().message();
  EXPECT_GE(report->changes_per_second(), 500);
  EXPECT_LE(report->changes_per_second(), 700);
  EXPECT_GT(report->aimed_changes, report->changes / 8);
  EXPECT_GT(report->rolled_back, 0U);
  EXPECT_GE(report->big_transactions, 2U);
  EXPECT_GE(report->big_changes, 4000U);
  for (std::size_t i = 0; i < kWriteKinds; ++i) {
    EXPECT_GT(report->transactions_by_kind[i], 0U) << WriteKindName(static_cast<WriteKind>(i));
  }
  EXPECT_EQ(Ask(0, "SELECT COUNT(*) FROM im_1.msg_03 WHERE to_uid % 64 <> 19"), "0");
  EXPECT_EQ(Ask(1, "SELECT COUNT(*) FROM im_3.msg_15 WHERE to_uid % 64 <> 63"), "0");
}

TEST_F(WritersTest, AFailureIsReported) {
  std::vector<mysql::Endpoint> wrong = endpoints_;
  wrong[0].password = "wrong";
  EXPECT_FALSE(Writers::Start(wrong, {}).ok());
}

}  // namespace
}  // namespace shardlift::rehearse
