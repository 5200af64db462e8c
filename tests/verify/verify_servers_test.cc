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
    OnShard(shard, fmt::format("INSERT INTO message SELECT bucket, account_type, account_key, conversation, sent_at, "
                               "msg_id + 1000000, biz_tag, sender, msg_type, body_codec, body, ext, status, version, "
                               "owner_origin, owner_table, x'00000000000F{:04X}' FROM message{}",
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
