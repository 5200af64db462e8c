// Rows under each kind of routing rules, copied and followed on real servers: each lies where the router says, verify
// agrees, and names a row in another bucket or on another shard.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <charconv>
#include <set>

#include "job/routing.h"
#include "tests/migrate/fixture.h"
#include "verify/verify.h"

namespace shardlift::migrate::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr std::uint32_t kPinned = 7;  // the biz tag of every third row
constexpr int kTableRows = 24;

std::uint32_t NumberOf(const std::optional<std::string>& text) {
  std::uint32_t number = 0;
  if (text) std::from_chars(text->data(), text->data() + text->size(), number);
  return number;
}

class RoutedRows : public MigrateTest {
 protected:
  // Rules over buckets in two halves, the pinned ones on the shard that the last bucket is not on.
  void UseRules(store::RoutingRules rules) {
    rules.buckets = 16;
    rules.pinned_tags = {{kPinned, 20, 4}};
    config_.routing.rules = std::move(rules);
    config_.routing.ranges = {{0, 7, 0}, {8, 19, 1}, {20, 23, 0}};
    for (auto& [column, expression] : config_.mappings[0].columns) {
      if (column == "biz_tag") expression = fmt::format("IF(id % 3 = 0, {}, 1)", kPinned);
      const bool has_sql = config_.routing.rules.strategy != store::Strategy::kXxh3;
      if (column == "conversation" && has_sql) expression = "CONCAT('b:', BUCKET(1, uid, IF(id % 3 = 0, 7, 1)))";
    }
  }

  // The buckets in use; every row where the router says.
  std::set<std::uint32_t> CheckPlaces(int rows_expected) {
    const auto router = job::MakeRouter(config_.routing);
    EXPECT_TRUE(router.ok()) << router.status().message();
    std::set<std::uint32_t> buckets;
    int rows = 0;
    for (std::uint32_t shard = 0; shard < 2; ++shard) {
      const auto found = live::RowsOn(*ShardSession(static_cast<int>(shard)),
                                      "SELECT account_type, account_key, biz_tag, bucket FROM message");
      for (const auto& row : found.rows) {
        const store::Place place = router->Route({NumberOf(row[0]), *row[1], NumberOf(row[2])});
        EXPECT_EQ(place.bucket, NumberOf(row[3])) << *row[1];
        EXPECT_EQ(place.shard, shard) << *row[1];
        EXPECT_EQ(place.bucket >= 20, NumberOf(row[2]) == kPinned);
        buckets.insert(place.bucket);
        ++rows;
      }
    }
    EXPECT_EQ(rows, rows_expected);
    return buckets;
  }

  std::vector<std::string> Findings() {
    verify::VerifyOptions options;
    options.progress = false;
    const auto report = verify::RunVerify(config_, options);
    EXPECT_TRUE(report.ok()) << report.status().message();
    if (!report.ok()) return {"verify failed"};
    EXPECT_THAT(report->not_verified, IsEmpty());
    EXPECT_EQ(report->exit_code(), report->findings.empty() ? 0 : 1);
    notes_ = report->notes;
    std::vector<std::string> found;
    for (const verify::Finding& finding : report->findings) {
      found.push_back(fmt::format("{} {}", verify::FindingKindName(finding.kind), finding.key_text));
    }
    return found;
  }

  // The legacy id of a row of this tag that lies on shard 0, the n-th of them.
  std::string IdOnShard0(std::uint32_t biz_tag, int n) {
    return live::OneOn(*ShardSession(0),
                       fmt::format("SELECT msg_id & 0xFFFFFFFFFF FROM message WHERE biz_tag = {} ORDER "
                                   "BY owner_key LIMIT 1 OFFSET {}",
                                   biz_tag, n));
  }

  // Another bucket of the same shard for one row, the other shard for another; of each a pinned one and one that is
  // not.
  void PlantAndFind() {
    std::vector<std::string> expected;
    for (const std::uint32_t tag : {1u, kPinned}) {
      const std::string rebucketed = IdOnShard0(tag, 0);
      const std::string moved = IdOnShard0(tag, 1);
      OnShard(0, "UPDATE message SET bucket = bucket ^ 1 WHERE msg_id & 0xFFFFFFFFFF = " + rebucketed);
      OnShard(1, "INSERT INTO message SELECT * FROM shard_0.message WHERE msg_id & 0xFFFFFFFFFF = " + moved);
      OnShard(0, "DELETE FROM message WHERE msg_id & 0xFFFFFFFFFF = " + moved);
      expected.push_back("wrong_bucket " + rebucketed);
      expected.push_back("wrong_shard " + moved);
    }
    EXPECT_THAT(Findings(), ::testing::UnorderedElementsAreArray(expected));
  }

  // Copies, follows changes that move rows between accounts, tags and shards, verifies, plants.
  void RunAll() {
    MakeTable(kTableRows);
    SL_ASSERT_OK(Run().status());
    EXPECT_GT(CheckPlaces(kTableRows).size(), 4u);
    OnSource("UPDATE legacy.msg SET uid = uid + 5 WHERE id <= 8");
    OnSource("UPDATE legacy.msg SET id = id + 100 WHERE id > 20");  // other tags
    OnSource("DELETE FROM legacy.msg WHERE id = 9");
    SL_ASSERT_OK(Run().status());
    CheckPlaces(kTableRows - 1);
    EXPECT_THAT(Findings(), IsEmpty());
    PlantAndFind();
  }

  std::vector<std::string> notes_;
};

TEST_P(RoutedRows, Modulo) {
  store::RoutingRules rules;
  rules.strategy = store::Strategy::kModulo;
  UseRules(rules);
  RunAll();
  EXPECT_THAT(notes_, IsEmpty());
}

TEST_P(RoutedRows, Range) {
  store::RoutingRules rules;
  rules.strategy = store::Strategy::kRange;
  rules.ranges = {{0, 3}, {7, 9}, {11, 2}, {14, 14}, {18, 4}};
  UseRules(rules);
  RunAll();
  EXPECT_THAT(notes_, IsEmpty());
}

TEST_P(RoutedRows, Lookup) {
  store::RoutingRules rules;
  rules.strategy = store::Strategy::kLookup;
  rules.lookup = {{1, "4", 18}, {1, "5", 3}, {2, "7", 19}, {1, "16", 17}};
  UseRules(rules);
  RunAll();
  EXPECT_THAT(notes_, IsEmpty());
}

TEST_P(RoutedRows, HashWithAPin) {
  UseRules({});
  RunAll();
  EXPECT_THAT(notes_, IsEmpty());
}

// No SQL computes its buckets, so verify does, and says so.
TEST_P(RoutedRows, Xxh3) {
  store::RoutingRules rules;
  rules.strategy = store::Strategy::kXxh3;
  UseRules(rules);
  RunAll();
  EXPECT_THAT(notes_, ElementsAre(HasSubstr("no SQL computes the job's routing strategy")));
}

TEST_P(RoutedRows, ModuloAndNamesThatAreNoNumbers_AreDeadLetters) {
  store::RoutingRules rules;
  rules.strategy = store::Strategy::kModulo;
  UseRules(rules);
  config_.mappings[0].on_bad_value = mapping::BadValuePolicy::kDeadLetter;
  for (auto& [column, expression] : config_.mappings[0].columns) {
    if (column == "account_key") expression = "IF(id % 4 = 1, body, CAST(uid AS CHAR))";
    if (column == "conversation") expression = "'c'";
  }
  MakeTable(8);
  const auto summary = Run();
  ASSERT_TRUE(summary.ok()) << summary.status().message();
  EXPECT_EQ(summary->dead_letters, 2u);  // ids 1 and 5
  EXPECT_THAT(Findings(), UnorderedElementsAre("missing 1", "missing 5"));
  OnSource("UPDATE legacy.msg SET id = 10 WHERE id = 5");
  SL_ASSERT_OK(Run().status());
  EXPECT_THAT(Findings(), ElementsAre("missing 1"));
}

SL_BOTH_FLAVOURS(RoutedRows);

}  // namespace
}  // namespace shardlift::migrate::testing
