// Rows are decoded without any allocation once the buffers have grown: they come by the hundred million.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "binlog/event_scan.h"
#include "binlog/row_decoder.h"
#include "binlog/row_hash.h"
#include "binlog/row_walk.h"
#include "tests/binlog/sample_columns.h"

// In allocation_counter.cc, which replaces operator new for this program.
extern std::atomic<std::uint64_t> allocations;

namespace shardlift::binlog {
namespace {

constexpr std::uint64_t kRows = 1000000;

class Allocations : public ::testing::TestWithParam<RowOp> {};

TEST_P(Allocations, MillionRowsOfAllTypesDecodedAndHashed_None) {
  const std::vector<SampleColumn> columns = SampleColumns();
  const auto table = DescribeSample(columns);
  const std::string data = SampleRows(columns, GetParam(), 16, true);
  RowDecoder decoder;
  RowHash hash;
  const auto decode = [&] {
    std::uint64_t rows = 0;
    if (!decoder.Begin(*table, GetParam(), false, data).ok()) return rows;
    for (; decoder.Next(); ++rows) hash.Add(1, decoder.row());
    return decoder.status().ok() ? rows : 0;
  };
  ASSERT_EQ(decode(), 16u) << decoder.status().message();
  const std::uint64_t before = allocations;
  EXPECT_GT(before, 0u) << "the counter does not count";
  std::uint64_t rows = 0;
  while (rows < kRows) {
    const std::uint64_t decoded = decode();
    if (decoded == 0) break;
    rows += decoded;
  }
  EXPECT_EQ(allocations - before, 0u);
  EXPECT_GE(rows, kRows);
}

TEST_P(Allocations, MillionRowsWalked_None) {
  const std::vector<SampleColumn> columns = SampleColumns();
  const RowWalk walk(DescribeSample(columns)->columns);
  const std::string data = SampleRows(columns, GetParam(), 16, true);
  const std::uint64_t before = allocations;
  std::uint64_t rows = 0;
  while (rows < kRows) {
    const auto counted = walk.CountRows(GetParam(), false, data);
    if (!counted.ok()) break;
    rows += *counted;
  }
  EXPECT_EQ(allocations - before, 0u);
  EXPECT_GE(rows, kRows);
}

std::string OpName(const ::testing::TestParamInfo<RowOp>& op) {
  static constexpr const char* kNames[] = {"Insert", "Update", "Delete"};
  return kNames[static_cast<std::size_t>(op.param)];
}

INSTANTIATE_TEST_SUITE_P(Ops, Allocations, ::testing::Values(RowOp::kInsert, RowOp::kUpdate, RowOp::kDelete), OpName);

// Counts from the first row event of the file to the last, and all that is between them.
class CountingVisitor : public EventVisitor {
 public:
  base::Status OnEvent(const ScannedEvent&, bool*) override { return base::Ok(); }
  base::Status OnRows(const ScannedEvent&, const DescribedTable& table, const RowEventKind& kind,
                      std::string_view data) override {
    SL_TRY(decoder_.Begin(table, kind.op, kind.partial, data));
    while (decoder_.Next()) {
      hash_.Add(1, decoder_.row());
      ++rows_;
    }
    if (at_first_ == 0) at_first_ = allocations;
    at_last_ = allocations;
    return decoder_.status();
  }
  std::uint64_t rows_ = 0;
  std::uint64_t at_first_ = 0;
  std::uint64_t at_last_ = 0;

 private:
  RowDecoder decoder_;
  RowHash hash_;
};

TEST(AllocationsOfAFile, MillionRowsInManyEvents_None) {
  const std::string path = ::testing::TempDir() + "/allocations_binlog.000001";
  constexpr std::uint64_t kRowsPerEvent = 250;
  {
    EventBuilder builder;
    std::ofstream file(path, std::ios::binary);
    file << "\xfe"
            "bin"
         << builder.FormatDescription() << builder.Query("BEGIN");
    std::string rows;
    for (std::uint64_t i = 0; i < kRowsPerEvent; ++i)
      rows += EventBuilder::Row(static_cast<std::int32_t>(i), "some text");
    for (std::uint64_t i = 0; i < kRows; i += kRowsPerEvent) file << builder.TableMap() << builder.Write(rows);
    file << builder.Xid() << builder.Rotate("allocations_binlog.000002", 4, false);
    ASSERT_TRUE(file.good());
  }
  auto reader = FileReader::Open(path);
  ASSERT_TRUE(reader.ok()) << reader.status().message();
  CountingVisitor visitor;
  EXPECT_TRUE(EventScan(visitor).Scan(**reader).ok());
  std::filesystem::remove(path);
  EXPECT_EQ((*reader)->end(), FileEnd::kClean) << (*reader)->error().message();
  EXPECT_EQ(visitor.rows_, kRows);
  EXPECT_EQ(visitor.at_last_ - visitor.at_first_, 0u);
}

}  // namespace
}  // namespace shardlift::binlog
