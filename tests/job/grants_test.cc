#include "job/grants.h"

#include <gtest/gtest.h>

namespace shardlift::job {
namespace {

TEST(GrantsTest, WholePrivilegesOnly) {
  const Grants g = Grants::FromLines({"GRANT REPLICATION SLAVE ADMIN, SLAVE MONITOR, CREATE USER ON *.* TO `u`@`%`",
                                      "GRANT SELECT (`a`, `INSERT`), UPDATE ON `d`.* TO `u`@`%`"});
  EXPECT_FALSE(g.HasGlobal("REPLICATION SLAVE"));
  EXPECT_TRUE(g.HasGlobal("SLAVE MONITOR"));
  EXPECT_FALSE(g.HasOnDatabase("CREATE", "d"));
  EXPECT_FALSE(g.HasOnDatabase("SELECT", "d"));
  EXPECT_FALSE(g.HasOnDatabase("INSERT", "d"));
  EXPECT_TRUE(g.HasOnDatabase("UPDATE", "d"));
  EXPECT_FALSE(g.HasGlobal("UPDATE"));
}

TEST(GrantsTest, DatabasePatterns) {
  const Grants g =
      Grants::FromLines({"GRANT INSERT ON `app\\_%`.* TO `u`@`%`", "GRANT DELETE ON `a_c`.* TO `u`@`%`",
                         "GRANT SELECT ON `d`.`t` TO `u`@`%`", "GRANT ALL PRIVILEGES ON `x``y`.* TO `u`@`%`"});
  EXPECT_TRUE(g.HasOnDatabase("INSERT", "app_1"));
  EXPECT_FALSE(g.HasOnDatabase("INSERT", "appx1"));
  EXPECT_TRUE(g.HasOnDatabase("DELETE", "abc"));
  EXPECT_FALSE(g.HasOnDatabase("DELETE", "abcd"));
  EXPECT_FALSE(g.HasOnDatabase("SELECT", "d"));
  EXPECT_TRUE(g.HasOnDatabase("DROP", "x`y"));
}

TEST(GrantsTest, GlobalGrantsAndRoles) {
  const Grants all = Grants::FromLines({"GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost` WITH GRANT OPTION",
                                        "GRANT PROXY ON ''@'%' TO 'root'@'localhost' WITH GRANT OPTION"});
  EXPECT_TRUE(all.HasGlobal("REPLICATION SLAVE"));
  EXPECT_TRUE(all.HasOnDatabase("SELECT", "anything"));
  const Grants role = Grants::FromLines({"GRANT USAGE ON *.* TO `u`@`%`", "GRANT `app`@`%` TO `u`@`%`"});
  EXPECT_TRUE(role.HasGlobal("REPLICATION SLAVE"));
  const Grants none = Grants::FromLines({"GRANT USAGE ON *.* TO `u`@`%`"});
  EXPECT_FALSE(none.HasGlobal("REPLICATION SLAVE"));
}

}  // namespace
}  // namespace shardlift::job
