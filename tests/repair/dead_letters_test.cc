// Rows that were set aside: listed, settled once their cause is gone, or given up.
#include "repair/dead_letters.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "repair/audit.h"
#include "repair/repair.h"
#include "tests/repair/fixture.h"

namespace shardlift::repair::testing {
namespace {

using ::testing::HasSubstr;

// Table odd.item on both sources: 101 and 102 have a value that does not fit, 201 and 202 want one target key.
class DeadLetterTest : public MigratedTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    if (HasFatalFailure()) return;
    OnBoth("DROP DATABASE IF EXISTS odd");
    OnBoth("CREATE DATABASE odd");
    OnBoth("CREATE TABLE odd.item (id INT NOT NULL PRIMARY KEY, num INT NOT NULL, kind INT NOT NULL)");
    std::string rows;
    for (int id = 1; id <= 20; ++id) rows += fmt::format("{}({}, {}, 1)", id == 1 ? "" : ", ", id, id);
    OnBoth("INSERT INTO odd.item VALUES " + rows);
    LoadAndFill(R"json({"name": "odd", "origin": 5, "match": ["odd.item"], "key": ["id"],
        "on_bad_value": "dead_letter", "columns": {
        "account_type": "5", "account_key": "num", "conversation": "CONCAT('c', num)", "sent_at": "FROM_UNIXTIME(num)",
        "msg_id": "COMPOSE_ID(num)", "biz_tag": "5", "msg_type": "kind", "body": "'b'"}})json");
    OnBoth("INSERT INTO odd.item VALUES (101, 101, -1), (102, 102, -1), (201, 201, 1), (202, 201, 1)");
    MigrateAnew();
    ASSERT_EQ(Letters().size(), 6u);
    options_.attempts = 2;
    options_.pause_first = std::chrono::milliseconds(100);
    options_.audit_path = live::Directory() + "/letters.repair-audit.jsonl";
    std::filesystem::remove(options_.audit_path);
  }
  void OnBoth(const std::string& sql) {
    for (const std::size_t source : {0u, 1u}) OnSource(source, sql);
  }
  // A change that no binlog tells of.
  void InSecret(const std::string& sql) {
    for (const char* name : {"legacy_maria", "legacy_mysql"}) {
      const auto session = live::Connect(live::Get(name).endpoint());
      live::SqlOn(*session, "SET SESSION sql_log_bin = 0");
      live::SqlOn(*session, sql);
    }
  }
  std::multiset<std::string> Letters(const LetterFilter& filter = {}) {
    const auto list = ListDeadLetters(config_, filter, 100);
    EXPECT_TRUE(list.ok()) << list.status().message();
    std::multiset<std::string> keys;
    if (!list.ok()) return keys;
    for (const DeadLetterRow& letter : list->letters) keys.insert(letter.key_text + " " + letter.reason);
    EXPECT_EQ(list->total, keys.size());
    return keys;
  }
  RetryReport Retry(const LetterFilter& filter = {}) {
    auto report = RetryDeadLetters(config_, filter, options_);
    EXPECT_TRUE(report.ok()) << report.status().message();
    return report.ok() ? *std::move(report) : RetryReport();
  }
  std::uint64_t FindingsNow() {
    verify::VerifyOptions options;
    options.progress = false;
    const auto report = verify::RunVerify(config_, options);
    EXPECT_TRUE(report.ok()) << report.status().message();
    return report.ok() ? report->findings_total() : 0;
  }

  LetterOptions options_;
};

TEST_F(DeadLetterTest, CauseGone_RetrySettles_StillBad_ListedWithItsReason_Dropped_Missing) {
  const auto all = ListDeadLetters(config_, {}, 2);
  ASSERT_TRUE(all.ok()) << all.status().message();
  EXPECT_EQ(all->total, 6u);
  ASSERT_EQ(all->letters.size(), 2u);
  EXPECT_EQ(all->letters[0].table, "odd.item");
  EXPECT_THAT(all->letters[0].detail, HasSubstr("msg_type"));
  EXPECT_NE(all->letters[0].since, "");
  EXPECT_EQ(Letters({"odd.item", "101", "bad-value"}).size(), 2u);
  EXPECT_EQ(Letters({"", "", "conflict"}).size(), 2u);
  EXPECT_EQ(Letters({"no.table", "", ""}).size(), 0u);

  InSecret("UPDATE odd.item SET kind = 2 WHERE id = 101");
  for (const DeadLetterRow& letter : ListDeadLetters(config_, {"", "", "conflict"}, 9)->letters) {
    const char* winner = letter.key_text == "201" ? "202" : "201";
    OnSource(letter.source == "legacy_maria" ? 0 : 1, fmt::format("DELETE FROM odd.item WHERE id = {}", winner));
  }
  const RetryReport some = Retry({"odd.item", "102", ""});
  EXPECT_EQ(some.found, 2u);
  EXPECT_EQ(some.left, 2u);
  EXPECT_EQ(some.exit_code(), 1);
  const RetryReport rest = Retry();
  EXPECT_EQ(rest.left, 2u) << LettersText(rest);
  EXPECT_EQ(rest.exit_code(), 1);
  EXPECT_EQ(Letters(), (std::multiset<std::string>{"102 bad-value", "102 bad-value"}));
  EXPECT_THAT(LettersText(rest), HasSubstr("key (102): bad-value"));
  for (const char* condition : {"owner_key = x'8000000000000065'", "account_key IN ('201')"}) {
    std::uint64_t rows = 0;
    for (const std::size_t shard : {0u, 1u}) {
      rows += AskShard(shard, fmt::format("SELECT 1 FROM message WHERE owner_origin = 5 AND {}", condition)).size();
    }
    EXPECT_EQ(rows, 2u) << condition;
  }

  const std::uint64_t before = FindingsNow();
  EXPECT_EQ(DropDeadLetters(config_, {"odd.item", "77", ""}, options_).status().code(), base::Code::kUsage);
  const auto dropped = DropDeadLetters(config_, {"odd.item", "102", ""}, options_);
  ASSERT_TRUE(dropped.ok()) << dropped.status().message();
  EXPECT_EQ(dropped->dropped, 2u);
  EXPECT_EQ(Letters().size(), 0u);
  EXPECT_GE(FindingsNow(), before);
  std::multiset<std::string> events;
  const auto audit = ReadAudit(options_.audit_path, [&](const AuditLine& line) {
    events.insert(line.event + " " + line.fields.at("reason"));
    return base::Ok();
  });
  ASSERT_TRUE(audit.ok()) << audit.status().message();
  EXPECT_EQ(audit->head, dropped->audit_head);
  EXPECT_EQ(events, (std::multiset<std::string>{"drop bad-value", "drop bad-value"}));
}

TEST_F(DeadLetterTest, CauseGone_RepairSettles_StillBad_RefusedWithItsReason) {
  InSecret("UPDATE odd.item SET kind = 2 WHERE id = 101");
  RepairOptions options;
  options.progress = false;
  options.max_share_percent = 100;
  options.audit_path = options_.audit_path;
  const auto report = RunRepair(config_, options);
  ASSERT_TRUE(report.ok()) << report.status().message();
  EXPECT_EQ(report->total().repaired, 2u) << RepairText(*report);
  EXPECT_EQ(report->total().refused, report->total().found - 2);
  EXPECT_THAT(RepairText(*report), HasSubstr("correct it at the source"));
  EXPECT_EQ(Letters({"", "101", ""}).size(), 0u);
  EXPECT_EQ(Letters({"", "102", ""}).size(), 2u);
}

}  // namespace
}  // namespace shardlift::repair::testing
