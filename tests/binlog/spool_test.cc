// A spool as its users see it: what goes in comes out, across segments, connections and openings.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "tests/binlog/golden.h"
#include "tests/binlog/spool_fixture.h"

namespace shardlift::binlog {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

TEST_F(SpoolTest, EventsOfBothServers_ComeBackAsTheyWere) {
  for (const bool maria : {false, true}) {
    SpoolOptions options = SpoolAt(scratch_.path() + (maria ? "/maria" : "/mysql"), maria);
    options.block_bytes = 300;
    options.segment_bytes = 3000;
    Stream stream(maria);
    std::vector<std::string> expected;
    {
      const auto spool = Open(options, maria);
      AppendAll(*spool, stream.Begin());
      for (int i = 0; i < 40; ++i) {
        const auto group = stream.Group(static_cast<std::size_t>(i) * 13);
        AppendAll(*spool, group);
        Extend(expected, group);
      }
      EXPECT_EQ(spool->position(), stream.position());
      const Held held = ReadAll(*spool, options.start, false);
      EXPECT_TRUE(held.status.ok()) << held.status.message();
      EXPECT_EQ(held.events, expected);
      EXPECT_EQ(held.ends.back(), stream.place());
      EXPECT_EQ(held.ends.back().file, "bin.000001");
    }
    EXPECT_TRUE(std::filesystem::exists(SegmentPath(options.directory, 4))) << "too few segments to prove anything";
    const auto again = Open(options, maria);
    EXPECT_FALSE(again->cut());
    EXPECT_EQ(again->position(), stream.position());
    EXPECT_EQ(again->durable_position(), stream.position());
    EXPECT_EQ(ReadAll(*again, options.start, false).events, expected);
  }
}

TEST_F(SpoolTest, GoldenBinlogs_ComeBackAsTheyWere) {
  for (const bool maria : {false, true}) {
    const auto events = CutEvents(ReadFile(std::string(kGoldenDirectory) + (maria ? "mariadb" : "mysql") + ".binlog"));
    ASSERT_FALSE(events.empty());
    const SpoolOptions options = SpoolAt(scratch_.path() + (maria ? "/maria" : "/mysql"), maria);
    const auto spool = Open(options, maria);
    AppendAll(*spool, events);
    EXPECT_EQ(ReadAll(*spool, options.start).events, events);
  }
}

TEST_F(SpoolTest, EventLargerThanBlocksAndSegments_ComesBackAsItWas) {
  options_.block_bytes = 64 << 10;
  options_.segment_bytes = 1 << 20;
  Stream stream;
  std::vector<std::string> expected;
  const auto spool = Open(options_);
  AppendAll(*spool, stream.Begin());
  for (const std::size_t bytes : {std::size_t{10}, std::size_t{24} << 20, std::size_t{100}, std::size_t{5} << 20}) {
    const auto group = stream.Group(bytes);
    AppendAll(*spool, group);
    Extend(expected, group);
  }
  EXPECT_TRUE(ReadAll(*spool, options_.start, false).events == expected);
}

TEST_F(SpoolTest, DirectoryAndFiles_AreTheOwnersAlone) {
  const mode_t before = umask(0);
  const auto spool = Open(options_);
  umask(before);
  struct stat status{};
  ASSERT_EQ(stat(options_.directory.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700u);
  ASSERT_EQ(stat(SegmentPath(options_.directory, 1).c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  const std::string open_to_all = scratch_.path() + "/open";
  std::filesystem::create_directory(open_to_all);
  chmod(open_to_all.c_str(), 0755);
  const auto refused = SpoolWriter::Open(SpoolAt(open_to_all));
  EXPECT_EQ(refused.status().code(), base::Code::kRefused);
  EXPECT_THAT(refused.status().message(), HasSubstr("chmod 700"));
}

TEST_F(SpoolTest, GroupWithoutItsEnd_IsForgottenByTheNextConnection) {
  options_.block_bytes = 200;
  Stream stream;
  auto spool = Open(options_);
  AppendAll(*spool, stream.Begin());
  AppendAll(*spool, stream.Group());
  const EventBuilder before = stream.build;
  auto half = stream.Group(3000);
  half.pop_back();
  AppendAll(*spool, half);
  EXPECT_EQ(spool->position(), Stream::Upto(1));
  EXPECT_EQ(ReadAll(*spool, options_.start, false).events.size(), 5u) << "only whole groups are shown";

  ASSERT_TRUE(spool->StartConnection({}, true, false).ok());
  stream.build = before;
  stream.number = 1;
  AppendAll(*spool, stream.Begin());
  const auto whole = stream.Group(50);
  AppendAll(*spool, whole);
  EXPECT_EQ(spool->position(), Stream::Upto(2));
  const Held held = ReadAll(*spool, Stream::Upto(1), false);
  EXPECT_EQ(held.events, whole);

  // The same when the process ended meanwhile.
  AppendAll(*spool,
            half = {stream.build.Gtid(3), stream.build.Query("BEGIN"), stream.build.Query(std::string(2000, 'x'))});
  spool.reset();
  spool = Open(options_);
  ASSERT_TRUE(spool->cut());
  EXPECT_THAT(spool->cut()->why, HasSubstr("without its end"));
  EXPECT_EQ(spool->position(), Stream::Upto(2));
  EXPECT_EQ(ReadAll(*spool, Stream::Upto(1), false).events, whole);
}

TEST_F(SpoolTest, LastGroupSentAgain_IsPassedOver) {
  for (const bool maria : {false, true}) {
    const SpoolOptions options = SpoolAt(scratch_.path() + (maria ? "/maria" : "/mysql"), maria);
    Stream stream(maria);
    auto spool = Open(options, maria);
    const auto begin = stream.Begin();
    AppendAll(*spool, begin);
    const auto first = stream.Group();
    AppendAll(*spool, first);
    const EventBuilder before = stream.build;
    const auto second = stream.Group();
    AppendAll(*spool, second);
    spool.reset();
    spool = Open(options, maria);
    const auto last = spool->last_group();
    ASSERT_TRUE(last);
    EXPECT_EQ(last->begin.offset, before.offset());
    EXPECT_EQ(last->end, stream.place());
    EXPECT_EQ(last->gtid.number, maria ? 0u : 2u);

    ASSERT_TRUE(spool->StartConnection(maria ? last->begin : mysql::FilePosition(), true, true).ok());
    EventBuilder server(maria);
    AppendAll(*spool, {server.Rotate("bin.000001", maria ? before.offset() : 4, true)});
    AppendAll(*spool, {maria ? AsMadeUp(begin[1]) : begin[1]});
    AppendAll(*spool, second);
    EXPECT_EQ(spool->position(), stream.position());
    const auto third = stream.Group();
    AppendAll(*spool, third);
    std::vector<std::string> expected = first;
    Extend(expected, second);
    Extend(expected, third);
    EXPECT_EQ(ReadAll(*spool, options.start, false).events, expected);

    if (maria) continue;
    const base::Status twice = spool->Append(third[0]);
    EXPECT_EQ(twice.code(), base::Code::kRefused) << "once new things have come, nothing may come again";
    EXPECT_THAT(twice.message(), HasSubstr("second time"));
  }
}

TEST_F(SpoolTest, Trim_RemovesWhatLiesBehindThePositionOnly) {
  options_.segment_bytes = 1000;
  Stream stream;
  const auto spool = Open(options_);
  AppendAll(*spool, stream.Begin());
  for (int i = 0; i < 30; ++i) {
    AppendAll(*spool, stream.Group(200));
    ASSERT_TRUE(spool->Sync().ok());
  }
  const std::uint64_t all = spool->bytes();
  ASSERT_TRUE(spool->Trim(Stream::Upto(0)).ok());
  EXPECT_EQ(spool->bytes(), all);
  ASSERT_TRUE(spool->Trim(Stream::Upto(15)).ok());
  EXPECT_LT(spool->bytes(), all);
  EXPECT_FALSE(std::filesystem::exists(SegmentPath(options_.directory, 1)));
  EXPECT_EQ(ReadAll(*spool, Stream::Upto(15), false).events.size(), 15u * 5);
  const Held gone = ReadAll(*spool, Stream::Upto(0));
  EXPECT_EQ(gone.status.code(), base::Code::kRefused);
  EXPECT_THAT(gone.status.message(), AllOf(HasSubstr("begins at mysql:11111111"), HasSubstr("lies before it")));

  {
    auto reader = spool->OpenReader(Stream::Upto(15));
    ASSERT_TRUE(reader.ok());
    ASSERT_TRUE((*reader)->Next(0ms).ok());
    ASSERT_TRUE(spool->Trim(Stream::Upto(30)).ok());
    std::size_t events = 1;
    for (auto event = (*reader)->Next(0ms); event.ok() && *event != nullptr; event = (*reader)->Next(0ms)) ++events;
    EXPECT_GE(events, 15u * 5) << "what the reader needs was removed";
  }
  ASSERT_TRUE(spool->Trim(Stream::Upto(30)).ok());
  std::uint64_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(options_.directory)) {
    if (entry.path().extension() == ".spool") files += entry.file_size();
  }
  EXPECT_EQ(spool->bytes(), files);
  AppendAll(*spool, stream.Group());
  EXPECT_EQ(ReadAll(*spool, Stream::Upto(30), false).events.size(), 5u);
}

TEST_F(SpoolTest, SpoolIsFull_TheEventCanBeAppendedOnceItIsTrimmed) {
  options_.segment_bytes = 2000;
  options_.block_bytes = 500;
  options_.bytes_max = 10000;
  Stream stream;
  const auto spool = Open(options_);
  AppendAll(*spool, stream.Begin());
  base::Status status;
  std::vector<std::string> expected;
  std::vector<std::string> group;
  std::size_t next = 0;
  while (status.ok() && stream.number < 1000) {
    group = stream.Group(50);
    for (next = 0; next < group.size() && status.ok(); ++next) status = spool->Append(group[next]);
    Extend(expected, group);
  }
  ASSERT_EQ(status.code(), base::Code::kEnvironment);
  EXPECT_THAT(status.message(),
              AllOf(HasSubstr("the spool is full"), HasSubstr("of at most 10000"), HasSubstr("trimmed")));
  EXPECT_LE(spool->bytes(), options_.bytes_max);
  EXPECT_EQ(spool->WaitForRoom(1ms).code(), base::Code::kEnvironment);
  std::thread trimmer([&] {
    std::this_thread::sleep_for(5ms);
    EXPECT_TRUE(spool->Trim(spool->position()).ok());
  });
  EXPECT_TRUE(spool->WaitForRoom(10s).ok());
  trimmer.join();
  for (--next; next < group.size(); ++next) EXPECT_TRUE(spool->Append(group[next]).ok());
  EXPECT_EQ(spool->position(), stream.position());
  const Held held = ReadAll(*spool, Stream::Upto(stream.number - 1), false);
  EXPECT_EQ(held.events, group);
  options_.bytes_max = 100;
  options_.directory += "2";
  EXPECT_EQ(SpoolWriter::Open(options_).status().code(), base::Code::kUsage);
}

TEST_F(SpoolTest, AnotherProcessOrWriter_IsRefused) {
  const auto spool = Open(options_);
  EXPECT_EQ(SpoolWriter::Open(options_).status().code(), base::Code::kRefused);
  const pid_t child = fork();
  if (child == 0) {
    const auto second = SpoolWriter::Open(options_);
    const bool refused = second.status().code() == base::Code::kRefused &&
                         second.status().message().find("another process uses this spool") != std::string::npos;
    _exit(refused ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(RemoveSpool(options_.directory).code(), base::Code::kRefused);
}

TEST_F(SpoolTest, RemoveSpool_RemovesItAndNothingElse) {
  EXPECT_TRUE(RemoveSpool(options_.directory).ok()) << "there is none";
  Open(options_).reset();
  EXPECT_TRUE(RemoveSpool(options_.directory).ok());
  EXPECT_FALSE(std::filesystem::exists(options_.directory));
  Open(options_).reset();
  WriteFile(options_.directory + "/mine", "x");
  EXPECT_TRUE(RemoveSpool(options_.directory).ok());
  EXPECT_TRUE(std::filesystem::exists(options_.directory + "/mine"));
}

TEST_F(SpoolTest, BadEvents_AreRefusedAndTheSpoolGoesOnAfterTheNextConnection) {
  Stream stream;
  const auto spool = Open(options_);
  AppendAll(*spool, stream.Begin());
  AppendAll(*spool, stream.Group());
  const EventBuilder before = stream.build;
  auto bad = stream.Group();
  bad[2][30] = static_cast<char>(bad[2][30] ^ 1);
  EXPECT_TRUE(spool->Append(bad[0]).ok());
  EXPECT_TRUE(spool->Append(bad[1]).ok());
  const base::Status status = spool->Append(bad[2]);
  EXPECT_EQ(status.code(), base::Code::kCorrupt);
  EXPECT_THAT(status.message(), AllOf(HasSubstr("bin.000001:"), HasSubstr("wrong checksum")));
  EXPECT_EQ(spool->Append(bad[3]).message(), status.message()) << "it must not go on behind what is missing";
  EXPECT_EQ(spool->position(), Stream::Upto(1));
  ASSERT_TRUE(spool->StartConnection({}, true, false).ok());
  stream.build = before;
  stream.number = 1;
  AppendAll(*spool, stream.Begin());
  AppendAll(*spool, stream.Group());
  EXPECT_EQ(spool->position(), Stream::Upto(2));
  EXPECT_EQ(spool->Append(EventBuilder(true).FormatDescription()).code(), base::Code::kRefused) << "other flavour";
}

}  // namespace
}  // namespace shardlift::binlog
