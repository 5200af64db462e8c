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
  auto mapper = TableMapper::Compile(testing::LoadMappingFile(name),
                                     {schema, mysql::Flavour::kMySql, 9, testing::DefaultRules()});
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

// Every kind of function once; the texts that are made come from the pool.
TEST(Allocations, NoneInExpressions) {
  const mysql::TableSchema schema = testing::ImTable();
  std::vector<ColumnReader> readers;
  for (const mysql::Column& column : schema.columns) readers.emplace_back(column);
  const std::vector<Value> row = testing::ImValues();
  StringPool pool;
  for (const char* text : {"ctime / 1000 + 1.5",
                           "ROUND(ctime / 7, 2)",
                           "CAST(ctime AS DECIMAL(20,4)) % 3",
                           "GREATEST(ctime, mtime, 5)",
                           "kind & 3 | flags << 2",
                           "content LIKE '%a_%'",
                           "CONCAT_WS(':', from_uid, to_uid, content)",
                           "SUBSTRING_INDEX(content, 'e', -1)",
                           "LOCATE('e', content, 2)",
                           "TRIM(BOTH 'a' FROM content)",
                           "RPAD(content, 40, 'xyz')",
                           "TO_BASE64(content)",
                           "FROM_BASE64(TO_BASE64(content))",
                           "SHA2(content, 512)",
                           "CRC32(content)",
                           "BUCKET(1, to_uid)",
                           "UNHEX(HEX(content))",
                           "FROM_UNIXTIME(ctime / 1000)",
                           "UNIX_TIMESTAMP(FROM_UNIXTIME(ctime) + INTERVAL 3 MONTH)",
                           "CONVERT_TZ(FROM_UNIXTIME(ctime), 'America/New_York', 'Asia/Shanghai')",
                           "YEAR(DATE(FROM_UNIXTIME(ctime)))",
                           "JSON_UNQUOTE(JSON_EXTRACT(JSON_OBJECT('t', content, 'n', 1), '$.t'))",
                           "CASE kind WHEN 1 THEN ctime / 3 ELSE 0.5 END",
                           "CAST(CAST(ctime AS CHAR) AS DECIMAL(20,2))"}) {
    auto compiled = testing::CompileExpression(schema, text);
    ASSERT_TRUE(compiled.ok()) << compiled.status().message();
    std::uint64_t before = 0;
    for (int i = 0; i < 20; ++i) {
      if (i == 10) before = allocations;
      pool.Reset();
      Evaluator evaluator(row, readers, pool, false);
      Val value;
      if (!evaluator.Eval(*compiled->expr, &value)) FAIL() << text << ": " << evaluator.reason();
    }
    EXPECT_EQ(allocations - before, 0u) << text;
  }
}

}  // namespace
}  // namespace shardlift::mapping
