#include "binlog/group_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "binlog/group_body.h"
#include "tests/binlog/event_builder.h"

namespace shardlift::binlog {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// "I 1 a", "U 1 a > 1 b", "D 1 b"
std::vector<std::string> RowsOf(const CommitGroup& group) {
  std::vector<std::string> rows;
  const auto text = [](std::span<const mysql::Value> image) {
    return std::to_string(image[0].i) + " " + std::string(image[1].bytes);
  };
  const base::Status status = group.ForEachRow([&](const RowChange& change) {
    switch (change.op) {
      case RowOp::kInsert: rows.push_back("I " + text(change.after)); break;
      case RowOp::kUpdate: rows.push_back("U " + text(change.before) + " > " + text(change.after)); break;
      case RowOp::kDelete: rows.push_back("D " + text(change.before)); break;
    }
    return base::Ok();
  });
  EXPECT_TRUE(status.ok()) << status.message();
  return rows;
}

class GroupReaderTest : public ::testing::Test {
 protected:
  GroupReaderTest() { Reset(); }

  void Reset(bool maria = false) {
    build_ = EventBuilder(maria);
    GroupReaderOptions options;
    options.start = {"bin.000001", kFirstEventOffset};
    options.tables = [this](std::string_view schema, std::string_view table) {
      return schema == "db" && table == "t" ? &schema_ : nullptr;
    };
    options.spill = spill_;
    reader_ = std::make_unique<GroupReader>(options);
    Feed(build_.FormatDescription());
  }

  // Feeds and expects success; keeps the groups that end.
  void Feed(const std::string& event) {
    base::Result<std::optional<CommitGroup>> result = reader_->Feed(event);
    ASSERT_TRUE(result.ok()) << result.status().message();
    if (*result) groups_.push_back(std::move(**result));
  }
  base::Status FeedBad(const std::string& event) { return reader_->Feed(event).status(); }

  mysql::TableSchema schema_ = SmallTable();
  SpillOptions spill_;
  EventBuilder build_;
  std::unique_ptr<GroupReader> reader_;
  std::vector<CommitGroup> groups_;
};

TEST_F(GroupReaderTest, RowsComeWithTheEndOfTheirGroup) {
  Feed(build_.Gtid(1));
  Feed(build_.Query("BEGIN"));
  Feed(build_.TableMap());
  Feed(build_.Write(EventBuilder::Row(1, "a") + EventBuilder::Row(2, "b")));
  Feed(build_.Update(EventBuilder::Row(1, "a") + EventBuilder::Row(1, "c")));
  Feed(build_.Delete(EventBuilder::Row(2, "b")));
  EXPECT_THAT(groups_, IsEmpty());
  EXPECT_TRUE(reader_->in_group());
  Feed(build_.Xid());
  ASSERT_EQ(groups_.size(), 1u);
  EXPECT_EQ(groups_[0].kind, GroupKind::kCommit);
  EXPECT_EQ(groups_[0].gtid.number, 1u);
  EXPECT_EQ(groups_[0].timestamp_seconds, 1700000000u);
  EXPECT_EQ(groups_[0].end.offset, build_.offset());
  EXPECT_LT(groups_[0].begin.offset, groups_[0].end.offset);
  EXPECT_EQ(reader_->boundary().offset, build_.offset());
  const std::vector<std::string> rows = RowsOf(groups_[0]);
  EXPECT_THAT(rows, ElementsAre("I 1 a", "I 2 b", "U 1 a > 1 c", "D 2 b"));
  EXPECT_EQ(RowsOf(groups_[0]), rows) << "a second pass gives the same";
}

TEST_F(GroupReaderTest, RollbackEndHasNoRows) {
  Feed(build_.Gtid(1));
  Feed(build_.Query("BEGIN"));
  Feed(build_.TableMap());
  Feed(build_.Write(EventBuilder::Row(1, "a")));
  Feed(build_.Query("ROLLBACK"));
  ASSERT_EQ(groups_.size(), 1u);
  EXPECT_EQ(groups_[0].kind, GroupKind::kRolledBack);
  EXPECT_FALSE(groups_[0].has_rows());
}

TEST_F(GroupReaderTest, RollbackToSavepointUndoes) {
  Feed(build_.Gtid(1));
  Feed(build_.Query("BEGIN"));
  Feed(build_.TableMap());
  Feed(build_.Write(EventBuilder::Row(1, "a")));
  Feed(build_.Query("SAVEPOINT `One``x`"));
  Feed(build_.Write(EventBuilder::Row(2, "b")));
  Feed(build_.Query("SAVEPOINT `two`"));
  Feed(build_.Write(EventBuilder::Row(3, "c")));
  Feed(build_.Query("ROLLBACK TO `two`"));
  Feed(build_.Write(EventBuilder::Row(4, "d")));
  Feed(build_.Query("ROLLBACK TO `ONE``X`"));
  Feed(build_.Write(EventBuilder::Row(5, "e")));
  Feed(build_.Query("COMMIT"));
  ASSERT_EQ(groups_.size(), 1u);
  EXPECT_THAT(RowsOf(groups_[0]), ElementsAre("I 1 a", "I 5 e"));
}

TEST_F(GroupReaderTest, SavepointSetAgainMovesIt) {
  Feed(build_.Gtid(1));
  Feed(build_.Query("BEGIN"));
  Feed(build_.TableMap());
  Feed(build_.Query("SAVEPOINT `a`"));
  Feed(build_.Write(EventBuilder::Row(1, "a")));
  Feed(build_.Query("SAVEPOINT `a`"));
  Feed(build_.Write(EventBuilder::Row(2, "b")));
  Feed(build_.Query("ROLLBACK TO `a`"));
  Feed(build_.Query("COMMIT"));
  ASSERT_EQ(groups_.size(), 1u);
  EXPECT_THAT(RowsOf(groups_[0]), ElementsAre("I 1 a"));
}

TEST_F(GroupReaderTest, SpilledGroupIsTheSame) {
  spill_.memory_bytes_max = 64;
  Reset();
  Feed(build_.Gtid(1));
  Feed(build_.Query("BEGIN"));
  Feed(build_.TableMap());
  std::vector<std::string> expected;
  for (int i = 0; i < 100; ++i) {
    if (i == 60) Feed(build_.Query("SAVEPOINT a"));
    Feed(build_.Write(EventBuilder::Row(i, "value")));
    if (i < 60) expected.push_back("I " + std::to_string(i) + " value");
  }
  Feed(build_.Query("ROLLBACK TO SAVEPOINT a"));
  Feed(build_.Write(EventBuilder::Row(-1, "last")));
  expected.push_back("I -1 last");
  Feed(build_.Xid());
  ASSERT_EQ(groups_.size(), 1u);
  EXPECT_EQ(RowsOf(groups_[0]), expected);
  EXPECT_EQ(RowsOf(groups_[0]), expected);
}

TEST_F(GroupReaderTest, XaRowsComeWithTheCommit) {
  Feed(build_.Gtid(1));
  Feed(build_.Query("XA START X'78',X'',1"));
  Feed(build_.TableMap());
  Feed(build_.Write(EventBuilder::Row(1, "a")));
  Feed(build_.Query("XA END X'78',X'',1"));
  Feed(build_.XaPrepare("x"));
  ASSERT_EQ(groups_.size(), 1u);
  EXPECT_EQ(groups_[0].kind, GroupKind::kXaPrepare);
  EXPECT_FALSE(groups_[0].has_rows());
  ASSERT_EQ(reader_->PreparedGtids().size(), 1u);
  EXPECT_EQ(reader_->PreparedGtids()[0].number, 1u);
  ASSERT_TRUE(reader_->OldestPrepareBegin());
  EXPECT_EQ(*reader_->OldestPrepareBegin(), groups_[0].begin);

  Feed(build_.Gtid(2));
  Feed(build_.Query("BEGIN"));
  Feed(build_.TableMap());
  Feed(build_.Write(EventBuilder::Row(2, "b")));
  Feed(build_.Xid());
  Feed(build_.Gtid(3));
  Feed(build_.Query("XA COMMIT 'x'"));
  ASSERT_EQ(groups_.size(), 3u);
  EXPECT_EQ(groups_[2].kind, GroupKind::kXaCommit);
  EXPECT_TRUE(groups_[2].has_xa_rows);
  EXPECT_THAT(RowsOf(groups_[2]), ElementsAre("I 1 a"));
  EXPECT_FALSE(reader_->OldestPrepareBegin());
  EXPECT_THAT(reader_->PreparedGtids(), IsEmpty());
}

TEST_F(GroupReaderTest, XaRollbackDiscards) {
  Feed(build_.Gtid(1));
  Feed(build_.Query("XA START X'78',X'',1"));
  Feed(build_.TableMap());
  Feed(build_.Write(EventBuilder::Row(1, "a")));
  Feed(build_.Query("XA END X'78',X'',1"));
  Feed(build_.XaPrepare("x"));
  Feed(build_.Gtid(2));
  Feed(build_.Query("XA ROLLBACK X'78',X'',1"));
  ASSERT_EQ(groups_.size(), 2u);
  EXPECT_EQ(groups_[1].kind, GroupKind::kXaRollback);
  EXPECT_FALSE(groups_[1].has_rows());
  EXPECT_FALSE(reader_->OldestPrepareBegin());
}

TEST_F(GroupReaderTest, XaOnePhaseIsAnOrdinaryCommit) {
  Feed(build_.Gtid(1));
  Feed(build_.Query("XA START X'78',X'',1"));
  Feed(build_.TableMap());
  Feed(build_.Write(EventBuilder::Row(1, "a")));
  Feed(build_.Query("XA END X'78',X'',1"));
  Feed(build_.XaPrepare("x", true));
  ASSERT_EQ(groups_.size(), 1u);
  EXPECT_EQ(groups_[0].kind, GroupKind::kCommit);
  EXPECT_THAT(RowsOf(groups_[0]), ElementsAre("I 1 a"));
}

TEST_F(GroupReaderTest, XaCommitOfAnUnseenPrepareIsRefused) {
  Feed(build_.Gtid(1));
  const base::Status status = FeedBad(build_.Query("XA COMMIT X'78',X'',1"));
  EXPECT_EQ(status.code(), base::Code::kRefused);
  EXPECT_THAT(status.message(), HasSubstr("PREPARE lies before the start position"));
}

TEST_F(GroupReaderTest, DdlIsAGroupOfItsOwn) {
  Feed(build_.Gtid(1));
  Feed(build_.Query("/* ApplicationName=x */ ALTER TABLE t ADD c INT"));
  ASSERT_EQ(groups_.size(), 1u);
  ASSERT_EQ(groups_[0].statements.size(), 1u);
  EXPECT_TRUE(groups_[0].statements[0].is_ddl);
  EXPECT_FALSE(groups_[0].statements[0].is_dml);
  EXPECT_EQ(groups_[0].statements[0].default_schema, "db");
}

TEST_F(GroupReaderTest, CreateSelectKeepsItsRows) {
  Feed(build_.Gtid(1));
  Feed(build_.Query("BEGIN"));
  Feed(build_.Query("CREATE TABLE t (id INT, v VARCHAR(20)) START TRANSACTION"));
  Feed(build_.TableMap());
  Feed(build_.Write(EventBuilder::Row(1, "a")));
  EXPECT_THAT(groups_, IsEmpty());
  Feed(build_.Xid());
  ASSERT_EQ(groups_.size(), 1u);
  EXPECT_THAT(RowsOf(groups_[0]), ElementsAre("I 1 a"));
  ASSERT_EQ(groups_[0].statements.size(), 1u);
  EXPECT_TRUE(groups_[0].statements[0].is_ddl);
}

TEST_F(GroupReaderTest, StatementFormatDmlIsNamed) {
  Feed(build_.Gtid(1));
  Feed(build_.Query("BEGIN"));
  Feed(build_.Query("UPDATE t SET v = 'secret'"));
  Feed(build_.Query("COMMIT"));
  ASSERT_EQ(groups_.size(), 1u);
  ASSERT_EQ(groups_[0].statements.size(), 1u);
  EXPECT_TRUE(groups_[0].statements[0].is_dml);
}

TEST_F(GroupReaderTest, MariaGroups) {
  Reset(true);
  groups_.clear();
  Feed(build_.MariaGtid(1, 0));
  Feed(build_.TableMap());
  Feed(build_.Make(EventType::kWriteRowsV1, Little(5, 6) + Little(1, 2) + "\x02\x03" + EventBuilder::Row(1, "a")));
  Feed(build_.Xid());
  Feed(build_.MariaGtid(2, 1));
  Feed(build_.Query("TRUNCATE t"));
  ASSERT_EQ(groups_.size(), 2u);
  EXPECT_THAT(RowsOf(groups_[0]), ElementsAre("I 1 a"));
  EXPECT_TRUE(groups_[1].statements.at(0).is_ddl);
}

TEST_F(GroupReaderTest, UnwantedTablesAreNotKept) {
  Feed(build_.Gtid(1));
  Feed(build_.Query("BEGIN"));
  Feed(build_.TableMap(6, "other"));
  Feed(build_.Write("not even rows", 6));
  Feed(build_.Xid());
  ASSERT_EQ(groups_.size(), 1u);
  EXPECT_EQ(groups_[0].row_bytes(), 0u);
}

TEST_F(GroupReaderTest, RowsWithoutATableMapAreCorrupt) {
  Feed(build_.Gtid(1));
  Feed(build_.Query("BEGIN"));
  Feed(build_.TableMap());
  Feed(build_.Xid());
  Feed(build_.Gtid(2));
  Feed(build_.Query("BEGIN"));
  const std::uint64_t begin = build_.offset();
  const base::Status status = FeedBad(build_.Write(EventBuilder::Row(1, "a")));
  EXPECT_EQ(status.code(), base::Code::kCorrupt);
  EXPECT_THAT(status.message(), HasSubstr("bin.000001:" + std::to_string(begin)));
}

TEST_F(GroupReaderTest, ChangedShapeIsRefused) {
  schema_.columns.pop_back();
  Feed(build_.Gtid(1));
  Feed(build_.Query("BEGIN"));
  const base::Status status = FeedBad(build_.TableMap());
  EXPECT_EQ(status.code(), base::Code::kRefused);
  EXPECT_THAT(status.message(), HasSubstr("table db.t changed shape at bin.000001:"));
}

TEST_F(GroupReaderTest, ChangedTypeIsRefused) {
  schema_.columns[0].type = mysql::ColumnType::kBigInt;
  Feed(build_.Gtid(1));
  Feed(build_.Query("BEGIN"));
  EXPECT_EQ(FeedBad(build_.TableMap()).code(), base::Code::kRefused);
}

TEST_F(GroupReaderTest, AbsentColumnsOfMinimalImages) {
  Feed(build_.Gtid(1));
  Feed(build_.Query("BEGIN"));
  Feed(build_.TableMap());
  // Before-image: the key only. After-image: the value only.
  Feed(build_.Make(EventType::kUpdateRows, Little(5, 6) + Little(1, 2) + Little(2, 2) + "\x02\x01\x02" +
                                               std::string(1, '\0') + Little(9, 4) + std::string(1, '\0') + "\x01z"));
  Feed(build_.Xid());
  ASSERT_EQ(groups_.size(), 1u);
  int rows = 0;
  const base::Status status = groups_[0].ForEachRow([&](const RowChange& change) {
    ++rows;
    EXPECT_EQ(change.before[0].i, 9);
    EXPECT_TRUE(change.before[1].is_absent());
    EXPECT_TRUE(change.after[0].is_absent());
    EXPECT_EQ(change.after[1].bytes, "z");
    return base::Ok();
  });
  EXPECT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(rows, 1);
}

TEST_F(GroupReaderTest, CallersFailureStopsAndIsReturnedAsItIs) {
  Feed(build_.Gtid(1));
  Feed(build_.Query("BEGIN"));
  Feed(build_.TableMap());
  Feed(build_.Write(EventBuilder::Row(1, "a") + EventBuilder::Row(2, "b")));
  Feed(build_.Xid());
  int calls = 0;
  const base::Status status = groups_.at(0).ForEachRow([&](const RowChange&) {
    ++calls;
    return base::Status(base::Code::kBadValue, "mine");
  });
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(status.message(), "mine");
}

TEST_F(GroupReaderTest, RotationMovesTheFile) {
  Feed(build_.Rotate("bin.000002", 4, false));
  EXPECT_EQ(reader_->boundary().file, "bin.000002");
  Feed(build_.Rotate("bin.000002", 4, true));
  Feed(build_.FormatDescription());
  EXPECT_EQ(reader_->boundary().offset, build_.offset());
}

TEST_F(GroupReaderTest, RotationInsideAGroupIsCorrupt) {
  Feed(build_.Gtid(1));
  EXPECT_EQ(FeedBad(build_.Rotate("bin.000002", 4, false)).code(), base::Code::kCorrupt);
}

TEST_F(GroupReaderTest, GroupCutOffByACrashIsForgotten) {
  Feed(build_.Gtid(1));
  Feed(build_.Query("BEGIN"));
  Feed(build_.TableMap());
  Feed(build_.Write(EventBuilder::Row(1, "a")));
  Feed(build_.Rotate("bin.000002", 4, true));
  Feed(build_.FormatDescription(1700000001));
  EXPECT_FALSE(reader_->in_group());
  Feed(build_.Gtid(1));
  Feed(build_.Query("BEGIN"));
  Feed(build_.Xid());
  ASSERT_EQ(groups_.size(), 1u);
  EXPECT_FALSE(groups_[0].has_rows());
}

TEST_F(GroupReaderTest, GroupInsideAGroupIsCorrupt) {
  Feed(build_.Gtid(1));
  EXPECT_EQ(FeedBad(build_.Gtid(2)).code(), base::Code::kCorrupt);
}

TEST_F(GroupReaderTest, WrongChecksumIsCorrupt) {
  std::string event = build_.Gtid(1);
  event[25] = static_cast<char>(event[25] ^ 0x10);
  const base::Status status = FeedBad(event);
  EXPECT_EQ(status.code(), base::Code::kCorrupt);
  EXPECT_THAT(status.message(), HasSubstr("checksum"));
}

TEST_F(GroupReaderTest, UnknownEvents) {
  Feed(build_.Make(static_cast<EventType>(120), "x", kFlagIgnorable));
  const base::Status status = FeedBad(build_.Make(static_cast<EventType>(120), "x"));
  EXPECT_EQ(status.code(), base::Code::kRefused);
  EXPECT_THAT(status.message(), HasSubstr("event type 120"));
}

TEST_F(GroupReaderTest, IncidentIsRefused) {
  EXPECT_EQ(FeedBad(build_.Make(EventType::kIncident, Little(1, 2))).code(), base::Code::kRefused);
}

TEST_F(GroupReaderTest, EncryptedFileIsRefused) {
  Reset(true);
  const base::Status status = FeedBad(build_.Make(EventType::kMariaStartEncryption, std::string(17, '\x01')));
  EXPECT_EQ(status.code(), base::Code::kRefused);
  EXPECT_THAT(status.message(), HasSubstr("encrypted"));
}

TEST_F(GroupReaderTest, PreGaRowsAreRefused) {
  Feed(build_.Gtid(1));
  Feed(build_.TableMap());
  const base::Status status =
      FeedBad(build_.Make(EventType::kPreGaWriteRows, Little(5, 6) + Little(1, 2) + "\x02\x03"));
  EXPECT_EQ(status.code(), base::Code::kRefused);
  EXPECT_THAT(status.message(), HasSubstr("PRE_GA_WRITE_ROWS_EVENT"));
}

TEST_F(GroupReaderTest, OffsetsGrowPast4GiB) {
  Feed(build_.Rotate("bin.000001", (std::uint64_t{1} << 32) - 60, true));
  Feed(build_.Gtid(1));
  Feed(build_.Query("BEGIN"));
  Feed(build_.Xid());
  ASSERT_EQ(groups_.size(), 1u);
  EXPECT_EQ(groups_[0].end.offset, build_.offset());
  EXPECT_GT(groups_[0].end.offset, std::uint64_t{1} << 32);
}

TEST_F(GroupReaderTest, HeartbeatDoesNotMove) {
  const mysql::FilePosition before = reader_->boundary();
  EventBuilder elsewhere;
  Feed(elsewhere.Make(EventType::kHeartbeat, "bin.000001"));
  EXPECT_TRUE(reader_->last_was_heartbeat());
  EXPECT_EQ(reader_->boundary(), before);
}

}  // namespace
}  // namespace shardlift::binlog
