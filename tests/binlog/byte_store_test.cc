#include "binlog/byte_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

namespace shardlift::binlog {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class ByteStoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* const directory = std::getenv("TMPDIR");
    if (directory != nullptr) before_ = directory;
    had_one_ = directory != nullptr;
  }
  void TearDown() override { had_one_ ? setenv("TMPDIR", before_.c_str(), 1) : unsetenv("TMPDIR"); }

  SpillOptions options_{.memory_bytes_max = 8, .directory = {}};

 private:
  bool had_one_ = false;
  std::string before_;
};

TEST_F(ByteStoreTest, MoreThanFitsInMemory_ReadBackFromTheFile) {
  ByteStore store(options_);
  ASSERT_TRUE(store.Append("0123456789").ok());
  ASSERT_TRUE(store.Append("abc").ok());
  std::string scratch;
  EXPECT_EQ(store.Read(4, 6, scratch).value(), "456789");
  EXPECT_EQ(store.Read(10, 3, scratch).value(), "abc");
}

TEST_F(ByteStoreTest, NoTemporaryDirectory_TheErrorNamesTheRemedy) {
  setenv("TMPDIR", "/no/such/directory", 1);
  ByteStore store(options_);
  ASSERT_TRUE(store.Append("12345678").ok()) << "nothing is to be written yet";
  const base::Status status = store.Append("9");
  EXPECT_EQ(status.code(), base::Code::kEnvironment);
  EXPECT_THAT(status.message(), AllOf(HasSubstr("large transaction"), HasSubstr("TMPDIR")));
}

}  // namespace
}  // namespace shardlift::binlog
