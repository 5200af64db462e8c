#include "verify/merge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <string>
#include <vector>

#include "store/message_table.h"

namespace shardlift::verify {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

// A row as a shard or a source would give it. Buckets 0-7 live on shard 0, 8-15 on shard 1.
struct TestRow {
  std::string key;
  std::map<std::string, std::optional<std::string>> columns;
  std::uint32_t recomputed = 0;
};

TestRow Row(std::string key, std::uint32_t bucket) {
  TestRow row{std::move(key), {}, bucket};
  for (const auto& column : store::MessageColumns()) row.columns[column.name] = "1";
  row.columns["bucket"] = std::to_string(bucket);
  row.columns["body"] = "text of " + row.key;
  row.columns["ext"] = R"({"a": 1, "b": 2})";
  row.columns["owner_key"] = row.key;
  return row;
}

TestRow With(TestRow row, const std::string& column, std::optional<std::string> value) {
  row.columns[column] = std::move(value);
  return row;
}

class TestRows final : public RowSource {
 public:
  explicit TestRows(std::deque<TestRow> rows) : rows_(std::move(rows)) {}
  void FailAtEnd(base::Status status) { failure_ = std::move(status); }

  base::Result<bool> Next() override {
    fields_.clear();
    texts_.clear();
    if (rows_.empty()) {
      if (!failure_.ok()) return failure_;
      return false;
    }
    const TestRow row = rows_.front();
    rows_.pop_front();
    texts_.emplace_back(row.key);
    for (const auto& column : store::MessageColumns()) texts_.push_back(row.columns.at(column.name));
    texts_.emplace_back(std::to_string(row.recomputed));
    for (const auto& text : texts_) {
      fields_.push_back(text ? std::optional<std::string_view>(*text) : std::nullopt);
    }
    return true;
  }
  RowFields row() const override { return fields_; }

 private:
  std::deque<TestRow> rows_;
  base::Status failure_;
  std::vector<std::optional<std::string>> texts_;
  std::vector<std::optional<std::string_view>> fields_;
};

struct Outcome {
  base::Status status;
  MergeCounts counts;
  std::vector<std::string> findings;  // "missing 0001 on[] expect0 columns[]"
  std::uint64_t rows_reported = 0;
};

std::string Describe(const Verdict& verdict) {
  std::string text = std::string(FindingKindName(verdict.kind)) + " " + std::string(verdict.owner_key) + " on[";
  for (const auto shard : verdict.shards) text += std::to_string(shard);
  text += "] expect" + (verdict.expected_shard ? std::to_string(*verdict.expected_shard) : std::string("?")) + " [";
  for (const auto column : verdict.columns) text += store::MessageColumns()[column].name + " ";
  return text + "]";
}

Outcome Compare(std::deque<TestRow> source, std::deque<TestRow> shard0, std::deque<TestRow> shard1) {
  const auto router = store::Router::Create(16, store::Router::EqualRanges(16, 2));
  TestRows source_rows(std::move(source));
  TestRows rows0(std::move(shard0));
  TestRows rows1(std::move(shard1));
  const std::vector<RowSource*> shards{&rows0, &rows1};
  Outcome outcome;
  MergeInput input;
  input.source = &source_rows;
  input.shards = shards;
  input.router = &router.value();
  input.on_rows = [&](std::uint64_t rows) { outcome.rows_reported += rows; };
  input.on_finding = [&](const Verdict& verdict) { outcome.findings.push_back(Describe(verdict)); };
  outcome.status = MergeTable(input, &outcome.counts);
  return outcome;
}

TEST(MergeTest, EqualSidesAreClean) {
  const Outcome outcome = Compare({Row("1", 1), Row("2", 9), Row("3", 2)}, {Row("1", 1), Row("3", 2)}, {Row("2", 9)});
  EXPECT_TRUE(outcome.status.ok()) << outcome.status.message();
  EXPECT_THAT(outcome.findings, IsEmpty());
  EXPECT_EQ(outcome.counts.equal, 3u);
  EXPECT_EQ(outcome.counts.source_rows, 3u);
  EXPECT_THAT(outcome.counts.shard_rows, ElementsAre(2u, 1u));
  EXPECT_EQ(outcome.rows_reported, 3u);
}

TEST(MergeTest, EmptyTablesAreClean) {
  const Outcome outcome = Compare({}, {}, {});
  EXPECT_TRUE(outcome.status.ok());
  EXPECT_THAT(outcome.findings, IsEmpty());
  EXPECT_EQ(outcome.counts.equal, 0u);
}

TEST(MergeTest, MissingAtStartMiddleAndEnd) {
  const Outcome outcome =
      Compare({Row("1", 1), Row("2", 9), Row("3", 2), Row("4", 3), Row("5", 9)}, {Row("3", 2)}, {Row("2", 9)});
  EXPECT_THAT(outcome.findings,
              ElementsAre("missing 1 on[] expect0 []", "missing 4 on[] expect0 []", "missing 5 on[] expect1 []"));
  EXPECT_EQ(outcome.counts.equal, 2u);
  EXPECT_EQ(outcome.counts.findings_with_source, 3u);
}

TEST(MergeTest, ExtraOnEitherShardAndBeyondTheSourcesLastKey) {
  const Outcome outcome = Compare({Row("2", 9)}, {Row("1", 1), Row("3", 3)}, {Row("2", 9), Row("9", 9)});
  EXPECT_THAT(outcome.findings,
              ElementsAre("extra 1 on[0] expect? []", "extra 3 on[0] expect? []", "extra 9 on[1] expect? []"));
  EXPECT_EQ(outcome.counts.equal, 1u);
  EXPECT_EQ(outcome.counts.findings_with_source, 0u);
}

TEST(MergeTest, AllRowsExtraWhenTheSourceIsEmpty) {
  const Outcome outcome = Compare({}, {Row("1", 1)}, {Row("2", 9)});
  EXPECT_EQ(outcome.findings.size(), 2u);
  EXPECT_EQ(outcome.counts.findings[static_cast<std::size_t>(FindingKind::kExtra)], 2u);
}

TEST(MergeTest, DifferingColumnsAreNamed) {
  const Outcome outcome = Compare({Row("1", 1), Row("2", 2)},
                                  {With(With(Row("1", 1), "body", "x"), "sender", std::nullopt), Row("2", 2)}, {});
  EXPECT_THAT(outcome.findings, ElementsAre("differs 1 on[0] expect0 [sender body ]"));
  EXPECT_EQ(outcome.counts.equal, 1u);
}

TEST(MergeTest, NullIsNotTheEmptyString) {
  const Outcome outcome = Compare({With(Row("1", 1), "sender", "")}, {With(Row("1", 1), "sender", std::nullopt)}, {});
  EXPECT_THAT(outcome.findings, ElementsAre("differs 1 on[0] expect0 [sender ]"));
}

TEST(MergeTest, JsonIsComparedByMeaning) {
  const Outcome outcome =
      Compare({Row("1", 1), Row("2", 2)},
              {With(Row("1", 1), "ext", R"({"b":2,"a":1})"), With(Row("2", 2), "ext", R"({"b":2,"a":3})")}, {});
  EXPECT_THAT(outcome.findings, ElementsAre("differs 2 on[0] expect0 [ext ]"));
}

TEST(MergeTest, ARowOnAnotherShardIsOneFindingNotTwo) {
  const Outcome outcome = Compare({Row("1", 1), Row("2", 9)}, {}, {Row("1", 1), Row("2", 9)});
  EXPECT_THAT(outcome.findings, ElementsAre("wrong_shard 1 on[1] expect0 []"));
}

TEST(MergeTest, WrongShardComesBeforeWrongBucketAndDiffers) {
  TestRow moved = With(Row("1", 1), "body", "x");
  moved.columns["bucket"] = "9";
  const Outcome outcome = Compare({Row("1", 1)}, {}, {moved});
  EXPECT_THAT(outcome.findings, ElementsAre("wrong_shard 1 on[1] expect0 [bucket body ]"));
}

TEST(MergeTest, WrongBucketOnTheRightShard) {
  TestRow wrong = Row("1", 1);
  wrong.columns["bucket"] = "3";
  const Outcome outcome = Compare({Row("1", 1)}, {wrong}, {});
  EXPECT_THAT(outcome.findings, ElementsAre("wrong_bucket 1 on[0] expect0 [bucket ]"));
}

TEST(MergeTest, ABucketThatIsNotTheOneOfItsAccountIsWrong) {
  TestRow row = With(Row("1", 1), "account_key", "other");
  row.recomputed = 5;  // what the shard computes of the altered account key
  const Outcome outcome = Compare({Row("1", 1)}, {row}, {});
  EXPECT_THAT(outcome.findings, ElementsAre("wrong_bucket 1 on[0] expect0 [account_key ]"));
}

TEST(MergeTest, DuplicateComesBeforeAllElse) {
  const Outcome outcome =
      Compare({Row("1", 1), Row("2", 2)}, {Row("1", 1), Row("2", 2)}, {With(Row("1", 1), "body", "x")});
  EXPECT_THAT(outcome.findings, ElementsAre("duplicate 1 on[01] expect0 []"));
  EXPECT_EQ(outcome.counts.equal, 1u);
}

TEST(MergeTest, TwoCopiesOnOneShardAreADuplicate) {
  const Outcome outcome = Compare({Row("1", 1)}, {Row("1", 1), Row("1", 1)}, {});
  EXPECT_THAT(outcome.findings, ElementsAre("duplicate 1 on[00] expect0 []"));
}

TEST(MergeTest, ADuplicateWithoutSourceIsADuplicate) {
  const Outcome outcome = Compare({}, {Row("1", 1)}, {Row("1", 1)});
  EXPECT_THAT(outcome.findings, ElementsAre("duplicate 1 on[01] expect? []"));
  EXPECT_EQ(outcome.counts.findings_with_source, 0u);
}

TEST(MergeTest, ARowWhoseBucketTheSourceCannotComputeIsNeverEqual) {
  const TestRow bad = With(Row("1", 1), "bucket", std::nullopt);
  EXPECT_THAT(Compare({bad}, {Row("1", 1)}, {}).findings, ElementsAre("wrong_bucket 1 on[0] expect? [bucket ]"));
  EXPECT_THAT(Compare({bad}, {}, {}).findings, ElementsAre("missing 1 on[] expect? []"));
  EXPECT_THAT(Compare({bad}, {bad}, {}).findings, ElementsAre("wrong_bucket 1 on[0] expect? []"));
  EXPECT_THAT(Compare({With(Row("1", 1), "bucket", "16")}, {Row("1", 1)}, {}).findings,
              ElementsAre("wrong_bucket 1 on[0] expect? [bucket ]"));
}

TEST(MergeTest, KeysAreBytesNotText) {
  const std::string low("\x00\x7f", 2);
  const std::string high("\x00\x80", 2);
  const std::string prefix("\x00", 1);
  const Outcome outcome =
      Compare({Row(prefix, 1), Row(low, 1), Row(high, 1)}, {Row(prefix, 1), Row(low, 1), Row(high, 1)}, {});
  EXPECT_TRUE(outcome.status.ok()) << outcome.status.message();
  EXPECT_EQ(outcome.counts.equal, 3u);
}

TEST(MergeTest, DisorderIsAnErrorAndNotAFinding) {
  EXPECT_EQ(Compare({Row("2", 1), Row("1", 1)}, {}, {}).status.code(), base::Code::kCorrupt);
  EXPECT_EQ(Compare({}, {}, {Row("2", 9), Row("1", 9)}).status.code(), base::Code::kCorrupt);
  EXPECT_EQ(Compare({Row("1", 1), Row("1", 1)}, {}, {}).status.code(), base::Code::kCorrupt);
}

TEST(MergeTest, AStreamThatBreaksEndsTheMerge) {
  const auto router = store::Router::Create(16, store::Router::EqualRanges(16, 1));
  for (const bool source_breaks : {true, false}) {
    TestRows source({Row("1", 1)});
    TestRows shard({Row("1", 1)});
    (source_breaks ? source : shard).FailAtEnd(base::Status(base::Code::kEnvironment, "connection lost"));
    const std::vector<RowSource*> shards{&shard};
    MergeInput input;
    input.source = &source;
    input.shards = shards;
    input.router = &router.value();
    MergeCounts counts;
    EXPECT_EQ(MergeTable(input, &counts).code(), base::Code::kEnvironment);
  }
}

TEST(MergeTest, StopsOnRequest) {
  std::deque<TestRow> rows;
  for (int i = 10000; i < 15000; ++i) rows.push_back(Row(std::to_string(i), 1));
  const auto router = store::Router::Create(16, store::Router::EqualRanges(16, 1));
  TestRows source(rows);
  TestRows shard(rows);
  const std::vector<RowSource*> shards{&shard};
  const std::atomic<bool> stop{true};
  MergeInput input;
  input.source = &source;
  input.shards = shards;
  input.router = &router.value();
  input.stop = &stop;
  MergeCounts counts;
  EXPECT_EQ(MergeTable(input, &counts).code(), base::Code::kStopped);
}

TEST(MergeTest, SourceRowsAreEqualPlusFindingsWithSource) {
  std::deque<TestRow> source;
  std::deque<TestRow> shard0;
  std::deque<TestRow> shard1;
  for (std::uint32_t i = 1000; i < 3000; ++i) {
    const std::uint32_t bucket = i % 16;
    const TestRow row = Row(std::to_string(i), bucket);
    if (i % 7 != 0) source.push_back(row);
    if (i % 5 != 0) (bucket < 8 ? shard0 : shard1).push_back(i % 11 == 0 ? With(row, "body", "x") : row);
    if (i % 13 == 0) (bucket < 8 ? shard1 : shard0).push_back(row);
  }
  const Outcome outcome = Compare(source, shard0, shard1);
  ASSERT_TRUE(outcome.status.ok());
  EXPECT_EQ(outcome.counts.source_rows, source.size());
  EXPECT_EQ(outcome.counts.equal + outcome.counts.findings_with_source, source.size());
  EXPECT_THAT(outcome.counts.shard_rows, ElementsAre(shard0.size(), shard1.size()));
  EXPECT_EQ(outcome.rows_reported, source.size());
}

}  // namespace
}  // namespace shardlift::verify
