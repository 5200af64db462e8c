// Map allocates nothing once its buffers have grown: rows are mapped by the hundred million.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>

#include "tests/mapping/family_tables.h"
#include "tests/mapping/support.h"

// In allocation_counter.cc, which replaces operator new for this program.
extern std::atomic<std::uint64_t> allocations;

namespace shardlift::mapping {
namespace {

using mysql::Value;

void ExpectNoAllocations(const std::string& name, const mysql::TableSchema& schema, const std::vector<Value>& row) {
  auto mapper = TableMapper::Compile(testing::LoadMappingFile(name), {schema, mysql::Flavour::kMySql, 9, 4096});
  ASSERT_TRUE(mapper.ok()) << mapper.status().message();
  MapScratchPtr scratch = NewMapScratch();
  MappedRow out;
  ASSERT_TRUE((*mapper)->Map(row, *scratch, &out).ok());
  std::uint64_t before = allocations;
  for (int i = 0; i < 100; ++i) {
    if (!(*mapper)->Map(row, *scratch, &out).ok()) break;
  }
  EXPECT_GT(before, 0u) << "the counter does not count";
  EXPECT_EQ(allocations - before, 0u) << name;
  EXPECT_TRUE(out.kept);
}

TEST(Allocations, NoneInSteadyState) {
  ExpectNoAllocations("im", testing::ImTable(), testing::ImValues());
  ExpectNoAllocations("push", testing::PushTable(), testing::PushValues());
  ExpectNoAllocations("notice", testing::NoticeTable(), testing::NoticeValues());
}

}  // namespace
}  // namespace shardlift::mapping
