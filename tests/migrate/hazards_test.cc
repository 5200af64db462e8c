// Every way in which a legacy row may not fit the target, under every policy, written with a strict and with a lax
// sql_mode, copied and followed, on both servers: what each cell ends in is written out below.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <cstdlib>
#include <map>
#include <string>

#include "store/message_table.h"
#include "tests/migrate/fixture.h"
#include "verify/verify.h"

namespace shardlift::migrate::testing {
namespace {

using namespace std::string_literals;
using mapping::BadValuePolicy;
using mapping::ConflictPolicy;
using ::testing::HasSubstr;
using ::testing::Not;

enum class Policy : std::uint8_t { kRefuse, kDeadLetter, kMap };
enum class SourceMode : std::uint8_t { kStrict, kLax };
enum class Path : std::uint8_t { kCopy, kTail };

constexpr const char* kStrictMode = "TRADITIONAL";
constexpr const char* kNotWritten = "(the source refuses the row)";
constexpr const char* kNoCharacter = "\xA2\xA0";  // though of the form of one in gbk

struct Hazard {
  const char* name;
  const char* column;     // of the target
  const char* of_source;  // what makes the row a hazard: column and value
  const char* value;
  const char* strict;       // when written with a strict sql_mode: "", or kNotWritten
  const char* refuse;       // the message that the run ends with
  const char* dead_letter;  // reason and detail of the dead letter
  const char* map;          // the column's value in the target, or reason and detail
};

// In all policies the row is counted, and no row of the target differs from what verify computes.
constexpr Hazard kHazards[] = {
    {"two rows, one target key", "msg_id", "legacy_id", "1", "",
     "a row of legacy.msg wants a target key that another row has", "conflict: another owner's row has the same",
     "conflict: another owner's row has the same"},  // a key that is taken has no replacement
    {"value too long", "conversation", "conv", "REPEAT('x', 192)", "", "conversation: more bytes than the column takes",
     "bad-value: legacy: legacy.msg: conversation: more bytes", "too long"},
    {"NULL into NOT NULL", "msg_type", "kind", "NULL", "", "msg_type: NULL in a NOT NULL column",
     "bad-value: legacy: legacy.msg: msg_type: NULL", "999"},
    {"no character of the charset", "body", "body", "x'A2A0'", "", "body: bytes that its character set does not have",
     "bad-value: legacy: legacy.msg: body: bytes that", kNoCharacter},
    {"time outside the target type", "sent_at", "ctime", "253402300800", "",
     "sent_at: seconds outside 1970 to 9999 under FROM_UNIXTIME",
     "bad-value: legacy: legacy.msg: sent_at: seconds outside", "1970-01-01 00:00:00.000000"},
    {"legacy id too wide", "msg_id", "legacy_id", "1 << 40", "", "msg_id: an id that does not fit in 40 bits",
     "bad-value: legacy: legacy.msg: msg_id: an id that", "COMPOSE_ID(id)"},
    {"zero date", "edited_at", "mtime", "'0000-00-00'", kNotWritten, "edited_at: a zero or impossible date",
     "bad-value: legacy: legacy.msg: edited_at: a zero", "NULL"},
    {"day that is none", "edited_at", "mtime", "'2023-02-31'", kNotWritten, "edited_at: a zero or impossible date",
     "bad-value: legacy: legacy.msg: edited_at: a zero", "NULL"},
};

bool IsWritten(const Hazard& hazard, SourceMode mode) { return mode == SourceMode::kLax || hazard.strict[0] == '\0'; }

std::string SqlMode(SourceMode mode) { return mode == SourceMode::kStrict ? kStrictMode : "ALLOW_INVALID_DATES"; }

constexpr int kTailIds = 1000;
constexpr int kBaseId = 1;

int IdOf(std::size_t hazard, SourceMode mode, Path path) {
  return static_cast<int>(10 * (hazard + 1)) + (mode == SourceMode::kLax ? 1 : 0) +
         (path == Path::kTail ? kTailIds : 0);
}

class Hazards : public MigrateTest {
 protected:
  void SetUp() override {
    MigrateTest::SetUp();
    OnSource("DROP DATABASE IF EXISTS legacy");
    OnSource("CREATE DATABASE legacy");
    OnSource(
        "CREATE TABLE legacy.msg (id INT UNSIGNED NOT NULL PRIMARY KEY, legacy_id BIGINT UNSIGNED NOT NULL, uid INT "
        "UNSIGNED NOT NULL, conv VARCHAR(200) NOT NULL, sender VARCHAR(20), kind INT, body VARCHAR(20) CHARACTER SET "
        "gbk NOT "
        "NULL, ctime BIGINT NOT NULL, mtime DATETIME) DEFAULT CHARSET=utf8mb4");
  }

  void UsePolicy(Policy policy) {
    mapping::MappingConfig& mapping = config_.mappings[0];
    mapping.columns = {{"account_type", "1"},
                       {"account_key", "uid"},
                       {"conversation", "conv"},
                       {"sent_at", "FROM_UNIXTIME(ctime)"},
                       {"msg_id", "COMPOSE_ID(legacy_id)"},
                       {"biz_tag", "1"},
                       {"sender", "sender"},
                       {"msg_type", "kind"},
                       {"body", "body"},
                       {"edited_at", "CAST(mtime AS DATETIME(6))"},
                       {"client_id", "LEFT(sender, 3)"}};
    mapping.on_bad_value = policy == Policy::kDeadLetter ? BadValuePolicy::kDeadLetter : BadValuePolicy::kRefuse;
    mapping.on_conflict = policy == Policy::kRefuse ? ConflictPolicy::kRefuse : ConflictPolicy::kDeadLetter;
    mapping.bad_values.clear();
    if (policy != Policy::kMap) return;
    mapping.bad_values = {{"conversation", "'too long'"},
                          {"sent_at", "CAST('1970-01-01 00:00:00' AS DATETIME)"},
                          {"msg_id", "COMPOSE_ID(id)"},
                          {"msg_type", "999"},
                          {"body", "CAST(CONVERT(body USING gbk) AS BINARY)"},
                          {"edited_at", "NULL"}};
  }

  void WriteBase() {
    OnSource("INSERT INTO legacy.msg VALUES (1, 1, 7, 'c', 'Alice', 3, 'hello', 1700000000, '2024-02-29 00:00:00')");
  }

  // The row, written as an application of that sql_mode would.
  void Write(std::size_t hazard, SourceMode mode, Path path) {
    const Hazard& h = kHazards[hazard];
    const int id = IdOf(hazard, mode, path);
    const auto value = [&](const char* column, const std::string& otherwise) {
      return std::string(h.of_source) == column ? std::string(h.value) : otherwise;
    };
    auto session = SourceSession();
    SL_ASSERT_OK(session->Execute(fmt::format("SET sql_mode = '{}'", SqlMode(mode)), "mode"));
    const base::Status status =
        session->Execute(fmt::format("INSERT INTO legacy.msg VALUES ({}, {}, 7, {}, 'bob', {}, {}, {}, {})", id,
                                     value("legacy_id", std::to_string(id)), value("conv", "'c'"), value("kind", "3"),
                                     value("body", "'hello'"), value("ctime", "1700000000"), value("mtime", "NULL")),
                         "hazard");
    EXPECT_EQ(status.ok(), IsWritten(h, mode)) << h.name << ": " << status.message();
  }

  // "value", "reason: detail" or "nowhere" of the row with this key, of one target column.
  std::string Outcome(int id, const std::string& column) {
    const std::string owner = fmt::format("owner_key = x'{:016X}'", id);
    std::vector<std::string> found;
    for (int shard = 0; shard < 2; ++shard) {
      auto session = ShardSession(shard);
      for (const auto& row : live::RowsOn(*session, fmt::format("SELECT {} FROM message WHERE {}", column, owner)).rows)
        found.push_back(row[0].value_or("NULL"));
      for (const auto& row : live::RowsOn(*session, "SELECT reason, detail FROM sl_dead_letter WHERE " + owner).rows)
        found.push_back(*row[0] + ": " + *row[1]);
    }
    return found.empty() ? "nowhere" : fmt::format("{}", fmt::join(found, " and "));
  }

  std::string ComposedId(int id) {
    return live::OneOn(*ShardSession(0), fmt::format("SELECT (9 << 56 | ordinal << 40) + {} FROM sl_source_table", id));
  }

  void ExpectOutcomes(Policy policy, Path path) {
    for (std::size_t i = 0; i < std::size(kHazards); ++i) {
      for (const SourceMode mode : {SourceMode::kStrict, SourceMode::kLax}) {
        const Hazard& hazard = kHazards[i];
        const int id = IdOf(i, mode, path);
        std::string expected = !IsWritten(hazard, mode)          ? "nowhere"
                               : policy == Policy::kDeadLetter   ? hazard.dead_letter
                               : hazard.map == "COMPOSE_ID(id)"s ? ComposedId(id)
                                                                 : hazard.map;
        const std::string outcome = Outcome(id, hazard.column);
        EXPECT_THAT(outcome, HasSubstr(expected)) << hazard.name << ", " << SqlMode(mode);
        EXPECT_THAT(outcome, Not(HasSubstr(" and "))) << hazard.name;
      }
    }
  }

  static std::uint64_t Expected(const char* column, bool conflicts) {
    std::uint64_t rows = 0;
    for (const Hazard& hazard : kHazards) {
      const bool is_conflict = std::string_view(hazard.dead_letter).starts_with("conflict");
      for (const SourceMode mode : {SourceMode::kStrict, SourceMode::kLax}) {
        const bool counts = is_conflict == conflicts && (column == nullptr || std::string(column) == hazard.column);
        rows += counts && IsWritten(hazard, mode) ? 1u : 0u;
      }
    }
    return rows;
  }

  static void ExpectCounts(Policy policy, const MigrateSummary& summary, std::uint64_t lossy) {
    std::map<std::string, ColumnCounts> counts;
    for (const ValueCount& one : summary.values) {
      EXPECT_EQ(one.mapping, "legacy");
      counts[one.column] = one.counts;
    }
    for (const char* column : {"conversation", "msg_type", "body", "sent_at", "msg_id", "edited_at"}) {
      const std::uint64_t rows = Expected(column, false);
      EXPECT_EQ(counts[column].replaced, policy == Policy::kMap ? rows : 0) << column;
      EXPECT_EQ(counts[column].set_aside, policy == Policy::kMap ? 0 : rows) << column;
    }
    EXPECT_EQ(counts["client_id"].lossy, lossy);
  }

  void ExpectVerified(Policy policy) {
    for (const auto method : {verify::VerifyMethod::kServer, verify::VerifyMethod::kClient}) {
      SCOPED_TRACE(verify::VerifyMethodName(method));
      verify::VerifyOptions options;
      options.progress = false;
      options.method = method;
      const auto report = verify::RunVerify(config_, options);
      ASSERT_TRUE(report.ok()) << report.status().message();
      ExpectReport(policy, *report);
    }
  }

  static void ExpectReport(Policy policy, const verify::VerifyReport& report) {
    const std::uint64_t rows = 2 * Expected(nullptr, false);
    const std::uint64_t set_aside = 2 * Expected(nullptr, true) + (policy == Policy::kDeadLetter ? rows : 0);
    EXPECT_EQ(report.dead_letters, set_aside);
    EXPECT_EQ(report.per_mapping.at(0).equal, 1 + (policy == Policy::kMap ? rows : 0));
    EXPECT_EQ(report.counts[static_cast<std::size_t>(verify::FindingKind::kDiffers)], 0u);
    EXPECT_EQ(report.counts[static_cast<std::size_t>(verify::FindingKind::kExtra)], 0u);
    EXPECT_TRUE(report.not_verified.empty());
  }

  void CopyAndFollow(Policy policy) {
    UsePolicy(policy);
    for (const Path path : {Path::kCopy, Path::kTail}) {
      SCOPED_TRACE(path == Path::kCopy ? "copied" : "followed");
      if (path == Path::kCopy) WriteBase();
      for (std::size_t i = 0; i < std::size(kHazards); ++i) {
        for (const SourceMode mode : {SourceMode::kStrict, SourceMode::kLax}) Write(i, mode, path);
      }
      const auto summary = Run();
      ASSERT_TRUE(summary.ok()) << summary.status().message();
      ExpectCounts(policy, *summary, path == Path::kCopy ? 1 : 0);
      ExpectOutcomes(policy, path);
    }
    ExpectVerified(policy);
  }

  // A job that has not run yet, over empty tables.
  void StartAnew() {
    OnSource("DELETE FROM legacy.msg");
    for (int shard = 0; shard < 2; ++shard) {
      for (const char* table : {"message", "sl_lane", "sl_copy", "sl_dead_letter", "sl_source_table"})
        OnShard(shard, fmt::format("DELETE FROM {}", table));
    }
    config_.spool.directory = fmt::format("{}/spool-hazard-{}", live::Directory(), ++anew_);
    WriteBase();
  }

  static inline int anew_ = 0;
};

TEST_P(Hazards, DeadLetter_EachRowIsSetAsideAndCounted) { CopyAndFollow(Policy::kDeadLetter); }

TEST_P(Hazards, Map_EachValueIsReplacedAndCounted_VerifyAgrees) { CopyAndFollow(Policy::kMap); }

// A run ends at the first such row, so each cell has a run of its own. Half of the cells by default, in turns;
// SHARDLIFT_HAZARDS=all runs the other half too.
TEST_P(Hazards, Refuse_EachRowEndsTheRunAndIsNamed) {
  const bool all = std::getenv("SHARDLIFT_HAZARDS") != nullptr;
  UsePolicy(Policy::kRefuse);
  for (int shard = 0; shard < 2; ++shard) {
    SL_ASSERT_OK(store::ApplySchema(*ShardSession(-1), config_.shards[static_cast<std::size_t>(shard)].database));
  }
  for (std::size_t i = 0; i < std::size(kHazards); ++i) {
    for (const SourceMode mode : {SourceMode::kStrict, SourceMode::kLax}) {
      if (!IsWritten(kHazards[i], mode)) continue;
      const bool only_lax = kHazards[i].strict[0] != '\0';
      for (const Path path : {Path::kCopy, Path::kTail}) {
        const bool in_turn = only_lax || ((mode == SourceMode::kStrict) == (path == Path::kCopy)) == (i % 2 == 0);
        if (!all && !in_turn) continue;
        SCOPED_TRACE(fmt::format("{}, {}, {}", kHazards[i].name, SqlMode(mode), path == Path::kCopy ? "copy" : "tail"));
        StartAnew();
        if (path == Path::kTail) {
          ASSERT_TRUE(RunMigrate(config_, options_).ok());
        }
        Write(i, mode, path);
        const auto summary = RunMigrate(config_, options_);
        ASSERT_FALSE(summary.ok());
        EXPECT_EQ(base::ExitCodeOf(summary.status()), 4);
        EXPECT_THAT(summary.status().message(), HasSubstr(kHazards[i].refuse));
        const std::string outcome = Outcome(IdOf(i, mode, path), kHazards[i].column);
        EXPECT_TRUE(outcome == "nowhere" || outcome.starts_with("conflict")) << outcome;
      }
    }
  }
}

TEST_P(Hazards, TwoTablesWithEqualIds_NeverCollide) {
  UsePolicy(Policy::kRefuse);
  config_.mappings[0].match = {"legacy.msg", "legacy.msg_b"};
  OnSource("CREATE TABLE legacy.msg_b LIKE legacy.msg");
  for (const int first : {1, 11}) {  // copied, followed
    for (const char* table : {"msg", "msg_b"}) {
      std::string rows;
      for (int id = first; id < first + 10; ++id) {
        rows += fmt::format("{}({}, {}, 7, 'c', 'bob', 3, 'in {}', 1700000000, NULL)", rows.empty() ? "" : ", ", id, id,
                            table);
      }
      OnSource(fmt::format("INSERT INTO legacy.{} VALUES {}", table, rows));
    }
    const auto summary = Run();
    ASSERT_TRUE(summary.ok()) << summary.status().message();
    EXPECT_EQ(summary->dead_letters, 0u);
  }
  EXPECT_EQ(TargetRowsWith("in msg"), 20);
  EXPECT_EQ(TargetRowsWith("in msg_b"), 20);
  int ids = 0;  // one account: all rows are on one shard
  for (int shard = 0; shard < 2; ++shard)
    ids += std::stoi(live::OneOn(*ShardSession(shard), "SELECT COUNT(DISTINCT msg_id) FROM message"));
  EXPECT_EQ(ids, 40);
  verify::VerifyOptions options;
  options.progress = false;
  const auto report = verify::RunVerify(config_, options);
  ASSERT_TRUE(report.ok()) << report.status().message();
  EXPECT_TRUE(report->clean());
  EXPECT_EQ(report->per_mapping.at(0).equal, 40u);
}

// What only the shard's server finds wrong is a bad value too.
TEST_P(Hazards, ServerRefusesAValue_EndsAsConfigured) {
  for (const Policy policy : {Policy::kRefuse, Policy::kDeadLetter}) {
    UsePolicy(policy);
    for (int shard = 0; shard < 2; ++shard) {
      SL_ASSERT_OK(store::ApplySchema(*ShardSession(-1), config_.shards[static_cast<std::size_t>(shard)].database));
      if (policy == Policy::kRefuse)
        OnShard(shard, "ALTER TABLE message ADD CONSTRAINT no_hello CHECK (body <> 'hello')");
    }
    StartAnew();
    const auto summary = RunMigrate(config_, options_);
    EXPECT_EQ(summary.ok(), policy == Policy::kDeadLetter);
    if (!summary.ok()) {
      EXPECT_EQ(base::ExitCodeOf(summary.status()), 4);
      EXPECT_THAT(summary.status().message(), HasSubstr("the shard refused a value, server error"));
    }
    EXPECT_THAT(Outcome(kBaseId, "body"), HasSubstr(policy == Policy::kRefuse ? "nowhere" : "rejected: "));
  }
}

INSTANTIATE_TEST_SUITE_P(Servers, Hazards, ::testing::Values(mysql::Flavour::kMariaDb, mysql::Flavour::kMySql),
                         FlavourParamName);

}  // namespace
}  // namespace shardlift::migrate::testing
