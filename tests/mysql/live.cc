#include "live.h"

namespace shardlift::mysql {
namespace {

rehearse::ServerGroup* g_group = nullptr;

class ServerEnvironment : public ::testing::Environment {
 public:
  void SetUp() override {
    auto group = rehearse::ServerGroup::Create();
    ASSERT_TRUE(group.ok()) << group.status().message();
    group_ = std::move(group).value();
    const base::Status status = group_->Start({{"maria", Flavour::kMariaDb, {}}, {"mysql", Flavour::kMySql, {}}});
    ASSERT_TRUE(status.ok()) << status.message();
    g_group = group_.get();
  }
  void TearDown() override {
    g_group = nullptr;
    group_.reset();
  }

 private:
  std::unique_ptr<rehearse::ServerGroup> group_;
};

const ::testing::Environment* const g_environment = ::testing::AddGlobalTestEnvironment(new ServerEnvironment);

}  // namespace

std::string FlavourOfTest(const ::testing::TestParamInfo<Flavour>& info) {
  return std::string(FlavourName(info.param));
}

rehearse::Server& LiveTest::ServerOf(Flavour flavour) {
  return g_group->Get(flavour == Flavour::kMySql ? "mysql" : "maria");
}

void LiveTest::SetUp() {
  session_ = Connect();
  ASSERT_NE(session_, nullptr);
  Sql("DROP DATABASE IF EXISTS d");
  Sql("CREATE DATABASE d");
  Sql("USE d");
}

void LiveTest::TearDown() { session_.reset(); }

std::unique_ptr<Session> LiveTest::Connect(const SessionOptions& options) {
  auto session = Session::Open(Where(), options);
  EXPECT_TRUE(session.ok()) << session.status().message();
  return session.ok() ? std::move(session).value() : nullptr;
}

void LiveTest::Sql(Session& session, std::string_view sql) {
  const base::Status status = session.Execute(sql, "test");
  ASSERT_TRUE(status.ok()) << status.message() << "\n" << sql;
}

std::string LiveTest::One(Session& session, std::string_view sql) {
  auto rows = session.Query(sql, "test");
  EXPECT_TRUE(rows.ok()) << rows.status().message() << "\n" << sql;
  if (!rows.ok()) return {};
  auto one = rows->Single();
  EXPECT_TRUE(one.ok()) << one.status().message() << "\n" << sql;
  return one.ok() ? *one : std::string();
}

}  // namespace shardlift::mysql
