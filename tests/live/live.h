// Real servers for tests: each is started on first use, lives as long as the test program, and is gone after it.
//
// A test that cannot get its servers ends the program: no other test of it could go on. Tests leave the servers as they
// found them, databases and users apart; who kills or stops a server starts it again.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "mysql/session.h"
#include "rehearse/server.h"

namespace shardlift::live {

// Ends the current function and fails the test with the status' message.
#define SL_ASSERT_OK(expr)                                            \
  do {                                                                \
    const ::shardlift::base::Status sl_assert_status = (expr);        \
    ASSERT_TRUE(sl_assert_status.ok()) << sl_assert_status.message(); \
  } while (false)

// Starts those of the servers that were not started yet, side by side.
void Start(const std::vector<rehearse::ServerSpec>& specs);
rehearse::Server& Get(std::string_view name);        // one that was started
rehearse::Server& ServerOf(mysql::Flavour flavour);  // the plain one of this flavour, started on first use
const std::string& Directory();                      // a private one, removed with the servers

// Null, and a failed test, when the server does not let us in.
std::unique_ptr<mysql::Session> Connect(const mysql::Endpoint& endpoint, const mysql::SessionOptions& options = {});
// On a session, or on a fresh one for this statement alone. They fail the test when the server refuses the statement.
void SqlOn(mysql::Session& session, std::string_view sql);
void SqlOn(const mysql::Endpoint& endpoint, std::string_view sql);
mysql::Rows RowsOn(mysql::Session& session, std::string_view sql);
mysql::Rows RowsOn(const mysql::Endpoint& endpoint, std::string_view sql);
// The first value of the only row, "NULL" for NULL; fails the test unless there is exactly one row.
std::string OneOn(mysql::Session& session, std::string_view sql);
std::string OneOn(const mysql::Endpoint& endpoint, std::string_view sql);

// A test on the plain server of each flavour, with a session.
class LiveTest : public ::testing::TestWithParam<mysql::Flavour> {
 protected:
  void SetUp() override;

  bool maria() const { return GetParam() == mysql::Flavour::kMariaDb; }
  static rehearse::Server& ServerOf(mysql::Flavour flavour) { return live::ServerOf(flavour); }
  const mysql::Endpoint& Where() const { return ServerOf(GetParam()).endpoint(); }
  static std::unique_ptr<mysql::Session> Connect(mysql::Flavour flavour, const mysql::SessionOptions& options = {});
  std::unique_ptr<mysql::Session> Connect(const mysql::SessionOptions& options = {}) const;
  // An empty database that session_ then uses.
  void UseFreshDatabase(std::string_view name);
  void Sql(std::string_view sql) { SqlOn(*session_, sql); }
  mysql::Rows Query(std::string_view sql) { return RowsOn(*session_, sql); }
  std::string One(std::string_view sql) { return OneOn(*session_, sql); }

  std::unique_ptr<mysql::Session> session_;
};

// The name of a parameter in names of tests: "MariaDB" or "MySQL".
std::string FlavourOf(const ::testing::TestParamInfo<mysql::Flavour>& info);

#define SL_BOTH_FLAVOURS(fixture)                                                                                      \
  INSTANTIATE_TEST_SUITE_P(                                                                                            \
      Servers, fixture, ::testing::Values(::shardlift::mysql::Flavour::kMySql, ::shardlift::mysql::Flavour::kMariaDb), \
      &::shardlift::live::FlavourOf)

}  // namespace shardlift::live
