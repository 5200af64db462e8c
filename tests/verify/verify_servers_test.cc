// The verifier against real servers: every planted fault is named, and nothing else.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/verify/fixture.h"
#include "verify/verify.h"

namespace shardlift::verify::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

std::string Hex(const std::string& bytes) {
  std::string hex;
  for (const char c : bytes) hex += fmt::format("{:02X}", static_cast<unsigned char>(c));
  return hex;
}

// "differs 000000000000002A s0 [body]"; for missing rows the shard is the one where the row belongs.
std::string Describe(const Finding& finding) {
  return fmt::format("{} {} {} [{}]", FindingKindName(finding.kind), Hex(finding.owner_key),
                     finding.shard.empty() ? finding.expected_shard : finding.shard, fmt::join(finding.columns, ","));
}

class VerifyServersTest : public StoreTest {
 protected:
  VerifyReport Verify() {
    options_.progress = false;
    auto report = RunVerify(config_, options_);
    EXPECT_TRUE(report.ok()) << report.status().message();
    return report.ok() ? *report : VerifyReport();
  }
  static std::vector<std::string> Descriptions(const VerifyReport& report) {
    std::vector<std::string> texts;
    for (const Finding& finding : report.findings) texts.push_back(Describe(finding));
    return texts;
  }
  // Exactly these findings, all else equal.
  void ExpectFindings(const std::vector<std::string>& expected) {
    const VerifyReport report = Verify();
    EXPECT_THAT(Descriptions(report), ::testing::UnorderedElementsAreArray(expected));
    EXPECT_EQ(report.findings_total(), expected.size());
    EXPECT_EQ(report.exit_code(), expected.empty() ? 0 : 1);
    EXPECT_THAT(report.not_verified, IsEmpty());
  }
  static std::string Where(std::uint32_t ordinal, const std::string& key_hex) {
    return fmt::format(" WHERE owner_table = {} AND owner_key = x'{}'", ordinal, key_hex);
  }
  // Copies or moves a row to the other shard as it is.
  void CopyToOther(std::size_t from, std::uint32_t ordinal, const std::string& key_hex) {
    const auto rows = AskShard(from, "SELECT * FROM message" + Where(ordinal, key_hex));
    ASSERT_EQ(rows.size(), 1u);
    std::string values;
    for (std::size_t i = 0; i < rows[0].size(); ++i) {
      const auto& value = rows[0][i];
      values += values.empty() ? "" : ", ";
      // JSON wants text with a character set, all else takes bytes.
      values += !value    ? "NULL"
                : i == 11 ? fmt::format("CONVERT({} USING utf8mb4)", mysql::HexLiteral(*value))
                : i == 4 || std::isdigit(static_cast<unsigned char>((*value + "x")[0])) == 0 || value->size() > 20
                    ? mysql::HexLiteral(*value)
                    : *value;
    }
    OnShard(1 - from, "INSERT INTO message VALUES (" + values + ")");
  }

  VerifyOptions options_;
};

TEST_F(VerifyServersTest, ACleanTargetIsCleanAndBalances) {
  const VerifyReport report = Verify();
  EXPECT_THAT(Descriptions(report), IsEmpty());
  EXPECT_TRUE(report.clean());
  EXPECT_EQ(report.exit_code(), 0);
  EXPECT_EQ(report.rows_compared, kKept);
  EXPECT_EQ(report.tables, 6u);
  ASSERT_EQ(report.per_mapping.size(), 3u);
  EXPECT_EQ(report.per_mapping[0].mapping, "im");
  EXPECT_EQ(report.per_mapping[0].equal, 3 * kImRows);
  EXPECT_EQ(report.per_mapping[1].source_rows, 2 * kPushRows);
  EXPECT_EQ(report.per_mapping[1].left_behind, kLeftBehind);
  EXPECT_EQ(report.per_mapping[1].kept, 2 * kPushRows - kLeftBehind);
  EXPECT_EQ(report.per_mapping[2].equal, kNoticeRows);
  ASSERT_EQ(report.per_shard.size(), 2u);
  EXPECT_EQ(report.per_shard[0].rows + report.per_shard[1].rows, kKept);
  EXPECT_THAT(report.notes, IsEmpty());
}

TEST_F(VerifyServersTest, MissingRows) {
  std::vector<std::string> expected;
  for (std::size_t shard = 0; shard < 2; ++shard) {
    for (const auto& [source, table] :
         {std::pair<std::size_t, const char*>{0, "im_0.msg_03"}, {1, "push.push_202310"}}) {
      const std::uint32_t ordinal = OrdinalOf(source, table);
      const std::string key = OwnerOnShard(shard, ordinal, 3);
      OnShard(shard, "DELETE FROM message" + Where(ordinal, key));
      expected.push_back(fmt::format("missing {} s{} []", key, shard));
    }
  }
  ExpectFindings(expected);
}

TEST_F(VerifyServersTest, ExtraRowsOfKnownTables) {
  const std::uint32_t ordinal = OrdinalOf(0, "im_0.msg_00");
  for (std::size_t shard = 0; shard < 2; ++shard) {
    OnShard(
        shard,
        fmt::format("INSERT INTO message SELECT bucket, account_type, account_key, conversation, sent_at, "
                    "msg_id + 1000000, biz_tag, sender, msg_type, body_codec, body, ext, status, edited_at, "
                    "recalled_at, client_id, version, owner_origin, owner_table, x'00000000000F{:04X}' FROM message{}",
                    shard, Where(ordinal, OwnerOnShard(shard, ordinal, 0))));
  }
  ExpectFindings({"extra 00000000000F0000 s0 []", "extra 00000000000F0001 s1 []"});
}

TEST_F(VerifyServersTest, EveryColumnIsCompared) {
  // Columns that decide the bucket are another finding; owner columns name the row.
  const std::vector<std::pair<std::string, std::string>> changes = {{"conversation", "CONCAT(conversation, 'x')"},
                                                                    {"sent_at", "sent_at + INTERVAL 1 MICROSECOND"},
                                                                    {"msg_id", "msg_id + 500000"},
                                                                    {"biz_tag", "biz_tag + 1"},
                                                                    {"sender", "NULL"},
                                                                    {"msg_type", "msg_type + 1"},
                                                                    {"body_codec", "body_codec + 1"},
                                                                    {"body", "CONCAT(body, x'00')"},
                                                                    {"ext", R"(JSON_SET(ext, '$.mtime', -1))"},
                                                                    {"status", "status + 1"},
                                                                    {"edited_at", "sent_at"},
                                                                    {"recalled_at", "sent_at"},
                                                                    {"client_id", "'c'"},
                                                                    {"version", "version + 1"}};
  std::vector<std::string> expected;
  for (std::size_t shard = 0; shard < 2; ++shard) {
    const std::uint32_t ordinal = OrdinalOf(0, "im_0.msg_00");
    for (std::size_t i = 0; i < changes.size(); ++i) {
      const std::string key = OwnerOnShard(shard, ordinal, i);
      OnShard(shard,
              fmt::format("UPDATE message SET {} = {}{}", changes[i].first, changes[i].second, Where(ordinal, key)));
      expected.push_back(fmt::format("differs {} s{} [{}]", key, shard, changes[i].first));
    }
  }
  ExpectFindings(expected);
}

TEST_F(VerifyServersTest, OneFlippedBitInABody) {
  const std::uint32_t ordinal = OrdinalOf(1, "im_2.msg_00");
  std::vector<std::string> expected;
  for (std::size_t shard = 0; shard < 2; ++shard) {
    const std::string key = OwnerOnShard(shard, ordinal, 5);
    OnShard(shard, "UPDATE message SET body = INSERT(body, 2, 1, CHAR(ORD(SUBSTRING(body, 2, 1)) ^ 1 USING binary))" +
                       Where(ordinal, key));
    expected.push_back(fmt::format("differs {} s{} [body]", key, shard));
  }
  ExpectFindings(expected);
}

TEST_F(VerifyServersTest, JsonIsHeldAgainstItsMeaning) {
  const std::uint32_t ordinal = OrdinalOf(0, "push.push_202309");
  // The same value in another spelling is equal (MySQL would not keep the spelling), another value is not.
  OnShard(0, fmt::format(R"(UPDATE message SET ext = '{{ "a":[1, 2, {{"y":true,"zz":null}}],  "b":1 }}' WHERE )"
                         "owner_table = {} AND JSON_EXTRACT(ext, '$.b') = 1",
                         ordinal));
  std::vector<std::string> expected;
  for (std::size_t shard = 0; shard < 2; ++shard) {
    const auto rows =
        AskShard(shard, fmt::format("SELECT HEX(owner_key) FROM message WHERE owner_table = {} AND "
                                    "JSON_EXTRACT(ext, '$.longer') IS NOT NULL ORDER BY owner_key LIMIT 1",
                                    ordinal));
    ASSERT_EQ(rows.size(), 1u);
    OnShard(shard, "UPDATE message SET ext = JSON_SET(ext, '$.k', 1.25)" + Where(ordinal, *rows[0][0]));
    expected.push_back(fmt::format("differs {} s{} [ext]", *rows[0][0], shard));
  }
  ExpectFindings(expected);
}

TEST_F(VerifyServersTest, RowsOnTheWrongShard) {
  std::vector<std::string> expected;
  for (std::size_t shard = 0; shard < 2; ++shard) {
    const std::uint32_t ordinal = OrdinalOf(0, "im_0.msg_03");
    const std::string key = OwnerOnShard(shard, ordinal, 1);
    CopyToOther(shard, ordinal, key);
    OnShard(shard, "DELETE FROM message" + Where(ordinal, key));
    expected.push_back(fmt::format("wrong_shard {} s{} []", key, 1 - shard));
  }
  ExpectFindings(expected);
}

TEST_F(VerifyServersTest, Duplicates) {
  const std::uint32_t ordinal = OrdinalOf(1, "im_2.msg_00");
  const std::string key = OwnerOnShard(0, ordinal, 2);
  CopyToOther(0, ordinal, key);
  ExpectFindings({fmt::format("duplicate {} s1 []", key)});
}

TEST_F(VerifyServersTest, WrongBuckets) {
  const std::uint32_t ordinal = OrdinalOf(0, "im_0.msg_00");
  std::vector<std::string> expected;
  for (std::size_t shard = 0; shard < 2; ++shard) {
    std::string key = OwnerOnShard(shard, ordinal, 0);
    OnShard(shard, "UPDATE message SET bucket = bucket ^ 1" + Where(ordinal, key));
    expected.push_back(fmt::format("wrong_bucket {} s{} [bucket]", key, shard));
    key = OwnerOnShard(shard, ordinal, 1);
    OnShard(shard, "UPDATE message SET account_key = '12345678901'" + Where(ordinal, key));
    expected.push_back(fmt::format("wrong_bucket {} s{} [account_key]", key, shard));
  }
  ExpectFindings(expected);
}

TEST_F(VerifyServersTest, RowsThatNoTableOwns) {
  const std::uint32_t ordinal = OrdinalOf(0, "im_0.msg_00");
  const auto plant = [&](std::size_t shard, int origin, int table, int n) {
    OnShard(
        shard,
        fmt::format(
            "INSERT INTO message SELECT bucket, account_type, account_key, conversation, sent_at, "
            "msg_id + {}, biz_tag, sender, msg_type, body_codec, body, ext, status, edited_at, recalled_at, client_id, "
            "version, {}, {}, "
            "x'{:02X}' FROM message{}",
            1000000 + n, origin, table, n, Where(ordinal, OwnerOnShard(shard, ordinal, 0))));
  };
  plant(0, 1, 900, 1);  // an ordinal that nobody has
  plant(1, 1, 900, 2);
  plant(1, 99, 901, 3);  // an origin that nobody has
  plant(0, 77, 902, 4);  // another job's, which registered it
  OnShard(0, "INSERT INTO sl_source_table VALUES (902, 77, 'other', 'db', 't')");
  OnShard(1, "INSERT INTO sl_source_table VALUES (902, 77, 'other', 'db', 't')");
  const VerifyReport report = Verify();
  EXPECT_THAT(Descriptions(report), UnorderedElementsAre("extra 01 s0 []", "extra 02 s1 []", "extra 03 s1 []"));
  EXPECT_EQ(report.findings_total(), 3u);
  EXPECT_EQ(report.per_shard[0].foreign_rows, 1u);
  EXPECT_EQ(report.per_shard[1].foreign_rows, 0u);
  EXPECT_THAT(report.notes, ElementsAre(HasSubstr("rows of other jobs")));
}

TEST_F(VerifyServersTest, ARowThatShouldHaveBeenLeftBehindIsExtra) {
  const std::uint32_t ordinal = OrdinalOf(0, "push.push_202309");
  const std::string key = OwnerOnShard(1, ordinal, 4);
  const auto id =
      AskShard(1, "SELECT CAST(CONV(HEX(owner_key), 16, 10) AS UNSIGNED) - 9223372036854775808 FROM message" +
                      Where(ordinal, key));
  ASSERT_EQ(id.size(), 1u);
  OnSource(0, "UPDATE push.push_202309 SET app_code = 'sandbox' WHERE push_id = " + *id[0][0]);
  ExpectFindings({fmt::format("extra {} s1 []", key)});
}

TEST_F(VerifyServersTest, DeadLettersAreNamedAndNeverClean) {
  const std::uint32_t ordinal = OrdinalOf(0, "oldsys.sys_notice");
  const std::string key = OwnerOnShard(0, ordinal, 2);
  OnShard(0,
          fmt::format("INSERT INTO sl_dead_letter VALUES (3, {}, x'{}', 'legacy_maria', 'p', 'rejected', 'd', NOW(6))",
                      ordinal, key));
  const VerifyReport beside = Verify();
  EXPECT_EQ(beside.findings_total(), 0u);
  EXPECT_EQ(beside.dead_letters, 1u);
  EXPECT_EQ(beside.per_mapping.at(2).dead_letters, 1u);
  EXPECT_EQ(beside.exit_code(), 1);
  OnShard(0, "DELETE FROM message" + Where(ordinal, key));
  const VerifyReport missing = Verify();
  EXPECT_THAT(Descriptions(missing), ElementsAre(fmt::format("missing {} s0 []", key)));
  EXPECT_EQ(missing.findings.at(0).dead_letter, "rejected");
  EXPECT_THAT(missing.findings.at(0).key_text, HasSubstr(", "));  // (region, seq)
}

TEST_F(VerifyServersTest, ASourceRowThatCannotBeMappedIsNeverPassed) {
  OnSource(0, "INSERT INTO oldsys.sys_notice VALUES (300, 1, 'u', 't', 'b', 'new', '2020-01-01 00:00:00')");
  const VerifyReport report = Verify();
  EXPECT_FALSE(report.clean());
  EXPECT_NE(report.exit_code(), 0);
  EXPECT_EQ(report.findings_total() + report.not_verified.size(), 1u);
}

TEST_F(VerifyServersTest, TheListIsCutButTheCountIsNot) {
  const std::uint32_t ordinal = OrdinalOf(0, "im_0.msg_00");
  OnShard(0, fmt::format("DELETE FROM message WHERE owner_table = {} LIMIT 9", ordinal));
  options_.findings_max = 4;
  const VerifyReport report = Verify();
  EXPECT_EQ(report.findings.size(), 4u);
  EXPECT_EQ(report.findings_total(), 9u);
  EXPECT_EQ(report.counts[static_cast<std::size_t>(FindingKind::kMissing)], 9u);
}

TEST_F(VerifyServersTest, ManyFaultsAtOnceAreAllNamed) {
  const std::uint32_t a = OrdinalOf(0, "im_0.msg_00");
  const std::uint32_t b = OrdinalOf(1, "push.push_202310");
  const std::string lost = OwnerOnShard(0, a, 0);
  const std::string moved = OwnerOnShard(1, a, 1);
  const std::string stale = OwnerOnShard(1, a, 2);
  const std::string doubled = OwnerOnShard(0, a, 3);
  const std::string changed = OwnerOnShard(1, b, 1);
  CopyToOther(1, a, moved);
  OnShard(1, "DELETE FROM message" + Where(a, moved));
  CopyToOther(0, a, doubled);
  OnShard(0, "DELETE FROM message" + Where(a, lost));
  OnShard(1, "UPDATE message SET body = 'older', status = status + 1" + Where(a, stale));
  OnShard(1, "UPDATE message SET sender = NULL" + Where(b, changed));
  ExpectFindings({"missing " + lost + " s0 []", "wrong_shard " + moved + " s0 []", "duplicate " + doubled + " s1 []",
                  "differs " + stale + " s1 [body,status]", "differs " + changed + " s1 [sender]"});
}

TEST_F(VerifyServersTest, AnEmptyTargetIsAllMissing) {
  OnShard(0, "DELETE FROM message");
  OnShard(1, "DELETE FROM message");
  const VerifyReport report = Verify();
  EXPECT_EQ(report.counts[static_cast<std::size_t>(FindingKind::kMissing)], kKept);
  EXPECT_EQ(report.findings_total(), kKept);
}

TEST_F(VerifyServersTest, TablesWithoutOrdinalsAreRefused) {
  for (std::size_t shard = 0; shard < 2; ++shard) OnShard(shard, "DELETE FROM sl_source_table");
  const auto report = RunVerify(config_, options_);
  ASSERT_FALSE(report.ok());
  EXPECT_EQ(report.status().code(), base::Code::kRefused);
  EXPECT_THAT(report.status().message(), HasSubstr("run migrate first"));
}

TEST_F(VerifyServersTest, AShardThatIsDownIsAnEnvironmentError) {
  CloseSessions();
  SL_ASSERT_OK(live::Get("legacy_mysql").KillNow());
  const auto report = RunVerify(config_, options_);
  SL_ASSERT_OK(live::Get("legacy_mysql").StartAgain());
  ASSERT_FALSE(report.ok());
  EXPECT_EQ(report.status().code(), base::Code::kEnvironment) << report.status().message();
}

}  // namespace
}  // namespace shardlift::verify::testing
