// Leases of node ids on both servers, between real processes.
#include "store/node_lease.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <set>
#include <thread>

#include "store/message_table.h"
#include "tests/live/live.h"

namespace shardlift::store {
namespace {

using base::Code;
using std::chrono::milliseconds;
using ::testing::HasSubstr;

constexpr std::uint64_t kRefusedMark = 0;  // no id

// A process that runs `work` with the writing end of a pipe, and ends.
class Child {
 public:
  explicit Child(const std::function<void(int pipe)>& work) {
    int ends[2];
    if (pipe(ends) != 0) std::abort();
    pid_ = fork();
    if (pid_ == 0) {
      close(ends[0]);
      work(ends[1]);
      _exit(0);
    }
    close(ends[1]);
    reading_ = ends[0];
  }
  ~Child() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    close(reading_);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  void Signal(int signal) const { kill(pid_, signal); }
  // The next number; nothing at the end, or when none comes in ten seconds.
  std::optional<std::uint64_t> Read() const {
    pollfd ready{reading_, POLLIN, 0};
    std::uint64_t number = 0;
    if (poll(&ready, 1, 10'000) != 1 || read(reading_, &number, sizeof(number)) != sizeof(number)) return std::nullopt;
    return number;
  }

 private:
  pid_t pid_ = 0;
  int reading_ = -1;
};

void Write(int pipe, std::uint64_t number) {
  if (write(pipe, &number, sizeof(number)) != sizeof(number)) _exit(1);
}

class NodeLeaseOnServers : public live::LiveTest {
 protected:
  void SetUp() override {
    LiveTest::SetUp();
    Sql("DROP DATABASE IF EXISTS leases");
    SL_ASSERT_OK(ApplySchema(*session_, "leases"));
    Sql("USE leases");
    Where();  // started before any child is
  }

  static NodeLeaseOptions Short(std::uint32_t nodes) {
    NodeLeaseOptions options;
    options.lease_ms = 1'500;
    options.nodes = nodes;
    return options;
  }
  // In a child: a session of its own.
  std::unique_ptr<mysql::Session> Own() const {
    mysql::SessionOptions options;
    options.database = "leases";
    return Connect(options);
  }
  std::unique_ptr<NodeLease> Take(const NodeLeaseOptions& options) {
    auto lease = NodeLease::Take(*session_, options);
    EXPECT_TRUE(lease.ok()) << lease.status().message();
    return lease.ok() ? std::move(lease).value() : nullptr;
  }
};

TEST_P(NodeLeaseOnServers, EachHolderHasItsNode_AllTaken_IsRefused) {
  NodeLeaseOptions two = Short(2);
  two.lease_ms = 60'000;
  const auto first = Take(two);
  const auto second = Take(two);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->node(), 0u);
  EXPECT_EQ(second->node(), 1u);
  const auto third = NodeLease::Take(*session_, two);
  ASSERT_FALSE(third.ok());
  EXPECT_EQ(third.status().code(), Code::kRefused);
  EXPECT_THAT(third.status().message(), HasSubstr("all 2 node ids are leased"));

  const std::uint64_t last = first->Next().value();
  SL_ASSERT_OK(first->Release(*session_));
  EXPECT_EQ(first->Next().status().code(), Code::kRefused);
  const auto next = Take(two);
  ASSERT_NE(next, nullptr);
  EXPECT_EQ(next->node(), 0u);
  EXPECT_GT(next->Next().value(), last);
}

TEST_P(NodeLeaseOnServers, TwoProcessesRaceForOneNode_OneHasIt) {
  constexpr int kRounds = 10;
  for (int round = 0; round < kRounds; ++round) {
    Sql(round % 2 == 0 ? "DELETE FROM sl_id_node" : "UPDATE sl_id_node SET lease_until = '2000-01-01'");
    const auto race = [this](int pipe) {
      const auto session = Own();
      NodeLeaseOptions options = Short(1);
      options.lease_ms = 60'000;
      Write(pipe, 1);  // ready
      const std::int64_t start = IdClock::System().SteadyMs() / 20 * 20 + 40;
      while (IdClock::System().SteadyMs() < start) {
      }
      const auto lease = NodeLease::Take(*session, options);
      Write(pipe, lease.ok() ? 1 : lease.status().code() == Code::kRefused ? 0 : 99);
    };
    const Child one(race);
    const Child other(race);
    ASSERT_EQ(one.Read(), 1u);
    ASSERT_EQ(other.Read(), 1u);
    const auto first = one.Read();
    const auto second = other.Read();
    ASSERT_TRUE(first && second);
    EXPECT_EQ(*first + *second, 1u) << "round " << round << ": " << *first << " and " << *second;
    // Reserved times of the rounds before are in the way of the next take-over.
    Sql("UPDATE sl_id_node SET ids_until_ms = 0");
  }
}

TEST_P(NodeLeaseOnServers, ExpiredLease_IsTakenOver_IdsGrowAndTheOldHolderHasNone) {
  const auto old = Take(Short(1));
  ASSERT_NE(old, nullptr);
  const std::uint64_t last = old->Next().value();
  EXPECT_FALSE(NodeLease::Take(*session_, Short(1)).ok());
  std::this_thread::sleep_for(milliseconds(1'600));
  const auto next = Take(Short(1));
  ASSERT_NE(next, nullptr);
  EXPECT_EQ(next->node(), old->node());
  EXPECT_GT(next->Next().value(), last);
  EXPECT_EQ(old->Next().status().code(), Code::kRefused);
  const base::Status renewed = old->Renew(*session_);
  EXPECT_EQ(renewed.code(), Code::kRefused);
  EXPECT_THAT(renewed.message(), HasSubstr("was not renewed in time"));
  SL_ASSERT_OK(old->Release(*session_));  // changes nothing of the new holder's
  SL_ASSERT_OK(next->Renew(*session_));
}

TEST_P(NodeLeaseOnServers, Renewed_GoesOn) {
  const auto lease = Take(Short(1));
  ASSERT_NE(lease, nullptr);
  std::set<std::uint64_t> ids;
  for (int i = 0; i < 5; ++i) {
    std::this_thread::sleep_for(milliseconds(500));
    SL_ASSERT_OK(lease->Renew(*session_));
    ids.insert(lease->Next().value());
  }
  EXPECT_EQ(ids.size(), 5u);
  EXPECT_FALSE(NodeLease::Take(*session_, Short(1)).ok());
}

TEST_P(NodeLeaseOnServers, ProcessStoppedBeyondItsLease_TakenOver_Continued_GivesNoIds) {
  const Child child([this](int pipe) {
    const auto session = Own();
    const auto lease = NodeLease::Take(*session, Short(1));
    if (!lease.ok()) _exit(1);
    for (;;) {
      const auto id = (*lease)->Next();
      Write(pipe, id.ok() ? id.value() : kRefusedMark);
      if (!id.ok()) _exit(0);
    }
  });
  std::uint64_t last = 0;
  for (int i = 0; i < 1000; ++i) {
    const auto id = child.Read();
    ASSERT_TRUE(id && *id > last);
    last = *id;
  }
  child.Signal(SIGSTOP);
  std::this_thread::sleep_for(milliseconds(1'700));
  const auto lease = Take(Short(1));
  ASSERT_NE(lease, nullptr);
  const std::uint64_t first_of_next = lease->Next().value();
  child.Signal(SIGCONT);
  // What it gave before it was stopped is in the pipe still; then it is refused.
  for (;;) {
    const auto id = child.Read();
    ASSERT_TRUE(id.has_value()) << "it ended, or hung, without being refused";
    if (*id == kRefusedMark) break;
    ASSERT_GT(*id, last);
    ASSERT_LT(*id, first_of_next);
    last = *id;
  }
}

class OtherClock final : public IdClock {
 public:
  std::int64_t UnixMs() override { return System().UnixMs() + ahead_ms; }
  std::int64_t SteadyMs() override { return System().SteadyMs(); }
  void SleepMs(std::int64_t ms) override { System().SleepMs(ms); }
  std::int64_t ahead_ms = 0;
};

TEST_P(NodeLeaseOnServers, HolderWithItsClockAhead_TakenOver_NoMillisecondHasTwoHolders) {
  OtherClock clock;
  clock.ahead_ms = 3'000;
  NodeLeaseOptions ahead = Short(2);
  ahead.clock = &clock;
  const auto old = Take(ahead);
  ASSERT_NE(old, nullptr);
  EXPECT_EQ(old->node(), 0u);
  ASSERT_TRUE(old->Next().ok());
  std::this_thread::sleep_for(milliseconds(1'600));
  const auto next = Take(Short(2));
  ASSERT_NE(next, nullptr);
  EXPECT_EQ(next->node(), 1u);  // node 0 is free, but its milliseconds are used up to 3 s from now
}

TEST_P(NodeLeaseOnServers, ClockFarFromTheServers_IsRefused) {
  for (const std::int64_t ahead_ms : {-10'000, 10'000}) {
    OtherClock clock;
    clock.ahead_ms = ahead_ms;
    NodeLeaseOptions options = Short(2);
    options.clock = &clock;
    const auto lease = NodeLease::Take(*session_, options);
    ASSERT_FALSE(lease.ok());
    EXPECT_EQ(lease.status().code(), Code::kRefused);
    EXPECT_THAT(lease.status().message(), HasSubstr(ahead_ms > 0 ? "ahead of" : "behind"));
  }
}

SL_BOTH_FLAVOURS(NodeLeaseOnServers);

}  // namespace
}  // namespace shardlift::store
