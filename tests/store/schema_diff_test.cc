// Drift of a shard's tables on the real servers: each kind is named with the statement that mends it, and the
// statement does.
#include "store/schema_diff.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/message_table.h"
#include "tests/live/live.h"

namespace shardlift::store {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class SchemaDiff : public live::LiveTest {
 protected:
  void SetUp() override {
    LiveTest::SetUp();
    MendByHand();  // the tests share one database: tables cost time
    ASSERT_THAT(Compare(), ::testing::IsEmpty());
  }
  std::vector<Difference> Compare() {
    auto differences = CompareSchema(*session_, "store_diff");
    EXPECT_TRUE(differences.ok()) << differences.status().message();
    return differences.ok() ? *differences : std::vector<Difference>();
  }
  void MendByHand() {
    Sql("CREATE DATABASE IF NOT EXISTS store_diff");
    for (const std::string& statement : StatementsFor("store_diff", Compare())) Sql(statement);
  }
};

struct Drift {
  const char* change;
  const char* table;
  const char* name;
  const char* what;
  Remedy remedy;
  const char* clause;
};

constexpr Drift kDrifts[] = {
    {"DROP TABLE sl_copy", "sl_copy", "", "this table is missing", Remedy::kCreate, "CREATE TABLE IF NOT EXISTS"},
    {"ALTER TABLE message DROP COLUMN edited_at", "message", "edited_at", "this column is missing", Remedy::kAdd,
     "ADD COLUMN `edited_at` datetime(6) NULL AFTER `status`"},
    {"ALTER TABLE sl_lane DROP COLUMN holder", "sl_lane", "holder", "invented value", Remedy::kChange,
     "ADD COLUMN `holder` varchar(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL AFTER `format_version`"},
    {"ALTER TABLE message DROP KEY conversation", "message", "conversation", "key conversation is missing",
     Remedy::kAdd, "ADD KEY `conversation` ("},
    {"ALTER TABLE message DROP KEY owner", "message", "owner", "key owner is missing", Remedy::kAdd,
     "ADD UNIQUE KEY `owner` ("},
    {"ALTER TABLE message MODIFY body LONGBLOB NOT NULL", "message", "body",
     "its type is longblob, wanted is mediumblob", Remedy::kChange, "MODIFY COLUMN `body` mediumblob NOT NULL"},
    {"ALTER TABLE message MODIFY sender VARBINARY(191) NOT NULL", "message", "sender", "it should be NULL",
     Remedy::kChange, "MODIFY COLUMN `sender` varbinary(191) NULL"},
    {"ALTER TABLE message ALTER version SET DEFAULT 2", "message", "version", "its default is not the wanted one",
     Remedy::kChange, "MODIFY COLUMN `version` int unsigned NOT NULL DEFAULT 1"},
    {"ALTER TABLE sl_source_table MODIFY table_name VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci NOT "
     "NULL",
     "sl_source_table", "table_name", "its collation is utf8mb4_unicode_ci, wanted is utf8mb4_bin", Remedy::kChange,
     "MODIFY COLUMN `table_name` varchar(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL"},
    {"ALTER TABLE sl_dead_letter MODIFY detail VARCHAR(255) CHARACTER SET latin1 NOT NULL", "sl_dead_letter", "detail",
     "its collation is latin1_swedish_ci", Remedy::kChange,
     "MODIFY COLUMN `detail` varchar(255) CHARACTER SET utf8mb4"},
    {"ALTER TABLE message DEFAULT CHARACTER SET latin1", "message", "", "its collation is latin1_swedish_ci",
     Remedy::kChange, "DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"},
    {"ALTER TABLE sl_lane ENGINE=MyISAM", "sl_lane", "", "its engine is MyISAM", Remedy::kChange, "ENGINE=InnoDB"},
    {"ALTER TABLE message DROP KEY owner, ADD UNIQUE KEY owner (owner_origin, owner_table, owner_key(100))", "message",
     "owner", "key owner has other columns", Remedy::kChange, "DROP KEY `owner`, ADD UNIQUE KEY `owner` ("},
    {"ALTER TABLE message DROP PRIMARY KEY, ADD PRIMARY KEY (msg_id, bucket)", "message", "PRIMARY",
     "key PRIMARY has other columns", Remedy::kChange, "DROP PRIMARY KEY, ADD PRIMARY KEY ("},
    {"ALTER TABLE message ADD extra INT", "message", "extra", "a column that is not part of the store", Remedy::kDrop,
     "DROP COLUMN `extra`"},
    {"ALTER TABLE message ADD UNIQUE KEY ids (msg_id)", "message", "ids", "unique key ids is not part of the store",
     Remedy::kDrop, "DROP KEY `ids`"},
};

TEST_P(SchemaDiff, EachKindOfDrift_IsNamed_AndItsStatementMendsIt) {
  EXPECT_THAT(Compare(), IsEmpty());
  Sql("USE store_diff");
  for (const Drift& drift : kDrifts) {
    SCOPED_TRACE(drift.change);
    Sql(drift.change);
    const std::vector<Difference> found = Compare();
    ASSERT_THAT(found, SizeIs(1));
    EXPECT_EQ(found[0].table, drift.table);
    EXPECT_EQ(found[0].name, drift.name);
    EXPECT_THAT(found[0].what, HasSubstr(drift.what));
    EXPECT_EQ(found[0].remedy, drift.remedy);
    EXPECT_THAT(found[0].clause, HasSubstr(drift.clause));
    const bool missing = drift.remedy == Remedy::kCreate || drift.remedy == Remedy::kAdd;
    const base::Status status = AddMissing(*session_, "store_diff", found);
    EXPECT_EQ(status.code(), missing ? base::Code::kOk : base::Code::kRefused) << status.message();
    if (missing) {
      EXPECT_THAT(Compare(), IsEmpty());
    } else {
      EXPECT_THAT(Compare(), SizeIs(1)) << "a refused apply must change nothing";
      MendByHand();
      EXPECT_THAT(Compare(), IsEmpty());
    }
  }
}

TEST_P(SchemaDiff, SeveralDifferences_AreOneStatementForEachTableAndRemedy) {
  Sql("USE store_diff");
  Sql("ALTER TABLE message DROP COLUMN edited_at, DROP COLUMN recalled_at, DROP COLUMN client_id, DROP KEY owner, "
      "ADD x INT, MODIFY body LONGBLOB");
  Sql("DROP TABLE message_tag");
  const std::vector<Difference> found = Compare();
  const std::vector<std::string> statements = StatementsFor("store_diff", found);
  ASSERT_THAT(statements, SizeIs(4));
  EXPECT_THAT(statements[0], HasSubstr("`message_tag`"));
  EXPECT_THAT(statements[1], HasSubstr("AFTER `edited_at`, ADD COLUMN `client_id`"));
  EXPECT_THAT(statements[3], HasSubstr("DROP COLUMN `x`"));
  EXPECT_EQ(AddMissing(*session_, "store_diff", found).code(), base::Code::kRefused);
  MendByHand();
  EXPECT_THAT(Compare(), IsEmpty());
}

TEST_P(SchemaDiff, AFurtherPlainKeyIsTold_AndLeftAlone) {
  Sql("ALTER TABLE store_diff.message ADD KEY mine (sender)");
  const std::vector<Difference> found = Compare();
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found[0].remedy, Remedy::kNone);
  EXPECT_THAT(StatementsFor("store_diff", found), IsEmpty());
  EXPECT_TRUE(AddMissing(*session_, "store_diff", found).ok());
  EXPECT_THAT(Compare(), SizeIs(1));
  Sql("ALTER TABLE store_diff.message DROP KEY mine");
}

TEST_P(SchemaDiff, AHiddenKeyIsADifference) {
  Sql(maria() ? "ALTER TABLE store_diff.message ALTER KEY conversation IGNORED"
              : "ALTER TABLE store_diff.message ALTER INDEX conversation INVISIBLE");
  const std::vector<Difference> found = Compare();
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_THAT(found[0].what, HasSubstr("hidden"));
  MendByHand();
  EXPECT_THAT(Compare(), IsEmpty());
}

TEST_P(SchemaDiff, TheOrderOfColumnsIsNoDifference) {
  Sql("ALTER TABLE store_diff.message MODIFY body MEDIUMBLOB NOT NULL AFTER owner_key");
  EXPECT_THAT(Compare(), IsEmpty());
}

SL_BOTH_FLAVOURS(SchemaDiff);

}  // namespace
}  // namespace shardlift::store
