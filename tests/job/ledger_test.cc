// The ledger: what is written is read again; files that cannot be used are refused and left as they are.
#include "job/ledger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace shardlift::job {
namespace {

using base::Code;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::string Contents(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

class LedgerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/ledger_test.XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    directory_ = name;
    path_ = directory_ + "/job.ledger.sqlite";
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::unique_ptr<Ledger> Open() {
    auto ledger = Ledger::Open(path_);
    EXPECT_TRUE(ledger.ok()) << ledger.status().message();
    return ledger.ok() ? std::move(*ledger) : nullptr;
  }
  static LedgerRun NewRun() {
    LedgerRun run;
    run.command = "verify";
    run.mode = "full";
    run.scope = "scope";
    run.options = "options";
    run.fingerprint = "print";
    run.resumable = true;
    return run;
  }
  static LedgerPart APart(const std::string& after, std::size_t findings) {
    LedgerPart part{1, 2, after, after + "~", 3, "{}", 0.5, 0, {}};
    for (std::size_t i = 0; i < findings; ++i) part.findings.push_back({"missing", 1, 2, std::string("k\0", 2), "{}"});
    return part;
  }
  std::vector<LedgerPart> Parts(Ledger& ledger, const LedgerRun& run) {
    std::vector<LedgerPart> parts;
    const auto status = ledger.ForEachPart(run, [&](LedgerPart part) {
      parts.push_back(std::move(part));
      return base::Ok();
    });
    EXPECT_TRUE(status.ok()) << status.message();
    return parts;
  }
  // With SQLite itself, as another program would.
  void Sql(const char* sql) {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open(path_.c_str(), &db), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(db, sql, nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(db);
    sqlite3_close(db);
  }
  void ExpectRefused(const std::string& text) {
    const std::string before = Contents(path_);
    const auto ledger = Ledger::Open(path_);
    ASSERT_FALSE(ledger.ok());
    EXPECT_EQ(ledger.status().code(), Code::kRefused);
    EXPECT_THAT(ledger.status().message(), HasSubstr(text));
    EXPECT_THAT(ledger.status().message(), HasSubstr("--ledger"));
    EXPECT_EQ(Contents(path_), before);
  }

  std::string directory_;
  std::string path_;
};

TEST_F(LedgerTest, WhatWasWrittenIsReadAgainByAnotherProcess) {
  LedgerRun run = NewRun();
  {
    const auto ledger = Open();
    ASSERT_TRUE(ledger->Begin(&run).ok());
    LedgerPart part = APart("", 2);
    part.upto.reset();
    ASSERT_TRUE(ledger->AddPart(run, part).ok());
    ASSERT_TRUE(ledger->AddPart(run, APart(std::string("a\0b", 3), 0)).ok());
    ASSERT_TRUE(ledger->AddTableRows(run, {1, 2, 10, 9}).ok());
    ASSERT_TRUE(ledger->SetPositions(run, {{"legacy", "mysql:", "id"}}).ok());
    ASSERT_TRUE(ledger->AddFindings(run, {{"extra", 9, 8, "x", "{}"}}).ok());
  }
  const auto ledger = Open();
  const auto runs = ledger->LastRuns(5);
  ASSERT_TRUE(runs.ok());
  ASSERT_THAT(*runs, SizeIs(1));
  EXPECT_EQ(runs->at(0).scope, "scope");
  EXPECT_FALSE(runs->at(0).ended);
  EXPECT_FALSE(runs->at(0).complete);
  const auto parts = Parts(*ledger, run);
  ASSERT_THAT(parts, SizeIs(2));
  EXPECT_FALSE(parts[0].upto);
  ASSERT_THAT(parts[0].findings, SizeIs(2));
  EXPECT_EQ(parts[0].findings[0].owner_key, std::string("k\0", 2));
  EXPECT_EQ(parts[1].after, std::string("a\0b", 3));
  EXPECT_EQ(parts[1].upto, std::string("a\0b~", 4));
  EXPECT_THAT(parts[1].findings, IsEmpty());
  EXPECT_EQ(ledger->TableRows(run)->at(0).rows_kept, 9u);
  EXPECT_EQ(ledger->Positions(run)->at(0).identity, "id");
}

TEST_F(LedgerTest, ARunIsGoneOnWithUntilItIsComplete) {
  const auto ledger = Open();
  LedgerRun run = NewRun();
  ASSERT_TRUE(ledger->Begin(&run).ok());
  ASSERT_TRUE(ledger->End(run, 5, "").ok());
  EXPECT_EQ(ledger->LastRuns(1)->at(0).exit_code, 5);
  ASSERT_TRUE(ledger->Continue(&run).ok());
  EXPECT_EQ(run.attempts, 2u);
  EXPECT_FALSE(ledger->LastRuns(1)->at(0).exit_code);
  ASSERT_TRUE(ledger->AddPart(run, APart("b", 0)).ok());
  EXPECT_EQ(Parts(*ledger, run).at(0).attempt, 2u);
  ASSERT_TRUE(ledger->End(run, 1, "{}").ok());
  EXPECT_TRUE(ledger->LastRuns(1)->at(0).complete);
  EXPECT_FALSE(ledger->Continue(&run).ok());
}

TEST_F(LedgerTest, DetailsOfRunsLongAgoAreRemovedAndTheRunsStay) {
  const auto ledger = Open();
  LedgerRun first = NewRun();
  ASSERT_TRUE(ledger->Begin(&first).ok());
  ASSERT_TRUE(ledger->AddPart(first, APart("", 1)).ok());
  LedgerRun run = NewRun();
  for (int i = 0; i < 19; ++i) ASSERT_TRUE(ledger->Begin(&run).ok());
  EXPECT_THAT(Parts(*ledger, first), SizeIs(1));
  ASSERT_TRUE(ledger->Begin(&run).ok());
  EXPECT_THAT(Parts(*ledger, first), IsEmpty());
  EXPECT_THAT(*ledger->LastRuns(100), SizeIs(21));
}

TEST_F(LedgerTest, TheFileIsForItsOwnerOnly) {
  const auto old_mask = umask(0);
  const auto ledger = Open();
  umask(old_mask);
  LedgerRun run = NewRun();
  ASSERT_TRUE(ledger->Begin(&run).ok());
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory_)) {
    ++files;
    EXPECT_EQ(entry.status().permissions(), std::filesystem::perms(0600)) << entry.path();
  }
  EXPECT_EQ(files, 3u);  // with the log and its index
}

TEST_F(LedgerTest, OneProcessHasTheLock) {
  const auto first = Open();
  const auto second = Open();
  EXPECT_TRUE(*first->Lock());
  EXPECT_TRUE(*first->Lock());
  EXPECT_FALSE(*second->Lock());
}

TEST_F(LedgerTest, AForeignFileIsRefusedAndLeftAsItIs) {
  std::ofstream(path_) << "not a database, but long enough that its head could be one, were it not for its first bytes";
  ExpectRefused("is no ledger");
  std::filesystem::remove(path_);
  Sql("CREATE TABLE other (x)");
  ExpectRefused("is no ledger");
}

TEST_F(LedgerTest, ALaterVersionIsRefused) {
  Open();
  Sql("PRAGMA user_version = 2");
  ExpectRefused("version 2");
}

TEST_F(LedgerTest, ADamagedFileIsRefused) {
  {
    const auto ledger = Open();
    LedgerRun run = NewRun();
    ASSERT_TRUE(ledger->Begin(&run).ok());
    for (int i = 0; i < 200; ++i) ASSERT_TRUE(ledger->AddPart(run, APart("x", 5)).ok());
  }
  const auto size = std::filesystem::file_size(path_);
  ASSERT_GT(size, 40'000u);
  std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(static_cast<std::streamoff>(size / 2));
  file << std::string(8192, '\x5A');
  file.close();
  ExpectRefused("damaged");
}

TEST_F(LedgerTest, AFileThatCannotGrowSaysSoAndKeepsWhatItHas) {
  const auto ledger = Open();
  LedgerRun run = NewRun();
  ASSERT_TRUE(ledger->Begin(&run).ok());
  ASSERT_TRUE(ledger->AddPart(run, APart("a", 1)).ok());
  // No file of this process may grow beyond this: as on a full disk.
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{256 * 1024, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  base::Status status;
  std::size_t written = 1;
  for (; written < 1000; ++written) {
    status = ledger->AddPart(run, APart("b", 200));
    if (!status.ok()) break;
  }
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, old_handler);
  EXPECT_EQ(status.code(), Code::kEnvironment);
  EXPECT_THAT(status.message(), HasSubstr("--ledger"));
  EXPECT_THAT(Parts(*ledger, run), SizeIs(written));
}

TEST_F(LedgerTest, ADirectoryThatIsNotThereIsNamed) {
  path_ = directory_ + "/none/job.ledger.sqlite";
  const auto ledger = Ledger::Open(path_);
  ASSERT_FALSE(ledger.ok());
  EXPECT_EQ(ledger.status().code(), Code::kEnvironment);
  EXPECT_THAT(ledger.status().message(), HasSubstr(path_));
}

TEST(LedgerPath, IsBesideTheJobFile) {
  EXPECT_EQ(Ledger::DefaultPath("a/job.json"), "a/job.ledger.sqlite");
  EXPECT_EQ(Ledger::DefaultPath("a/job.jsonc"), "a/job.ledger.sqlite");
  EXPECT_EQ(Ledger::DefaultPath("job"), "job.ledger.sqlite");
}

}  // namespace
}  // namespace shardlift::job
