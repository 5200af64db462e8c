#include "migrate/window.h"

#include <gtest/gtest.h>

namespace shardlift::migrate {
namespace {

using mysql::SourcePosition;

SourcePosition At(std::uint64_t offset) { return SourcePosition::FromFile({"bin.000001", offset}); }

class WindowBookTest : public ::testing::Test {
 protected:
  WindowBookTest() {
    table_.ordinal = 5;
    other_.ordinal = 6;
  }
  std::shared_ptr<ChunkWindow> Read(const job::CatalogTable& table, std::uint64_t number, std::uint64_t high) {
    CopyMark from;
    from.chunk_number = number;
    auto window = book_.Open(&table, from);
    ChunkData data;
    data.high = At(high);
    book_.Submit(window, std::move(data));
    return window;
  }
  std::vector<std::shared_ptr<ChunkWindow>> Take(std::uint64_t passed) {
    const auto lock = book_.Lock();
    return book_.TakeReady(At(passed));
  }
  job::CatalogTable table_;
  job::CatalogTable other_;
  WindowBook book_{mysql::Flavour::kMariaDb};
};

TEST_F(WindowBookTest, ChunkIsReadyOnlyWhenTheStreamHasPassedItsUpperBound) {
  const auto window = Read(table_, 0, 100);
  EXPECT_TRUE(Take(99).empty());
  EXPECT_EQ(Take(100), std::vector{window});
  EXPECT_TRUE(book_.empty());
}

TEST_F(WindowBookTest, LaterChunkOfATableWaitsForTheEarlierOne) {
  const auto first = Read(table_, 0, 200);
  const auto second = Read(table_, 1, 100);
  const auto elsewhere = Read(other_, 0, 100);
  EXPECT_EQ(Take(150), std::vector{elsewhere});
  EXPECT_EQ(Take(200), (std::vector{first, second}));
}

TEST_F(WindowBookTest, RecordsOwnersOfItsTableFromItsOpeningOn) {
  {
    const auto lock = book_.Lock();
    book_.Record(5, "before");
  }
  const auto window = book_.Open(&table_, {});
  {
    const auto lock = book_.Lock();
    book_.Record(5, "inside");
    book_.Record(6, "other table");
  }
  EXPECT_EQ(window->touched, std::unordered_set<std::string>{"inside"});
}

TEST_F(WindowBookTest, OverflowVoidsTheChunkAndThoseBehindIt) {
  const auto first = book_.Open(&table_, {});
  const auto second = Read(table_, 1, 50);
  {
    const auto lock = book_.Lock();
    for (int i = 0; i < 200'000; ++i) book_.Record(5, "owner-" + std::to_string(i));
  }
  EXPECT_EQ(book_.StateOf(*first), WindowState::kVoided);
  EXPECT_TRUE(Take(100).empty());
  EXPECT_EQ(book_.StateOf(*second), WindowState::kVoided);
  EXPECT_TRUE(book_.empty());
}

TEST_F(WindowBookTest, OwnersOfEndedXaTransactionsAreInEveryLaterWindow) {
  {
    const auto lock = book_.Lock();
    book_.RecordXa(5, "xa");
  }
  EXPECT_TRUE(book_.Open(&table_, {})->touched.contains("xa"));
  EXPECT_FALSE(book_.Open(&other_, {})->touched.contains("xa"));
  const auto lock = book_.Lock();
  for (int i = 0; i < 60'000; ++i) book_.RecordXa(6, std::to_string(i));
}

TEST_F(WindowBookTest, LooksAtXaOwnersLockTheirRowsAndDropOnlyWhatChangesInTheWindow) {
  class NoLook final : public OwnerLook {
    base::Status AtSource(mysql::Session&, bool) override { return base::Ok(); }
    base::Status AtShard(std::uint32_t, mysql::Session&) override { return base::Ok(); }
  };
  {
    const auto lock = book_.Lock();
    book_.RecordXa(5, "xa");
  }
  const auto other = book_.OpenForKeys(&table_, {"a", "b"}, std::make_shared<NoLook>());
  EXPECT_FALSE(other->locking_read);
  const auto window = book_.OpenForKeys(&table_, {"a", "xa"}, std::make_shared<NoLook>());
  EXPECT_TRUE(window->locking_read);
  EXPECT_TRUE(window->touched.empty());
  const auto lock = book_.Lock();
  book_.Record(5, "xa");
  EXPECT_TRUE(window->touched.contains("xa"));
}

TEST_F(WindowBookTest, TooManyXaOwnersMakeLaterReadsLock) {
  {
    const auto lock = book_.Lock();
    for (int i = 0; i < 60'000; ++i) book_.RecordXa(5, std::to_string(i));
  }
  EXPECT_TRUE(book_.Open(&table_, {})->locking_read);
  EXPECT_FALSE(book_.Open(&other_, {})->locking_read);
}

}  // namespace
}  // namespace shardlift::migrate
