// Live verification under writers at 500 changes a second: what was planted is found, and nothing else.
//
// Two kinds of planted rows. Cold ones: in tables of their own, every second row of which is written to all the time;
// these have to be found exactly, with verdict and columns, by every pass. Warm ones: anywhere, where the writers may
// heal them by writing the row; these have to be found or without a verdict as long as they are wrong.
//
// SHARDLIFT_LIVE_SEEDS=N and SHARDLIFT_LIVE_SECONDS=S: N runs of S seconds each (docs/testing.md).
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <set>
#include <thread>

#include "job/catalog.h"
#include "rehearse/seed_data.h"
#include "rehearse/writers.h"
#include "repair/live_prober.h"
#include "store/message_table.h"
#include "tests/repair/fixture.h"
#include "verify/verify.h"

namespace shardlift::repair::testing {
namespace {

using namespace std::chrono_literals;
using verify::VerifyMethod;
using verify::VerifyReport;
using verify::testing::Fault;
using verify::testing::Faults;
using verify::testing::Planter;
using Clock = std::chrono::steady_clock;

constexpr const char* kColdTable = "push.push_202401";  // matched by the mapping, and unknown to the writers
constexpr int kColdRows = 160;
constexpr std::uint64_t kWarmFaults = 12;

std::uint64_t NumberFrom(const char* name, std::uint64_t otherwise) {
  const char* const text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

// Writes to the even rows of the cold tables: contents, accounts, what is left behind, rows that go and come back.
class EvenRowsWriter {
 public:
  EvenRowsWriter(std::vector<mysql::Endpoint> sources, std::uint64_t seed)
      : thread_([this, sources = std::move(sources), seed] { Loop(sources, rehearse::Random(seed)); }) {}
  ~EvenRowsWriter() {
    stop_ = true;
    thread_.join();
  }

 private:
  void Loop(const std::vector<mysql::Endpoint>& sources, rehearse::Random random) {
    std::vector<std::unique_ptr<mysql::Session>> sessions;
    for (const mysql::Endpoint& source : sources) sessions.push_back(live::Connect(source));
    for (std::uint64_t n = 0; !stop_; ++n) {
      mysql::Session& session = *sessions[n % sessions.size()];
      const std::string row = fmt::format("push_id = {}", 2 * random.Between(1, kColdRows / 2));
      switch (random.Below(4)) {
        case 0: Set(session, fmt::format("open_id = 'Moved-{}'", n), row); break;
        case 1: Set(session, fmt::format("template_code = 't{}'", n), row); break;
        case 2: Set(session, "app_code = IF(app_code = 'sandbox', 'shop', 'sandbox')", row); break;
        default:
          live::SqlOn(session, fmt::format("DELETE FROM {} WHERE {}", kColdTable, row));
          live::SqlOn(session, fmt::format("INSERT INTO {0} SELECT {1}, open_id, app_code, template_code, params, "
                                           "created_at, read_at, deleted FROM {0} WHERE push_id = 1",
                                           kColdTable, row.substr(row.rfind(' ') + 1)));
      }
      std::this_thread::sleep_for(10ms);
    }
  }
  static void Set(mysql::Session& session, const std::string& what, const std::string& row) {
    live::SqlOn(session, fmt::format("UPDATE {} SET {} WHERE {}", kColdTable, what, row));
  }
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

struct Sums {
  std::uint64_t passes = 0;
  std::uint64_t suspects = 0;
  std::uint64_t right = 0;
  std::uint64_t open = 0;
  std::uint64_t changes = 0;
};

// The parameter: which server has the first source, and with it half of im, and notice; the other one has push.
class LiveWriters : public MigratedTest, public ::testing::WithParamInterface<std::size_t> {
 protected:
  void SetUp() override {
    auto config = job::LoadJobConfig(JobPath());
    ASSERT_TRUE(config.ok()) << config.status().message();
    config_ = std::move(config).value();
    if (GetParam() == 1) std::swap(config_.sources[0], config_.sources[1]);
  }
  void TearDown() override { DropSources(); }

  void DropSources() {
    for (const std::size_t source : {0u, 1u}) {
      for (const char* schema : {"im_0", "im_1", "im_2", "im_3", "push", "oldsys"}) {
        OnSource(source, fmt::format("DROP DATABASE IF EXISTS {}", schema));
      }
    }
  }
  void MakeAll(std::uint64_t seed, std::uint64_t rows) {
    DropSources();
    const std::vector<mysql::Endpoint> sources = Sources();
    rehearse::SeedOptions options;
    options.rows = rows;
    options.seed = seed;
    const auto seeded = rehearse::SeedSources(sources, options);
    ASSERT_TRUE(seeded.ok()) << seeded.status().message();
    for (const mysql::Endpoint& source : sources) MakeColdTable(source);
    for (const job::ShardConfig& shard : config_.shards) {
      SL_ASSERT_OK(store::ApplySchema(*live::Connect(shard.endpoint), shard.database));
    }
    for (std::size_t shard = 0; shard < 2; ++shard) live::SqlOn(ShardSession(shard), "DELETE FROM sl_source_table");
    MigrateAnew();
    auto catalog = job::LoadCatalog(config_, false);
    ASSERT_TRUE(catalog.ok()) << catalog.status().message();
    catalog_ = std::move(catalog).value();
    cold_ =
        fmt::format("owner_origin = 2 AND owner_table IN ({}, {})", OrdinalOf(0, kColdTable), OrdinalOf(1, kColdTable));
  }
  std::vector<mysql::Endpoint> Sources() const { return {config_.sources[0].endpoint, config_.sources[1].endpoint}; }
  static void MakeColdTable(const mysql::Endpoint& source) {
    const auto session = live::Connect(source);
    live::SqlOn(*session, "CREATE DATABASE IF NOT EXISTS push");
    live::SqlOn(*session,
                fmt::format("CREATE TABLE {} (push_id BIGINT NOT NULL PRIMARY KEY, open_id VARCHAR(64) CHARACTER SET "
                            "utf8mb4 COLLATE utf8mb4_bin NOT NULL, app_code VARCHAR(16) NOT NULL, template_code "
                            "VARCHAR(32) NOT NULL, params JSON NULL, created_at DATETIME(3) NOT NULL, read_at "
                            "DATETIME(3) NULL, deleted TINYINT(1) NOT NULL DEFAULT 0) DEFAULT CHARSET=utf8mb4",
                            kColdTable));
    std::string values;
    for (int id = 1; id <= kColdRows; ++id) {
      values += fmt::format("{}({}, 'Open-{}', '{}', 'tpl_{:03}', {}, '2024-01-01 00:00:00.{:03}', NULL, {})",
                            id > 1 ? ", " : "", id, id, id % 7 == 0 ? "" : "shop", id,
                            id % 3 == 0   ? "NULL"
                            : id % 3 == 1 ? R"('{"mtime": 5}')"
                                          : "'null'",
                            id, id % 2);
    }
    live::SqlOn(*session, fmt::format("INSERT INTO {} VALUES {}", kColdTable, values));
  }

  VerifyReport Verify(VerifyMethod method, bool live) {
    LiveProber prober({});
    verify::VerifyOptions options;
    options.progress = false;
    options.findings_max = 100'000;
    options.method = method;
    if (live) options.prober = &prober;
    auto report = verify::RunVerify(config_, options);
    EXPECT_TRUE(report.ok()) << report.status().message();
    return report.ok() ? *std::move(report) : VerifyReport();
  }

  bool IsCold(const verify::Finding& finding) const {
    return finding.table == kColdTable && static_cast<unsigned char>(finding.owner_key.back()) % 2 == 1;
  }
  // Owners found wrong, or without a verdict; `cold`: of the cold ones found, their names.
  std::set<std::string> Owners(const VerifyReport& report, std::multiset<std::string>* cold) const {
    std::set<std::string> owners;
    for (const verify::Finding& finding : report.findings) {
      if (IsCold(finding)) {
        cold->insert(NameOf(finding));
      } else {
        owners.insert(OwnerIn(NameOf(finding)));
      }
    }
    return owners;
  }
  std::set<std::string> OpenOwners(const VerifyReport& report) const {
    std::set<std::string> owners;
    for (const verify::OpenRow& row : report.live.open_rows) {
      for (const job::CatalogTable& table : catalog_.tables) {
        if (table.schema().name.Text() != row.table || config_.sources[table.source].endpoint.name != row.source) {
          continue;
        }
        verify::Finding finding;
        finding.origin = table.mapper->config().origin;
        finding.table_ordinal = table.ordinal;
        finding.owner_key = row.owner_key;
        finding.table = row.table;
        EXPECT_FALSE(IsCold(finding)) << "a row that nobody writes has no verdict: " << row.reason;
        owners.insert(OwnerIn(NameOf(finding)));
      }
    }
    return owners;
  }

  void RunOnce(std::uint64_t seed, std::chrono::seconds duration, Sums* sums);
  std::string cold_;
};

void LiveWriters::RunOnce(std::uint64_t seed, std::chrono::seconds duration, Sums* sums) {
  MakeAll(seed, duration > 10s ? 20'000 : 3'000);
  if (HasFatalFailure()) return;
  rehearse::WriterOptions writing;
  writing.seed = seed;
  writing.changes_per_second = 500;
  writing.threads_per_source = 2;
  writing.big_transaction_rows = 500;
  writing.big_transaction_every_seconds = 2;
  writing.xa = seed % 2 == 0;
  auto writers = rehearse::Writers::Start(Sources(), writing);
  ASSERT_TRUE(writers.ok()) << writers.status().message();
  auto even_rows = std::make_unique<EvenRowsWriter>(Sources(), seed);
  Planter cold = NewPlanter(seed, cold_ + " AND ORD(RIGHT(owner_key, 1)) % 2 = 1");
  for (const Fault& fault : Faults()) cold.Plant(fault);
  ASSERT_GT(cold.expected().size(), 15u);
  Planter warm = NewPlanter(seed, "NOT (" + cold_ + ")");
  for (std::uint64_t i = 0; i < kWarmFaults; ++i) warm.Plant(Faults()[(seed + i) % Faults().size()]);
  std::set<std::string> planted;
  for (const std::string& name : warm.expected()) planted.insert(OwnerIn(name));

  std::set<std::string> always = planted;  // of these: named by each pass so far
  const auto end = Clock::now() + duration;
  for (int pass = 0; pass == 0 || (Clock::now() < end && !HasFailure()); ++pass) {
    const VerifyReport report = Verify(pass % 2 == 0 ? VerifyMethod::kServer : VerifyMethod::kClient, true);
    SCOPED_TRACE(fmt::format("seed {} pass {}\n{}", seed, pass, verify::ReportText(report)));
    std::multiset<std::string> cold_found;
    std::set<std::string> named = Owners(report, &cold_found);
    EXPECT_EQ(cold_found, cold.expected());
    for (const std::string& owner : named) EXPECT_TRUE(planted.contains(owner)) << "found, not planted: " << owner;
    named.merge(OpenOwners(report));
    std::erase_if(always, [&](const std::string& owner) { return !named.contains(owner); });
    EXPECT_TRUE(report.not_verified.empty());
    EXPECT_EQ(report.dead_letters, 0u);
    EXPECT_EQ(report.exit_code(), 1);
    ++sums->passes;
    sums->suspects += report.live.suspects;
    sums->right += report.live.right;
    sums->open += report.live.open;
  }
  even_rows.reset();
  const auto written = (*writers)->Stop();
  ASSERT_TRUE(written.ok()) << written.status().message();
  sums->changes += written->changes;
  ASSERT_GT(written->changes, 0u);

  // What is wrong to the end was wrong all the time.
  Migrate();
  std::multiset<std::string> cold_found;
  const std::set<std::string> left = Owners(Verify(VerifyMethod::kServer, false), &cold_found);
  EXPECT_EQ(cold_found, cold.expected());
  for (const std::string& owner : left) EXPECT_TRUE(always.contains(owner)) << "a pass did not name " << owner;
}

TEST_P(LiveWriters, PlantedRowsAreFound_AndNothingElse) {
  const std::uint64_t seeds = NumberFrom("SHARDLIFT_LIVE_SEEDS", 1);
  const std::chrono::seconds duration(NumberFrom("SHARDLIFT_LIVE_SECONDS", 3));
  Sums sums;
  for (std::uint64_t seed = 1; seed <= seeds && !HasFailure(); ++seed) RunOnce(seed, duration, &sums);
  std::cout << fmt::format(
      "live: {} seeds, {} passes, {} changes, {} rows looked wrong at first, {} of them right, {} without a verdict\n",
      seeds, sums.passes, sums.changes, sums.suspects, sums.right, sums.open);
}

INSTANTIATE_TEST_SUITE_P(Sources, LiveWriters, ::testing::Values(std::size_t{0}, std::size_t{1}),
                         [](const auto& first) { return first.param == 0 ? "MariaDBFirst" : "MySQLFirst"; });

}  // namespace
}  // namespace shardlift::repair::testing
