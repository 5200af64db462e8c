#include "base/status.h"

#include <gtest/gtest.h>

#include <memory>

namespace shardlift::base {
namespace {

TEST(StatusTest, ContextFramesGoInFront) {
  Status status(Code::kEnvironment, "connection lost", Effect::kUnknown);
  status.WithContext("COMMIT").WithContext("shard s1");
  EXPECT_EQ(status.message(), "shard s1: COMMIT: connection lost");
  EXPECT_EQ(status.effect(), Effect::kUnknown);
}

TEST(StatusTest, ContextOnOkIsNoOp) {
  Status status;
  status.WithContext("frame");
  EXPECT_TRUE(status.ok());
  EXPECT_EQ(status.message(), "");
}

TEST(StatusTest, ExitCodesAreTheDocumentedOnes) {
  const auto exit_code = [](Code code) { return ExitCodeOf(Status(code, "x")); };
  EXPECT_EQ(ExitCodeOf(Ok()), 0);
  EXPECT_EQ(exit_code(Code::kFindings), 1);
  EXPECT_EQ(exit_code(Code::kUsage), 2);
  EXPECT_EQ(exit_code(Code::kEnvironment), 3);
  EXPECT_EQ(exit_code(Code::kRefused), 4);
  EXPECT_EQ(exit_code(Code::kDuplicate), 4);
  EXPECT_EQ(exit_code(Code::kBadValue), 4);
  EXPECT_EQ(exit_code(Code::kCorrupt), 4);
  EXPECT_EQ(exit_code(Code::kStopped), 5);
  EXPECT_EQ(exit_code(Code::kInternal), 70);
}

Result<int> Half(int n) {
  if (n % 2 != 0) return Status(Code::kUsage, "odd");
  return n / 2;
}
Result<int> Quarter(int n) {
  SL_ASSIGN(const int half, Half(n));
  SL_ASSIGN(const int quarter, Half(half));
  return quarter;
}
Status Check(int n) {
  SL_TRY(Quarter(n).status());
  return Ok();
}

TEST(ResultTest, MacrosPassValuesAndFailures) {
  EXPECT_EQ(*Quarter(8), 2);
  EXPECT_EQ(Quarter(6).status().message(), "odd");
  EXPECT_TRUE(Check(4).ok());
  EXPECT_EQ(Check(5).code(), Code::kUsage);
}

TEST(ResultTest, HoldsMoveOnlyTypes) {
  Result<std::unique_ptr<int>> result(std::make_unique<int>(7));
  const std::unique_ptr<int> taken = std::move(result).value();
  EXPECT_EQ(*taken, 7);
}

TEST(ResultDeathTest, ValueOfAFailureAborts) {
  EXPECT_DEATH({ (void)Half(1).value(); }, "check failed");
}

TEST(ResultDeathTest, ResultOfAnOkStatusAborts) {
  EXPECT_DEATH({ Result<int> r{Status()}; }, "check failed");
}

}  // namespace
}  // namespace shardlift::base
