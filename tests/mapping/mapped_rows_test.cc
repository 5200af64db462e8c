// Mapped rows as bytes: what reading and packing them in a shorter way must not change.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/mapping/family_tables.h"
#include "tests/mapping/support.h"

namespace shardlift::mapping {
namespace {

using mysql::Value;
using ::testing::Contains;

std::unique_ptr<TableMapper> CompileMapping(const MappingConfig& config, const mysql::TableSchema& schema) {
  auto mapper = TableMapper::Compile(config, {schema, mysql::Flavour::kMySql, 9, testing::DefaultRules()});
  EXPECT_TRUE(mapper.ok()) << mapper.status().message();
  return mapper.ok() ? std::move(mapper).value() : nullptr;
}

// A copy's integers come with their texts, which are what the target gets; a row image's do not.
TEST(MappedRows, IntegersWithTheirTextsMapAsThoseWithout) {
  mysql::TableSchema schema = testing::ImTable();
  mysql::Column& zerofill = schema.columns[static_cast<std::size_t>(schema.Find("from_uid"))];
  zerofill.column_type = "bigint(20) unsigned zerofill";
  MappingConfig config = testing::LoadMappingFile("im");
  for (auto& [target, text] : config.columns) {
    if (target == "status") text = "GREATEST(ABS(kind), IF(kind < 0, 7, kind)) + flags";
    if (target == "msg_type") text = "kind + 200";
  }
  auto mapper = CompileMapping(config, schema);
  ASSERT_NE(mapper, nullptr);
  MapScratchPtr scratch = NewMapScratch();
  const char* const texts[] = {"9", "00000000000000000042", "18446744073709551615", "-128", "3", "", "1696118400", "0"};
  std::vector<Value> with;
  for (std::size_t i = 0; i < schema.columns.size(); ++i)
    with.push_back(*mysql::ParseText(schema.columns[i], texts[i]));
  std::vector<Value> without = with;
  for (Value& value : without) {
    if (value.kind != mysql::ValueKind::kBytes) value.bytes = {};
  }
  MappedRow a;
  MappedRow b;
  const base::Status status = mapper->Map(with, *scratch, &a);
  ASSERT_TRUE(status.ok()) << status.message();
  ASSERT_TRUE(mapper->Map(without, *scratch, &b).ok());
  EXPECT_EQ(a.fields, b.fields);
  EXPECT_EQ(a.bucket, b.bucket);
  EXPECT_THAT(testing::Unpack(a), Contains("im:42:18446744073709551615"));
  EXPECT_THAT(testing::Unpack(a), Contains("42"));
}

TEST(MappedRows, ARowThatIsLeftBehindHasNoFieldsOfTheOneBefore) {
  MappingConfig config = testing::LoadMappingFile("im");
  config.where = "kind <> 9";
  auto mapper = CompileMapping(config, testing::ImTable());
  ASSERT_NE(mapper, nullptr);
  MapScratchPtr scratch = NewMapScratch();
  MappedRow out;
  std::vector<Value> row = testing::ImValues();
  const auto kind = static_cast<std::size_t>(testing::ImTable().Find("kind"));
  ASSERT_TRUE(mapper->Map(row, *scratch, &out).ok());
  EXPECT_FALSE(out.fields.empty());
  row[kind] = Value::UInt(9);
  ASSERT_TRUE(mapper->Map(row, *scratch, &out).ok());
  EXPECT_FALSE(out.kept);
  EXPECT_TRUE(out.fields.empty());
}

}  // namespace
}  // namespace shardlift::mapping
