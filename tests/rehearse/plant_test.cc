// Planted faults really are in the shards, one row each, and as described.
#include "rehearse/plant.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "store/message_table.h"
#include "tests/live/live.h"

namespace shardlift::rehearse {
namespace {

using mysql::Flavour;

constexpr int kRowsPerShard = 30;

class PlantTest : public testing::TestWithParam<Flavour> {
 protected:
  void SetUp() override {
    live::Start({{"other", Flavour::kMariaDb, {}}});
    for (int i = 0; i < 2; ++i) {
      const mysql::Endpoint& endpoint = (i == 0 ? live::ServerOf(GetParam()) : live::Get("other")).endpoint();
      shards_.push_back({fmt::format("s{}", i), endpoint.name, endpoint, fmt::format("store_{}", i)});
      const auto session = live::Connect(endpoint);
      ASSERT_NE(session, nullptr);
      SL_ASSERT_OK(store::ApplySchema(*session, shards_.back().database));
    }
    Fill();
  }
  void Fill() {
    for (int i = 0; i < 2; ++i) {
      const auto session = live::Connect(shards_[static_cast<std::size_t>(i)].endpoint);
      ASSERT_NE(session, nullptr);
      const std::string database = shards_[static_cast<std::size_t>(i)].database;
      live::SqlOn(*session, "DELETE FROM " + database + ".message");
      for (int n = 1; n <= kRowsPerShard; ++n) {
        live::SqlOn(
            *session,
            fmt::format("INSERT INTO {0}.message VALUES ({1}, 1, x'31', x'3132', '2023-01-02 03:04:05.000000', "
                        "{2}, 1, NULL, 1, 0, x'E4BDA0FF', {3}, 0, '2023-01-03', NULL, x'00FF', 1, {4}, 7, x'{2:016X}')",
                        database, i * 100 + n, i * 1000 + n, n % 2 == 0 ? "NULL" : "'{\"a\": \"你\"}'", 1 + n % 3));
      }
    }
  }
  std::string Ask(std::size_t shard, const std::string& sql) {
    mysql::SessionOptions options;
    options.database = shards_[shard].database;
    const auto session = live::Connect(shards_[shard].endpoint, options);
    return session == nullptr ? std::string() : live::OneOn(*session, sql);
  }
  // All but the version of a row, as one value.
  std::string Row(std::size_t shard, const Planted& planted) {
    return Ask(shard,
               "SELECT CONCAT_WS(';', bucket, HEX(account_key), sent_at, msg_id, HEX(body), ext, status, edited_at, "
               "HEX(client_id)) FROM message WHERE " +
                   Where(planted));
  }
  static std::string Where(const Planted& planted) {
    return fmt::format("owner_origin = {} AND owner_table = {} AND owner_key = x'{}'", planted.origin,
                       planted.table_ordinal, planted.owner_key);
  }
  std::string Count(std::size_t shard, const std::string& where) {
    return Ask(shard, "SELECT COUNT(*) FROM message WHERE " + where);
  }
  std::size_t Index(const Planted& planted) const { return planted.shard == "s0" ? 0 : 1; }

  std::vector<ShardPlace> shards_;
};

TEST_P(PlantTest, EachFaultIsOneRow) {
  const std::vector<PlantKind> kinds = {PlantKind::kLost, PlantKind::kExtra, PlantKind::kBit, PlantKind::kShard,
                                        PlantKind::kStale};
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    for (const PlantKind kind : kinds) {
      SCOPED_TRACE(fmt::format("{} seed {}", PlantKindName(kind), seed));
      Fill();
      const int before = std::stoi(Count(0, "TRUE")) + std::stoi(Count(1, "TRUE"));
      auto planted = PlantFaults(std::vector{kind}, shards_, seed);
      ASSERT_TRUE(planted.ok()) << planted.status().message();
      ASSERT_EQ(planted->size(), 1U);
      const Planted& one = planted->front();
      const std::size_t at = Index(one);
      const int after = std::stoi(Count(0, "TRUE")) + std::stoi(Count(1, "TRUE"));
      switch (kind) {
        case PlantKind::kLost:
          EXPECT_EQ(after, before - 1);
          EXPECT_EQ(Count(at, Where(one)), "0");
          break;
        case PlantKind::kExtra:
          EXPECT_EQ(after, before + 1);
          EXPECT_EQ(Count(at, Where(one)), "1");
          EXPECT_EQ(Count(at, Where(one) + " AND msg_id > 1073741824"), "1");
          break;
        case PlantKind::kShard:
          EXPECT_EQ(after, before);
          EXPECT_EQ(Count(at, Where(one)), "0");
          EXPECT_EQ(Count(1 - at, Where(one)), "1");
          break;
        case PlantKind::kBit:
          EXPECT_EQ(after, before);
          EXPECT_EQ(Count(at, Where(one) + " AND LENGTH(body) = 4 AND body <> x'E4BDA0FF'"), "1");
          break;
        case PlantKind::kStale:
          EXPECT_EQ(after, before);
          EXPECT_EQ(Count(at, Where(one) + " AND body LIKE 'older: %' AND status = 1"), "1");
          break;
      }
    }
  }
}

TEST_P(PlantTest, AMovedRowIsUnchangedOtherwise) {
  std::vector<std::string> before;
  auto probe = PlantFaults(std::vector{PlantKind::kShard}, shards_, 9);
  ASSERT_TRUE(probe.ok()) << probe.status().message();
  const std::size_t at = Index(probe->front());
  const std::string moved = Row(1 - at, probe->front());
  const bool has_json = moved.find("你") != std::string::npos;
  const bool even = std::stoi(probe->front().owner_key.substr(8), nullptr, 16) % 1000 % 2 == 0;
  EXPECT_EQ(has_json, !even) << moved;
  EXPECT_NE(moved.find("E4BDA0FF"), std::string::npos);
}

TEST_P(PlantTest, ManyFaultsHitDifferentRows) {
  const std::vector<PlantKind> kinds(6, PlantKind::kStale);
  auto planted = PlantFaults(kinds, shards_, 5);
  ASSERT_TRUE(planted.ok());
  EXPECT_EQ(std::stoi(Count(0, "body LIKE 'older: %'")) + std::stoi(Count(1, "body LIKE 'older: %'")), 6);
}

SL_BOTH_FLAVOURS(PlantTest);

}  // namespace
}  // namespace shardlift::rehearse
