// Checks beyond rows on real servers: each planted fault is named, on a shard of either kind, and clean data gives
// nothing.
#include "verify/beyond.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "job/routing.h"
#include "store/derived.h"
#include "tests/verify/fixture.h"
#include "verify/beyond_checks.h"

namespace shardlift::verify::testing {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

class BeyondTest : public StoreTest {
 protected:
  void TearDown() override {
    for (std::size_t shard = 0; shard < 2; ++shard) {
      for (const char* table : {"conversation", "read_cursor", "message_dedup", "message_tag"}) {
        SL_ASSERT_OK(ShardSession(shard).Execute(fmt::format("DELETE FROM {}", table), "test"));
      }
    }
  }
  // The checks alone, behind a report of nothing.
  std::vector<BeyondCheck> Check() {
    VerifyOptions options;
    options.beyond = true;
    VerifyReport report;
    const auto router = job::MakeRouter(config_.routing);
    const base::Status status = CheckBeyondRows({config_, catalog_, *router, options}, &report);
    EXPECT_TRUE(status.ok()) << status.message();
    return report.beyond;
  }
  static BeyondCheck Find(const std::vector<BeyondCheck>& checks, const std::string& name) {
    for (const BeyondCheck& check : checks) {
      if (check.name == name) return check;
    }
    ADD_FAILURE() << "no check " << name;
    return {};
  }
  // The findings of one check; of the others only those named in `also` may have any.
  std::vector<std::string> FindingsOf(const std::string& name, const std::set<std::string>& also = {}) {
    const std::vector<BeyondCheck> checks = Check();
    for (const BeyondCheck& check : checks) {
      const bool may_find = check.name == name || also.contains(check.name);
      EXPECT_TRUE(may_find || check.listed.empty()) << check.name;
      EXPECT_EQ(check.findings, check.listed.size()) << check.name;
      EXPECT_EQ(check.state == BeyondState::kFindings, check.findings > 0) << check.name;
    }
    return Find(checks, name).listed;
  }
  static std::string Where(std::uint32_t ordinal, const std::string& key) {
    return fmt::format(" WHERE owner_table = {} AND owner_key = x'{}'", ordinal, key);
  }
  std::string AskOne(std::size_t shard, const std::string& sql) {
    const auto rows = AskShard(shard, sql);
    EXPECT_EQ(rows.size(), 1u) << sql;
    return rows.size() == 1 ? rows[0][0].value_or("NULL") : std::string();
  }
  std::string ConversationHash(std::size_t shard, const std::string& where) {
    return AskOne(shard, fmt::format("SELECT LEFT(SHA2(CONCAT('{}:', account_type, ':', LENGTH(account_key), ':', "
                                     "account_key, conversation), 256), 32) FROM message{}",
                                     config_.fingerprint, where));
  }
  void Rebuild() {
    for (std::size_t shard = 0; shard < 2; ++shard) {
      for (const std::string_view table : store::DerivedTables()) {
        ASSERT_TRUE(store::RebuildDerived(ShardSession(shard), table).ok());
      }
    }
  }
};

TEST_F(BeyondTest, CleanData_GivesNothing) {
  VerifyOptions options;
  options.progress = false;
  options.beyond = true;
  for (const bool filled : {false, true}) {
    if (filled) Rebuild();
    const auto report = RunVerify(config_, options);
    ASSERT_TRUE(report.ok()) << report.status().message();
    ASSERT_EQ(report->beyond.size(), BeyondCheckNames().size());
    for (const BeyondCheck& check : report->beyond) {
      const bool nothing = check.name == "derived" && !filled;
      EXPECT_EQ(check.state, nothing ? BeyondState::kNothing : BeyondState::kClean) << check.name << check.reason;
      EXPECT_THAT(check.listed, IsEmpty());
      EXPECT_TRUE(check.looked_at > 0 || nothing || check.name == "dead-letters") << check.name;
    }
    EXPECT_TRUE(report->clean());
    EXPECT_EQ(Find(report->beyond, "ids").looked_at, kKept);
    EXPECT_EQ(Find(report->beyond, "left-behind").looked_at, kLeftBehind);
    EXPECT_THAT(Find(report->beyond, "balance").reason,
                HasSubstr("push: 108 equal + 0 findings + 12 left behind + 0 dead letters of 120 source rows"));
    EXPECT_THAT(ReportText(*report), HasSubstr("beyond rows:\n  bucket-counts  clean"));
  }
}

TEST_F(BeyondTest, BucketCounts_RowsLostAndOnAShardWithoutTheirBucket_AreNamed) {
  const std::uint32_t ordinal = OrdinalOf(0, "im_0.msg_00");
  for (std::size_t shard = 0; shard < 2; ++shard) {
    const std::string lost = Where(ordinal, OwnerOnShard(shard, ordinal, 0));
    const std::string strayed = Where(ordinal, OwnerOnShard(shard, ordinal, 1));
    const auto one_less = [&](const std::string& where) {
      const std::string bucket = AskOne(shard, "SELECT bucket FROM message" + where);
      const std::string rows =
          AskOne(shard, "SELECT COUNT(*) FROM message WHERE owner_origin = 1 AND bucket = " + bucket);
      return fmt::format("mapping im, bucket {}: {} rows at the sources, {} on the shards", bucket, rows,
                         std::stoul(rows) - 1);
    };
    const std::string lost_text = one_less(lost);
    const std::string strayed_text = one_less(strayed);
    const std::uint32_t other = shard == 0 ? 4095 : 0;
    OnShard(shard, "DELETE FROM message" + lost);
    OnShard(shard, fmt::format("UPDATE message SET bucket = {}{}", other, strayed));
    EXPECT_THAT(
        FindingsOf("bucket-counts", {"conversations"}),
        UnorderedElementsAre(
            lost_text, strayed_text,
            fmt::format("mapping im, bucket {}: 0 rows at the sources, 1 on the shards", other),
            fmt::format("mapping im, bucket {}: 1 rows on shard s{}, which does not have that bucket (it is on s{})",
                        other, shard, 1 - shard)));
    LoadAndFill();
  }
}

TEST_F(BeyondTest, Ids_TwiceOverTheShardsAndOnOne_AreNamed) {
  const std::uint32_t ordinal = OrdinalOf(0, "im_0.msg_03");
  const std::string first = AskOne(0, "SELECT msg_id FROM message" + Where(ordinal, OwnerOnShard(0, ordinal, 0)));
  const std::string second = AskOne(1, "SELECT msg_id FROM message" + Where(ordinal, OwnerOnShard(1, ordinal, 0)));
  OnShard(1, fmt::format("UPDATE message SET msg_id = {}{}", first, Where(ordinal, OwnerOnShard(1, ordinal, 1))));
  OnShard(1, fmt::format("UPDATE message SET msg_id = {}{}", second, Where(ordinal, OwnerOnShard(1, ordinal, 2))));
  EXPECT_THAT(FindingsOf("ids", {"conversations"}),
              UnorderedElementsAre(fmt::format("msg_id {}: 2 rows, on shards s0, s1", first),
                                   fmt::format("msg_id {}: 2 rows, on shards s1, s1", second)));
}

TEST_F(BeyondTest, Conversations_WithLostAndForeignRows_AreNamed) {
  const std::uint32_t ordinal = OrdinalOf(1, "push.push_202310");
  for (std::size_t shard = 0; shard < 2; ++shard) {
    const std::string lost = Where(ordinal, OwnerOnShard(shard, ordinal, 0));
    const std::string later = Where(ordinal, OwnerOnShard(shard, ordinal, 1));
    const std::string lost_hash = ConversationHash(shard, lost);
    const std::string later_hash = ConversationHash(shard, later);
    OnShard(shard, "UPDATE message SET sent_at = sent_at + INTERVAL 1 DAY" + later);
    OnShard(shard, "DELETE FROM message" + lost);
    EXPECT_THAT(FindingsOf("conversations", {"bucket-counts"}),
                UnorderedElementsAre(HasSubstr(fmt::format("conversation {}: ", lost_hash)),
                                     AllOf(HasSubstr(fmt::format("conversation {}: ", later_hash)),
                                           HasSubstr("; the last is 2023-09-01"), HasSubstr("2023-09-02"))));
    LoadAndFill();
  }
}

TEST_F(BeyondTest, Derived_ChangedLostAndForeignRows_AreNamed) {
  Rebuild();
  for (std::size_t shard = 0; shard < 2; ++shard) {
    const std::string of_first = " ORDER BY bucket, account_type, account_key, conversation LIMIT 1";
    OnShard(shard, "UPDATE conversation SET messages = messages + 1" + of_first);
    OnShard(shard, "DELETE FROM read_cursor" + of_first);
    const std::vector<std::string> found = FindingsOf("derived");
    EXPECT_THAT(found, SizeIs(3));
    EXPECT_THAT(found, Each(HasSubstr(fmt::format("on shard s{}, bucket ", shard))));
    const std::string hash = ConversationHash(
        shard,
        " WHERE (bucket, account_type, account_key, conversation) = (SELECT bucket, account_type, account_key, "
        "conversation FROM conversation" +
            of_first + ") LIMIT 1");
    EXPECT_THAT(found[0], AllOf(HasSubstr("conversation on shard"), HasSubstr(hash)));
    EXPECT_THAT(found[2], AllOf(HasSubstr("read_cursor"), HasSubstr("is not there")));
    Rebuild();
  }
  // One shard was filled, the other was not.
  OnShard(1, "DELETE FROM conversation");
  EXPECT_FALSE(FindingsOf("derived").empty());
}

TEST_F(BeyondTest, References_ToNoMessage_AreNamed) {
  Rebuild();
  for (std::size_t shard = 0; shard < 2; ++shard) {
    OnShard(shard, "INSERT INTO message_tag VALUES (7, 1, '5', 'tag', '2024-01-01 00:00:00', 77)");
    OnShard(shard, "INSERT INTO message_dedup VALUES (8, 1, '5', 'client', '2024-01-01 00:00:00', 88)");
    EXPECT_THAT(FindingsOf("references", {"derived"}),
                UnorderedElementsAre(
                    fmt::format("message_tag on shard s{}, bucket 7, msg_id 77: there is no such message", shard),
                    fmt::format("message_dedup on shard s{}, bucket 8, msg_id 88: there is no such message", shard)));
    OnShard(shard, "DELETE FROM message_tag");
    OnShard(shard, "DELETE FROM message_dedup");
  }
}

TEST_F(BeyondTest, LeftBehind_OnAShard_IsNamed) {
  const std::uint32_t ordinal = OrdinalOf(1, "push.push_202310");
  std::vector<std::string> ids;
  for (std::size_t shard = 0; shard < 2; ++shard) {
    ids.push_back(AskOne(shard,
                         "SELECT CAST(CONV(HEX(owner_key), 16, 10) AS UNSIGNED) - 9223372036854775808 FROM "
                         "message" +
                             Where(ordinal, OwnerOnShard(shard, ordinal, 2))));
    OnSource(1, "UPDATE push.push_202310 SET app_code = 'sandbox' WHERE push_id = " + ids.back());
  }
  const std::set<std::string> also{"bucket-counts", "conversations"};
  EXPECT_THAT(
      FindingsOf("left-behind", also),
      UnorderedElementsAre(fmt::format("legacy_mysql push.push_202310 key ({}): `where` leaves it behind, and it "
                                       "is on shard s0",
                                       ids[0]),
                           fmt::format("legacy_mysql push.push_202310 key ({}): `where` leaves it behind, and it "
                                       "is on shard s1",
                                       ids[1])));
}

TEST_F(BeyondTest, DeadLetters_ThatSetNothingAside_AreNamedAndTheOthersBalance) {
  const std::uint32_t ordinal = OrdinalOf(0, "oldsys.sys_notice");
  const std::string there = OwnerOnShard(1, ordinal, 0);
  const std::string absent = OwnerOnShard(0, ordinal, 1);
  const auto letter = [&](std::size_t shard, std::uint32_t table, const std::string& key) {
    OnShard(shard, fmt::format("INSERT INTO sl_dead_letter VALUES (3, {}, x'{}', 'legacy_maria', 'p', 'rejected', 'd', "
                               "NOW(6))",
                               table, key));
  };
  OnShard(0, "DELETE FROM message" + Where(ordinal, absent));
  letter(0, ordinal, absent);
  letter(1, ordinal, absent);  // told twice, counted once
  letter(0, ordinal, there);
  letter(1, ordinal, std::string(32, 'F'));
  letter(1, 999, "00");
  VerifyOptions options;
  options.progress = false;
  options.beyond = true;
  const auto report = RunVerify(config_, options);
  ASSERT_TRUE(report.ok()) << report.status().message();
  EXPECT_THAT(Find(report->beyond, "dead-letters").listed,
              UnorderedElementsAre(AllOf(HasSubstr("oldsys.sys_notice key ("), HasSubstr("there is a row on shard s1")),
                                   HasSubstr("there is no such row to move at the source"),
                                   "origin 3 table 999: a dead letter on shard s1 of no table of this job"));
  EXPECT_EQ(Find(report->beyond, "balance").state, BeyondState::kClean);
  EXPECT_THAT(Find(report->beyond, "balance").reason,
              HasSubstr("notice: 39 equal + 0 findings + 0 left behind + 1 dead letters of 40 source rows"));
  EXPECT_EQ(report->exit_code(), 1);
}

TEST_F(BeyondTest, BalanceThatDoesNotAddUp_IsNotVerified) {
  VerifyOptions options;
  options.beyond = true;
  const auto router = job::MakeRouter(config_.routing);
  VerifyReport report;
  report.per_mapping.push_back(
      {.mapping = "im", .source_rows = 10, .kept = 9, .left_behind = 1, .equal = 7, .findings = 1});
  SL_ASSERT_OK(CheckBeyondRows({config_, catalog_, *router, options}, &report));
  const BeyondCheck balance = Find(report.beyond, "balance");
  EXPECT_EQ(balance.state, BeyondState::kNotMade);
  EXPECT_THAT(balance.reason, HasSubstr("im: 7 equal + 1 findings + 1 left behind + 0 dead letters of 10 source rows, "
                                        "which is 9"));
  EXPECT_EQ(report.exit_code(), 4);
  EXPECT_FALSE(report.clean());
  EXPECT_THAT(ReportText(report), HasSubstr("result: NOT VERIFIED"));
}

TEST_F(BeyondTest, LeftOut_IsSaidAndNotMade) {
  OnShard(0, "INSERT INTO message_tag VALUES (7, 1, '5', 'tag', '2024-01-01 00:00:00', 77)");
  VerifyOptions options;
  options.beyond = true;
  for (const std::string& name : BeyondCheckNames()) options.beyond_left_out.insert(name);
  const auto router = job::MakeRouter(config_.routing);
  VerifyReport report;
  SL_ASSERT_OK(CheckBeyondRows({config_, catalog_, *router, options}, &report));
  for (const BeyondCheck& check : report.beyond) EXPECT_EQ(check.state, BeyondState::kLeftOut) << check.name;
}

}  // namespace
}  // namespace shardlift::verify::testing
