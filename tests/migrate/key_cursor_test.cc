#include "migrate/key_cursor.h"

#include <gtest/gtest.h>

namespace shardlift::migrate {
namespace {

mysql::TableSchema TwoColumnKey() {
  mysql::TableSchema schema;
  schema.name = {"s", "t"};
  mysql::Column region;
  region.name = "region";
  region.type = mysql::ColumnType::kSmallInt;
  mysql::Column code;
  code.name = "code";
  code.type = mysql::ColumnType::kVarchar;
  code.charset = "gbk";
  code.collation = "gbk_chinese_ci";
  schema.columns = {region, code};
  return schema;
}

TEST(KeyCursor, CompositeKeyMakesNestedRangeWithTypedLiterals) {
  const mysql::TableSchema schema = TwoColumnKey();
  const std::size_t key[] = {0, 1};
  const std::string_view texts[] = {"-7", "a'b"};
  const std::string cursor = EncodeCursor(schema, key, texts);
  EXPECT_EQ(cursor, "n-7,x612762");
  const auto condition = CursorCondition(schema, key, cursor);
  ASSERT_TRUE(condition.ok());
  EXPECT_EQ(*condition, "`region` >= -7 AND (`region` > -7 OR (`code` > _gbk 0x612762 COLLATE gbk_chinese_ci))");
  EXPECT_EQ(OrderByKey(schema, key), "`region`, `code`");
  EXPECT_EQ(PrintableCursor(cursor), "-7,<3 bytes>") << "string keys are user data";
}

TEST(KeyCursor, EmptyCursorIsEverything) {
  const std::size_t key[] = {0};
  EXPECT_EQ(*CursorCondition(TwoColumnKey(), key, ""), "1");
}

TEST(KeyCursor, DamagedCursorIsRefused) {
  const std::size_t key[] = {0, 1};
  for (const char* bad : {"n1", "n1,x6", "n1; DROP,x61", "nx,x61", "n1,x61,n2", "n1,6161"}) {
    EXPECT_EQ(CursorCondition(TwoColumnKey(), key, bad).status().code(), base::Code::kCorrupt) << bad;
  }
}

}  // namespace
}  // namespace shardlift::migrate
