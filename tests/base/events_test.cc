#include "base/events.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

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

// Emits more than a pipe holds from a thread of its own, so that its writes wait for a reader that comes late.
class EventsToASlowReader : public ::testing::Test {
 protected:
  static constexpr int kEvents = 3000;

  void Start(int pipe_flags) {
    ASSERT_EQ(pipe2(fds_.data(), pipe_flags), 0);
    OpenEvents(fds_[1]);
    writer_ = std::thread([this] {
      for (std::int64_t i = 0; i < kEvents; ++i) EmitEvent("e", {{"number", i}, {"text", std::string(40, 'x')}});
      done_ = true;
    });
    pollfd room{fds_[1], POLLOUT, 0};
    while (poll(&room, 1, 0) == 1) std::this_thread::sleep_for(std::chrono::milliseconds(1));  // until it is full
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  // All that the writer has to say, event by event.
  void ReadAll() {
    std::string text;
    const auto read_some = [&] {
      pollfd ready{fds_[0], POLLIN, 0};
      if (poll(&ready, 1, 20) != 1) return false;
      std::array<char, 4096> buffer{};
      const ssize_t n = read(fds_[0], buffer.data(), buffer.size());
      if (n > 0) text.append(buffer.data(), static_cast<std::size_t>(n));
      return n > 0;
    };
    while (read_some() || !done_) {
    }
    writer_.join();
    EXPECT_TRUE(EventsEnabled());
    OpenEvents(-1);
    close(fds_[0]);
    close(fds_[1]);
    std::size_t at = 0;
    for (int i = 0; i < kEvents; ++i) {
      const std::size_t end = text.find('\n', at);
      ASSERT_NE(end, std::string::npos) << "event " << i << " is missing";
      const auto json = nlohmann::json::parse(text.substr(at, end - at), nullptr, false);
      ASSERT_TRUE(json.is_object()) << text.substr(at, end - at);
      ASSERT_EQ(json["number"], i);
      at = end + 1;
    }
    EXPECT_EQ(at, text.size());
  }

  std::array<int, 2> fds_{};
  std::thread writer_;
  std::atomic<bool> done_ = false;
};

TEST_F(EventsToASlowReader, FullNonBlockingPipe_EveryEventArrives) {
  Start(O_NONBLOCK);
  ReadAll();
}

TEST_F(EventsToASlowReader, WritesInterruptedBySignals_EveryEventArrives) {
  struct sigaction action{};
  action.sa_handler = [](int) {};  // and no SA_RESTART: write and poll end with EINTR
  struct sigaction before{};
  ASSERT_EQ(sigaction(SIGUSR1, &action, &before), 0);
  for (const int flags : {0, O_NONBLOCK}) {
    done_ = false;
    Start(flags);
    for (int i = 0; i < 5; ++i) {
      pthread_kill(writer_.native_handle(), SIGUSR1);
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    ReadAll();
  }
  sigaction(SIGUSR1, &before, nullptr);
}

TEST_F(EventsToASlowReader, ReaderLeavesWhileAWriteWaits_EventsGoOff) {
  std::signal(SIGPIPE, SIG_IGN);
  for (const int flags : {0, O_NONBLOCK}) {
    Start(flags);
    close(fds_[0]);
    writer_.join();
    EXPECT_FALSE(EventsEnabled());
    close(fds_[1]);
  }
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
