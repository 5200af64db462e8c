// What plan says of expressions that may lose something, and of columns that need no mention.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "mapping/table_mapper.h"
#include "tests/mapping/family_tables.h"
#include "tests/mapping/support.h"

namespace shardlift::mapping {
namespace {

using ::testing::Contains;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::Not;

TableContext Of(mysql::TableSchema schema) {
  return {std::move(schema), mysql::Flavour::kMySql, 9, testing::DefaultRules()};
}

// Microseconds divided by a million would lose two of their digits.
TEST(TableMapper, QuotientThatMayBeRounded_IsNoted) {
  const auto notes_of = [](const std::string& sent_at) {
    MappingConfig config = testing::LoadMappingFile("im");
    for (auto& [target, text] : config.columns) {
      if (target == "sent_at") text = sent_at;
    }
    auto mapper = TableMapper::Compile(config, Of(testing::ImTable()));
    return mapper.ok() ? (*mapper)->lossy_notes() : std::vector<std::string>();
  };
  const auto rounded = [](int digits) {
    return Contains("columns.sent_at: a quotient is rounded to " + std::to_string(digits) +
                    " digits behind the point here; a product with 0.000001, say, keeps all");
  };
  EXPECT_THAT(notes_of("FROM_UNIXTIME(ctime / 1000000)"), rounded(4));
  EXPECT_THAT(notes_of("FROM_UNIXTIME(ctime / 3)"), rounded(4));
  EXPECT_THAT(notes_of("FROM_UNIXTIME(ctime * 0.1 / 10)"), rounded(5));
  for (const char* exact : {"FROM_UNIXTIME(ctime / 10000)", "FROM_UNIXTIME(ctime * 0.000001)"}) {
    const std::vector<std::string> notes = notes_of(exact);
    EXPECT_FALSE(notes.empty());
    EXPECT_THAT(notes, Each(Not(HasSubstr("quotient")))) << exact;
  }
}

TEST(TableMapper, GeneratedColumnsNeedNoMention) {
  mysql::TableSchema schema = testing::ImTable();
  schema.columns.push_back(testing::MakeColumn("day", mysql::ColumnType::kInt, "int"));
  schema.columns.back().generated = true;
  EXPECT_TRUE(TableMapper::Compile(testing::LoadMappingFile("im"), Of(schema)).ok());
}

// One mapper on several threads, each with its own scratch.

}  // namespace
}  // namespace shardlift::mapping
