// What share of a copy's own processor time the mapping takes: the copy of a table of instant messages, and the mapping
// of as many rows alone after it, in one process. Not a test; `scripts/bench.sh mapping` builds and runs it.
// SHARDLIFT_COPY_ROWS says how many rows.
#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <string>

#include "job/catalog.h"
#include "mapping/table_mapper.h"
#include "tests/mapping/random_rows.h"
#include "tests/mapping/support.h"
#include "tests/migrate/fixture.h"

namespace shardlift::migrate::testing {
namespace {

constexpr std::uint64_t kRowsDefault = 200'000;
constexpr std::uint64_t kRowsMapped =
    200;                    // again and again: in a copy a row has just come in and is in the caches too
constexpr int kRounds = 3;  // of the mapping; the best one counts

double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

class CopyCost : public MigrateTest {
 protected:
  void MakeMessages(std::uint64_t rows) {
    OnSource("DROP DATABASE IF EXISTS im_2");
    OnSource("CREATE DATABASE im_2");
    OnSource(mapping::testing::kImDdl);
    OnSource(
        "INSERT INTO im_2.msg_07 VALUES (1, 70000000001, 70000000039, 3, 1, CONCAT('message ', REPEAT('abcdefghij', "
        "20)), 1696118400, 1696118401)");
    for (std::uint64_t have = 1; have < rows; have *= 2) {
      OnSource(fmt::format(
          "INSERT INTO im_2.msg_07 SELECT id + {0}, from_uid + id, to_uid + {0}, kind, flags, CONCAT(id, content), "
          "ctime + id, mtime FROM im_2.msg_07 LIMIT {1}",
          have, std::min(have, rows - have)));
    }
  }
};

// Processor seconds for mapping `rows` rows.
double MapRows(const mapping::TableMapper& mapper, const std::vector<std::vector<mysql::Value>>& values,
               std::uint64_t rows) {
  const mapping::MapScratchPtr scratch = mapping::NewMapScratch();
  mapping::MappedRow mapped;
  const double began = CpuSeconds();
  for (std::uint64_t done = 0; done < rows; ++done) {
    const base::Status status = mapper.Map(values[done % values.size()], *scratch, &mapped);
    if (!status.ok()) ADD_FAILURE() << status.message();
  }
  return CpuSeconds() - began;
}

TEST_P(CopyCost, ShareOfTheMapping) {
  const char* const wanted = std::getenv("SHARDLIFT_COPY_ROWS");
  const std::uint64_t rows = wanted == nullptr ? kRowsDefault : std::stoull(wanted);
  MakeMessages(rows);
  config_.mappings = {mapping::testing::LoadMappingFile("im")};
  config_.mappings[0].match = {"im_2.msg_07"};
  config_.copy = job::CopyConfig();
  const double before = CpuSeconds();
  const auto summary = Run();
  const double copying = CpuSeconds() - before;
  ASSERT_TRUE(summary.ok()) << summary.status().message();
  ASSERT_EQ(summary->rows_copied, rows);

  auto session = SourceSession();
  const mysql::Rows texts =
      live::RowsOn(*session, fmt::format("SELECT * FROM im_2.msg_07 ORDER BY id LIMIT {}", kRowsMapped));
  const auto catalog = job::LoadCatalog(config_, false);
  ASSERT_TRUE(catalog.ok()) << catalog.status().message();
  const mapping::TableMapper& mapper = *catalog->tables.at(0).mapper;
  std::vector<std::vector<mysql::Value>> values;
  for (const auto& row : texts.rows) {
    std::vector<mysql::Value>& parsed = values.emplace_back();
    for (std::size_t i = 0; i < row.size(); ++i)
      parsed.push_back(*mysql::ParseText(mapper.context().schema.columns[i], *row[i]));
  }
  double mapping = MapRows(mapper, values, rows);
  for (int round = 1; round < kRounds; ++round) mapping = std::min(mapping, MapRows(mapper, values, rows));
  std::cout << fmt::format(
      "{}: {} rows: copy {:.2f} s of processor time ({:.0f} ns a row), mapping {:.2f} s ({:.0f} ns a row), share "
      "{:.3f}\n",
      mysql::FlavourName(GetParam()), rows, copying, copying * 1e9 / static_cast<double>(rows), mapping,
      mapping * 1e9 / static_cast<double>(rows), mapping / copying);
}

INSTANTIATE_TEST_SUITE_P(Servers, CopyCost, ::testing::Values(mysql::Flavour::kMariaDb, mysql::Flavour::kMySql),
                         FlavourParamName);

}  // namespace
}  // namespace shardlift::migrate::testing
