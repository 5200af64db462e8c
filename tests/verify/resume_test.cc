// A pass that is killed or stopped and gone on with ends as one that was not.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <map>
#include <random>
#include <thread>

#include "base/sync_point.h"
#include "job/ledger.h"
#include "tests/verify/fixture.h"
#include "verify/findings_file.h"
#include "verify/verify.h"

namespace shardlift::verify::testing {
namespace {

using base::Code;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAreArray;

std::string Described(const Finding& finding) {
  return fmt::format("{} {} {} {}", FindingKindName(finding.kind), finding.table, UpperHex(finding.owner_key),
                     fmt::join(finding.columns, ","));
}

std::vector<std::string> Listed(const VerifyReport& report) {
  std::vector<std::string> texts;
  for (const Finding& finding : report.findings) texts.push_back(Described(finding));
  return texts;
}

// Counters that a killed child leaves behind.
struct Shared {
  std::atomic<std::uint64_t> settled{0};
};

class ResumeTest : public StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    options_.progress = false;
    options_.chunk_rows = 7;
    options_.rows_compared_max = 2;
    Forget();
  }
  void TearDown() override { base::SetSyncPointHandler(nullptr); }

  void Forget() {
    ledger_.reset();
    for (const char* ending : {"", "-wal", "-shm", ".lock"}) std::filesystem::remove(path_ + ending);
  }
  job::Ledger& OpenLedger() {
    auto ledger = job::Ledger::Open(path_);
    EXPECT_TRUE(ledger.ok()) << ledger.status().message();
    ledger_ = std::move(*ledger);
    return *ledger_;
  }

  // Faults of several kinds in all tables; what verify must say of them.
  std::vector<std::string> Plant() {
    std::vector<std::string> planted;
    for (const auto& [source, table] : {std::pair<std::size_t, const char*>{0, "im_0.msg_00"},
                                        {0, "push.push_202309"},
                                        {0, "oldsys.sys_notice"},
                                        {1, "im_2.msg_00"},
                                        {1, "push.push_202310"}}) {
      const std::uint32_t ordinal = OrdinalOf(source, table);
      for (std::size_t shard = 0; shard < 2; ++shard) {
        for (std::uint64_t n = 1; n < 9; n += 3) {
          const std::string key = OwnerOnShard(shard, ordinal, n);
          const std::string where = fmt::format(" WHERE owner_table = {} AND owner_key = x'{}'", ordinal, key);
          OnShard(shard, n == 4 ? "DELETE FROM message" + where
                                : "UPDATE message SET status = status + 1, version = version + 2" + where);
          planted.push_back(
              fmt::format("{} {} {} {}", n == 4 ? "missing" : "differs", table, key, n == 4 ? "" : "status,version"));
        }
      }
    }
    return planted;
  }

  // Without what no two passes have in common.
  static std::string Comparable(VerifyReport report) {
    report.notes.clear();
    report.seconds = 0;
    report.digests = {};  // where a part ends depends on where the one before it was cut off
    std::sort(report.findings.begin(), report.findings.end(), [](const Finding& a, const Finding& b) {
      return std::tie(a.table, a.owner_key) < std::tie(b.table, b.owner_key);
    });
    return ReportJson(report);
  }

  VerifyReport Verified() {
    auto report = RunVerify(config_, options_);
    EXPECT_TRUE(report.ok()) << report.status().message();
    return report.ok() ? *report : VerifyReport();
  }

  // Runs the pass in a child that kills itself at the passage `kills_at` of a sync point, or (0) is killed `wait` after
  // it has settled something. True: it ended by itself.
  bool RunChild(std::string_view point, std::uint64_t kills_at, std::chrono::microseconds wait) {
    const pid_t child = fork();
    if (child == 0) {
      std::atomic<std::uint64_t> passed{0};
      base::SetSyncPointHandler([&](std::string_view at, std::string_view) {
        if (at == "verify.settled") ++shared_->settled;
        if (at == point && ++passed == kills_at) raise(SIGKILL);
      });
      OpenLedger();
      options_.ledger = ledger_.get();
      const auto report = RunVerify(config_, options_);
      _exit(report.ok() ? report->exit_code() : 99);
    }
    if (kills_at == 0) {
      const std::uint64_t before = shared_->settled;
      const auto over = std::chrono::steady_clock::now() + std::chrono::seconds(30);
      while (shared_->settled == before && std::chrono::steady_clock::now() < over) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
      std::this_thread::sleep_for(wait);
      kill(child, SIGKILL);
    }
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    if (WIFEXITED(status)) {
      EXPECT_LE(WEXITSTATUS(status), 1);
    }
    return WIFEXITED(status);
  }

  // The parts that the ledger has of its last run overlap nowhere.
  std::uint64_t ExpectNothingTwice() {
    const job::LedgerRun run = ledger_->LastRuns(1)->at(0);
    std::map<std::uint32_t, std::vector<job::LedgerPart>> tables;
    std::uint64_t parts = 0;
    const auto status = ledger_->ForEachPart(run, [&](job::LedgerPart part) {
      ++parts;
      tables[part.table_ordinal].push_back(std::move(part));
      return base::Ok();
    });
    EXPECT_TRUE(status.ok()) << status.message();
    EXPECT_EQ(tables.size(), catalog_.tables.size());
    for (auto& [ordinal, list] : tables) {
      std::sort(list.begin(), list.end(), [](const auto& a, const auto& b) { return a.after < b.after; });
      EXPECT_EQ(list.front().after, "");
      EXPECT_FALSE(list.back().upto);
      for (std::size_t i = 1; i < list.size(); ++i) EXPECT_EQ(list[i - 1].upto, list[i].after) << ordinal;
    }
    return parts;
  }

  VerifyOptions options_;
  std::unique_ptr<job::Ledger> ledger_;
  const std::string path_ = live::Directory() + "/resume.ledger.sqlite";
  Shared* const shared_ =
      new (mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) Shared();
};

TEST_F(ResumeTest, KilledAgainAndAgainInOnePass_SameReportAndNothingComparedTwice) {
  const std::vector<std::string> planted = Plant();
  const std::string uninterrupted = Comparable(Verified());
  options_.resume = true;
  std::mt19937 random(static_cast<unsigned>(::testing::UnitTest::GetInstance()->random_seed()));
  const char* const wanted = std::getenv("SHARDLIFT_RESUME_KILLS");
  const int turns = wanted == nullptr ? 5 : std::stoi(wanted);
  std::uint64_t kills = 0;
  for (int turn = 0; turn < turns; ++turn) {
    const char* const point = turn % 2 == 0 ? "verify.settled" : "verify.recorded";
    const bool by_time = turn % 5 == 4;
    const auto wait = std::chrono::microseconds(random() % 20'000);
    if (RunChild(point, by_time ? 0 : 1 + random() % 3, wait)) break;
    ++kills;
  }
  EXPECT_GE(kills, std::min<std::uint64_t>(4, static_cast<std::uint64_t>(turns)));
  OpenLedger();
  options_.ledger = ledger_.get();
  std::vector<std::string> told;
  std::mutex mutex;
  options_.on_finding = [&](const Finding& finding) {
    const std::lock_guard lock(mutex);
    told.push_back(Described(finding));
  };
  const VerifyReport report = Verified();
  EXPECT_EQ(Comparable(report), uninterrupted);
  EXPECT_THAT(Listed(report), UnorderedElementsAreArray(planted));
  EXPECT_THAT(told, UnorderedElementsAreArray(planted));
  EXPECT_THAT(report.notes, Contains(HasSubstr("were compared by earlier attempts")));
  const std::uint64_t parts = ExpectNothingTwice();
  // What was open at a kill: one part of each thread.
  EXPECT_LE(shared_->settled, parts + kills * options_.threads);
  EXPECT_EQ(ledger_->LastRuns(1)->at(0).attempts, kills + 1);
}

TEST_F(ResumeTest, ClientMethod_Killed_SameReport) {
  const std::vector<std::string> planted = Plant();
  options_.method = VerifyMethod::kClient;
  const std::string uninterrupted = Comparable(Verified());
  options_.resume = true;
  for (int turn = 0; turn < 4; ++turn) {
    EXPECT_FALSE(RunChild(turn % 2 == 0 ? "verify.settled" : "verify.recorded", 1, {}));
  }
  OpenLedger();
  options_.ledger = ledger_.get();
  EXPECT_EQ(Comparable(Verified()), uninterrupted);
  ExpectNothingTwice();
}

TEST_F(ResumeTest, StoppedPassesAreGoneOnWithOnlyWhenNothingElseChanged) {
  std::atomic<bool> stop{false};
  OpenLedger();
  options_.ledger = ledger_.get();
  options_.stop = &stop;
  base::SetSyncPointHandler([&](std::string_view at, std::string_view) {
    if (at == "verify.recorded") stop.store(true);
  });
  const auto stop_one = [&] {
    stop.store(false);
    const auto report = RunVerify(config_, options_);
    ASSERT_FALSE(report.ok());
    EXPECT_EQ(report.status().code(), Code::kStopped);
    EXPECT_EQ(ledger_->LastRuns(1)->at(0).exit_code, 5);
    EXPECT_FALSE(ledger_->LastRuns(1)->at(0).complete);
  };
  stop_one();
  options_.resume = true;
  stop_one();
  EXPECT_EQ(ledger_->LastRuns(9)->size(), 1u);
  EXPECT_EQ(ledger_->LastRuns(1)->at(0).attempts, 2u);

  // Another method, a table that was changed, a pass of long ago: from the beginning.
  base::SetSyncPointHandler(nullptr);
  stop.store(false);
  options_.method = VerifyMethod::kClient;
  EXPECT_THAT(Verified().notes, Not(Contains(HasSubstr("earlier attempts"))));
  options_.method = VerifyMethod::kServer;
  options_.resume_within = std::chrono::seconds(-1);
  EXPECT_THAT(Verified().notes, Contains(HasSubstr("--resume-within")));
  EXPECT_EQ(ledger_->LastRuns(9)->size(), 3u);
  options_.resume_within = std::chrono::hours(1);
  // The last pass is complete: there is nothing to go on with.
  EXPECT_THAT(Verified().notes, Not(Contains(HasSubstr("earlier attempts"))));
  EXPECT_EQ(ledger_->LastRuns(9)->size(), 4u);
}

TEST_F(ResumeTest, AnotherProcessHasThePass_ResumeIsRefusedAndAFreshPassRuns) {
  OpenLedger();
  ASSERT_TRUE(*ledger_->Lock());
  auto other = job::Ledger::Open(path_);
  ASSERT_TRUE(other.ok());
  options_.ledger = other->get();
  options_.resume = true;
  const auto report = RunVerify(config_, options_);
  ASSERT_FALSE(report.ok());
  EXPECT_EQ(report.status().code(), Code::kRefused);
  options_.resume = false;
  EXPECT_TRUE(Verified().clean());
  EXPECT_FALSE(ledger_->LastRuns(1)->at(0).resumable);
}

TEST_F(ResumeTest, TheLedgerFailsInThePass_TheReportStandsAndSaysSo) {
  const std::vector<std::string> planted = Plant();
  OpenLedger();
  options_.ledger = ledger_.get();
  std::atomic<bool> broken{false};
  base::SetSyncPointHandler([&](std::string_view at, std::string_view) {
    if (at != "verify.recorded" || broken.exchange(true)) return;
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open(path_.c_str(), &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 5000);
    EXPECT_EQ(sqlite3_exec(db, "DROP TABLE part", nullptr, nullptr, nullptr), SQLITE_OK);
    sqlite3_close(db);
  });
  const VerifyReport report = Verified();
  EXPECT_THAT(Listed(report), UnorderedElementsAreArray(planted));
  EXPECT_THAT(report.notes, Contains(HasSubstr("The pass went on without it")));
  EXPECT_EQ(report.exit_code(), 1);
}

}  // namespace
}  // namespace shardlift::verify::testing
