// Random changes to tables of every type under every setting of the binlog: each image decoded from the wire and from
// the file equals the server's own values (invariant I3).
//
// One seed for each run; GTEST_RANDOM_SEED chooses the first, GTEST_REPEAT how many.
#include <fmt/format.h>

#include <map>

#include "tests/binlog/image_check.h"
#include "tests/binlog/live.h"
#include "tests/binlog/random_changes.h"

namespace shardlift::binlog {
namespace {

constexpr int kRounds = 1;

std::string_view Name(RowImage image) {
  return image == RowImage::kFull ? "FULL" : image == RowImage::kMinimal ? "MINIMAL" : "NOBLOB";
}

struct Settings {
  RowImage image = RowImage::kFull;
  std::string metadata;
  bool compressed = false;
  bool partial_json = false;

  std::string Text() const {
    return fmt::format("image {}, metadata {}, {}, {}", Name(image), metadata, compressed ? "compressed" : "plain",
                       partial_json ? "partial JSON" : "whole JSON");
  }
};

std::vector<Settings> AllSettings(mysql::Flavour flavour, RowImage image) {
  const bool maria = flavour == mysql::Flavour::kMariaDb;
  std::vector<Settings> all;
  for (const char* metadata : {"NO_LOG", "MINIMAL", "FULL"}) {
    if (!maria && std::string_view(metadata) == "NO_LOG") continue;
    for (const bool compressed : {false, true}) {
      for (const bool partial : {false, true}) {
        if (partial && maria) continue;
        all.push_back({image, metadata, compressed, partial});
      }
    }
  }
  return all;
}

// The next seed at each repetition.
std::uint64_t Seed() {
  static std::map<std::string, std::uint64_t> runs;
  const ::testing::TestInfo& test = *::testing::UnitTest::GetInstance()->current_test_info();
  return static_cast<std::uint64_t>(GTEST_FLAG_GET(random_seed)) + ++runs[test.name()];
}

class LiveMatrix : public LiveTest {
 protected:
  void TearDown() override {
    Sql(fmt::format("SET GLOBAL binlog_row_metadata = '{}'", maria() ? "NO_LOG" : "MINIMAL"));
    if (maria()) Sql("SET GLOBAL log_bin_compress = 0, log_bin_compress_min_len = 256");
  }

  // A session with these settings, and a new binlog file for what it writes; its path.
  std::string Begin(const Settings& settings) {
    Sql(fmt::format("SET GLOBAL binlog_row_metadata = '{}'", settings.metadata));
    if (maria())
      Sql(fmt::format("SET GLOBAL log_bin_compress = {}, log_bin_compress_min_len = 10", settings.compressed));
    session_ = Connect();
    Sql("USE db");
    Sql("SET SESSION sql_mode = ''");
    Sql(fmt::format("SET SESSION binlog_row_image = '{}'", Name(settings.image)));
    if (!maria()) {
      Sql(fmt::format("SET SESSION binlog_transaction_compression = {}, binlog_row_value_options = '{}'",
                      settings.compressed, settings.partial_json ? "PARTIAL_JSON" : ""));
    }
    Sql("FLUSH BINARY LOGS");
    return ServerOf(GetParam()).data_directory() + "/" + One(maria() ? "SHOW MASTER STATUS" : "SHOW BINARY LOG STATUS");
  }

  void Compare(RowImage image);
  void CompareUnder(const Settings& settings, RandomChanges& changes, bool boundaries);
};

void LiveMatrix::CompareUnder(const Settings& settings, RandomChanges& changes, bool boundaries) {
  const std::string path = Begin(settings);
  changes.set_session(*session_);
  const std::map<std::string, TableState> start = changes.ReadAll();
  std::vector<ExpectedTransaction> expected;
  if (boundaries) expected = changes.InsertBoundaries();
  for (ExpectedTransaction& each : changes.Run(kRounds)) expected.push_back(std::move(each));
  const std::map<std::string, TableState> end = changes.ReadAll();
  const std::vector<OwnedGroup> wire = ReadAll();
  Sql("FLUSH BINARY LOGS");

  GroupReaderOptions by_schema;
  by_schema.tables = [this](std::string_view, std::string_view table) -> const mysql::TableSchema* {
    const auto found = watched_.find(table);
    return found == watched_.end() ? nullptr : found->second.get();
  };
  GroupReaderOptions by_table_map;
  by_table_map.describe = [this](std::string_view, std::string_view table) { return watched_.contains(table); };
  const auto compare = [&](std::string_view what, const std::vector<OwnedGroup>& groups, bool described) {
    SCOPED_TRACE(what);
    ImageCheck check(changes.tables(), {GetParam(), settings.image, settings.partial_json, described}, start);
    check.Compare(expected, groups);
    if (HasFatalFailure()) return;
    check.ExpectEnd(end);
    EXPECT_GT(check.images_compared(), 10u);
    EXPECT_EQ(check.values_absent() > 0, settings.image != RowImage::kFull);
  };
  compare("from the wire", wire, false);
  compare("from the file", ReadFileGroups(path, by_schema), false);
  // Without it the file does not tell signed from unsigned, nor text from binary.
  if (settings.metadata != "NO_LOG") compare("as the file describes it", ReadFileGroups(path, by_table_map), true);
}

void LiveMatrix::Compare(RowImage image) {
  Sql("SET SESSION sql_mode = ''");
  const std::uint64_t seed = Seed();
  RandomChanges changes(*session_, GetParam(), seed * 3 + static_cast<std::uint64_t>(image));
  changes.CreateTables(MatrixTables(GetParam()));
  if (HasFatalFailure()) return;
  for (const auto& [name, table] : changes.tables()) Watch(name);
  OpenStream();
  bool boundaries = true;
  for (const Settings& settings : AllSettings(GetParam(), image)) {
    SCOPED_TRACE(fmt::format("seed {}, {}", seed, settings.Text()));
    CompareUnder(settings, changes, boundaries);
    boundaries = false;
    if (HasFailure()) return;
  }
}

TEST_P(LiveMatrix, FullImages_FromWireAndFile_EqualSelect) { Compare(RowImage::kFull); }
TEST_P(LiveMatrix, MinimalImages_FromWireAndFile_EqualSelect) { Compare(RowImage::kMinimal); }
TEST_P(LiveMatrix, NoBlobImages_FromWireAndFile_EqualSelect) { Compare(RowImage::kNoBlob); }

INSTANTIATE_TEST_SUITE_P(Servers, LiveMatrix, ::testing::Values(mysql::Flavour::kMariaDb, mysql::Flavour::kMySql),
                         FlavourOf);

}  // namespace
}  // namespace shardlift::binlog
