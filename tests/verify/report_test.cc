#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "verify/verify.h"

namespace shardlift::verify {
namespace {

using testing::HasSubstr;
using testing::Not;

VerifyReport OneMissing() {
  VerifyReport report;
  report.rows_compared = 10;
  report.tables = 1;
  Finding finding;
  finding.kind = FindingKind::kMissing;
  finding.origin = 1;
  finding.table_ordinal = 3;
  finding.source = "legacy1";
  finding.table = "im_0.msg_03";
  finding.owner_key = std::string("\0\0\0\0\0\0\0\x2a", 8);
  finding.key_text = "42";
  finding.expected_shard = "s1";
  report.findings.push_back(finding);
  report.counts[static_cast<std::size_t>(FindingKind::kMissing)] = 1;
  report.per_mapping.push_back({.mapping = "im", .source_rows = 12, .kept = 10, .left_behind = 2, .equal = 9});
  report.per_shard.push_back({"s0", 4, 0});
  report.per_shard.push_back({"s1", 5, 0});
  return report;
}

TEST(ReportTest, JsonHasWhatTheContractSays) {
  const auto json = nlohmann::json::parse(ReportJson(OneMissing()));
  EXPECT_EQ(json["schema"], "shardlift.verify/1");
  EXPECT_EQ(json["clean"], false);
  EXPECT_EQ(json["rows_compared"], 10);
  const auto& finding = json["findings"].at(0);
  EXPECT_EQ(finding["kind"], "missing");
  EXPECT_EQ(finding["origin"], 1);
  EXPECT_EQ(finding["table_ordinal"], 3);
  EXPECT_EQ(finding["table"], "im_0.msg_03");
  EXPECT_EQ(finding["owner_key"], "000000000000002A");
  EXPECT_EQ(finding["shard"], "");
  EXPECT_EQ(finding["expected_shard"], "s1");
  for (const char* kind : {"duplicate", "wrong_shard", "wrong_bucket", "differs", "extra"}) {
    EXPECT_EQ(json["counts"][kind], 0) << kind;
  }
  EXPECT_EQ(json["counts"]["missing"], 1);
  EXPECT_EQ(json["per_shard"].at(1)["rows"], 5);
  EXPECT_EQ(json["per_mapping"].at(0)["left_behind"], 2);
  EXPECT_FALSE(json["next_steps"].empty());
}

TEST(ReportTest, TheServerMethodSaysWhatItRead) {
  VerifyReport report = OneMissing();
  report.digests = {.parts = 12, .parts_by_rows = 1, .rows_by_rows = 1500, .rows_json_by_rows = 70};
  EXPECT_EQ(nlohmann::json::parse(ReportJson(report))["method"], "server");
  EXPECT_EQ(nlohmann::json::parse(ReportJson(report))["digests"]["rows_by_rows"], 1500);
  EXPECT_THAT(ReportText(report), HasSubstr("11 of 12 parts settled by digest, 1 (1,500 rows) row by row; of 70 rows"));
  report.method = VerifyMethod::kClient;
  EXPECT_EQ(nlohmann::json::parse(ReportJson(report))["method"], "client");
  EXPECT_FALSE(nlohmann::json::parse(ReportJson(report)).contains("digests"));
  EXPECT_THAT(ReportText(report), Not(HasSubstr("digest")));
}

TEST(ReportTest, ExitCodes) {
  EXPECT_EQ(VerifyReport().exit_code(), 0);
  EXPECT_EQ(OneMissing().exit_code(), 1);
  VerifyReport letters;
  letters.dead_letters = 1;
  EXPECT_EQ(letters.exit_code(), 1);
  VerifyReport open = OneMissing();
  open.not_verified.push_back({"legacy1", "im_0.msg_03", "a reason"});
  EXPECT_EQ(open.exit_code(), 4);
  EXPECT_FALSE(open.clean());
}

TEST(ReportTest, TextNamesTheRowAndSaysWhatItClaims) {
  const std::string text = ReportText(OneMissing());
  EXPECT_THAT(text, HasSubstr("missing"));
  EXPECT_THAT(text, HasSubstr("legacy1 im_0.msg_03 key (42), belongs on s1"));
  EXPECT_THAT(text, HasSubstr("writes to the legacy tables had stopped"));
  EXPECT_THAT(text, Not(HasSubstr("result: clean")));
}

TEST(ReportTest, TextShowsNoStringKeys) {
  VerifyReport report = OneMissing();
  report.findings[0].owner_key = "alice";
  report.findings[0].key_text.clear();
  const std::string text = ReportText(report);
  EXPECT_THAT(text, Not(HasSubstr("alice")));
  EXPECT_THAT(text, Not(HasSubstr("616C696365")));
  EXPECT_THAT(text, HasSubstr("a key of 5 bytes"));
}

TEST(ReportTest, OpenVerdictsAreNeverCalledClean) {
  VerifyReport report;
  report.not_verified.push_back({"legacy1", "im_0.msg_03", "a reason"});
  const std::string text = ReportText(report);
  EXPECT_THAT(text, HasSubstr("NOT VERIFIED"));
  EXPECT_THAT(text, HasSubstr("a reason"));
  EXPECT_THAT(text, Not(HasSubstr("result: clean")));
  EXPECT_EQ(nlohmann::json::parse(ReportJson(report))["clean"], false);
}

TEST(ReportTest, LiveRowsWithoutAVerdictAreNeverCalledClean) {
  VerifyReport report;
  report.is_live = true;
  EXPECT_EQ(report.exit_code(), 0);
  EXPECT_THAT(ReportText(report), HasSubstr("right at some moment of the pass"));
  report.live = {.suspects = 3, .right = 2, .open = 1, .open_rows = {{"legacy1", "t.s", "SECRET", "", "hot: why"}}};
  EXPECT_EQ(report.exit_code(), 4);
  const std::string text = ReportText(report);
  EXPECT_THAT(text, HasSubstr("NOT VERIFIED"));
  EXPECT_THAT(text, HasSubstr("not verified legacy1 t.s a key of 6 bytes (shown by --json): hot: why"));
  EXPECT_THAT(text, Not(HasSubstr("SECRET")));
  const auto json = nlohmann::json::parse(ReportJson(report));
  EXPECT_EQ(json["clean"], false);
  EXPECT_EQ(json["live"]["open"], 1);
  EXPECT_EQ(json["live"]["open_rows"][0]["owner_key"], "534543524554");
  report.counts[0] = 1;
  EXPECT_EQ(report.exit_code(), 1);
  report.not_verified.push_back({"legacy1", "im_0.msg_03", "a reason"});
  EXPECT_EQ(report.exit_code(), 4);
}

}  // namespace
}  // namespace shardlift::verify
