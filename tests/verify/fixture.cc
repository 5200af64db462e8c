#include "tests/verify/fixture.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>

#include "job/routing.h"
#include "store/message_table.h"
#include "verify/table_check.h"

namespace shardlift::verify::testing {
namespace {

using mysql::Flavour;

constexpr const char* kServers[] = {"legacy_maria", "legacy_mysql"};

constexpr const char* kImColumns =
    " (id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT, from_uid BIGINT UNSIGNED NOT NULL, to_uid BIGINT UNSIGNED NOT NULL,"
    " kind TINYINT NOT NULL, flags TINYINT UNSIGNED NOT NULL DEFAULT 0, content TEXT NOT NULL, ctime INT UNSIGNED NOT "
    "NULL, mtime INT UNSIGNED NOT NULL DEFAULT 0, PRIMARY KEY (id), KEY to_uid_id (to_uid, id)) DEFAULT "
    "CHARSET=utf8mb4";
constexpr const char* kPushColumns =
    " (push_id BIGINT NOT NULL AUTO_INCREMENT, open_id VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,"
    " app_code VARCHAR(16) NOT NULL, template_code VARCHAR(32) NOT NULL, params JSON NULL, created_at DATETIME(3) NOT "
    "NULL, read_at DATETIME(3) NULL, deleted TINYINT(1) NOT NULL DEFAULT 0, PRIMARY KEY (push_id), KEY open_id "
    "(open_id)) DEFAULT CHARSET=utf8mb4";
constexpr const char* kNoticeColumns =
    " (region SMALLINT UNSIGNED NOT NULL, seq INT UNSIGNED NOT NULL, username VARCHAR(40) NOT NULL, title VARCHAR(120) "
    "NOT NULL, body TEXT NOT NULL, state ENUM('new','read','archived','recalled') NOT NULL DEFAULT 'new', post_time "
    "DATETIME NOT NULL, PRIMARY KEY (region, seq)) DEFAULT CHARSET=gbk";

// Texts that the two servers print differently once they were stored as JSON.
constexpr const char* kParams[] = {R"({"b": 1, "a": [1, 2, {"zz": null, "y": true}]})",
                                   R"({ "longer" : "x", "k":1.50 })",
                                   R"([1e2, 0.1, -0.0, 9007199254740993, 18446744073709551615])",
                                   R"("caf\u00e9 \ud83d\ude00 \" \\ \/")",
                                   R"({"k": 1, "k": 2})",
                                   "[]",
                                   "null"};

void WriteFile(const std::string& path, const std::string& text) {
  std::ofstream file(path);
  file << text;
  chmod(path.c_str(), 0600);
}

std::string JobText(const std::string& mapping) {
  std::string sources;
  std::string shards;
  for (int i = 0; i < 2; ++i) {
    const mysql::Endpoint& endpoint = live::Get(kServers[i]).endpoint();
    const std::string secret = live::Directory() + "/" + kServers[i] + ".secret";
    WriteFile(secret, endpoint.password + "\n");
    const std::string login =
        fmt::format(R"("host": "{}", "port": {}, "user": "{}", "password_file": "{}", "tls": "disabled")",
                    endpoint.host, endpoint.port, endpoint.user, secret);
    sources += fmt::format("{}{{\"name\": \"{}\", {}}}", i == 0 ? "" : ",\n  ", kServers[i], login);
    shards +=
        fmt::format("{}{{\"name\": \"s{}\", {}, \"database\": \"store_{}\"}}", i == 0 ? "" : ",\n  ", i, login, i);
  }
  std::string mappings;
  for (const char* name : {"im", "push", "notice"}) {
    mappings += fmt::format("{}\"{}/configs/mappings/{}.json\"", mappings.empty() ? "" : ", ",
                            SHARDLIFT_SOURCE_DIRECTORY, name);
  }
  if (!mapping.empty()) mappings += ", " + mapping;
  return fmt::format(
      "{{\n  \"job\": \"verify-test\",\n  \"sources\": [{}],\n  \"shards\": [{}],\n  \"mappings\": [{}]\n}}\n", sources,
      shards, mappings);
}

// One kept session per server and database: a login with TLS costs more than most statements here.
std::map<std::string, std::unique_ptr<mysql::Session>>& Sessions() {
  static std::map<std::string, std::unique_ptr<mysql::Session>> sessions;
  return sessions;
}

// The job's path, once its servers run.
const std::string& ReadyJob() {
  static const std::string path = [] {
    const std::vector<std::string> fast{"--sync-binlog=0", "--innodb-flush-log-at-trx-commit=0"};
    live::Start({{kServers[0], Flavour::kMariaDb, fast}, {kServers[1], Flavour::kMySql, fast}});
    WriteFile(live::Directory() + "/job.json", JobText(""));
    return live::Directory() + "/job.json";
  }();
  return path;
}

std::string ImRows(std::uint64_t rows, std::uint64_t salt) {
  std::string values;
  for (std::uint64_t i = 1; i <= rows; ++i) {
    values += fmt::format("{}({}, {}, {}, {}, {}, 'text {} it''s \\\\ \xF0\x9F\x98\x80', {}, {})", i == 1 ? "" : ", ",
                          i, 1000 + i, 7000 * salt + i * 37, i % 5, i % 3, i, 1700000000 + i, i);
  }
  return values;
}

std::string PushRows(std::uint64_t rows) {
  std::string values;
  for (std::uint64_t i = 1; i <= rows; ++i) {
    const std::string params = kParams[i % std::size(kParams)];
    std::string escaped;
    for (const char c : params) escaped += c == '\\' ? "\\\\" : std::string(1, c);
    values += fmt::format("{}({}, 'Open-{}', '{}', 'tpl_{}', {}, '2023-09-01 00:00:{:02}.{:03}', {}, {})",
                          i == 1 ? "" : ", ", i, i,
                          i % 10 == 0   ? "sandbox"
                          : i % 11 == 0 ? ""
                                        : "shop",
                          i, i % 9 == 0 ? "NULL" : "'" + escaped + "'", i % 60, i % 1000,
                          i % 2 == 0 ? "NULL" : "'2023-09-02 00:00:00.5'", i % 4 == 0 ? 1 : 0);
  }
  return values;
}

std::string NoticeRows(std::uint64_t rows) {
  std::string values;
  for (std::uint64_t i = 1; i <= rows; ++i) {
    values += fmt::format(
        "{}({}, {}, 'User{}', '\xE9\x80\x9A\xE7\x9F\xA5 {}', '\xE6\xAD\xA3\xE6\x96\x87 {}', {}, "
        "'2020-02-29 07:59:{:02}')",
        i == 1 ? "" : ", ", i % 4, i, i, i, i, i % 4 + 1, i % 60);
  }
  return values;
}

std::string Literal(const mysql::Session& session, const store::TargetColumn& column,
                    const std::optional<std::string>& value) {
  if (!value) return "NULL";
  switch (column.kind) {
    case store::TargetKind::kUnsigned: return *value;
    case store::TargetKind::kBinary: return mysql::HexLiteral(*value);
    default: break;
  }
  return session.Quote(*value);
}

mysql::Session& SessionOf(std::size_t server, const std::string& database) {
  auto& session = Sessions()[std::to_string(server) + database];
  if (!session) {
    mysql::SessionOptions options;
    options.database = database;
    session = live::Connect(live::Get(kServers[server]).endpoint(), options);
    if (session == nullptr) std::abort();
  }
  return *session;
}

std::string ShardDatabase(std::size_t shard) { return "store_" + std::to_string(shard); }

}  // namespace

const std::string& StoreTest::JobPath() { return ReadyJob(); }

void StoreTest::CloseSessions() { Sessions().clear(); }

void StoreTest::OnSource(std::size_t source, const std::string& sql) {
  legacy_ready_ = false;
  SL_ASSERT_OK(SessionOf(source, "").Execute(sql, "test"));
}

void StoreTest::OnShard(std::size_t shard, const std::string& sql) {
  const auto affected = SessionOf(shard, ShardDatabase(shard)).ExecuteCount(sql, "test");
  ASSERT_TRUE(affected.ok()) << affected.status().message();
  ASSERT_GT(*affected, 0u) << "the planted fault hit no row: " << sql;
}

std::vector<std::vector<std::optional<std::string>>> StoreTest::AskShard(std::size_t shard, const std::string& sql) {
  return live::RowsOn(SessionOf(shard, ShardDatabase(shard)), sql).rows;
}

void StoreTest::MakeLegacyTables() {
  for (std::size_t source = 0; source < 2; ++source) {
    for (const char* schema : {"im_0", "im_2", "push", "oldsys"}) {
      OnSource(source, fmt::format("DROP DATABASE IF EXISTS {}", schema));
    }
  }
  const auto make = [&](std::size_t source, const std::string& schema, const std::string& table, const char* columns,
                        const std::string& rows) {
    OnSource(source, "CREATE DATABASE IF NOT EXISTS " + schema);
    OnSource(source, "CREATE TABLE " + schema + "." + table + columns);
    OnSource(source, "INSERT INTO " + schema + "." + table + " VALUES " + rows);
  };
  make(0, "im_0", "msg_00", kImColumns, ImRows(kImRows, 1));
  make(0, "im_0", "msg_03", kImColumns, ImRows(kImRows, 2));
  make(1, "im_2", "msg_00", kImColumns, ImRows(kImRows, 3));
  make(0, "push", "push_202309", kPushColumns, PushRows(kPushRows));
  make(1, "push", "push_202310", kPushColumns, PushRows(kPushRows));
  make(0, "oldsys", "sys_notice", kNoticeColumns, NoticeRows(kNoticeRows));
}

void StoreTest::SetUp() {
  ReadyJob();
  const bool fresh = !legacy_ready_;
  if (fresh) MakeLegacyTables();
  if (HasFatalFailure()) return;
  LoadAndFill();
  legacy_ready_ = true;
}

void StoreTest::LoadAndFill(const std::string& mapping) {
  std::string path = JobPath();
  if (!mapping.empty()) {
    path = live::Directory() + "/job-with-another-mapping.json";
    WriteFile(path, JobText(mapping));
  }
  auto config = job::LoadJobConfig(path);
  ASSERT_TRUE(config.ok()) << config.status().message();
  config_ = std::move(config).value();
  MakeStore();
  if (HasFatalFailure()) return;
  auto catalog = job::LoadCatalog(config_, true);
  ASSERT_TRUE(catalog.ok()) << catalog.status().message();
  catalog_ = std::move(catalog).value();
  Fill();
}

mysql::Session& StoreTest::ShardSession(std::size_t shard) { return SessionOf(shard, ShardDatabase(shard)); }

void StoreTest::MakeStore() {
  for (std::size_t shard = 0; shard < config_.shards.size(); ++shard) {
    SL_ASSERT_OK(store::ApplySchema(SessionOf(shard, ""), ShardDatabase(shard)));
    mysql::Session& session = SessionOf(shard, ShardDatabase(shard));
    for (const char* table : {"message", "sl_dead_letter", "sl_source_table"}) {
      SL_ASSERT_OK(session.Execute(std::string("DELETE FROM ") + table, "test"));
    }
  }
}

void StoreTest::Fill() {
  const auto router = job::MakeRouter(config_.routing);
  ASSERT_TRUE(router.ok());
  const auto columns = store::MessageColumns();
  for (const job::CatalogTable& table : catalog_.tables) {
    const auto rows = SessionOf(table.source, "").Query(SourceRowsSql(*table.mapper), "test");
    ASSERT_TRUE(rows.ok()) << rows.status().message();
    std::vector<std::string> values(config_.shards.size());
    for (const auto& row : rows->rows) {
      const std::uint32_t shard =
          router->ShardOf(static_cast<std::uint32_t>(std::stoul(row[kFirstColumnField].value())));
      std::string& out = values[shard];
      out += out.empty() ? "(" : ", (";
      for (std::size_t i = 0; i < columns.size(); ++i) {
        out += (i == 0 ? "" : ", ") +
               Literal(SessionOf(shard, ShardDatabase(shard)), columns[i], row[kFirstColumnField + i]);
      }
      out += ")";
    }
    for (std::size_t shard = 0; shard < values.size(); ++shard) {
      ASSERT_FALSE(values[shard].empty()) << "no row of " << table.schema().name.Text() << " for shard " << shard;
      SL_ASSERT_OK(
          SessionOf(shard, ShardDatabase(shard)).Execute("INSERT INTO message VALUES " + values[shard], "fill"));
    }
  }
}

std::uint32_t StoreTest::OrdinalOf(std::size_t source, const std::string& table) const {
  for (const job::CatalogTable& one : catalog_.tables) {
    if (one.source == source && one.schema().name.Text() == table) return one.ordinal;
  }
  ADD_FAILURE() << "no table " << table;
  return 0;
}

std::string StoreTest::OwnerOnShard(std::size_t shard, std::uint32_t ordinal, std::uint64_t n) {
  const auto rows = AskShard(shard, fmt::format("SELECT HEX(owner_key) FROM message WHERE owner_table = {} ORDER BY "
                                                "owner_key LIMIT 1 OFFSET {}",
                                                ordinal, n));
  EXPECT_EQ(rows.size(), 1u) << "fewer rows than the test needs";
  return rows.empty() ? std::string() : rows[0][0].value_or("");
}

}  // namespace shardlift::verify::testing
