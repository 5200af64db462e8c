#include "migrate/ddl_guard.h"

#include <gtest/gtest.h>

namespace shardlift::migrate {
namespace {

struct Case {
  const char* default_schema;
  const char* sql;
  const char* found;
};

class DdlGuard : public ::testing::TestWithParam<Case> {};

TEST_P(DdlGuard, FindsMappedTablesOnly) {
  job::JobConfig config;
  mapping::MappingConfig mapping;
  mapping.match = {"im_{0..3}.msg_{00..15}"};
  mapping.sources = {"legacy1"};
  config.mappings = {mapping};
  EXPECT_EQ(FindMappedTable(config, "legacy1", GetParam().default_schema, GetParam().sql), GetParam().found);
  EXPECT_EQ(FindMappedTable(config, "legacy2", GetParam().default_schema, GetParam().sql), "");
}

INSTANTIATE_TEST_SUITE_P(Statements, DdlGuard,
                         ::testing::Values(Case{"im_0", "ALTER TABLE msg_03 ADD COLUMN x INT", "im_0.msg_03"},
                                           Case{"im_0", "ALTER TABLE msg_16 ADD COLUMN x INT", ""},
                                           Case{"other", "ALTER TABLE msg_03 ADD COLUMN x INT", ""},
                                           Case{"other", "TRUNCATE `im_1`.`msg_00`", "im_1.msg_00"},
                                           Case{"", "RENAME TABLE a.b TO im_3 . msg_15", "im_3.msg_15"},
                                           Case{"im_0", "CREATE TABLE t2 LIKE im_2.msg_09", "im_2.msg_09"},
                                           Case{"im_0", "DROP /*!40005 TEMPORARY */ TABLE IF EXISTS `msg_03`", ""},
                                           Case{"", "DROP DATABASE IF EXISTS `im_2`", "im_2.*"},
                                           Case{"", "DROP DATABASE elsewhere", ""},
                                           Case{"im_0", "CREATE TABLE t (a VARCHAR(20) DEFAULT 'msg_03')", ""}));

}  // namespace
}  // namespace shardlift::migrate
