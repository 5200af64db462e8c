// What the tests on real servers share: one MySQL and one MariaDB for the whole program.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>

#include "mysql/session.h"
#include "rehearse/server.h"

namespace shardlift::mysql {

class LiveTest : public ::testing::TestWithParam<Flavour> {
 protected:
  static rehearse::Server& ServerOf(Flavour flavour);
  const Endpoint& Where() const { return ServerOf(GetParam()).endpoint(); }
  bool maria() const { return GetParam() == Flavour::kMariaDb; }

  // A database of this test's own, `d`, empty; session_ uses it.
  void SetUp() override;
  void TearDown() override;

  std::unique_ptr<Session> Connect(const SessionOptions& options = {});
  static void Sql(Session& session, std::string_view sql);
  void Sql(std::string_view sql) { Sql(*session_, sql); }
  std::string One(std::string_view sql) { return One(*session_, sql); }
  static std::string One(Session& session, std::string_view sql);

  std::unique_ptr<Session> session_;
};

std::string FlavourOfTest(const ::testing::TestParamInfo<Flavour>& info);

#define SL_BOTH_FLAVOURS(fixture) \
  INSTANTIATE_TEST_SUITE_P(Servers, fixture, ::testing::Values(Flavour::kMySql, Flavour::kMariaDb), &FlavourOfTest)

}  // namespace shardlift::mysql
