// Processes that are killed while they write, and disks that are full.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <iostream>
#include <random>
#include <thread>

#include "tests/binlog/spool_fixture.h"

namespace shardlift::binlog {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr std::size_t kRowBytes[] = {10, 300, 20, 5000, 100, 40, 70000, 15};

std::vector<std::string> NextGroup(Stream& stream) {
  return stream.Group(kRowBytes[stream.number % std::size(kRowBytes)]);
}

// The stream after its first `groups`.
Stream After(std::uint64_t groups) {
  Stream stream;
  (void)stream.Begin();
  while (stream.number < groups) (void)NextGroup(stream);
  return stream;
}

SpoolOptions CrashOptions(const std::string& directory) {
  SpoolOptions options = SpoolAt(directory);
  options.segment_bytes = 200000;
  options.block_bytes = 20000;
  return options;
}

// Goes on with the stream until it is killed; tells through `pipe` which groups were synced.
[[noreturn]] void WriteForEver(const SpoolOptions& options, int pipe, unsigned seed) {
  std::minstd_rand random(seed);
  auto spool = SpoolWriter::Open(options);
  if (!spool.ok() || !(*spool)->StartConnection({}, true, false).ok()) _exit(10);
  std::uint64_t number = (*spool)->position().gtid_set().Count();
  Stream stream = After(number);
  Stream begin;
  for (const std::string& event : begin.Begin()) {
    if (!(*spool)->Append(event).ok()) _exit(11);
  }
  for (;;) {
    for (const std::string& event : NextGroup(stream)) {
      if (!(*spool)->Append(event).ok()) _exit(12);
    }
    if (random() % 5 == 0 && !(*spool)->Flush().ok()) _exit(13);
    if (random() % 20 == 0) {
      if (!(*spool)->Sync().ok()) _exit(14);
      if (write(pipe, &stream.number, sizeof(stream.number)) != sizeof(stream.number)) _exit(15);
    }
  }
}

TEST(SpoolCrashTest, WriterKilledAtAnyMoment_EverythingSyncedIsThereAndWholeGroupsOnly) {
  const ScratchDirectory scratch;
  const SpoolOptions options = CrashOptions(scratch.path() + "/source");
  std::minstd_rand random(4711);
  std::uint64_t groups = 0;
  int cuts = 0;
  for (unsigned round = 0; round < 25; ++round) {
    int pipes[2];
    ASSERT_EQ(pipe(pipes), 0);
    const pid_t child = fork();
    if (child == 0) WriteForEver(options, pipes[1], round);
    close(pipes[1]);
    std::uint64_t synced = groups;
    // Most die while they write, some while they open the spool.
    if (round % 5 != 0) {
      ASSERT_EQ(read(pipes[0], &synced, sizeof(synced)), static_cast<ssize_t>(sizeof(synced)));
    }
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 30000));
    kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "exit code " << WEXITSTATUS(status);
    while (read(pipes[0], &synced, sizeof(synced)) == sizeof(synced)) {
    }
    close(pipes[0]);

    auto spool = SpoolWriter::Open(options);
    ASSERT_TRUE(spool.ok()) << "round " << round << ": " << spool.status().message();
    if ((*spool)->cut()) ++cuts;
    groups = (*spool)->position().gtid_set().Count();
    EXPECT_GE(groups, synced);
    EXPECT_EQ((*spool)->position(), Stream::Upto(groups));
    const Held held = ReadAll(**spool, options.start, false);
    ASSERT_TRUE(held.status.ok()) << held.status.message();
    Stream expected;
    (void)expected.Begin();
    std::size_t at = 0;
    while (expected.number < groups) {
      for (const std::string& event : NextGroup(expected)) {
        ASSERT_LT(at, held.events.size());
        ASSERT_EQ(held.events[at++], event) << "group " << expected.number;
      }
    }
    EXPECT_EQ(at, held.events.size());
  }
  EXPECT_GT(groups, 100u) << "the processes were killed before they wrote anything";
  RecordProperty("groups", std::to_string(groups));
  RecordProperty("cuts", cuts);
}

// Runs in a process of its own. Appends until something fails, then checks that all is well up to position().
void FillUp(const SpoolOptions& options, const std::function<void()>& make_room) {
  auto spool = SpoolWriter::Open(options);
  ASSERT_TRUE(spool.ok()) << spool.status().message();
  ASSERT_TRUE((*spool)->StartConnection({}, true, false).ok());
  Stream stream;
  AppendAll(**spool, stream.Begin());
  base::Status status;
  std::uint64_t synced = 0;
  while (status.ok() && stream.number < 10000) {
    for (const std::string& event : NextGroup(stream)) {
      if (status.ok()) status = (*spool)->Append(event);
    }
    if (status.ok() && stream.number % 10 == 0 && (*spool)->Sync().ok()) synced = stream.number;
  }
  ASSERT_EQ(status.code(), base::Code::kEnvironment) << status.message();
  EXPECT_THAT(status.message(), AllOf(HasSubstr(options.directory), HasSubstr("free space there, raise the limit")));
  const std::uint64_t held = (*spool)->position().gtid_set().Count();
  EXPECT_GE(held, synced);
  EXPECT_EQ((*spool)->Append(stream.Group()[0]).code(), base::Code::kEnvironment) << "it stays until StartConnection";

  // It can be opened as it is.
  spool->reset();
  spool = SpoolWriter::Open(options);
  ASSERT_TRUE(spool.ok()) << spool.status().message();
  const std::uint64_t found = (*spool)->position().gtid_set().Count();
  EXPECT_GE(found, synced);
  EXPECT_EQ(ReadAll(**spool, options.start, false).events.size(), 5 * found);

  // And once there is room, it goes on.
  make_room();
  ASSERT_TRUE((*spool)->StartConnection({}, true, false).ok());
  Stream begin;
  AppendAll(**spool, begin.Begin());
  stream = After(found);
  for (int i = 0; i < 50; ++i) AppendAll(**spool, NextGroup(stream));
  ASSERT_TRUE((*spool)->Sync().ok());
  const Held held_later = ReadAll(**spool, Stream::Upto(found), false);
  EXPECT_TRUE(held_later.status.ok()) << held_later.status.message();
  EXPECT_EQ(held_later.events.size(), 250u);
}

int InChild(const std::function<void()>& run) {
  const pid_t child = fork();
  if (child == 0) {
    run();
    _exit(::testing::Test::HasFailure() ? 1 : 0);
  }
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

TEST(SpoolCrashTest, FileLimitReached_TheSpoolIsWholeAndGoesOnLater) {
  const ScratchDirectory scratch;
  const auto limit = [](rlim_t bytes) {
    const rlimit value{bytes, RLIM_INFINITY};
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &value), 0);
  };
  EXPECT_EQ(InChild([&] {
              signal(SIGXFSZ, SIG_IGN);
              limit(100000);
              FillUp(CrashOptions(scratch.path() + "/source"), [&] { limit(RLIM_INFINITY); });
            }),
            0);
}

TEST(SpoolCrashTest, DiskFull_TheSpoolIsWholeAndGoesOnLater) {
  const ScratchDirectory scratch;
  const std::string ballast = scratch.path() + "/ballast";
  constexpr int kCannotMount = 77;
  constexpr int kRootIsNoMount = 78;
  const int code = InChild([&] {
    // A mount that nobody else sees, gone with the process.
    if (unshare(CLONE_NEWNS) != 0) _exit(kCannotMount);
    if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
      _exit(errno == EINVAL ? kRootIsNoMount : kCannotMount);
    }
    if (mount("tmpfs", scratch.path().c_str(), "tmpfs", 0, "size=2m") != 0) _exit(kCannotMount);
    WriteFile(ballast, std::string(1 << 20, 'x'));
    FillUp(CrashOptions(scratch.path() + "/source"), [&] { std::filesystem::remove(ballast); });
  });
  // Only root may mount, and not in a chroot; the limit of a file's size stands for it then, in the test above.
  if (code == kRootIsNoMount || (code == kCannotMount && geteuid() != 0)) {
    std::cout << "no file system can be mounted here: the full disk was not tried, the full file was\n";
    return;
  }
  EXPECT_EQ(code, 0);
}

}  // namespace
}  // namespace shardlift::binlog
