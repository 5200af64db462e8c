// The two servers of verify's tests, with a job over them that has been migrated: lanes have checkpoints.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "migrate/migrate.h"
#include "tests/verify/fixture.h"
#include "tests/verify/planter.h"

namespace shardlift::repair::testing {

class MigratedTest : public verify::testing::StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    if (!HasFatalFailure()) MigrateAnew();
  }

  void MigrateAnew() {
    for (std::size_t shard = 0; shard < 2; ++shard) {
      for (const char* table : {"message", "sl_lane", "sl_copy", "sl_dead_letter"}) {
        live::SqlOn(ShardSession(shard), std::string("DELETE FROM ") + table);
      }
    }
    std::filesystem::remove_all(config_.spool.directory);
    Migrate();
  }
  void Migrate() {
    migrate::MigrateOptions options;
    options.until_caught_up = true;
    const auto done = migrate::RunMigrate(config_, options);
    ASSERT_TRUE(done.ok()) << done.status().message();
    ASSERT_TRUE(done->caught_up);
  }

  static verify::testing::Planter NewPlanter(std::uint64_t seed, std::string scope = "TRUE") {
    return {{&ShardSession(0), &ShardSession(1)}, seed, std::move(scope)};
  }
  // As Planter::expected() has them.
  static std::string NameOf(const verify::Finding& finding) {
    std::string key;
    for (const char c : finding.owner_key) key += fmt::format("{:02X}", static_cast<unsigned char>(c));
    return fmt::format("{} {}/{} {} [{}]", verify::FindingKindName(finding.kind), finding.origin, finding.table_ordinal,
                       key, fmt::join(finding.columns, ","));
  }
  // "1/7 000000000000002A" of such a name.
  static std::string OwnerIn(const std::string& name) {
    const std::size_t begin = name.find(' ') + 1;
    return name.substr(begin, name.rfind(' ') - begin);
  }
};

}  // namespace shardlift::repair::testing
