#include "mysql/position.h"

#include <gtest/gtest.h>

#include "mysql/session_impl.h"

namespace shardlift::mysql {
namespace {

SourcePosition File(const std::string& file, std::uint64_t offset) { return SourcePosition::FromFile({file, offset}); }

TEST(FilePositionTest, OrdersByNumberThenOffset) {
  EXPECT_LT((FilePosition{"bl.000009", 900}), (FilePosition{"bl.000010", 4}));
  EXPECT_LT((FilePosition{"bl.999999", 4}), (FilePosition{"bl.1000000", 4}));
  EXPECT_LT((FilePosition{"bl.000001", 4}), (FilePosition{"bl.000001", 5}));
  EXPECT_EQ((FilePosition{"no-number", 1}).file_number(), 0u);
  EXPECT_EQ((FilePosition{"a.b.000012", 1}).file_number(), 12u);
}

TEST(SourcePositionTest, FilesMergeAndIntersect) {
  SourcePosition p = File("bl.000002", 10);
  p.MergeWith(File("bl.000001", 99));
  EXPECT_EQ(p, File("bl.000002", 10));
  p.MergeWith(File("bl.000003", 4));
  EXPECT_EQ(p, File("bl.000003", 4));
  EXPECT_TRUE(p.Contains(File("bl.000003", 4)));
  EXPECT_FALSE(p.Contains(File("bl.000003", 5)));
  p.IntersectWith(File("bl.000002", 77));
  EXPECT_EQ(p, File("bl.000002", 77));
}

TEST(SourcePositionTest, TextRoundTrips) {
  for (const char* const text : {"mysql:", "mysql:3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5:tag:2",
                                 "mariadb:bl.000123:4567", "mariadb:a:b.000001:99999999999"}) {
    const auto p = SourcePosition::Parse(text);
    ASSERT_TRUE(p.ok()) << text;
    EXPECT_EQ(p->ToText(), text);
  }
  for (const char* const bad : {"", "x:1", "mariadb:", "mariadb:bl.000001", "mariadb:bl.000001:x", "mariadb::4",
                                "mariadb:nonumber:4", "mysql:zz"}) {
    EXPECT_EQ(SourcePosition::Parse(bad).status().code(), base::Code::kUsage) << bad;
  }
}

// The shape of a real SHOW ENGINE INNODB STATUS of MariaDB 10.11.
constexpr const char* kStatus = R"(
------------
TRANSACTIONS
------------
Trx id counter 69
LIST OF TRANSACTIONS FOR EACH SESSION:
---TRANSACTION 60, ACTIVE 7 sec
1 lock struct(s), heap size 1128, 0 row lock(s), undo log entries 1
MariaDB thread id 8, OS thread handle 140172097615552, query id 20 localhost root User sleep
select sleep(12)
---TRANSACTION 61, ACTIVE (PREPARED) 7 sec
1 lock struct(s), heap size 1128, 0 row lock(s), undo log entries 1
MariaDB thread id 9, OS thread handle 140172097308352, query id 21 localhost root Waiting for semi-sync ACK from slave
insert into t values (1)
---TRANSACTION 68, ACTIVE (PREPARED) 0 sec recovered trx
1 lock struct(s), heap size 1128, 0 row lock(s), undo log entries 1
---TRANSACTION 69, ACTIVE (PREPARED) 4 sec
1 lock struct(s), heap size 1128, 0 row lock(s), undo log entries 1
MariaDB thread id 11, OS thread handle 140172097308352, query id 25 localhost root
---TRANSACTION 70, COMMITTED IN MEMORY
1 lock struct(s), heap size 1128, 0 row lock(s)
---TRANSACTION (0x7f7c5f758b80), not started
0 lock struct(s), heap size 1128, 0 row lock(s)
--------
FILE I/O
)";

TEST(CommittingTransactionsTest, TakesThePreparedOnes) {
  using Ids = std::set<std::uint64_t>;
  EXPECT_EQ(CommittingTransactions(kStatus, false), (Ids{61, 68, 69, 70}));
  EXPECT_EQ(CommittingTransactions(kStatus, true), (Ids{61, 70}));
  EXPECT_EQ(CommittingTransactions("LIST OF TRANSACTIONS FOR EACH SESSION:\n", false), Ids{});
  EXPECT_EQ(CommittingTransactions("", false), std::nullopt);
  EXPECT_EQ(CommittingTransactions(std::string(kStatus) + "\n... truncated...\n", false), std::nullopt);
}

}  // namespace
}  // namespace shardlift::mysql
