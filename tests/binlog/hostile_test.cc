// No bytes whatever may make the decoder read out of bounds, throw or loop; run under the sanitizers this is the proof.
#include <gtest/gtest.h>

#include <random>

#include "binlog/compression.h"
#include "binlog/group_reader.h"
#include "binlog/json_binary.h"
#include "tests/binlog/event_builder.h"

namespace shardlift::binlog {
namespace {

std::vector<std::string> Transaction(EventBuilder& build) {
  std::vector<std::string> events;
  events.push_back(build.Gtid(1));
  events.push_back(build.Query("BEGIN"));
  events.push_back(build.TableMap());
  events.push_back(build.Write(EventBuilder::Row(1, "a") + EventBuilder::Row(2, "b")));
  events.push_back(build.Query("SAVEPOINT `s`"));
  events.push_back(build.Update(EventBuilder::Row(1, "a") + EventBuilder::Row(1, "c")));
  events.push_back(build.Query("ROLLBACK TO `s`"));
  events.push_back(build.Query("XA END X'78',X'',1"));
  events.push_back(build.XaPrepare("x"));
  return events;
}

// Feeds everything, decodes what comes; outcome is of no interest, only that it comes back. Checksums are off so that
// the damage reaches the decoder. Returns false if something failed.
bool FeedAll(const std::vector<std::string>& events, const mysql::TableSchema& schema) {
  GroupReaderOptions options;
  options.start = {"bin.000001", kFirstEventOffset};
  options.tables = [&](std::string_view, std::string_view) { return &schema; };
  GroupReader reader(options);
  for (const std::string& event : events) {
    base::Result<std::optional<CommitGroup>> result = reader.Feed(event);
    if (!result.ok()) return false;
    if (*result && !(*result)->ForEachRow([](const RowChange&) { return base::Ok(); }).ok()) return false;
  }
  return true;
}

std::vector<std::string> Sample() {
  EventBuilder build(false, false);
  std::vector<std::string> events = {build.FormatDescription()};
  for (std::string& event : Transaction(build)) events.push_back(std::move(event));
  events.push_back(build.Gtid(2));
  events.push_back(build.Query("XA COMMIT X'78',X'',1"));
  return events;
}

std::string WithSize(std::string event) {
  event.replace(9, 4, Little(event.size(), 4));
  return event;
}

TEST(Hostile, SampleIsGood) { EXPECT_TRUE(FeedAll(Sample(), SmallTable())); }

TEST(Hostile, EveryEventCutAtEveryLength) {
  const mysql::TableSchema schema = SmallTable();
  const std::vector<std::string> sample = Sample();
  int failed = 0;
  for (std::size_t i = 0; i < sample.size(); ++i) {
    for (std::size_t length = 0; length < sample[i].size(); ++length) {
      std::vector<std::string> events = sample;
      events[i].resize(length);
      EXPECT_FALSE(FeedAll(events, schema)) << "event " << i << " cut to " << length;
      if (length < kEventHeaderBytes) continue;
      events[i] = WithSize(events[i]);  // a size that agrees lets the damage reach the parsers
      failed += FeedAll(events, schema) ? 0 : 1;
    }
  }
  EXPECT_GT(failed, 100);
}

TEST(Hostile, EveryByteChanged) {
  const mysql::TableSchema schema = SmallTable();
  const std::vector<std::string> sample = Sample();
  int failed = 0;
  for (std::size_t i = 0; i < sample.size(); ++i) {
    for (std::size_t at = 0; at < sample[i].size(); ++at) {
      for (const int flip : {0x01, 0x80, 0xff}) {
        std::vector<std::string> events = sample;
        events[i][at] = static_cast<char>(events[i][at] ^ flip);
        failed += FeedAll(events, schema) ? 0 : 1;
      }
    }
  }
  EXPECT_GT(failed, 100);
}

TEST(Hostile, RandomBodies) {
  const mysql::TableSchema schema = SmallTable();
  std::mt19937 random(7);
  int failed = 0;
  for (int round = 0; round < 20000; ++round) {
    EventBuilder build(round % 2 == 1, false);
    std::vector<std::string> events = {build.FormatDescription()};
    for (int i = 0; i < 3; ++i) {
      std::string body(random() % 64, '\0');
      for (char& c : body) c = static_cast<char>(random() % 4 == 0 ? random() : random() % 4);
      events.push_back(
          build.Make(static_cast<EventType>(random() % 2 == 0 ? random() % 43 : 160 + random() % 12), body));
    }
    failed += FeedAll(events, schema) ? 0 : 1;
  }
  EXPECT_GT(failed, 1000);
}

TEST(Hostile, RandomJson) {
  std::mt19937 random(11);
  int failed = 0;
  for (int round = 0; round < 200000; ++round) {
    std::string binary(random() % 48, '\0');
    for (char& c : binary) c = static_cast<char>(random() % 3 == 0 ? random() : random() % 16);
    std::string text;
    failed += AppendJsonText(binary, text).ok() ? 0 : 1;
    EXPECT_LT(text.size(), 4096u);
  }
  EXPECT_GT(failed, 1000);
}

TEST(Hostile, JsonThatPointsAtItself) {
  // An array of 100 members, each the array itself.
  std::string array = Little(100, 2) + Little(4 + 300, 2);
  for (int i = 0; i < 100; ++i) array += std::string(1, '\x02') + Little(0, 2);
  std::string text;
  EXPECT_EQ(AppendJsonText('\x02' + array, text).code(), base::Code::kCorrupt);
  EXPECT_LT(text.size(), 16384u);
}

TEST(Hostile, CompressedDataThatClaimsTooMuch) {
  std::string out;
  EXPECT_EQ(UncompressEventPart(std::string("\x84\x7f\xff\xff\xff", 5) + "abc", out).code(), base::Code::kCorrupt);
  EXPECT_LT(out.capacity(), 1u << 20);
}

}  // namespace
}  // namespace shardlift::binlog
