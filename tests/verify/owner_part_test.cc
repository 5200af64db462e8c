#include "verify/owner_part.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace shardlift::verify {
namespace {

using mysql::ColumnType;
using testing::ElementsAre;

std::unique_ptr<mapping::TableMapper> Mapper(const std::vector<std::pair<ColumnType, bool>>& key) {
  mapping::MappingConfig config;
  config.name = config.place = "test";
  config.origin = 4;
  mapping::TableContext context{{{"db", "t"}, {}, {{"PRIMARY", {}}}, 0}, mysql::Flavour::kMariaDb, 5, nullptr};
  context.rules = std::make_shared<store::BucketRules>(store::BucketRules::Create({}).value());
  for (const auto& [type, is_unsigned] : key) {
    mysql::Column column;
    column.name = "k" + std::to_string(config.key.size() + 1);
    column.type = type;
    column.is_unsigned = is_unsigned;
    column.length = 20;
    column.charset = type == ColumnType::kVarchar ? "utf8mb4" : "";
    column.collation = type == ColumnType::kVarchar ? "utf8mb4_bin" : "";
    context.schema.unique_keys[0].columns.push_back(context.schema.columns.size());
    config.key.push_back(column.name);
    config.ignore.push_back(column.name);
    context.schema.columns.push_back(std::move(column));
  }
  config.columns = {
      {"account_type", "1"}, {"account_key", "'a'"}, {"conversation", "'c'"}, {"sent_at", "FROM_UNIXTIME(1)"},
      {"msg_id", "1"},       {"biz_tag", "1"},       {"msg_type", "1"},       {"body", "''"}};
  auto mapper = mapping::TableMapper::Compile(config, context);
  EXPECT_TRUE(mapper.ok()) << mapper.status().message();
  return mapper.ok() ? std::move(mapper).value() : nullptr;
}

std::string Bytes(std::uint64_t value) {
  std::string bytes;
  for (int shift = 56; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(value >> shift));
  return bytes;
}
std::string Signed(std::int64_t value) { return Bytes(static_cast<std::uint64_t>(value) ^ (1ull << 63)); }

OwnerPart Between(std::string after, std::string upto) { return {std::move(after), std::move(upto), 0, {}}; }

TEST(OwnerPartTest, OneColumn) {
  const auto mapper = Mapper({{ColumnType::kInt, false}});
  EXPECT_TRUE(HasKeyRanges(*mapper));
  EXPECT_EQ(SourcePartSql(*mapper, OwnerPart()), "1");
  EXPECT_EQ(SourcePartSql(*mapper, Between(Signed(-7), Signed(42))), "(`k1` > -7) AND (`k1` <= 42)");
  EXPECT_EQ(ShardPartSql(mapper->owners(), OwnerPart()), "`owner_origin` = 4 AND `owner_table` = 5");
  EXPECT_EQ(ShardPartSql(mapper->owners(), Between(Bytes(7), Bytes(42))),
            "`owner_origin` = 4 AND `owner_table` = 5 AND `owner_key` > 0x0000000000000007 AND `owner_key` <= "
            "0x000000000000002a");
}

TEST(OwnerPartTest, SeveralColumnsAreComparedOneByOne) {
  const auto mapper = Mapper({{ColumnType::kSmallInt, true}, {ColumnType::kInt, false}, {ColumnType::kInt, true}});
  EXPECT_EQ(SourcePartSql(*mapper, {Bytes(1) + Signed(-2) + Bytes(3), std::nullopt, 0, {}}),
            "(`k1` >= 1 AND (`k1` > 1 OR (`k1` = 1 AND (`k2` >= -2 AND (`k2` > -2 OR (`k2` = -2 AND (`k3` > 3)))))))");
  EXPECT_EQ(SourcePartSql(*mapper, {"", Bytes(1) + Signed(-2) + Bytes(3), 0, {}}),
            "(`k1` <= 1 AND (`k1` < 1 OR (`k1` = 1 AND (`k2` <= -2 AND (`k2` < -2 OR (`k2` = -2 AND (`k3` <= 3)))))))");
}

TEST(OwnerPartTest, TextKeysHaveSlicesAndNoRanges) {
  const auto mapper = Mapper({{ColumnType::kInt, true}, {ColumnType::kVarchar, false}});
  EXPECT_FALSE(HasKeyRanges(*mapper));
  EXPECT_EQ(ShardPartSql(mapper->owners(), {"", std::nullopt, 8, {2, 5}}),
            "`owner_origin` = 4 AND `owner_table` = 5 AND CRC32(`owner_key`) % 8 IN (2, 5)");
  EXPECT_THAT(SourcePartSql(*mapper, {"", std::nullopt, 8, {2, 5}}), testing::EndsWith("% 8 IN (2, 5))"));
}

TEST(OwnerPartTest, EvenPartsCoverEveryKeyOnce) {
  const auto mapper = Mapper({{ColumnType::kInt, false}});
  const auto parts = EvenParts(*mapper, "-100", "299", 4);
  std::vector<std::string> conditions;
  for (const OwnerPart& part : parts) conditions.push_back(SourcePartSql(*mapper, part));
  EXPECT_THAT(conditions, ElementsAre("(`k1` <= -1)", "(`k1` > -1) AND (`k1` <= 98)", "(`k1` > 98) AND (`k1` <= 197)",
                                      "(`k1` > 197)"));
}

TEST(OwnerPartTest, EvenPartsOfTheWidestRange) {
  const auto narrow = Mapper({{ColumnType::kBigInt, false}});
  const auto parts = EvenParts(*narrow, "-9223372036854775808", "9223372036854775807", 2);
  ASSERT_EQ(parts.size(), 2u);
  EXPECT_EQ(parts[0].upto, Signed(-1));
  EXPECT_EQ(parts[1].after, Signed(-1));
  const auto wide = Mapper({{ColumnType::kBigInt, true}, {ColumnType::kInt, true}});
  const auto pairs = EvenParts(*wide, "0", "18446744073709551615", 2);
  ASSERT_EQ(pairs.size(), 2u);
  EXPECT_EQ(pairs[0].upto, Bytes(9223372036854775807u) + std::string(8, '\xFF'));
}

TEST(OwnerPartTest, TooFewKeysAreOnePart) {
  const auto mapper = Mapper({{ColumnType::kInt, true}});
  EXPECT_EQ(EvenParts(*mapper, "5", "5", 4).size(), 1u);
  EXPECT_EQ(EvenParts(*mapper, "5", "7", 4).size(), 1u);
  EXPECT_EQ(EvenParts(*mapper, "5", "700", 1).size(), 1u);
}

}  // namespace
}  // namespace shardlift::verify
