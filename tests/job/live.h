// What the tests of job/ on real servers share: two sources with the `im` tables' schema, a source without a binlog,
// and two shards.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>

#include "job/config.h"
#include "tests/live/live.h"

namespace shardlift::job {

class LiveJobTest : public ::testing::Test {
 protected:
  // "maria" and "mysql" are sources and hold the shards as well; "nolog" is a MariaDB without a binary log.
  static rehearse::Server& ServerOf(std::string_view name);
  static std::unique_ptr<mysql::Session> Connect(std::string_view server) {
    return live::Connect(ServerOf(server).endpoint());
  }
  static void Sql(std::string_view server, std::string_view sql) { live::SqlOn(ServerOf(server).endpoint(), sql); }
  static std::string One(std::string_view server, std::string_view sql) {
    return live::OneOn(ServerOf(server).endpoint(), sql);
  }

  // Empty databases: old (two legacy tables) on each source, store_0 and store_1 with the tool's tables on the sources.
  static void Reset();
  // A user with a password "pw" and only these grants; the endpoint to log in with.
  static mysql::Endpoint MakeUser(std::string_view server, const std::string& name,
                                  std::initializer_list<const char*> grants);
  // A job over `source`, with shards store_0 on maria and store_1 on mysql.
  static JobConfig Job(std::string_view source);
  static mapping::MappingConfig Mapping();
};

}  // namespace shardlift::job
