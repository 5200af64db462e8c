// What the reader of a spool gives out: from which place on, beside a writer, and when there is nothing.
#include "binlog/spool_reader.h"

#include <gtest/gtest.h>

#include <thread>

#include "tests/binlog/spool_fixture.h"

namespace shardlift::binlog {
namespace {

using namespace std::chrono_literals;

TEST_F(SpoolTest, ReaderFromThePositionOfAnyGroup_BeginsBehindIt) {
  for (const bool maria : {false, true}) {
    SpoolOptions options = SpoolAt(scratch_.path() + (maria ? "/maria" : "/mysql"), maria);
    options.segment_bytes = 1000;
    Stream stream(maria);
    const auto spool = Open(options, maria);
    AppendAll(*spool, stream.Begin());
    std::vector<mysql::SourcePosition> positions = {options.start};
    std::vector<std::vector<std::string>> groups;
    for (int i = 0; i < 20; ++i) {
      groups.push_back(stream.Group(60));
      AppendAll(*spool, groups.back());
      positions.push_back(stream.position());
      ASSERT_TRUE(spool->Flush().ok());
    }
    for (std::size_t from = 0; from < positions.size(); ++from) {
      std::vector<std::string> expected;
      for (std::size_t i = from; i < groups.size(); ++i) Extend(expected, groups[i]);
      EXPECT_EQ(ReadAll(*spool, positions[from], false).events, expected) << from;
    }
  }
}

TEST_F(SpoolTest, PositionWithAHole_TheGroupInTheHoleComes) {
  Stream stream;
  const auto spool = Open(options_);
  AppendAll(*spool, stream.Begin());
  std::vector<std::vector<std::string>> groups;
  for (int i = 0; i < 4; ++i) AppendAll(*spool, groups.emplace_back(stream.Group()));
  auto position = mysql::SourcePosition::Parse("mysql:11111111-1111-1111-1111-111111111111:1:3-4");
  ASSERT_TRUE(position.ok());
  EXPECT_EQ(ReadAll(*spool, *position, false).events, groups[1]);
}

TEST_F(SpoolTest, ReaderThatBeginsInTheMiddle_GetsTheFormatDescriptionFirst) {
  options_.segment_bytes = 500;
  Stream stream;
  const auto spool = Open(options_);
  const auto begin = stream.Begin();
  AppendAll(*spool, begin);
  for (int i = 0; i < 10; ++i) {
    AppendAll(*spool, stream.Group(200));
    ASSERT_TRUE(spool->Flush().ok());
  }
  const Held held = ReadAll(*spool, Stream::Upto(9));
  ASSERT_GT(held.events.size(), 1u);
  EXPECT_EQ(held.events[0], begin[1]);
}

TEST_F(SpoolTest, ReaderFollowsAWriter_GetsEveryEventInOrder) {
  options_.segment_bytes = 200000;
  options_.block_bytes = 5000;
  const auto spool = Open(options_);
  constexpr std::uint64_t kGroups = 5000;
  std::thread writer([&] {
    Stream stream;
    AppendAll(*spool, stream.Begin());
    for (std::uint64_t i = 0; i < kGroups; ++i) {
      AppendAll(*spool, stream.Group(i % 300));
      if (i % 1000 == 0) std::this_thread::sleep_for(2ms);
      if (i % 700 == 0) {
        EXPECT_TRUE(spool->Sync().ok());
      }
    }
    spool->Close({base::Code::kEnvironment, "the connection was lost"});
  });
  auto reader = spool->OpenReader(options_.start);
  ASSERT_TRUE(reader.ok());
  Stream expected;
  std::vector<std::string> group;
  std::size_t next = 0;
  base::Status ended;
  for (;;) {
    const auto event = (*reader)->Next(10s);
    if (!event.ok()) ended = event.status();
    if (!event.ok() || *event == nullptr) break;
    if ((*event)->event.event.header.type == EventType::kFormatDescription) {
      if (expected.number == 0 && next == 0) (void)expected.Begin();
      continue;
    }
    if (next == group.size()) group = expected.Group(expected.number % 300), next = 0;
    ASSERT_EQ((*event)->bytes, group[next]) << "group " << expected.number;
    ++next;
    if (next == group.size()) {
      EXPECT_TRUE(spool->Trim(Stream::Upto(expected.number)).ok());
    }
  }
  writer.join();
  EXPECT_EQ(expected.number, kGroups);
  EXPECT_EQ(next, group.size());
  EXPECT_EQ(ended.message(), "the connection was lost");
  EXPECT_LT(spool->bytes(), 2 * options_.segment_bytes);
}

TEST_F(SpoolTest, NothingComes_TheReaderWaitsAndCanBeStopped) {
  const auto spool = Open(options_);
  auto reader = spool->OpenReader(options_.start);
  ASSERT_TRUE(reader.ok());
  const auto began = std::chrono::steady_clock::now();
  const auto nothing = (*reader)->Next(20ms);
  ASSERT_TRUE(nothing.ok());
  EXPECT_EQ(*nothing, nullptr);
  EXPECT_GE(std::chrono::steady_clock::now() - began, 20ms);
  EXPECT_FALSE(spool->OpenReader(options_.start).ok()) << "two readers";
  std::thread stopper([&] {
    std::this_thread::sleep_for(5ms);
    (*reader)->Stop();
  });
  EXPECT_EQ((*reader)->Next(10s).status().code(), base::Code::kStopped);
  stopper.join();
}

TEST_F(SpoolTest, Heartbeats_AreNotKeptAndSayThatTheEndIsReached) {
  Stream stream;
  const auto spool = Open(options_);
  auto reader = spool->OpenReader(options_.start);
  ASSERT_TRUE(reader.ok());
  AppendAll(*spool, stream.Begin());
  AppendAll(*spool, stream.Group());
  EventBuilder heart = stream.build;
  AppendAll(*spool, {heart.Make(EventType::kHeartbeat, "bin.000001")});
  EXPECT_FALSE((*reader)->at_end());
  std::size_t events = 0;
  for (auto event = (*reader)->Next(0ms); event.ok() && *event != nullptr; event = (*reader)->Next(0ms)) ++events;
  EXPECT_EQ(events, 6u);
  EXPECT_TRUE((*reader)->at_end());
  EXPECT_EQ((*reader)->source_seconds(), 1700000000u);
  AppendAll(*spool, stream.Group());
  EXPECT_FALSE((*reader)->at_end());
}

}  // namespace
}  // namespace shardlift::binlog
