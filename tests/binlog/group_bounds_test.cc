#include "binlog/group_bounds.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "binlog/group_reader.h"
#include "tests/binlog/event_builder.h"
#include "tests/binlog/golden.h"

namespace shardlift::binlog {
namespace {

using ::testing::HasSubstr;

// What both make of the same events, one line for each event.
struct Traces {
  std::string bounds;
  std::string reader;
};

std::string Line(bool ended, bool in_group, const mysql::FilePosition& boundary, const mysql::Gtid& gtid,
                 const mysql::FilePosition& begin) {
  std::string text = (ended ? "end " : "") + std::string(in_group ? "in" : "between");
  if (!in_group) text += " " + boundary.file + ":" + std::to_string(boundary.offset);
  if (ended) text += " from " + std::to_string(begin.offset) + (gtid.number != 0 ? " " + gtid.ToText() : "");
  return text + "\n";
}

Traces TraceBoth(const std::vector<std::string>& events) {
  GroupReaderOptions options;
  options.start = {"bin.000001", kFirstEventOffset};
  options.from_network = true;
  options.describe = [](std::string_view, std::string_view) { return true; };
  GroupReader reader(options);
  GroupBounds bounds({.start = options.start, .from_network = true, .checksum_at_start = false});
  Traces traces;
  for (const std::string& bytes : events) {
    const auto event = bounds.Next(bytes);
    traces.bounds += event.ok() ? Line(bounds.ended_group(), bounds.in_group(), {bounds.file(), bounds.offset()},
                                       bounds.gtid(), bounds.group_begin())
                                : event.status().message() + "\n";
    const auto group = reader.Feed(bytes);
    const bool ended = group.ok() && group->has_value();
    traces.reader += group.ok() ? Line(ended, reader.in_group(), reader.boundary(),
                                       ended ? (*group)->gtid : mysql::Gtid(), ended ? (*group)->begin : options.start)
                                : group.status().message() + "\n";
    if (!event.ok() || !group.ok()) break;
  }
  return traces;
}

TEST(GroupBoundsTest, GoldenFiles_GroupsEndWhereTheGroupReaderEndsThem) {
  for (const char* name : {"mysql", "mariadb"}) {
    const Traces traces = TraceBoth(CutEvents(ReadFile(std::string(kGoldenDirectory) + name + ".binlog")));
    EXPECT_EQ(traces.bounds, traces.reader) << name;
    EXPECT_THAT(traces.bounds, HasSubstr("end between"));
  }
}

TEST(GroupBoundsTest, EachWayToEndAGroup_IsTheGroupReaders) {
  EventBuilder build;
  std::vector<std::string> events = {build.Rotate("bin.000001", 4, true), build.FormatDescription()};
  std::uint64_t number = 0;
  const auto group = [&](const std::vector<std::string>& inside) {
    events.push_back(build.Gtid(++number));
    for (const std::string& sql : inside) events.push_back(build.Query(sql));
  };
  group({"CREATE TABLE a (id INT)"});
  group({"BEGIN", "INSERT INTO a VALUES (1)", "COMMIT"});
  group({"BEGIN", "SAVEPOINT s", "ROLLBACK TO s", "RELEASE SAVEPOINT s", "ROLLBACK"});
  group({"XA START X'61',X'',1", "XA END X'61',X'',1"});
  events.push_back(build.XaPrepare("a"));
  group({"XA COMMIT X'61',X'',1"});
  group({"XA START X'62',X'',1", "XA END X'62',X'',1"});
  events.push_back(build.XaPrepare("b", true));
  group({"XA ROLLBACK X'63',X'',1"});
  group({"BEGIN"});
  events.push_back(build.TableMap());
  events.push_back(build.Write(EventBuilder::Row(1, "a")));
  events.push_back(build.Xid());
  events.push_back(build.Rotate("bin.0000002", 4, false));
  events.push_back(build.Rotate("bin.0000002", 4, true));
  events.push_back(build.FormatDescription());
  group({"BEGIN"});
  events.push_back(build.Rotate("bin.0000003", 4, true));
  events.push_back(build.FormatDescription(1700000000));  // the server crashed inside the group
  group({"DROP TABLE a"});
  const Traces traces = TraceBoth(events);
  EXPECT_EQ(traces.bounds, traces.reader);
  EXPECT_THAT(traces.bounds, HasSubstr(":10\n")) << "the last group was not reached:\n" << traces.bounds;
}

TEST(GroupBoundsTest, MariaDbStandaloneAndTransactionalGroups_AreTheGroupReaders) {
  EventBuilder build(true);
  std::vector<std::string> events = {build.FormatDescription()};
  events.push_back(build.MariaGtid(1, 1));
  events.push_back(build.Query("CREATE TABLE a (id INT)"));
  events.push_back(build.MariaGtid(2, 0));
  events.push_back(build.Query("INSERT INTO a VALUES (1)"));
  events.push_back(build.Query("INSERT INTO a VALUES (2)"));
  events.push_back(build.Query("COMMIT"));
  const Traces traces = TraceBoth(events);
  EXPECT_EQ(traces.bounds, traces.reader);
}

TEST(GroupBoundsTest, EventsOutOfOrder_AreRefusedAsTheGroupReaderDoes) {
  EventBuilder build;
  const std::string format = build.FormatDescription();
  EventBuilder early;
  for (const std::vector<std::string>& events : std::vector<std::vector<std::string>>{
           {early.Gtid(1)},
           {format, build.Gtid(1), build.Gtid(2)},
           {format, build.Gtid(1), build.Rotate("bin.000002", 4, false)},
           {format, build.Gtid(1), build.FormatDescription()},
           {format, build.Gtid(1), build.Make(EventType::kPreviousGtids, std::string(8, '\0'))},
           {format, build.Make(EventType::kIncident, "x")},
           {format, build.Make(static_cast<EventType>(99), "x")},
           {format, build.MariaGtid(1, 0)}}) {
    const Traces traces = TraceBoth(events);
    EXPECT_EQ(traces.bounds, traces.reader);
  }
}

TEST(GroupBoundsTest, FilesBeyondFourGigabytes_OffsetsDoNotWrap) {
  EventBuilder build;
  const std::string format = build.FormatDescription();
  constexpr std::uint64_t kFar = (std::uint64_t{3} << 32) - 40;
  GroupBounds bounds({.start = {"bin.000001", 4}, .from_network = true, .checksum_at_start = true});
  ASSERT_TRUE(bounds.Next(build.Rotate("bin.000001", kFar, true)).ok());
  ASSERT_TRUE(bounds.Next(AsMadeUp(format)).ok());
  const std::string gtid = build.Gtid(1);
  ASSERT_TRUE(bounds.Next(gtid).ok());
  EXPECT_EQ(bounds.event_begin(), kFar);
  EXPECT_EQ(bounds.event_end(), kFar + gtid.size());
  EXPECT_GT(bounds.offset(), std::uint64_t{3} << 32);
}

}  // namespace
}  // namespace shardlift::binlog
