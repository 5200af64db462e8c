// Real binlog files against the text they held when they were written, then the same files damaged.
#include "tests/binlog/golden.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/binlog/event_builder.h"

namespace shardlift::binlog {
namespace {

class Golden : public ::testing::TestWithParam<std::string> {
 protected:
  std::string Path(std::string_view suffix) const {
    return std::string(kGoldenDirectory) + GetParam() + std::string(suffix);
  }

  void SetUp() override {
    events_ = CutEvents(ReadFile(Path(".binlog")));
    schema_ = ParseSchemaText(ReadFile(Path(".schema")));
    ASSERT_GT(events_.size(), 20u);
    ASSERT_GT(schema_.columns.size(), 20u);
  }

  // Damage that the checksum would find first shows nothing of the parsers.
  static void RepairChecksum(std::string& event) {
    if (event.size() < kEventHeaderBytes + kChecksumBytes) return;
    event.resize(event.size() - kChecksumBytes);
    event += EventBuilder::Checksum(event);
  }

  std::vector<std::string> events_;
  mysql::TableSchema schema_;
};

TEST_P(Golden, Text) { EXPECT_EQ(DumpText(events_, schema_), ReadFile(Path(".expected"))); }

TEST_P(Golden, EveryByteDamaged) {
  const std::string good = DumpText(events_, schema_);
  std::mt19937 random(3);
  int noticed = 0;
  for (std::size_t i = 0; i < events_.size(); ++i) {
    const std::size_t step = 1 + events_[i].size() / 300;
    for (std::size_t at = 0; at + kChecksumBytes < events_[i].size(); at += step) {
      std::vector<std::string> events = events_;
      events[i][at] = static_cast<char>(events[i][at] ^ static_cast<char>(1 + random() % 255));
      RepairChecksum(events[i]);
      noticed += DumpText(events, schema_) == good ? 0 : 1;
    }
  }
  EXPECT_GT(noticed, 1000);
}

TEST_P(Golden, EveryEventCut) {
  const std::string good = DumpText(events_, schema_);
  int failed = 0;
  for (std::size_t i = 0; i < events_.size(); ++i) {
    const std::size_t step = 1 + events_[i].size() / 60;
    for (std::size_t length = kEventHeaderBytes + kChecksumBytes; length < events_[i].size(); length += step) {
      std::vector<std::string> events = events_;
      events[i].resize(length);
      events[i].replace(9, 4, Little(length, 4));
      RepairChecksum(events[i]);
      failed += DumpText(events, schema_).find("failed: ") != std::string::npos ? 1 : 0;
    }
  }
  EXPECT_GT(failed, 100);
}

TEST_P(Golden, EventsMissingTwiceOrSwapped) {
  std::mt19937 random(5);
  int failed = 0;
  for (int round = 0; round < 500; ++round) {
    std::vector<std::string> events = events_;
    const auto at = static_cast<std::ptrdiff_t>(random() % events.size());
    const auto other = static_cast<std::ptrdiff_t>(random() % events.size());
    switch (random() % 3) {
      case 0: events.erase(events.begin() + at); break;
      case 1: events.insert(events.begin() + at, events[static_cast<std::size_t>(other)]); break;
      default: std::swap(events[static_cast<std::size_t>(at)], events[static_cast<std::size_t>(other)]);
    }
    failed += DumpText(events, schema_).find("failed: ") != std::string::npos ? 1 : 0;
  }
  EXPECT_GT(failed, 100);
}

INSTANTIATE_TEST_SUITE_P(Files, Golden, ::testing::Values("mariadb", "mysql"),
                         [](const auto& parameter) { return parameter.param; });

}  // namespace
}  // namespace shardlift::binlog
