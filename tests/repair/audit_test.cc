// The audit's chain: what was done to a file of it, and where it is seen.
#include "repair/audit.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/live/live.h"

namespace shardlift::repair {
namespace {

class AuditTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::remove(path_);
    for (int i = 1; i <= 3; ++i) Append(i);
    lines_ = Read();
    ASSERT_EQ(lines_.size(), 3u);
  }
  void Append(int i) {
    auto log = AuditLog::Open(path_);
    ASSERT_TRUE(log.ok()) << log.status().message();
    const AuditRecord record{"write", {{"owner_key", fmt::format("{:04}", i)}}};
    SL_ASSERT_OK((*log)->Append({&record, 1}));
    head_ = (*log)->head();
  }
  std::vector<std::string> Read() const {
    std::ifstream in(path_);
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
  }
  void Write(const std::vector<std::string>& lines, const std::string& tail = "") {
    std::ofstream out(path_, std::ios::trunc);
    for (const std::string& line : lines) out << line << "\n";
    out << tail;
  }
  void ExpectBrokenAt(int line) {
    const auto state = CheckAudit(path_);
    ASSERT_FALSE(state.ok());
    EXPECT_EQ(state.status().code(), base::Code::kFindings);
    EXPECT_NE(state.status().message().find(fmt::format("{}:{}:", path_, line)), std::string::npos)
        << state.status().message();
  }

  const std::string path_ = live::Directory() + "/audit.jsonl";
  std::vector<std::string> lines_;
  std::string head_;
};

TEST_F(AuditTest, AppendedByThreeProcesses_ChainIsWhole_FileIsPrivate) {
  const auto state = CheckAudit(path_);
  ASSERT_TRUE(state.ok()) << state.status().message();
  EXPECT_EQ(state->lines, 3u);
  EXPECT_EQ(state->head, head_);
  struct stat info{};
  ASSERT_EQ(stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777u, 0600u);
}

TEST_F(AuditTest, LineChangedRemovedMovedOrAdded_NamedByNumber) {
  std::vector<std::string> lines = lines_;
  lines[1].replace(lines[1].find("0002"), 4, "0009");
  Write(lines);
  ExpectBrokenAt(2);
  Write({lines_[0], lines_[2]});
  ExpectBrokenAt(2);
  Write({lines_[1], lines_[2]});
  ExpectBrokenAt(1);
  Write({lines_[0], lines_[2], lines_[1]});
  ExpectBrokenAt(2);
  Write({lines_[0], lines_[1], lines_[1], lines_[2]});
  ExpectBrokenAt(3);
  Write(lines_);
  EXPECT_TRUE(CheckAudit(path_).ok());
}

TEST_F(AuditTest, LastLineGone_OnlyTheHeadTells) {
  Write({lines_[0], lines_[1]});
  const auto state = CheckAudit(path_);
  ASSERT_TRUE(state.ok());
  EXPECT_NE(state->head, head_);
}

TEST_F(AuditTest, LastLineTorn_CutOffAndRecorded) {
  Write({lines_[0], lines_[1]}, lines_[2].substr(0, 20));
  ExpectBrokenAt(3);
  Append(4);
  const std::vector<std::string> lines = Read();
  ASSERT_EQ(lines.size(), 4u);
  EXPECT_NE(lines[2].find("\"cut\""), std::string::npos);
  EXPECT_TRUE(CheckAudit(path_).ok());
}

TEST_F(AuditTest, LastLineDamaged_OrFileInUse_Refused) {
  {
    const auto held = AuditLog::Open(path_);
    ASSERT_TRUE(held.ok());
    EXPECT_EQ(AuditLog::Open(path_).status().code(), base::Code::kRefused);
  }
  std::vector<std::string> lines = lines_;
  lines[2].replace(lines[2].find("0003"), 4, "0009");
  Write(lines);
  EXPECT_EQ(AuditLog::Open(path_).status().code(), base::Code::kRefused);
}

}  // namespace
}  // namespace shardlift::repair
