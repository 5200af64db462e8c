#include "tests/live/live.h"

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <set>

#include "mysql/schema.h"

namespace shardlift::live {
namespace {

using mysql::Flavour;

constexpr std::size_t kSqlBytesShown = 2000;  // of a statement that failed

struct Servers {
  std::unique_ptr<rehearse::ServerGroup> group;
  std::set<std::string, std::less<>> started;
};
Servers g_servers;

class EndServers final : public ::testing::Environment {
 public:
  void TearDown() override { g_servers = {}; }
};
// gtest owns it. It ends after the environments that tests add: the last one added ends first.
const ::testing::Environment* const g_end_servers = ::testing::AddGlobalTestEnvironment(new EndServers);

[[noreturn]] void GiveUp(const base::Status& status) {
  ADD_FAILURE() << status.message();
  g_servers = {};  // ends what did start
  std::abort();
}

rehearse::ServerGroup& Group() {
  if (g_servers.group == nullptr) {
    auto group = rehearse::ServerGroup::Create();
    if (!group.ok()) GiveUp(group.status());
    g_servers.group = std::move(group).value();
  }
  return *g_servers.group;
}

std::string TheOne(const mysql::Rows& rows, std::string_view sql) {
  EXPECT_EQ(rows.rows.size(), 1U) << sql.substr(0, kSqlBytesShown);
  return rows.rows.size() == 1 ? rows.rows[0].at(0).value_or("NULL") : std::string();
}

}  // namespace

void Start(const std::vector<rehearse::ServerSpec>& specs) {
  std::vector<rehearse::ServerSpec> missing;
  std::copy_if(specs.begin(), specs.end(), std::back_inserter(missing),
               [](const rehearse::ServerSpec& spec) { return !g_servers.started.contains(spec.name); });
  if (missing.empty()) return;
  if (const base::Status status = Group().Start(missing); !status.ok()) GiveUp(status);
  for (const rehearse::ServerSpec& spec : missing) g_servers.started.insert(spec.name);
}

rehearse::Server& Get(std::string_view name) { return Group().Get(name); }

rehearse::Server& ServerOf(Flavour flavour) {
  const std::string name = flavour == Flavour::kMySql ? "mysql" : "mariadb";
  Start({{name, flavour, {}}});
  return Get(name);
}

const std::string& Directory() { return Group().directory(); }

std::unique_ptr<mysql::Session> Connect(const mysql::Endpoint& endpoint, const mysql::SessionOptions& options) {
  auto session = mysql::Session::Open(endpoint, options);
  EXPECT_TRUE(session.ok()) << session.status().message();
  return session.ok() ? std::move(session).value() : nullptr;
}

void SqlOn(mysql::Session& session, std::string_view sql) {
  const base::Status status = session.Execute(sql, "test");
  ASSERT_TRUE(status.ok()) << status.message() << "\n" << sql.substr(0, kSqlBytesShown);
}

void SqlOn(const mysql::Endpoint& endpoint, std::string_view sql) {
  const auto session = Connect(endpoint);
  ASSERT_NE(session, nullptr);
  SqlOn(*session, sql);
}

mysql::Rows RowsOn(mysql::Session& session, std::string_view sql) {
  auto rows = session.Query(sql, "test");
  EXPECT_TRUE(rows.ok()) << rows.status().message() << "\n" << sql.substr(0, kSqlBytesShown);
  return rows.ok() ? std::move(rows).value() : mysql::Rows();
}

mysql::Rows RowsOn(const mysql::Endpoint& endpoint, std::string_view sql) {
  const auto session = Connect(endpoint);
  return session == nullptr ? mysql::Rows() : RowsOn(*session, sql);
}

std::string OneOn(mysql::Session& session, std::string_view sql) { return TheOne(RowsOn(session, sql), sql); }
std::string OneOn(const mysql::Endpoint& endpoint, std::string_view sql) { return TheOne(RowsOn(endpoint, sql), sql); }

void LiveTest::SetUp() {
  session_ = Connect();
  ASSERT_NE(session_, nullptr);
}

std::unique_ptr<mysql::Session> LiveTest::Connect(Flavour flavour, const mysql::SessionOptions& options) {
  return live::Connect(ServerOf(flavour).endpoint(), options);
}

std::unique_ptr<mysql::Session> LiveTest::Connect(const mysql::SessionOptions& options) const {
  return Connect(GetParam(), options);
}

void LiveTest::UseFreshDatabase(std::string_view name) {
  const std::string database = mysql::QuoteIdentifier(name);
  Sql("DROP DATABASE IF EXISTS " + database);
  Sql("CREATE DATABASE " + database + " CHARACTER SET utf8mb4");
  Sql("USE " + database);
}

std::string FlavourOf(const ::testing::TestParamInfo<Flavour>& info) {
  return std::string(mysql::FlavourName(info.param));
}

}  // namespace shardlift::live
