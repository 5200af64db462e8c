// Files of a spool that are not as they were written: torn ends are cut off and said, damage is an error, and nothing
// is ever wrong in silence.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <optional>

#include "binlog/spool_segment.h"
#include "tests/binlog/spool_fixture.h"

namespace shardlift::binlog {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

using Files = std::map<std::string, std::string>;

class SpoolDamageTest : public ::testing::Test {
 protected:
  // Groups of a few bytes; each is a block of its own, and each but the last `unsynced` is synced.
  void Fill(int groups, int unsynced = 0) {
    Stream stream;
    auto spool = SpoolWriter::Open(options_);
    ASSERT_TRUE(spool.ok()) << spool.status().message();
    ASSERT_TRUE((*spool)->StartConnection({}, true, false).ok());
    AppendAll(**spool, stream.Begin());
    for (int i = 0; i < groups; ++i) {
      const auto group = stream.Group(20);
      AppendAll(**spool, group);
      Extend(events_, group);
      ASSERT_TRUE(((i < groups - unsynced) ? (*spool)->Sync() : (*spool)->Flush()).ok());
    }
    // As after kill -9: without what closing it does.
    files_ = ReadFiles();
    spool->reset();
    WriteFiles(files_);
  }
  Files ReadFiles() const {
    Files files;
    for (const auto& entry : std::filesystem::directory_iterator(options_.directory)) {
      if (entry.path().extension() == ".spool") files[entry.path()] = FileText(entry.path());
    }
    return files;
  }
  void WriteFiles(const Files& files) const {
    for (const auto& entry : std::filesystem::directory_iterator(options_.directory)) {
      if (!files.contains(entry.path()) && entry.path().filename() != "lock") std::filesystem::remove(entry.path());
    }
    for (const auto& [path, bytes] : files) WriteFile(path, bytes);
  }

  struct Outcome {
    base::Status status;
    std::optional<SpoolCut> cut;
    std::vector<std::string> events;
  };
  Outcome Open() const {
    Outcome outcome;
    auto spool = SpoolWriter::Open(options_);
    outcome.status = spool.status();
    if (!spool.ok()) return outcome;
    outcome.cut = (*spool)->cut();
    Held held = ReadAll(**spool, options_.start, false);
    outcome.status = held.status;
    outcome.events = std::move(held.events);
    return outcome;
  }
  std::string Last() const { return files_.rbegin()->first; }
  bool IsWholeGroups(const std::vector<std::string>& events) const {
    return events.size() % 5 == 0 && events.size() <= events_.size() &&
           std::equal(events.begin(), events.end(), events_.begin());
  }
  // Where each block of a segment begins; the last element is the end.
  std::vector<std::uint64_t> Blocks(const std::string& path, std::uint64_t number) const {
    auto segment = SpoolSegment::Open(path, number);
    EXPECT_TRUE(segment.ok()) << segment.status().message();
    std::vector<std::uint64_t> offsets = {(*segment)->offset()};
    SpoolBlock block;
    for (auto read = (*segment)->Read(files_.at(path).size(), block); read.ok() && *read;
         read = (*segment)->Read(files_.at(path).size(), block)) {
      offsets.push_back((*segment)->offset());
    }
    EXPECT_EQ(offsets.back(), files_.at(path).size());
    return offsets;
  }

  ScratchDirectory scratch_;
  SpoolOptions options_ = SpoolAt(scratch_.path() + "/source");
  std::vector<std::string> events_;
  Files files_;
};

TEST_F(SpoolDamageTest, LastSegmentCutAtEachLength_WholeGroupsStay) {
  Fill(4, 4);
  const std::string whole = files_[Last()];
  const std::vector<std::uint64_t> blocks = Blocks(Last(), 1);
  std::size_t longest = 0;
  for (std::size_t bytes = 0; bytes <= whole.size(); ++bytes) {
    WriteFile(Last(), whole.substr(0, bytes));
    const Outcome outcome = Open();
    if (bytes < blocks.front()) {
      EXPECT_EQ(outcome.status.code(), base::Code::kCorrupt)
          << bytes;  // a header is whole before the file has its name
      continue;
    }
    ASSERT_TRUE(outcome.status.ok()) << bytes << ": " << outcome.status.message();
    EXPECT_TRUE(IsWholeGroups(outcome.events)) << bytes;
    EXPECT_GE(outcome.events.size(), longest);
    longest = outcome.events.size();
    const auto next = std::upper_bound(blocks.begin(), blocks.end(), bytes);
    EXPECT_EQ(outcome.cut.has_value(), *(next - 1) != bytes) << bytes;
    if (outcome.cut) {
      EXPECT_EQ(outcome.cut->offset, *(next - 1));
      EXPECT_EQ(outcome.cut->bytes, bytes - *(next - 1));
      EXPECT_EQ(std::filesystem::file_size(Last()), outcome.cut->offset);
      EXPECT_THAT(outcome.cut->why, HasSubstr("cut short"));
    }
  }
  EXPECT_EQ(longest, events_.size());
}

TEST_F(SpoolDamageTest, TailOfZeros_IsCutOff) {
  Fill(3);
  WriteFile(Last(), files_[Last()] + std::string(5000, '\0'));
  const Outcome outcome = Open();
  ASSERT_TRUE(outcome.status.ok()) << outcome.status.message();
  ASSERT_TRUE(outcome.cut);
  EXPECT_EQ(outcome.cut->bytes, 5000u);
  EXPECT_EQ(outcome.events, events_);
}

// After power loss a later block may be on disk while an earlier one is not, as long as neither was synced.
TEST_F(SpoolDamageTest, BlockLostBeforeALaterOne_NeverSynced_IsATornEnd) {
  Fill(4, 2);
  std::string bytes = files_[Last()];
  const auto blocks = Blocks(Last(), 1);
  const std::size_t third = blocks[blocks.size() - 3];
  std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(third),
            bytes.begin() + static_cast<std::ptrdiff_t>(blocks[blocks.size() - 2]), '\0');
  WriteFile(Last(), bytes);
  const Outcome outcome = Open();
  ASSERT_TRUE(outcome.status.ok()) << outcome.status.message();
  ASSERT_TRUE(outcome.cut);
  EXPECT_EQ(outcome.cut->offset, third);
  EXPECT_EQ(outcome.events.size(), 10u);
}

TEST_F(SpoolDamageTest, EachByteFlipped_IsAnErrorOrChangesNothing) {
  options_.segment_bytes = 600;
  Fill(5);
  ASSERT_GE(files_.size(), 2u);
  std::size_t errors = 0;
  for (const auto& [path, bytes] : files_) {
    for (std::size_t at = 0; at < bytes.size(); ++at) {
      for (const int flip : {0x01, 0xff}) {
        std::string changed = bytes;
        changed[at] = static_cast<char>(changed[at] ^ flip);
        WriteFiles(files_);
        WriteFile(path, changed);
        const Outcome outcome = Open();
        if (outcome.status.ok()) {
          // All was synced, so nothing but the last mark may be cut off.
          ASSERT_EQ(outcome.events, events_) << path << " " << at;
          ASSERT_TRUE(outcome.cut) << path << " " << at << ": a changed byte went unnoticed";
          continue;
        }
        ++errors;
        ASSERT_TRUE(outcome.status.code() == base::Code::kCorrupt || outcome.status.code() == base::Code::kRefused)
            << outcome.status.message();
        ASSERT_THAT(outcome.status.message(), HasSubstr(options_.directory));
        ASSERT_TRUE(IsWholeGroups(outcome.events)) << path << " " << at;
      }
    }
  }
  std::size_t all = 0;
  for (const auto& [path, bytes] : files_) all += bytes.size();
  EXPECT_EQ(errors, 2 * (all - kSpoolBlockHeaderBytes));
}

TEST_F(SpoolDamageTest, DamageOfSyncedBytes_NamesFileOffsetAndRemedy) {
  Fill(4);
  std::string bytes = files_[Last()];
  const auto blocks = Blocks(Last(), 1);
  const std::size_t second = blocks[2];  // between them lies a mark
  bytes[second + 150] = static_cast<char>(bytes[second + 150] ^ 1);
  WriteFile(Last(), bytes);
  const Outcome outcome = Open();
  EXPECT_EQ(outcome.status.code(), base::Code::kCorrupt);
  EXPECT_THAT(
      outcome.status.message(),
      AllOf(HasSubstr("not a write cut short"), HasSubstr(Last() + ":" + std::to_string(second)),
            HasSubstr("wrong checksum of a block"), HasSubstr("Check the disk, then remove " + options_.directory)));
  EXPECT_EQ(FileText(Last()), bytes) << "evidence must stay";
}

TEST_F(SpoolDamageTest, SegmentMissing_IsNamed) {
  options_.segment_bytes = 300;
  Fill(6);
  ASSERT_GE(files_.size(), 4u);
  std::filesystem::remove(SegmentPath(options_.directory, 2));
  const Outcome outcome = Open();
  EXPECT_EQ(outcome.status.code(), base::Code::kCorrupt);
  EXPECT_THAT(outcome.status.message(), AllOf(StartsWith(SegmentPath(options_.directory, 2)), HasSubstr("is missing")));
  // The first ones may go: that is what Trim leaves.
  std::filesystem::remove(SegmentPath(options_.directory, 1));
  const Outcome trimmed = Open();
  EXPECT_EQ(trimmed.status.code(), base::Code::kRefused);
  EXPECT_THAT(trimmed.status.message(), HasSubstr("lies before it"));
}

TEST_F(SpoolDamageTest, EarlierSegmentCutOrLonger_IsDamage) {
  options_.segment_bytes = 300;
  Fill(6);
  const std::string first = files_.begin()->first;
  const auto blocks = Blocks(first, 1);
  for (const std::string& bytes : {files_[first].substr(0, blocks[blocks.size() - 2]), files_[first] + "x"}) {
    WriteFile(first, bytes);
    const Outcome outcome = Open();
    EXPECT_EQ(outcome.status.code(), base::Code::kCorrupt);
    EXPECT_THAT(outcome.status.message(), AllOf(StartsWith(first), HasSubstr("bytes and had")));
  }
}

TEST_F(SpoolDamageTest, SegmentsOfAnotherSpool_AreNotTakenForThisOnes) {
  options_.segment_bytes = 300;
  Fill(6);
  const Files mine = files_;
  std::filesystem::remove_all(options_.directory);
  events_.clear();
  Fill(6);
  WriteFile(SegmentPath(options_.directory, 3), mine.at(SegmentPath(options_.directory, 3)));
  EXPECT_TRUE(Open().status.ok()) << "the same events of the same source: any segment does";
  // A block of it in another segment does not.
  const std::string last = Last();
  std::string bytes = files_[last];
  const std::string& other = mine.at(last);
  const auto blocks = Blocks(last, files_.size());
  bytes.replace(blocks[0], std::string::npos, other.substr(blocks[0]));
  WriteFiles(files_);
  WriteFile(last, bytes);
  const Outcome outcome = Open();
  ASSERT_TRUE(outcome.cut);
  EXPECT_EQ(outcome.cut->offset, blocks[0]);
}

TEST_F(SpoolDamageTest, OtherSourceOrVersion_IsRefused) {
  Fill(1);
  SpoolOptions other = options_;
  other.identity = "another";
  const auto refused = SpoolWriter::Open(other);
  EXPECT_EQ(refused.status().code(), base::Code::kRefused);
  EXPECT_THAT(refused.status().message(), AllOf(HasSubstr("3e11fa47"), HasSubstr("another")));
  std::string bytes = files_[Last()];
  bytes[8] = 2;
  WriteFile(Last(), bytes);
  const Outcome outcome = Open();
  EXPECT_EQ(outcome.status.code(), base::Code::kRefused);
  EXPECT_THAT(outcome.status.message(), HasSubstr("format version 2; this program reads version 1"));
}

TEST_F(SpoolDamageTest, SegmentBegunWhenTheProcessDied_IsNoDamage) {
  Fill(2);
  WriteFile(SegmentPath(options_.directory, 2) + ".new", "SLSPOOL");
  const Outcome outcome = Open();
  ASSERT_TRUE(outcome.status.ok()) << outcome.status.message();
  EXPECT_EQ(outcome.events, events_);
  EXPECT_FALSE(std::filesystem::exists(SegmentPath(options_.directory, 2) + ".new"));
}

}  // namespace
}  // namespace shardlift::binlog
