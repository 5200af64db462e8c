// Many faults over many rows: repaired while applications write, undone, repaired by processes that are killed.
//
// SHARDLIFT_REPAIR_ROWS=N and SHARDLIFT_REPAIR_FAULTS=M: so many rows and, about, faults (docs/testing.md).
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <map>
#include <set>
#include <thread>

#include "binlog/stream.h"
#include "job/catalog.h"
#include "rehearse/random.h"
#include "rehearse/seed_data.h"
#include "rehearse/writers.h"
#include "repair/audit.h"
#include "repair/image_log.h"
#include "repair/repair.h"
#include "repair/undo.h"
#include "store/message_table.h"
#include "tests/migrate/program.h"
#include "tests/repair/fixture.h"
#include "tests/repair/shard_changes.h"

namespace shardlift::repair::testing {
namespace {

using Owners = std::set<std::string>;                         // "1/7 000000000000002A"
using Images = std::map<std::string, std::set<std::string>>;  // of an owner: shard and digest of each of its rows
using Clock = std::chrono::steady_clock;

constexpr std::uint64_t kKinds = 6;
constexpr std::uint64_t kManyRows = 100'000;  // from here on it is the long form
// Of a row that no source has: a large number where the last part of the key is.
constexpr const char* kForeignKey =
    "UNHEX(CONCAT(LEFT(HEX(owner_key), 2 * LENGTH(owner_key) - 8), '7', RIGHT(HEX(owner_key), 7)))";
const std::string kOwnerColumns = "owner_origin, owner_table, HEX(owner_key)";

std::uint64_t EnvironmentOr(const char* name, std::uint64_t otherwise) {
  const char* const text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

template <class Row>
std::string OwnerOf(const Row& row) {
  return fmt::format("{}/{} {}", *row[0], *row[1], *row[2]);
}

double SecondsSince(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

class ScaleTest : public MigratedTest {
 protected:
  void SetUp() override {
    auto config = job::LoadJobConfig(JobPath());
    ASSERT_TRUE(config.ok()) << config.status().message();
    config_ = std::move(config).value();
    std::filesystem::remove(audit_path_);
    std::filesystem::remove(ImagesPathOf(audit_path_));
    DropSources();
    rehearse::SeedOptions seeding;
    seeding.rows = rows_;
    const auto seeded = rehearse::SeedSources(Sources(), seeding);
    ASSERT_TRUE(seeded.ok()) << seeded.status().message();
    for (const job::ShardConfig& shard : config_.shards) {
      SL_ASSERT_OK(store::ApplySchema(*live::Connect(shard.endpoint), shard.database));
    }
    for (std::size_t shard = 0; shard < 2; ++shard) live::SqlOn(ShardSession(shard), "DELETE FROM sl_source_table");
    MigrateAnew();
    auto catalog = job::LoadCatalog(config_, false);
    ASSERT_TRUE(catalog.ok()) << catalog.status().message();
    catalog_ = std::move(catalog).value();
  }
  void TearDown() override { DropSources(); }

  void DropSources() {
    for (const std::size_t source : {0u, 1u}) {
      for (const char* schema : {"im_0", "im_1", "im_2", "im_3", "push", "oldsys"}) {
        OnSource(source, fmt::format("DROP DATABASE IF EXISTS {}", schema));
      }
    }
  }
  std::vector<mysql::Endpoint> Sources() const { return {config_.sources[0].endpoint, config_.sources[1].endpoint}; }

  std::string Kind(std::uint64_t kind) const {
    return fmt::format("CRC32(CONCAT(owner_table, '-', HEX(owner_key))) % {} = {}",
                       std::max<std::uint64_t>(kKinds, kKinds * rows_ / faults_), kind);
  }
  // Each kind of fault on its own rows, drawn by a hash of the owner.
  void Plant() {
    std::string columns;
    std::string foreign;
    for (const store::TargetColumn& column : store::MessageColumns()) {
      columns += (columns.empty() ? "" : ", ") + column.name;
      foreign += foreign.empty() ? "" : ", ";
      foreign += column.name == "owner_key" ? kForeignKey
                 : column.name == "msg_id"  ? "msg_id + 100000000000"
                                            : column.name;
    }
    std::vector<std::vector<std::string>> moved(2);
    for (std::size_t shard = 0; shard < 2; ++shard) {
      for (std::uint64_t kind = 0; kind < kKinds; ++kind) {
        const std::string key = fmt::format("HEX({})", kind == 4 ? kForeignKey : "owner_key");
        for (const auto& row : AskShard(
                 shard, fmt::format("SELECT owner_origin, owner_table, {} FROM message WHERE {}", key, Kind(kind)))) {
          planted_.insert(OwnerOf(row));
        }
      }
      moved[shard] = Tuples(shard, Kind(5));
      live::SqlOn(ShardSession(shard), "DELETE FROM message WHERE " + Kind(5));
    }
    for (std::size_t shard = 0; shard < 2; ++shard) {
      mysql::Session& session = ShardSession(shard);
      live::SqlOn(session, "DELETE FROM message WHERE " + Kind(0));
      live::SqlOn(session, "UPDATE message SET body = CONCAT(body, 'x') WHERE " + Kind(1));
      live::SqlOn(session, "UPDATE message SET status = status + 1, sender = NULL WHERE " + Kind(2));
      live::SqlOn(session, "UPDATE message SET bucket = bucket ^ 1 WHERE " + Kind(3));
      live::SqlOn(session,
                  fmt::format("INSERT INTO message ({}) SELECT {} FROM message WHERE {}", columns, foreign, Kind(4)));
      for (std::size_t i = 0; i < moved[1 - shard].size(); i += 200) {
        const std::size_t end = std::min(moved[1 - shard].size(), i + 200);
        live::SqlOn(session, fmt::format("INSERT INTO message ({}) VALUES {}", columns,
                                         fmt::join(moved[1 - shard].begin() + static_cast<std::ptrdiff_t>(i),
                                                   moved[1 - shard].begin() + static_cast<std::ptrdiff_t>(end), ", ")));
      }
    }
  }
  std::vector<std::string> Tuples(std::size_t shard, const std::string& condition) {
    std::string items;
    for (const store::TargetColumn& column : store::MessageColumns()) {
      items += items.empty() ? "" : ", ',', ";
      items += column.kind == store::TargetKind::kUnsigned ? fmt::format("COALESCE({}, 'NULL')", column.name)
               : column.kind == store::TargetKind::kDateTime
                   ? fmt::format("COALESCE(CONCAT('''', {}, ''''), 'NULL')", column.name)
               : column.kind == store::TargetKind::kBinary
                   ? fmt::format("COALESCE(CONCAT('x''', HEX({}), ''''), 'NULL')", column.name)
                   : fmt::format("COALESCE(CONCAT('CONVERT(x''', HEX({}), ''' USING utf8mb4)'), 'NULL')", column.name);
    }
    std::vector<std::string> tuples;
    for (const auto& row :
         AskShard(shard, fmt::format("SELECT CONCAT('(', {}, ')') FROM message WHERE {}", items, condition))) {
      tuples.push_back(row[0].value_or("?"));
    }
    return tuples;
  }

  // Of the planted owners.
  Images PlantedImages() {
    std::string items;
    for (const store::TargetColumn& column : store::MessageColumns()) {
      items += fmt::format("{}COALESCE(HEX({}), 'NULL')", items.empty() ? "" : ", ", column.name);
    }
    Images images;
    for (std::size_t shard = 0; shard < 2; ++shard) {
      auto stream = ShardSession(shard).OpenStream(
          fmt::format("SELECT {}, SHA2(CONCAT_WS(',', {}), 256) FROM message", kOwnerColumns, items), "test");
      EXPECT_TRUE(stream.ok()) << stream.status().message();
      while (stream.ok()) {
        const auto more = (*stream)->Next();
        EXPECT_TRUE(more.ok()) << more.status().message();
        if (!more.ok() || !*more) break;
        const std::string owner = OwnerOf((*stream)->row());
        if (planted_.contains(owner)) images[owner].insert(fmt::format("{} {}", shard, *(*stream)->row()[3]));
      }
    }
    return images;
  }
  // Owners that the sources' binlogs name since these positions.
  Owners TouchedSince(const std::vector<mysql::SourcePosition>& positions) {
    Owners owners;
    for (std::uint32_t source = 0; source < 2; ++source) {
      std::map<std::string, const job::CatalogTable*> tables;
      for (const job::CatalogTable& table : catalog_.tables) {
        if (table.source == source) tables[table.schema().name.Text()] = &table;
      }
      const auto find = [&](std::string_view schema, std::string_view table) -> const job::CatalogTable* {
        const auto found = tables.find(fmt::format("{}.{}", schema, table));
        return found == tables.end() ? nullptr : found->second;
      };
      const auto end = PositionOf(*live::Connect(config_.sources[source].endpoint));
      ForEachChange(config_.sources[source].endpoint, positions[source], end, find,
                    [&](const binlog::RowChange& change) {
                      const job::CatalogTable* table = find(change.table->name.schema, change.table->name.table);
                      for (const auto image : {change.before, change.after}) {
                        if (image.empty()) continue;
                        std::string key;
                        EXPECT_TRUE(table->mapper->OwnerKey(image, &key).ok());
                        std::string hex;
                        for (const char c : key) hex += fmt::format("{:02X}", static_cast<unsigned char>(c));
                        owners.insert(fmt::format("{}/{} {}", table->mapper->config().origin, table->ordinal, hex));
                      }
                    });
    }
    return owners;
  }
  template <class Find, class Visit>
  static void ForEachChange(const mysql::Endpoint& endpoint, const mysql::SourcePosition& from,
                            const mysql::SourcePosition& end, const Find& find, const Visit& visit) {
    binlog::StreamOptions options;
    options.endpoint = endpoint;
    options.server_id = 4798;
    options.start = from;
    options.tables = [&](std::string_view schema, std::string_view table) -> const mysql::TableSchema* {
      const job::CatalogTable* const found = find(schema, table);
      return found == nullptr ? nullptr : &found->schema();
    };
    auto stream = binlog::GroupStream::Open(options);
    ASSERT_TRUE(stream.ok()) << stream.status().message();
    const auto deadline = Clock::now() + std::chrono::minutes(5);
    while (!(*stream)->position().Contains(end) && Clock::now() < deadline) {
      auto item = (*stream)->Next(std::chrono::milliseconds(10));
      ASSERT_TRUE(item.ok()) << item.status().message();
      if (!item->group) continue;
      SL_ASSERT_OK(item->group->ForEachRow([&](const binlog::RowChange& change) {
        visit(change);
        return base::Ok();
      }));
    }
    ASSERT_TRUE((*stream)->position().Contains(end));
  }

  Owners FoundNow() {
    Owners owners;
    verify::VerifyOptions options;
    options.progress = false;
    options.findings_max = 10 * faults_;
    const auto report = verify::RunVerify(config_, options);
    EXPECT_TRUE(report.ok()) << report.status().message();
    if (!report.ok()) return owners;
    for (const verify::Finding& finding : report->findings) owners.insert(OwnerIn(NameOf(finding)));
    return owners;
  }
  RepairReport Repair() {
    RepairOptions options;
    options.progress = false;
    options.max_share_percent = 100;
    options.max_rows = 10 * faults_;
    options.audit_path = audit_path_;
    auto report = RunRepair(config_, options);
    EXPECT_TRUE(report.ok()) << report.status().message();
    return report.ok() ? *std::move(report) : RepairReport();
  }
  void UndoAll() {
    std::vector<std::string> runs;
    const auto read = ReadAudit(audit_path_, [&](const AuditLine& line) {
      if (line.event == "write" && (runs.empty() || runs.back() != line.fields.at("run"))) {
        runs.push_back(line.fields.at("run"));
      }
      return base::Ok();
    });
    ASSERT_TRUE(read.ok()) << read.status().message();
    for (auto run = runs.rbegin(); run != runs.rend(); ++run) {
      UndoOptions options;
      options.progress = false;
      options.audit_path = audit_path_;
      options.run = *run;
      options.max_rows = 10 * faults_;
      const auto report = RunUndo(config_, options);
      ASSERT_TRUE(report.ok()) << report.status().message();
      std::cout << UndoText(*report);
    }
  }
  void KillRepairs(int kills) {
    rehearse::Random random(7);
    for (int i = 0; i < kills; ++i) {
      migrate::testing::Program program({"repair", "-c", JobPath(), "--max-share", "100", "--max-rows",
                                         std::to_string(10 * faults_), "--audit", audit_path_},
                                        live::Directory() + "/scale.log");
      std::this_thread::sleep_for(std::chrono::milliseconds(random.Between(200, rows_ < kManyRows ? 3'000 : 40'000)));
      program.Kill();
    }
  }

  const std::uint64_t rows_ = EnvironmentOr("SHARDLIFT_REPAIR_ROWS", 3'000);
  const std::uint64_t faults_ = std::max<std::uint64_t>(1, EnvironmentOr("SHARDLIFT_REPAIR_FAULTS", 300));
  const std::string audit_path_ = live::Directory() + "/scale.repair-audit.jsonl";
  Owners planted_;
};

TEST_F(ScaleTest, ManyFaultsUnderWriters_RepairedUndoneKilledRepaired_NoOtherRowTouched) {
  Plant();
  if (HasFailure()) return;
  ASSERT_EQ(FoundNow(), planted_);
  const Images faulty = PlantedImages();
  std::vector<mysql::SourcePosition> sources;
  std::vector<mysql::SourcePosition> shards;
  for (const mysql::Endpoint& source : Sources()) sources.push_back(PositionOf(*live::Connect(source)));
  for (const std::size_t shard : {0u, 1u}) shards.push_back(PositionOf(ShardSession(shard)));

  rehearse::WriterOptions writing;
  writing.changes_per_second = 200;
  writing.threads_per_source = 2;
  writing.big_transaction_rows = 200;
  auto writers = rehearse::Writers::Start(Sources(), writing);
  ASSERT_TRUE(writers.ok()) << writers.status().message();
  const auto started = Clock::now();
  const RepairReport report = Repair();
  std::cout << fmt::format("repair under writers: {} rows of {} in {:.1f} s, {} still wrong\n", report.total().repaired,
                           rows_, SecondsSince(started), report.total().still_wrong);
  const auto written = (*writers)->Stop();
  ASSERT_TRUE(written.ok()) << written.status().message();
  EXPECT_GT(written->changes, 0u);
  EXPECT_EQ(report.total().refused, 0u);
  Migrate();
  if (report.total().still_wrong > 0 || !report.not_verified.empty()) Repair();
  EXPECT_EQ(FoundNow(), Owners());

  const Owners touched = TouchedSince(sources);
  for (const std::size_t shard : {0u, 1u}) {
    for (const std::string& owner :
         OwnersChangedSince(ShardSession(shard), config_.shards[shard].database, shards[shard])) {
      EXPECT_TRUE(planted_.contains(owner) || touched.contains(owner)) << owner << " was right, and was touched";
    }
  }

  UndoAll();
  const Images undone = PlantedImages();
  Owners wrong_again;
  for (const std::string& owner : planted_) {
    if (touched.contains(owner)) continue;
    const auto before = faulty.find(owner);
    const auto now = undone.find(owner);
    EXPECT_EQ(before == faulty.end(), now == undone.end()) << owner;
    if (before != faulty.end() && now != undone.end()) {
      EXPECT_EQ(before->second, now->second) << owner;
    }
    wrong_again.insert(owner);
  }
  EXPECT_GT(wrong_again.size(), planted_.size() / 2);
  const Owners found = FoundNow();
  EXPECT_TRUE(std::includes(found.begin(), found.end(), wrong_again.begin(), wrong_again.end()));

  KillRepairs(rows_ < kManyRows ? 2 : 20);
  Repair();
  EXPECT_EQ(FoundNow(), Owners());
  EXPECT_TRUE(CheckAudit(audit_path_).ok());
}

}  // namespace
}  // namespace shardlift::repair::testing
