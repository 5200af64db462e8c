#include "tests/job/live.h"

#include <fmt/format.h>

#include "store/message_table.h"

namespace shardlift::job {
rehearse::Server& LiveJobTest::ServerOf(std::string_view name) {
  live::Start({{"maria", mysql::Flavour::kMariaDb, {}},
               {"mysql", mysql::Flavour::kMySql, {}},
               {"nolog", mysql::Flavour::kMariaDb, {"--skip-log-bin"}}});
  return live::Get(name);
}

void LiveJobTest::Reset() {
  for (const char* server : {"maria", "mysql", "nolog"}) {
    for (const char* database : {"old", "store_0", "store_1"})
      Sql(server, fmt::format("DROP DATABASE IF EXISTS {}", database));
    Sql(server, "CREATE DATABASE old");
    for (const char* table : {"msg_00", "msg_01"}) {
      Sql(server,
          fmt::format("CREATE TABLE old.{} (id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT, from_uid BIGINT UNSIGNED NOT "
                      "NULL, to_uid BIGINT UNSIGNED NOT NULL, content TEXT NOT NULL, ctime INT UNSIGNED NOT NULL, "
                      "PRIMARY KEY (id)) DEFAULT CHARSET=utf8mb4",
                      table));
    }
  }
  const std::pair<const char*, const char*> shards[] = {{"maria", "store_0"}, {"mysql", "store_1"}};
  for (const auto& [server, database] : shards) {
    const auto session = Connect(server);
    ASSERT_NE(session, nullptr);
    SL_ASSERT_OK(store::ApplySchema(*session, database));
  }
}

mysql::Endpoint LiveJobTest::MakeUser(std::string_view server, const std::string& name,
                                      std::initializer_list<const char*> grants) {
  Sql(server, fmt::format("DROP USER IF EXISTS {}@'127.0.0.1'", name));
  Sql(server, fmt::format("CREATE USER {}@'127.0.0.1' IDENTIFIED BY 'pw'", name));
  for (const char* grant : grants) Sql(server, fmt::format("GRANT {} TO {}@'127.0.0.1'", grant, name));
  mysql::Endpoint endpoint = ServerOf(server).endpoint();
  endpoint.user = name;
  endpoint.password = "pw";
  return endpoint;
}

mapping::MappingConfig LiveJobTest::Mapping() {
  mapping::MappingConfig m;
  m.name = "im";
  m.place = "mappings[0]";
  m.origin = 1;
  m.match = {"old.msg_{00..01}"};
  m.key = {"id"};
  m.columns = {{"account_type", "1"},
               {"account_key", "to_uid"},
               {"conversation", "CONCAT('im:', from_uid)"},
               {"sent_at", "FROM_UNIXTIME(ctime)"},
               {"msg_id", "COMPOSE_ID(id)"},
               {"biz_tag", "1"},
               {"msg_type", "0"},
               {"body", "content"}};
  return m;
}

JobConfig LiveJobTest::Job(std::string_view source) {
  JobConfig config;
  config.name = "test";
  config.path = "job.json";
  SourceConfig s;
  s.endpoint = ServerOf(source).endpoint();
  s.endpoint.name = "legacy1";
  s.server_id = 770001;
  config.sources.push_back(s);
  const std::pair<const char*, const char*> shards[] = {{"maria", "store_0"}, {"mysql", "store_1"}};
  for (const auto& [server, database] : shards) {
    ShardConfig shard;
    shard.endpoint = ServerOf(server).endpoint();
    shard.endpoint.name = fmt::format("s{}", config.shards.size());
    shard.database = database;
    config.shards.push_back(shard);
  }
  config.routing.ranges = store::Router::EqualRanges(config.routing.rules.buckets, 2);
  config.mappings.push_back(Mapping());
  return config;
}

}  // namespace shardlift::job
