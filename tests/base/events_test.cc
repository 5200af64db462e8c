#include "base/events.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <nlohmann/json.hpp>
#include <string>

#include "base/sync_point.h"

namespace shardlift::base {
namespace {

TEST(EventsTest, OneJsonObjectPerLine) {
  std::array<int, 2> fds{};
  ASSERT_EQ(pipe(fds.data()), 0);
  OpenEvents(fds[1]);
  EXPECT_TRUE(EventsEnabled());
  EmitEvent("chunk", {{"rows", std::int64_t{3}}, {"table", std::string("a\"b\n")}, {"last", true}});
  OpenEvents(-1);
  EmitEvent("lost");
  close(fds[1]);
  std::string text(4096, '\0');
  const ssize_t n = read(fds[0], text.data(), text.size());
  ASSERT_GT(n, 0);
  text.resize(static_cast<std::size_t>(n));
  close(fds[0]);
  EXPECT_EQ(text.find('\n'), text.size() - 1);
  const auto json = nlohmann::json::parse(text);
  EXPECT_EQ(json["event"], "chunk");
  EXPECT_EQ(json["rows"], 3);
  EXPECT_EQ(json["table"], "a\"b\n");
  EXPECT_EQ(json["last"], true);
  EXPECT_TRUE(json["t"].is_number_integer());
}

TEST(EventsTest, AReaderThatWentAwaySwitchesThemOff) {
  std::signal(SIGPIPE, SIG_IGN);
  std::array<int, 2> fds{};
  ASSERT_EQ(pipe(fds.data()), 0);
  close(fds[0]);
  OpenEvents(fds[1]);
  EmitEvent("x");
  EXPECT_FALSE(EventsEnabled());
  close(fds[1]);
}

TEST(SyncPointTest, HandlerSeesPointAndDetailUntilRemoved) {
  std::vector<std::string> seen;
  SetSyncPointHandler([&](std::string_view point, std::string_view detail) {
    seen.push_back(std::string(point) + "/" + std::string(detail));
  });
  SyncPoint("lane.committed", "lane 0");
  SetSyncPointHandler(nullptr);
  SyncPoint("lane.committed", "lane 1");
  EXPECT_THAT(seen, testing::ElementsAre("lane.committed/lane 0"));
}

}  // namespace
}  // namespace shardlift::base
