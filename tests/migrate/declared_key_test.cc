// Target tables with a declared key: nothing of the tool's is in them, and each row is known by what the mapping makes
// of its legacy key.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "job/catalog.h"
#include "repair/repair.h"
#include "tests/migrate/fixture.h"
#include "tests/migrate/program.h"
#include "verify/verify.h"

namespace shardlift::migrate::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr const char* kOrders =
    "id BIGINT UNSIGNED NOT NULL PRIMARY KEY, uid BIGINT UNSIGNED NOT NULL, code VARCHAR(20) NOT NULL, bucket INT NOT "
    "NULL DEFAULT 0, note TEXT NULL, UNIQUE KEY code (code)";

class DeclaredKeyTest : public MigrateTest {
 protected:
  void SetUp() override {
    MigrateTest::SetUp();
    OnSource("DROP DATABASE IF EXISTS legacy");
    OnSource("CREATE DATABASE legacy CHARACTER SET utf8mb4 COLLATE utf8mb4_bin");
  }

  // One mapping of `match` into table `name` with this definition ("": that of the sources).
  void SetTarget(const std::string& name, const std::string& body, std::vector<std::string> key,
                 std::vector<std::string> legacy_key, std::vector<std::pair<std::string, std::string>> columns) {
    job::TargetConfig target;
    target.place = "targets[0]";
    target.table = {name, body, "3", "uid", std::move(key)};
    target.like_source = body.empty();
    config_.targets = {target};
    mapping::MappingConfig mapping;
    mapping.name = name;
    mapping.place = "test";
    mapping.origin = 9;
    mapping.target = name;
    mapping.match = {"legacy.*"};
    mapping.key = std::move(legacy_key);
    mapping.columns = std::move(columns);
    config_.mappings = {mapping};
  }
  void SetOrders() {
    OnSource(fmt::format("CREATE TABLE legacy.orders ({})", kOrders));
    SetTarget("orders", "", {"id"}, {"id"},
              {{"id", "id"}, {"uid", "uid"}, {"code", "code"}, {"bucket", "bucket"}, {"note", "note"}});
  }
  void AddOrders(int first, int last) {
    std::string rows;
    for (int id = first; id <= last; ++id) {
      rows += fmt::format("{}({}, {}, 'code-{}', {}, 'a\\tb {}')", id == first ? "" : ", ", id, 1000 + id, id, -id, id);
    }
    OnSource("INSERT INTO legacy.orders VALUES " + rows);
  }
  void Move() {
    const auto moved = Run();
    ASSERT_TRUE(moved.ok()) << moved.status().message();
    EXPECT_EQ(moved->dead_letters, 0u);
  }

  verify::VerifyReport Verify(verify::VerifyMethod method) {
    verify::VerifyOptions options;
    options.progress = false;
    options.method = method;
    auto report = verify::RunVerify(config_, options);
    EXPECT_TRUE(report.ok()) << report.status().message();
    if (!report.ok()) return {};
    EXPECT_THAT(report->not_verified, IsEmpty()) << verify::ReportText(*report);
    return *report;
  }
  void ExpectSame(std::uint64_t rows) {
    for (const auto method : {verify::VerifyMethod::kServer, verify::VerifyMethod::kClient}) {
      const verify::VerifyReport report = Verify(method);
      EXPECT_TRUE(report.clean()) << verify::ReportText(report);
      EXPECT_EQ(report.rows_compared, rows);
      EXPECT_EQ(report.digests.parts_by_rows, 0u);
    }
  }
  // "missing 3", "differs 5 note", ..., the same by both methods.
  std::vector<std::string> Findings() {
    std::vector<std::vector<std::string>> texts;
    for (const auto method : {verify::VerifyMethod::kServer, verify::VerifyMethod::kClient}) {
      texts.emplace_back();
      for (const verify::Finding& finding : Verify(method).findings) {
        texts.back().push_back(fmt::format("{} {}{}{}", verify::FindingKindName(finding.kind),
                                           finding.mapping.empty() ? "unknown" : finding.key_text,
                                           finding.columns.empty() ? "" : " ", fmt::join(finding.columns, ",")));
      }
    }
    EXPECT_EQ(texts[0], texts[1]);
    return texts[0];
  }
  repair::RepairReport Repair() {
    repair::RepairOptions options;
    options.progress = false;
    options.max_share_percent = 100;
    options.audit_path = live::Directory() + "/declared-key-audit.jsonl";
    std::filesystem::remove(options.audit_path);
    auto report = repair::RunRepair(config_, options);
    EXPECT_TRUE(report.ok()) << report.status().message();
    return report.ok() ? *report : repair::RepairReport();
  }

  // The shard that has a row of `table` under the condition.
  int ShardOf(const std::string& table, const std::string& condition) {
    for (int shard = 0; shard < 2; ++shard) {
      const auto rows = live::RowsOn(*ShardSession(shard), fmt::format("SELECT 1 FROM {} WHERE {}", table, condition));
      if (!rows.rows.empty()) return shard;
    }
    ADD_FAILURE() << "no shard has a row of " << table << " where " << condition;
    return 0;
  }
  std::string OnBothShards(const std::string& select) {
    std::string values;
    for (int shard = 0; shard < 2; ++shard) {
      for (const auto& row : live::RowsOn(*ShardSession(shard), select).rows) {
        values += (values.empty() ? "" : " ") + row.at(0).value_or("NULL");
      }
    }
    return values;
  }
  // The refusal that both the plan's checks and migrate end with.
  std::string Refusal() {
    const auto moved = Run();
    EXPECT_EQ(moved.status().code(), base::Code::kRefused) << moved.status().message();
    const auto catalog = job::LoadCatalog(config_, false);
    EXPECT_EQ(catalog.status().code(), base::Code::kRefused) << catalog.status().message();
    EXPECT_EQ(catalog.status().message(), moved.status().message());
    return std::string(moved.status().message());
  }
};

TEST_P(DeclaredKeyTest, LikeSource_CopiedFollowedVerifiedAndRepaired) {
  SetOrders();
  AddOrders(1, 40);
  Move();
  EXPECT_EQ(OnBothShards("SELECT GROUP_CONCAT(COLUMN_NAME ORDER BY ORDINAL_POSITION) FROM information_schema.COLUMNS "
                         "WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'orders'"),
            "id,uid,code,bucket,note id,uid,code,bucket,note");
  ExpectSame(40);
  AddOrders(41, 60);
  OnSource("UPDATE legacy.orders SET note = CONCAT(note, '!') WHERE id % 3 = 0");
  OnSource("UPDATE legacy.orders SET uid = uid * 7919 WHERE id % 4 = 0");  // half of them to the other shard
  OnSource("UPDATE legacy.orders SET id = id + 500 WHERE id % 10 = 1");
  OnSource("DELETE FROM legacy.orders WHERE id % 5 = 0");
  Move();
  ExpectSame(48);

  const auto on = [&](int id, const std::string& sql) {
    OnShard(ShardOf("orders", fmt::format("id = {}", id)), fmt::format(fmt::runtime(sql), id));
  };
  on(3, "DELETE FROM orders WHERE id = {}");
  on(6, "UPDATE orders SET note = 'other' WHERE id = {}");
  on(7, "UPDATE orders SET id = 900 WHERE id = {}");
  on(8, "UPDATE orders SET uid = uid + 1 WHERE id = {}");
  on(9, "INSERT INTO orders (id, uid, code) VALUES (901, 5, 'extra-{}')");
  const int home = ShardOf("orders", "id = 12");
  OnShard(1 - home, "INSERT INTO orders VALUES (12, 1, 'code-12', 0, NULL)");
  OnShard(home, "DELETE FROM orders WHERE id = 12");
  const int other = 1 - ShardOf("orders", "id = 13");
  OnShard(other, "INSERT INTO orders VALUES (13, 1013, 'code-13', -13, NULL)");
  EXPECT_THAT(Findings(),
              ElementsAre("missing 3", "differs 6 note", "missing 7", "wrong_bucket 8 uid",
                          "wrong_shard 12 uid,bucket,note", HasSubstr("duplicate 13"), "extra 900", "extra 901"));
  const repair::RepairReport repaired = Repair();
  EXPECT_EQ(repaired.exit_code(), 0) << repair::RepairText(repaired);
  EXPECT_EQ(repaired.total().repaired, 8u);
  ExpectSame(48);
}

TEST_P(DeclaredKeyTest, TwoTablesWithEqualIds_ComposeId_NeverCollide) {
  for (const char* table : {"a_msg", "b_msg"}) {
    OnSource(
        fmt::format("CREATE TABLE legacy.{} (id INT NOT NULL PRIMARY KEY, uid INT NOT NULL, body VARCHAR(40) NOT "
                    "NULL)",
                    table));
    for (int id = 1; id <= 20; ++id) {
      OnSource(fmt::format("INSERT INTO legacy.{0} VALUES ({1}, {1}, '{0} {1}')", table, id));
    }
  }
  SetTarget("mail", "mail_id BIGINT UNSIGNED NOT NULL PRIMARY KEY, uid INT NOT NULL, body VARCHAR(60) NOT NULL)",
            {"mail_id"}, {"id"}, {{"mail_id", "COMPOSE_ID(id)"}, {"uid", "uid"}, {"body", "body"}});
  Move();
  ExpectSame(40);
  OnSource("DELETE FROM legacy.a_msg WHERE id % 5 = 0");
  OnSource("UPDATE legacy.b_msg SET body = 'later', uid = uid * 31 WHERE id < 15");
  OnSource("UPDATE legacy.b_msg SET id = 700 + id WHERE id > 17");
  Move();
  ExpectSame(36);
  EXPECT_EQ(OnBothShards("SELECT body FROM mail WHERE body LIKE '%msg 5'"), "");
  const int shard = ShardOf("mail", "body = 'a_msg 7'");
  OnShard(shard, "UPDATE mail SET body = 'a_msg  7' WHERE body = 'a_msg 7'");
  OnShard(shard, "INSERT INTO mail VALUES (12345, 7, 'of no table')");
  EXPECT_THAT(Findings(), ElementsAre("differs 7 body", "extra unknown"));
  const repair::RepairReport repaired = Repair();
  EXPECT_EQ(repaired.exit_code(), 1) << "what the row of no table should be, nothing says";
  EXPECT_EQ(repaired.total().repaired, 1u);
  EXPECT_EQ(repaired.total().refused, 1u);
  EXPECT_THAT(Findings(), ElementsAre("extra unknown"));
}

// Nothing here has an index in the order of owners; names differ by a space at the end, which the collation ignores.
TEST_P(DeclaredKeyTest, PackedTextAndTableSuffix_WithoutRanges) {
  for (const char* table : {"box_01", "box_02"}) {
    OnSource(
        fmt::format("CREATE TABLE legacy.{} (region TINYINT UNSIGNED NOT NULL, seq INT UNSIGNED NOT NULL, name "
                    "VARCHAR(20) NOT NULL, uid INT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (region, seq, name))",
                    table));
    for (int i = 1; i <= 12; ++i) {
      OnSource(fmt::format("INSERT INTO legacy.{0} VALUES ({1}, {2}, 'n{3}{4}', {2}, '{0} {2}')", table, i % 3, i,
                           i % 2, i % 4 < 2 ? " " : ""));
    }
  }
  SetTarget("box",
            "part CHAR(2) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, place BIGINT UNSIGNED NOT NULL, tag "
            "VARCHAR(30) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL, uid INT NOT NULL, body TEXT NOT NULL, "
            "UNIQUE KEY box (tag, part, place))",
            {"part", "place", "tag"}, {"region", "seq", "name"},
            {{"part", "TABLE_SUFFIX()"},
             {"place", "seq * 256 + region"},
             {"tag", "CONCAT('n:', name, '.')"},
             {"uid", "uid"},
             {"body", "body"}});
  Move();
  ExpectSame(24);
  OnSource("UPDATE legacy.box_01 SET name = CONCAT(name, ' ') WHERE seq < 5");
  OnSource("UPDATE legacy.box_02 SET uid = uid * 31, body = 'later' WHERE seq > 5");
  OnSource("DELETE FROM legacy.box_01 WHERE seq = 9");
  Move();
  ExpectSame(23);
  const int shard = ShardOf("box", "part = '02' AND body = 'box_02 3'");
  OnShard(shard, "UPDATE box SET tag = CONCAT(LEFT(tag, 3), '.') WHERE part = '02' AND body = 'box_02 3'");
  OnShard(shard, "INSERT INTO box VALUES ('03', 7, 'n:x.', 1, ''), ('02', 7, 'x', 1, '')");
  EXPECT_THAT(Findings(), UnorderedElementsAre("missing ", "extra ", "extra unknown", "extra unknown"));
}

TEST_P(DeclaredKeyTest, WhatCannotBeShown_IsRefused) {
  OnSource("CREATE TABLE legacy.msg (id BIGINT NOT NULL PRIMARY KEY, name VARCHAR(20) NOT NULL, uid INT NOT NULL)");
  const auto refusal = [&](const std::string& key_column, const std::string& expression, const char* collation) {
    OnShard(-1, "DROP TABLE IF EXISTS shard_0.t, shard_1.t");
    SetTarget("t",
              fmt::format("k {} NOT NULL, uid INT NOT NULL, name VARCHAR(20) NOT NULL, UNIQUE KEY k (k)){}", key_column,
                          collation),
              {"k"}, {"id"}, {{"k", expression}, {"uid", "uid"}, {"name", "name"}});
    return Refusal();
  };
  constexpr const char* kBin = " COLLATE utf8mb4_bin";
  const auto names_it = AllOf(HasSubstr("legacy.msg into t: declared key: k: "), HasSubstr("let the tool add"));
  EXPECT_THAT(refusal("BIGINT", "id DIV 2", kBin), names_it);
  EXPECT_THAT(refusal("BIGINT", "id + uid", kBin), AllOf(names_it, HasSubstr("does not have")));
  EXPECT_THAT(refusal("BIGINT", "id * -1", kBin), AllOf(names_it, HasSubstr("not above zero")));
  EXPECT_THAT(refusal("VARCHAR(40)", "SHA2(CAST(id AS CHAR), 256)", kBin), AllOf(names_it, HasSubstr("a hash")));
  EXPECT_THAT(refusal("VARCHAR(40)", "CONCAT(id, '/', id)", kBin), AllOf(names_it, HasSubstr("more than one part")));
  EXPECT_THAT(refusal("BIGINT", "7", kBin), HasSubstr("declared key: id: the declared key does not tell"));
  EXPECT_THAT(refusal("VARCHAR(40)", "CAST(id AS CHAR)", " COLLATE utf8mb4_general_ci"),
              AllOf(HasSubstr("key: column k has collation utf8mb4_general_ci"), HasSubstr("_bin collation")));
  EXPECT_THAT(refusal("DATE", "CAST('2020-01-01' AS DATE)", kBin), HasSubstr("key: column k is of type date"));
  config_.targets[0].table.key = {"uid"};
  EXPECT_THAT(Refusal(), HasSubstr("key: (uid) is no unique key of whole, NOT NULL columns"));
  config_.targets[0].table.key = {"nobody"};
  EXPECT_THAT(Refusal(), HasSubstr("key: there is no column nobody"));

  OnSource("CREATE TABLE legacy.msg_2 LIKE legacy.msg");
  EXPECT_THAT(refusal("BIGINT", "id", kBin),
              AllOf(HasSubstr("rows of legacy.msg of source"), HasSubstr("and of legacy.msg_2 of source"),
                    HasSubstr("COMPOSE_ID(...)")));
  EXPECT_EQ(OnBothShards("SELECT COUNT(*) FROM sl_source_table"), "0 0") << "nothing is stored";
}

TEST_P(DeclaredKeyTest, KilledInTheCopy_Resumed_EachRowOnce) {
  SetOrders();
  AddOrders(1, 20);
  const std::string job = WriteJobFile();
  for (const char* place : {"lane.in_transaction:2", "chunk.read:2"}) {
    Program program({"migrate", "-c", job, "--pause-at", place}, job + ".log");
    ASSERT_NE(program.WaitForEvent({"\"pause\""}, 30), "") << program.Log();
    program.Kill();
    OnSource("UPDATE legacy.orders SET uid = uid + 1, note = 'later' WHERE id IN (2, 8, 19)");
    OnSource("DELETE FROM legacy.orders WHERE id = 4");
  }
  Program program({"migrate", "-c", job, "--until-caught-up"}, job + ".log");
  EXPECT_EQ(program.Wait(), 0) << program.Log();
  config_.sources[0].endpoint.name = "legacy";  // as the job file has it
  ExpectSame(19);
  int changed = 0;
  for (int shard = 0; shard < 2; ++shard) {
    changed +=
        static_cast<int>(live::RowsOn(*ShardSession(shard), "SELECT 1 FROM orders WHERE note = 'later'").rows.size());
  }
  EXPECT_EQ(changed, 3);
}

INSTANTIATE_TEST_SUITE_P(Servers, DeclaredKeyTest, ::testing::Values(mysql::Flavour::kMariaDb, mysql::Flavour::kMySql),
                         FlavourParamName);

}  // namespace
}  // namespace shardlift::migrate::testing
