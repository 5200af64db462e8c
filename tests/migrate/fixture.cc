#include "tests/migrate/fixture.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <chrono>
#include <cstdlib>
#include <fstream>

#include "base/sync_point.h"
#include "job/targets.h"
#include "store/message_table.h"

namespace shardlift::migrate::testing {
namespace {

using namespace std::chrono_literals;
using mysql::Flavour;

const char* const kShards[] = {"shard_0", "shard_1"};

rehearse::Server& Started(const std::string& name, Flavour flavour, std::vector<std::string> options = {}) {
  live::Start({{name, flavour, std::move(options)}});
  return live::Get(name);
}

std::unique_ptr<mysql::Session> OpenOrDie(const mysql::Endpoint& endpoint, const std::string& database) {
  mysql::SessionOptions options;
  options.database = database;
  auto session = live::Connect(endpoint, options);
  if (session == nullptr) std::abort();
  return session;
}

mapping::MappingConfig TestMapping() {
  mapping::MappingConfig mapping;
  mapping.name = "legacy";
  mapping.place = "test";
  mapping.origin = 9;
  mapping.match = {"legacy.msg"};
  mapping.key = {"id"};
  mapping.columns = {{"account_type", "1"},
                     {"account_key", "uid"},
                     {"conversation", "CONCAT('t:', uid)"},
                     {"sent_at", "FROM_UNIXTIME(ctime)"},
                     {"msg_id", "COMPOSE_ID(id)"},
                     {"biz_tag", "1"},
                     {"sender", "uid"},
                     {"msg_type", "1"},
                     {"body", "body"}};
  return mapping;
}

}  // namespace

rehearse::Server& SourceServer(Flavour flavour) {
  if (flavour == Flavour::kMariaDb) return Started("source_mariadb", flavour);
  return Started("source_mysql", flavour, {"--plugin-load-add=semisync_source.so"});
}

rehearse::Server& ShardServer(Flavour flavour) {
  return Started(flavour == Flavour::kMariaDb ? "shard_mariadb" : "shard_mysql", flavour);
}

rehearse::Server& ReplicaServer() { return Started("replica_mysql", Flavour::kMySql); }

void MigrateTest::SetUp() {
  config_.name = "test";
  config_.path = "test";
  config_.fingerprint = std::string(64, 'a');
  static int number = 0;
  config_.spool.directory = fmt::format("{}/spool-{}", live::Directory(), ++number);
  job::SourceConfig source;
  source.endpoint = SourceServer(GetParam()).endpoint();
  source.server_id = 4711;
  config_.sources = {source};
  for (const char* name : kShards) {
    OnShard(-1, fmt::format("DROP DATABASE IF EXISTS {}", name));
    job::ShardConfig shard;
    shard.endpoint = ShardServer(GetParam()).endpoint();
    shard.database = name;
    config_.shards.push_back(shard);
  }
  config_.routing.ranges = store::Router::EqualRanges(config_.routing.rules.buckets, 2);
  config_.mappings = {TestMapping()};
  config_.copy.readers = 1;
  config_.copy.chunk_rows = 5;
  options_.until_caught_up = true;
}

void MigrateTest::TearDown() { base::SetSyncPointHandler(nullptr); }

void MigrateTest::OnSource(const std::string& sql) { SL_ASSERT_OK(SourceSession()->Execute(sql, "test")); }

void MigrateTest::OnShard(int shard, const std::string& sql) {
  SL_ASSERT_OK(ShardSession(shard)->Execute(sql, "test"));
}

std::unique_ptr<mysql::Session> MigrateTest::SourceSession() {
  return OpenOrDie(SourceServer(GetParam()).endpoint(), "");
}

std::unique_ptr<mysql::Session> MigrateTest::ShardSession(int shard) {
  return OpenOrDie(ShardServer(GetParam()).endpoint(), shard < 0 ? "" : kShards[shard]);
}

void MigrateTest::MakeTable(int rows) {
  OnSource("DROP DATABASE IF EXISTS legacy");
  OnSource("CREATE DATABASE legacy");
  OnSource(
      "CREATE TABLE legacy.msg (id BIGINT UNSIGNED NOT NULL PRIMARY KEY, uid BIGINT UNSIGNED NOT NULL, body "
      "VARCHAR(200) NOT "
      "NULL, ctime INT UNSIGNED NOT NULL DEFAULT 1700000000) DEFAULT CHARSET=utf8mb4");
  for (int id = 1; id <= rows; ++id) {
    OnSource(fmt::format("INSERT INTO legacy.msg (id, uid, body) VALUES ({0}, {0}, 'old-{0}')", id));
  }
}

std::string MigrateTest::TargetBody(int id) {
  std::vector<std::string> bodies;
  // A row that moves is inserted in its new place before the old one is deleted.
  for (int i = 0; i < 100; ++i) {
    bodies.clear();
    for (int shard = 0; shard < 2; ++shard) {
      auto rows = ShardSession(shard)->Query(
          fmt::format("SELECT body FROM message WHERE owner_origin = 9 AND msg_id & 0xFFFFFFFFFF = {}", id), "test");
      EXPECT_TRUE(rows.ok()) << rows.status().message();
      for (const auto& row : rows->rows) bodies.push_back(row[0].value_or("NULL"));
    }
    if (bodies.size() < 2) break;
    std::this_thread::sleep_for(50ms);
  }
  EXPECT_LE(bodies.size(), 1u) << "row " << id << " stays twice";
  return bodies.empty() ? "" : bodies.back();
}

int MigrateTest::CountOnShards(const std::string& condition) {
  int count = 0;
  for (int shard = 0; shard < 2; ++shard) {
    auto rows = ShardSession(shard)->Query("SELECT COUNT(*) FROM message WHERE " + condition, "test");
    EXPECT_TRUE(rows.ok()) << rows.status().message();
    count += std::stoi(rows->rows.at(0).at(0).value_or("0"));
  }
  return count;
}

int MigrateTest::TargetRows() { return CountOnShards("TRUE"); }

int MigrateTest::TargetRowsWith(const std::string& body) { return CountOnShards(fmt::format("body = '{}'", body)); }

int MigrateTest::WaitForTargetRowsWith(const std::string& body) {
  const auto deadline = std::chrono::steady_clock::now() + 30s;
  while (true) {
    const int rows = TargetRowsWith(body);
    if (rows > 0 || std::chrono::steady_clock::now() >= deadline) return rows;
    std::this_thread::sleep_for(50ms);
  }
}

bool MigrateTest::WaitForTargetBody(int id, const std::string& body) {
  for (int i = 0; i < 600; ++i) {
    if (TargetBody(id) == body) return true;
    std::this_thread::sleep_for(50ms);
  }
  return false;
}

base::Result<MigrateSummary> MigrateTest::Run(std::function<void(std::string_view, std::string_view)> handler) {
  SL_ASSIGN(const auto own, job::TargetDefinitions(config_));
  for (int shard = 0; shard < 2; ++shard) SL_TRY(store::ApplySchema(*ShardSession(-1), kShards[shard], own));
  base::SetSyncPointHandler(std::move(handler));
  auto result = RunMigrate(config_, options_);
  base::SetSyncPointHandler(nullptr);
  return result;
}

std::string MigrateTest::WriteJobFile() {
  static int number = 0;
  const std::string base = fmt::format("{}/job-{}", live::Directory(), ++number);
  const auto connection = [&](const std::string& name, const mysql::Endpoint& endpoint) {
    const std::string password_file = fmt::format("{}.{}.password", base, name);
    std::ofstream(password_file) << endpoint.password << "\n";
    return fmt::format(
        R"("name": "{}", "host": "{}", "port": {}, "user": "{}", "password_file": "{}", "tls": "disabled")", name,
        endpoint.host, endpoint.port, endpoint.user, password_file);
  };
  std::ofstream job(base + ".json");
  job << "{ \"job\": \"test\",\n\"sources\": [{" << connection("legacy", config_.sources[0].endpoint)
      << "}],\n\"shards\": [";
  for (std::size_t i = 0; i < config_.shards.size(); ++i) {
    job << (i > 0 ? ",\n" : "") << "{" << connection(fmt::format("s{}", i), config_.shards[i].endpoint)
        << ", \"database\": \"" << config_.shards[i].database << "\"}";
  }
  const mapping::MappingConfig& mapping = config_.mappings.at(0);
  job << "],\n";
  for (const job::TargetConfig& target : config_.targets) {
    job << fmt::format(R"("targets": [{{"name": "{}", "like": "source", "account_type": "{}", "account_key": "{}", )"
                       R"("key": ["{}"]}}],)",
                       target.table.name, target.table.account_type, target.table.account_key,
                       fmt::join(target.table.key, R"(", ")"))
        << "\n";
  }
  job << fmt::format(R"("mappings": [{{"name": "{}", "origin": {}, "target": "{}", "match": ["{}"], "key": ["{}"], )",
                     mapping.name, mapping.origin, mapping.target, mapping.match.at(0), mapping.key.at(0))
      << "\"columns\": {";
  for (std::size_t i = 0; i < mapping.columns.size(); ++i) {
    job << (i > 0 ? ", " : "") << fmt::format(R"("{}": "{}")", mapping.columns[i].first, mapping.columns[i].second);
  }
  job << fmt::format(
      "}}}}],\n\"copy\": {{\"chunk_rows\": {}, \"readers\": {}}},\n\"apply\": {{\"batch_changes_max\": {}}},\n"
      "\"spool\": {{\"directory\": \"{}\"}} }}\n",
      config_.copy.chunk_rows, config_.copy.readers, config_.apply.batch_changes_max, config_.spool.directory);
  return base + ".json";
}

SemiSyncStall::SemiSyncStall(Flavour flavour, std::chrono::milliseconds timeout) : flavour_(flavour) {
  const bool maria = flavour == Flavour::kMariaDb;
  const std::string prefix = maria ? "rpl_semi_sync_master" : "rpl_semi_sync_source";
  auto session = OpenOrDie(SourceServer(flavour).endpoint(), "");
  for (const std::string& sql : {fmt::format("SET GLOBAL {}_timeout = {}", prefix, timeout.count()),
                                 fmt::format("SET GLOBAL {}_wait_point = 'AFTER_SYNC'", prefix),
                                 fmt::format("SET GLOBAL {}_enabled = 1", prefix)}) {
    const base::Status status = session->Execute(sql, "semi-sync");
    EXPECT_TRUE(status.ok()) << status.message();
  }
  dump_ = OpenOrDie(SourceServer(flavour).endpoint(), "");
  EXPECT_TRUE(
      dump_->Execute(maria ? "SET @rpl_semi_sync_slave = 1" : "SET @rpl_semi_sync_replica = 1", "semi-sync").ok());
  EXPECT_TRUE(
      dump_
          ->Execute(maria ? "SET @master_binlog_checksum = @@global.binlog_checksum, @mariadb_slave_capability = 4"
                          : "SET @source_binlog_checksum = @@global.binlog_checksum",
                    "semi-sync")
          .ok());
  const auto position = mysql::ReadUpperBound(*session);
  EXPECT_TRUE(position.ok()) << position.status().message();
  const base::Status started =
      maria ? dump_->StartBinlogDump(position->file(), 4712) : dump_->StartBinlogDumpGtid(position->gtid_set(), 4712);
  EXPECT_TRUE(started.ok()) << started.message();
  reader_ = std::thread([this] {
    while (dump_->ReadPacket().ok()) {
    }
  });
  const std::string clients = maria ? "Rpl_semi_sync_master_clients" : "Rpl_semi_sync_source_clients";
  for (int i = 0; i < 100; ++i) {
    auto rows = session->Query("SHOW GLOBAL STATUS LIKE '" + clients + "'", "semi-sync");
    if (rows.ok() && !rows->rows.empty() && rows->rows[0][1] == "1") return;
    std::this_thread::sleep_for(20ms);
  }
  ADD_FAILURE() << "the semi-synchronous client was not registered";
}

SemiSyncStall::~SemiSyncStall() {
  auto session = OpenOrDie(SourceServer(flavour_).endpoint(), "");
  const std::string prefix = flavour_ == Flavour::kMariaDb ? "rpl_semi_sync_master" : "rpl_semi_sync_source";
  EXPECT_TRUE(session->Execute(fmt::format("SET GLOBAL {}_enabled = 0", prefix), "semi-sync").ok());
  dump_->Shutdown();
  reader_.join();
}

}  // namespace shardlift::migrate::testing
