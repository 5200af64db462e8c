// Target tables of the job's own: copied, followed and verified like `message`.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "job/targets.h"
#include "tests/migrate/fixture.h"
#include "verify/verify.h"

namespace shardlift::migrate::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kColumns =
    "id BIGINT UNSIGNED NOT NULL PRIMARY KEY, uid BIGINT UNSIGNED NOT NULL, code VARCHAR(20) NOT NULL, amount "
    "DECIMAL(12,2) NOT NULL DEFAULT 0, delta INT NOT NULL DEFAULT 0, state ENUM('new','paid','sent') NOT NULL DEFAULT "
    "'new', flags SET('a','b','c') NOT NULL DEFAULT '', note TEXT NULL, raw VARBINARY(30) NULL, day DATE NULL, made "
    "DATETIME(3) NULL, seen TIMESTAMP NULL DEFAULT NULL, took TIME(3) NULL, extra JSON NULL, UNIQUE KEY code (code)";

const std::vector<std::string> kNames = {"id",   "uid", "code", "amount", "delta", "state", "flags",
                                         "note", "raw", "day",  "made",   "seen",  "took",  "extra"};

class TargetTest : public MigrateTest {
 protected:
  void SetUp() override {
    MigrateTest::SetUp();
    OnSource("DROP DATABASE IF EXISTS legacy");
    OnSource("CREATE DATABASE legacy CHARACTER SET utf8mb4 COLLATE utf8mb4_bin");
    OnSource(fmt::format("CREATE TABLE legacy.orders ({}) DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin", kColumns));
    job::TargetConfig target;
    target.place = "targets[0]";
    target.table = {"orders", std::string(kColumns) + ")", "3", "uid"};
    config_.targets = {target};
    mapping::MappingConfig mapping;
    mapping.name = "orders";
    mapping.place = "test";
    mapping.origin = 9;
    mapping.target = "orders";
    mapping.match = {"legacy.orders"};
    mapping.key = {"id"};
    for (const std::string& name : kNames) mapping.columns.emplace_back(name, name);
    config_.mappings = {mapping};
  }

  void AddRows(int first, int last) {
    std::string sql = "INSERT INTO legacy.orders VALUES ";
    for (int id = first; id <= last; ++id) {
      sql += fmt::format(
          "{}({}, {}, 'code-{}', {}.25, {}, '{}', '{}', '\xE4\xB8\xAD\tline\\n{} \\\\', x'00{:02x}ff', "
          "'2023-01-{:02}', "
          "'2023-01-02 03:04:05.{:03}', '2023-01-02 03:04:{:02}', '-12:00:00.5', '{{\"b\": {}, \"a\": [1.5, null]}}')",
          id == first ? "" : ", ", id, 1000 + id, id, id, -id, id % 2 == 0 ? "paid" : "new", id % 3 == 0 ? "a,c" : "",
          id, id % 256, id % 28 + 1, id % 1000, id % 60, id);
    }
    OnSource(sql);
  }

  verify::VerifyReport Verify(verify::VerifyMethod method = verify::VerifyMethod::kServer) {
    verify::VerifyOptions options;
    options.progress = false;
    options.method = method;
    auto report = verify::RunVerify(config_, options);
    EXPECT_TRUE(report.ok()) << report.status().message();
    return report.ok() ? *report : verify::VerifyReport();
  }
  // "missing", "differs amount,note", ...
  std::vector<std::string> Findings() {
    std::vector<std::string> texts;
    const verify::VerifyReport report = Verify();
    EXPECT_THAT(report.not_verified, IsEmpty());
    for (const verify::Finding& finding : report.findings) {
      texts.push_back(fmt::format("{}{}{}", verify::FindingKindName(finding.kind), finding.columns.empty() ? "" : " ",
                                  fmt::join(finding.columns, ",")));
    }
    return texts;
  }
  // By digests that are equal, and row by row.
  void ExpectSame(std::uint64_t rows) {
    for (const auto method : {verify::VerifyMethod::kServer, verify::VerifyMethod::kClient}) {
      const verify::VerifyReport report = Verify(method);
      EXPECT_TRUE(report.clean()) << verify::ReportText(report);
      EXPECT_EQ(report.rows_compared, rows);
      EXPECT_EQ(report.digests.parts_by_rows, 0u);
    }
  }
  std::string OnAnyShard(const std::string& select) {
    std::string values;
    for (int shard = 0; shard < 2; ++shard) {
      auto rows = ShardSession(shard)->Query(select, "test");
      EXPECT_TRUE(rows.ok()) << rows.status().message();
      for (const auto& row : rows->rows) values += (values.empty() ? "" : " ") + row.at(0).value_or("NULL");
    }
    return values;
  }
  // Executes on the shard that has the row.
  void OnShardOf(int id, const std::string& sql) {
    for (int shard = 0; shard < 2; ++shard) {
      auto rows = ShardSession(shard)->Query(fmt::format("SELECT 1 FROM orders WHERE id = {}", id), "test");
      if (rows.ok() && !rows->rows.empty()) return OnShard(shard, sql);
    }
    ADD_FAILURE() << "no shard has row " << id;
  }
};

TEST_P(TargetTest, CopiedAndFollowed_NothingDiffers) {
  AddRows(1, 40);
  const auto copied = Run();
  ASSERT_TRUE(copied.ok()) << copied.status().message();
  EXPECT_EQ(copied->rows_copied, 40u);
  ExpectSame(40);
  AddRows(41, 60);
  OnSource("UPDATE legacy.orders SET amount = amount + 1, state = 'sent', extra = '[]' WHERE id % 3 = 0");
  OnSource("UPDATE legacy.orders SET uid = uid * 7919 WHERE id % 4 = 0");  // other buckets, half of them elsewhere
  OnSource("UPDATE legacy.orders SET id = id + 500 WHERE id % 10 = 1");
  OnSource(
      "UPDATE legacy.orders SET note = NULL, raw = NULL, day = NULL, made = NULL, seen = NULL, took = NULL, extra "
      "= NULL WHERE id % 7 = 0");
  OnSource("DELETE FROM legacy.orders WHERE id % 5 = 0");
  const auto followed = Run();
  ASSERT_TRUE(followed.ok()) << followed.status().message();
  EXPECT_EQ(followed->dead_letters, 0u);
  ExpectSame(48);
}

TEST_P(TargetTest, PlantedFaults_AreNamed) {
  AddRows(1, 20);
  const auto copied = Run();
  ASSERT_TRUE(copied.ok()) << copied.status().message();
  OnShardOf(3, "DELETE FROM orders WHERE id = 3");
  OnShardOf(5, "UPDATE orders SET amount = amount + 1, note = 'other' WHERE id = 5");
  OnShardOf(8, "UPDATE orders SET state = 'new' WHERE id = 8");
  OnShardOf(9, "UPDATE orders SET bucket = bucket ^ 1 WHERE id = 9");
  OnShardOf(10, "UPDATE orders SET id = 900, code = 'x', owner_key = x'0000000000000384' WHERE id = 10");
  EXPECT_THAT(Findings(), ElementsAre("missing", "differs amount,note", "differs state", "wrong_bucket bucket",
                                      "missing", "extra"));
}

// The row keeps its place whatever the order in which the two come, and the other is set aside until it is gone.
TEST_P(TargetTest, SecondUniqueKeyClashes_DeadLetterUntilTheOtherRowIsGone) {
  config_.targets[0].table.body = std::string(kColumns) + ", UNIQUE KEY state_uid (state, uid))";
  AddRows(1, 4);
  OnSource("UPDATE legacy.orders SET uid = 7, state = 'paid' WHERE id IN (2, 3)");
  auto run = Run();
  ASSERT_TRUE(run.ok()) << run.status().message();
  EXPECT_EQ(run->dead_letters, 1u);
  EXPECT_EQ(OnAnyShard("SELECT COUNT(*) FROM orders WHERE uid = 7 HAVING COUNT(*) > 0"), "1");
  EXPECT_EQ(OnAnyShard("SELECT reason FROM sl_dead_letter"), "conflict");
  EXPECT_THAT(Findings(), ElementsAre("missing"));
  const std::string winner = OnAnyShard("SELECT id FROM orders WHERE uid = 7");
  OnSource("INSERT INTO legacy.orders (id, uid, code, state) VALUES (77, 7, 'late', 'paid')");
  OnSource("UPDATE legacy.orders SET uid = 7, state = 'paid' WHERE id = 4");
  run = Run();
  ASSERT_TRUE(run.ok()) << run.status().message();
  EXPECT_EQ(run->dead_letters, 3u);
  EXPECT_EQ(OnAnyShard("SELECT id FROM orders WHERE uid = 7"), winner);
  OnSource("UPDATE legacy.orders SET uid = 1000 + id WHERE uid = 7");
  run = Run();
  ASSERT_TRUE(run.ok()) << run.status().message();
  EXPECT_EQ(run->dead_letters, 0u);
  ExpectSame(5);
}

TEST_P(TargetTest, LikeSource_HasTheSourcesForm) {
  config_.targets[0].table.body.clear();
  config_.targets[0].like_source = true;
  AddRows(1, 10);
  const auto run = Run();
  ASSERT_TRUE(run.ok()) << run.status().message();
  ExpectSame(10);
  OnSource("CREATE TABLE legacy.orders_2 LIKE legacy.orders");
  config_.mappings[0].match = {"legacy.orders*"};
  EXPECT_TRUE(job::TargetDefinitions(config_).ok());
  OnSource("ALTER TABLE legacy.orders_2 MODIFY delta BIGINT NOT NULL DEFAULT 0");
  const auto differing = job::TargetDefinitions(config_);
  ASSERT_EQ(differing.status().code(), base::Code::kUsage);
  EXPECT_THAT(differing.status().message(), HasSubstr("legacy.orders of source"));
  EXPECT_THAT(differing.status().message(), HasSubstr("legacy.orders_2 of source"));
  EXPECT_THAT(differing.status().message(), HasSubstr("column delta int not null; column delta bigint not null"));
}

// Under a lax sql_mode the source has changed what did not fit before it stored and logged it: that goes over.
TEST_P(TargetTest, FloatingPointBitsAndYears_KeepTheirBits) {
  constexpr const char* kNumbers =
      "id INT NOT NULL PRIMARY KEY, uid INT NOT NULL, f FLOAT NULL, d DOUBLE NOT NULL, fd DOUBLE NULL, one BIT(1) NOT "
      "NULL DEFAULT b'1', bits BIT(64) NULL, y YEAR NULL, z YEAR NOT NULL DEFAULT 2000";
  OnSource("DROP TABLE legacy.orders");
  OnSource(fmt::format("CREATE TABLE legacy.orders ({})", kNumbers));
  config_.targets[0].table.body = std::string(kNumbers) + ")";
  config_.mappings[0].columns.clear();
  for (const char* name : {"id", "uid", "f", "d", "one", "bits", "y", "z"}) {
    config_.mappings[0].columns.emplace_back(name, name);
  }
  config_.mappings[0].columns.emplace_back("fd", "f");
  config_.mappings[0].ignore = {"fd"};
  const auto insert = [&](int first) {
    constexpr const char* kRows =
        "({}, 1, '-0', '-0', b'0', 0, 0, 1901), ({}, 2, 16777215, 9007199254740993, b'1', 18446744073709551615, 2155, "
        "2024), ({}, 3, '1e-45', '5e-324', b'1', NULL, NULL, 1999), ({}, 4, '3.4028234663852886e38', "
        "'1.7976931348623157e308', b'0', 9223372036854775808, 2000, 1970), ({}, 5, NULL, '2.2250738585072014e-308', "
        "b'1', 53, 1955, 2069), ({}, 6, 0.1, 0.1, b'1', 9, 1, 70)";
    OnSource("INSERT INTO legacy.orders (id, uid, f, d, one, bits, y, z) VALUES " +
             fmt::format(fmt::runtime(kRows), first, first + 1, first + 2, first + 3, first + 4, first + 5));
  };
  insert(1);
  const auto lax = SourceSession();
  live::SqlOn(*lax, "SET sql_mode = ''");
  live::SqlOn(
      *lax,
      "INSERT INTO legacy.orders (id, uid, f, d, one, bits, y, z) VALUES (100, 7, 1e39, '-2e308', 5, '123456789', "
      "1800, 3000), (101, 8, 'x', '1e-400', 1, 1, 'x', 99)");
  auto run = Run();
  ASSERT_TRUE(run.ok()) << run.status().message();
  ExpectSame(8);
  insert(200);
  OnSource("UPDATE legacy.orders SET d = -d, f = -f, uid = uid * 7919, one = b'0', bits = bits ^ 5 WHERE id < 200");
  run = Run();
  ASSERT_TRUE(run.ok()) << run.status().message();
  EXPECT_EQ(run->dead_letters, 0u);
  ExpectSame(14);
  const bool has_minus_zero = GetParam() == mysql::Flavour::kMySql;  // MariaDB stores 0
  OnShardOf(200, fmt::format("UPDATE orders SET d = {} WHERE id = 200", has_minus_zero ? "0" : "'5e-324'"));
  OnShardOf(201, "UPDATE orders SET d = 9007199254740994, f = 16777214 WHERE id = 201");
  OnShardOf(202, "UPDATE orders SET d = '1e-323', one = b'0' WHERE id = 202");
  OnShardOf(203, "UPDATE orders SET bits = 9223372036854775809, y = 0 WHERE id = 203");
  EXPECT_THAT(Findings(), ElementsAre("differs d", "differs f,d", "differs d,one", "differs bits,y"));
}

INSTANTIATE_TEST_SUITE_P(Servers, TargetTest, ::testing::Values(mysql::Flavour::kMariaDb, mysql::Flavour::kMySql),
                         FlavourParamName);

}  // namespace
}  // namespace shardlift::migrate::testing
