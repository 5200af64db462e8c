// Faults of every kind, few and by the hundred: both methods name each of them, and nothing else.
//
// SHARDLIFT_PLANTED_SEEDS=N: the hundreds of N seeds instead of one, and each kind alone (docs/testing.md).
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <set>

#include "tests/verify/fixture.h"
#include "tests/verify/planter.h"
#include "verify/verify.h"

namespace shardlift::verify::testing {
namespace {

using ::testing::IsEmpty;

// 0: not asked for.
std::uint64_t SeedsWanted() {
  const char* const wanted = std::getenv("SHARDLIFT_PLANTED_SEEDS");
  return wanted == nullptr ? 0 : std::strtoull(wanted, nullptr, 10);
}

const Fault& FaultNamed(std::string_view name) {
  for (const Fault& fault : Faults()) {
    if (fault.name == name) return fault;
  }
  ADD_FAILURE() << "no fault " << name;
  return Faults().front();
}

class PlantedTest : public StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    options_.progress = false;
    options_.findings_max = 100'000;
    options_.chunk_rows = 16;
    options_.rows_compared_max = 4;
    options_.threads = 1;  // with tables of this size, most of the time goes into logins
  }

  Planter NewPlanter(std::uint64_t seed) { return {{&ShardSession(0), &ShardSession(1)}, seed}; }

  VerifyReport Verify(VerifyMethod method, VerifyPlan plan = VerifyPlan::kOwners) {
    options_.method = method;
    options_.plan = plan;
    auto report = RunVerify(config_, options_);
    EXPECT_TRUE(report.ok()) << report.status().message();
    return report.ok() ? *std::move(report) : VerifyReport();
  }

  // Findings as Planter::expected() has them.
  static std::multiset<std::string> Named(const VerifyReport& report) {
    std::multiset<std::string> names;
    for (const Finding& finding : report.findings) {
      std::string key;
      for (const char c : finding.owner_key) key += fmt::format("{:02X}", static_cast<unsigned char>(c));
      names.insert(fmt::format("{} {}/{} {} [{}]", FindingKindName(finding.kind), finding.origin, finding.table_ordinal,
                               key, fmt::join(finding.columns, ",")));
    }
    return names;
  }

  void ExpectExactly(const std::multiset<std::string>& expected,
                     const std::vector<VerifyMethod>& methods = {VerifyMethod::kServer, VerifyMethod::kClient}) {
    for (const VerifyMethod method : methods) {
      SCOPED_TRACE(VerifyMethodName(method));
      const VerifyReport report = Verify(method);
      EXPECT_EQ(Named(report), expected);
      EXPECT_EQ(report.findings_total(), expected.size());
      EXPECT_THAT(report.not_verified, IsEmpty());
      EXPECT_EQ(report.exit_code(), expected.empty() ? 0 : 1);
      rows_by_rows_ = report.digests.rows_by_rows;
    }
  }

  VerifyOptions options_;
  std::uint64_t rows_by_rows_ = 0;  // of the last pass
};

TEST_F(PlantedTest, NothingPlanted_DigestsSettleAllButJsonInOtherWords) {
  const VerifyReport report = Verify(VerifyMethod::kServer);
  EXPECT_TRUE(report.clean());
  EXPECT_EQ(report.rows_compared, kKept);
  EXPECT_GE(report.digests.parts, kKept / options_.chunk_rows);
  // MariaDB keeps JSON as it was written, MySQL does not: at most the push rows on the other server are read.
  EXPECT_LE(report.digests.rows_by_rows, 2 * kPushRows);
  EXPECT_EQ(report.digests.rows_json_by_rows, 0u);
  EXPECT_EQ(report.per_mapping.at(0).equal, 3 * kImRows);
  EXPECT_EQ(report.per_mapping.at(1).left_behind, kLeftBehind);

  options_.equal_by_meaning_max = 0;
  const VerifyReport without_json = Verify(VerifyMethod::kServer);
  EXPECT_TRUE(without_json.clean());
  EXPECT_EQ(without_json.rows_compared, kKept);
  EXPECT_GT(without_json.digests.rows_json_by_rows, 0u);
  EXPECT_LT(without_json.digests.rows_by_rows, report.digests.rows_by_rows);
}

TEST_F(PlantedTest, Scan_WhatIsRightIsSettledByTable_WhatIsNotGoesAlongOwners) {
  const VerifyReport clean = Verify(VerifyMethod::kServer, VerifyPlan::kScan);
  EXPECT_TRUE(clean.clean());
  EXPECT_EQ(clean.plan, VerifyPlan::kScan);
  EXPECT_EQ(clean.rows_compared, kKept);
  EXPECT_EQ(clean.per_mapping.at(0).equal, 3 * kImRows);
  EXPECT_EQ(clean.per_mapping.at(1).left_behind, kLeftBehind);
  // Of the tables whose JSON is spelled alike on all shards nothing is left to do; two hold the others.
  EXPECT_LE(clean.digests.rows_by_rows, 2 * kPushRows);
  const std::uint64_t parts = clean.digests.parts;
  EXPECT_LT(parts, Verify(VerifyMethod::kServer).digests.parts);

  // Each fault alone makes the sums of its table differ, in one piece of a shard or in many.
  for (const std::uint64_t chunk_rows : {16u, 100'000u}) {
    options_.chunk_rows = chunk_rows;
    Planter planter = NewPlanter(chunk_rows);
    for (const Fault& fault : Faults()) planter.Plant(fault);
    EXPECT_EQ(Named(Verify(VerifyMethod::kServer, VerifyPlan::kScan)), planter.expected());
    planter.Undo();
  }
}

// A few kinds at a time, on both shards; one at a time where time does not matter.
TEST_F(PlantedTest, EachKind) {
  const std::size_t at_a_time = SeedsWanted() > 0 ? 1 : 7;
  for (std::size_t first = 0; first < Faults().size(); first += at_a_time) {
    Planter planter = NewPlanter(first + 1);
    SCOPED_TRACE(Faults()[first].name);
    for (std::size_t i = first; i < std::min(first + at_a_time, Faults().size()); ++i) {
      const int planted = (planter.Plant(Faults()[i], 0) ? 1 : 0) + (planter.Plant(Faults()[i], 1) ? 1 : 0);
      EXPECT_GT(planted, 0) << "no row can have it: " << Faults()[i].name;
    }
    ExpectExactly(planter.expected(), {VerifyMethod::kClient, VerifyMethod::kServer});
    EXPECT_LT(rows_by_rows_, kKept * 3 / 4) << "digests did not narrow it down";
    planter.Undo();
  }
  ExpectExactly({});
}

TEST_F(PlantedTest, HundredsOfAllKinds) {
  // More rows, so that most parts still have none.
  for (const auto& [source, table] : {std::pair<std::size_t, const char*>{0, "im_0.msg_03"}, {1, "im_2.msg_00"}}) {
    for (const int rows : {60, 120, 240, 480}) {
      OnSource(source, fmt::format("INSERT INTO {0} SELECT id + {1}, from_uid, to_uid + {1} * 37, kind, flags, "
                                   "CONCAT(content, id), ctime, mtime + {1} FROM {0}",
                                   table, rows));
    }
  }
  LoadAndFill();
  options_.threads = 2;
  options_.chunk_rows = 200;
  options_.rows_compared_max = 16;
  const std::uint64_t seeds = std::max<std::uint64_t>(SeedsWanted(), 1);
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    Planter planter = NewPlanter(seed);
    for (int round = 0; round < 6; ++round) {
      for (const Fault& fault : Faults()) planter.Plant(fault);
    }
    EXPECT_GT(planter.expected().size(), 150u);
    ExpectExactly(planter.expected());
    EXPECT_EQ(Named(Verify(VerifyMethod::kServer, VerifyPlan::kScan)), planter.expected());
    options_.equal_by_meaning_max = 0;  // JSON soon leaves the digests
    ExpectExactly(planter.expected(), {VerifyMethod::kServer});
    options_.equal_by_meaning_max = VerifyOptions().equal_by_meaning_max;
    planter.Undo();
  }
}

TEST_F(PlantedTest, LostAtEachPlaceOfAChunk) {
  // The first and last row of the table, of chunks, and one inside.
  for (const char* table : {"im_0.msg_00", "oldsys.sys_notice"}) {
    const std::uint32_t origin = table[0] == 'i' ? 1 : 3;
    Planter planter = NewPlanter(1);
    std::size_t lost = 0;
    for (const std::size_t place : {59u, 39u, 32u, 31u, 16u, 15u, 8u, 0u}) {
      lost += planter.PlantAt(FaultNamed("lost"), origin, OrdinalOf(0, table), place) ? 1u : 0u;
    }
    EXPECT_GE(lost, 7u);
    ExpectExactly(planter.expected());
    planter.Undo();
  }
}

TEST_F(PlantedTest, RowsDeletedAtTheSourceThatAreStillThere) {
  const std::uint32_t ordinal = OrdinalOf(0, "im_0.msg_03");
  std::multiset<std::string> expected;
  for (const int id : {1, 16, 17, 30, 60}) {
    OnSource(0, fmt::format("DELETE FROM im_0.msg_03 WHERE id = {}", id));
    expected.insert(fmt::format("extra 1/{} {:016X} []", ordinal, id));
  }
  ExpectExactly(expected);
}

TEST_F(PlantedTest, RowsTooLongForTheServerToPutTogetherAreReadInstead) {
  // A body that a server takes alone, but not with the other columns.
  OnSource(0, "UPDATE im_0.msg_00 SET content = REPEAT('x', 65500) WHERE id IN (7, 40)");
  LoadAndFill();
  for (const char* server : {"legacy_maria", "legacy_mysql"}) {
    live::SqlOn(live::Get(server).endpoint(), "SET GLOBAL max_allowed_packet = 65536");
  }
  ExpectExactly({});
  const VerifyReport report = Verify(VerifyMethod::kServer);
  EXPECT_GE(report.digests.parts_by_rows, 2u);
  const std::uint32_t ordinal = OrdinalOf(0, "im_0.msg_00");
  std::size_t changed = 0;
  for (std::size_t shard = 0; shard < 2; ++shard) {
    const auto count = ShardSession(shard).ExecuteCount(
        fmt::format("UPDATE message SET body = INSERT(body, 65500, 1, 'y') WHERE owner_table = {} AND owner_key = "
                    "x'0000000000000028'",
                    ordinal),
        "plant");
    ASSERT_TRUE(count.ok()) << count.status().message();
    changed += *count;
  }
  EXPECT_EQ(changed, 1u);
  ExpectExactly({fmt::format("differs 1/{} 0000000000000028 [body]", ordinal)});
  for (const char* server : {"legacy_maria", "legacy_mysql"}) {
    live::SqlOn(live::Get(server).endpoint(), "SET GLOBAL max_allowed_packet = DEFAULT");
  }
}

TEST_F(PlantedTest, KeysWithoutRangesAreSliced) {
  for (const std::size_t source : {0u, 1u}) {
    OnSource(source, "DROP DATABASE IF EXISTS codes");
    OnSource(source, "CREATE DATABASE codes");
    OnSource(source,
             "CREATE TABLE codes.event (code VARCHAR(40) NOT NULL, n INT NOT NULL, body TEXT NOT NULL, PRIMARY KEY "
             "(code)) DEFAULT CHARSET=utf8mb4");
    std::string values;
    for (int i = 1; i <= 60; ++i) {
      values += fmt::format("{}('{}-{}', {}, 'body {}')", i == 1 ? "" : ", ", i % 2 == 0 ? "b" : "A", i * 7919,
                            1000 * source + static_cast<std::size_t>(i), i);
    }
    OnSource(source, "INSERT INTO codes.event VALUES " + values);
    OnSource(source, "ANALYZE TABLE codes.event");
  }
  LoadAndFill(R"json({"name": "codes", "origin": 4, "match": ["codes.event"], "key": ["code"], "columns": {
      "account_type": "4", "account_key": "code", "conversation": "'c'", "sent_at": "FROM_UNIXTIME(n)", "msg_id": "n",
      "biz_tag": "4", "msg_type": "0", "body": "body"}})json");
  const VerifyReport clean = Verify(VerifyMethod::kServer);
  EXPECT_TRUE(clean.clean());
  EXPECT_EQ(clean.rows_compared, kKept + 120);
  Planter planter = NewPlanter(1);
  std::size_t planted = 0;
  for (const std::size_t source : {0u, 1u}) {
    const std::uint32_t ordinal = OrdinalOf(source, "codes.event");
    std::size_t place = 0;
    for (const char* fault : {"lost", "moved", "copied", "bit", "trailing blank", "swapped bodies", "stale"}) {
      planted += planter.PlantAt(FaultNamed(fault), 4, ordinal, place += 6) ? 1u : 0u;
    }
  }
  EXPECT_GE(planted, 12u);
  ExpectExactly(planter.expected());
  const VerifyReport report = Verify(VerifyMethod::kServer);
  EXPECT_LT(report.digests.rows_by_rows, clean.digests.rows_by_rows + 120);
  planter.Undo();
}

}  // namespace
}  // namespace shardlift::verify::testing
