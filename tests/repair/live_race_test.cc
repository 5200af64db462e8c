// Live verification, one test for each order of events, on a source of each server; the shards are on both.
//
// Handlers of "verify.source_read" run on the thread of the pass, between its reading of the source and of the shards;
// those of "chunk.opened" and "chunk.read" on the same thread, inside the window of a probe.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <thread>

#include "base/sync_point.h"
#include "job/routing.h"
#include "repair/live_prober.h"
#include "tests/repair/fixture.h"
#include "verify/verify.h"

namespace shardlift::repair::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using verify::FindingKind;
using verify::VerifyMethod;
using verify::VerifyReport;
using verify::testing::Fault;
using verify::testing::Faults;
using verify::testing::Planter;

constexpr int kId = 5;

class HookedProber final : public verify::Prober {
 public:
  explicit HookedProber(const LiveProberOptions& options) : inner_(options) {}
  base::Status Start(const job::JobConfig& config, const job::Catalog& catalog, const store::Router& router) override {
    SL_TRY(inner_.Start(config, catalog, router));
    if (on_started) on_started();
    return base::Ok();
  }
  base::Result<std::vector<verify::ProbeResult>> Probe(const job::CatalogTable& table,
                                                       std::span<const std::string> owner_keys) override {
    auto results = inner_.Probe(table, owner_keys);
    if (on_probed) on_probed();
    return results;
  }
  base::Status Outcome() const override { return inner_.Outcome(); }
  base::Status Close() override { return inner_.Close(); }
  std::function<void()> on_started;
  std::function<void()> on_probed;

 private:
  LiveProber inner_;
};

const Fault& FaultNamed(std::string_view name) {
  for (const Fault& fault : Faults()) {
    if (fault.name == name) return fault;
  }
  ADD_FAILURE() << "no fault " << name;
  return Faults().front();
}

// The parameter is the source whose table is changed.
class LiveRace : public MigratedTest, public ::testing::WithParamInterface<std::size_t> {
 protected:
  void SetUp() override {
    MigratedTest::SetUp();
    table_ = GetParam() == 0 ? "im_0.msg_00" : "im_2.msg_00";
    if (!HasFatalFailure()) ordinal_ = OrdinalOf(GetParam(), table_);
  }
  void TearDown() override { base::SetSyncPointHandler(nullptr); }

  void Change(const std::string& sql) { OnSource(GetParam(), sql); }
  void SetContent(const std::string& content) {
    Change(fmt::format("UPDATE {} SET content = '{}' WHERE id = {}", table_, content, kId));
  }
  std::string Owner(int id) const {
    return fmt::format("owner_origin = 1 AND owner_table = {} AND owner_key = x'{:016X}'", ordinal_, id);
  }
  bool Has(std::size_t shard, const std::string& condition) {
    return AskShard(shard, "SELECT 1 FROM message WHERE " + condition).size() == 1;
  }
  std::size_t ShardOf(int id) { return Has(0, Owner(id)) ? 0 : 1; }
  void WaitFor(const std::function<bool()>& there) {
    for (int i = 0; i < 1000 && !there(); ++i) std::this_thread::sleep_for(10ms);
    EXPECT_TRUE(there()) << "the follower did not bring the change";
  }
  void WaitForContent(const std::string& content) {
    const std::string here = fmt::format("{} AND body = '{}'", Owner(kId), content);
    WaitFor([&] { return Has(0, here) || Has(1, here); });
  }
  // A row of a shard that nobody else can change until the session ends.
  std::unique_ptr<mysql::Session> LockRow(std::size_t shard, int id) {
    mysql::SessionOptions options;
    options.database = config_.shards[shard].database;
    auto session = live::Connect(config_.shards[shard].endpoint, options);
    live::SqlOn(*session, "START TRANSACTION");
    EXPECT_EQ(live::RowsOn(*session, "SELECT 1 FROM message WHERE " + Owner(id) + " FOR UPDATE").rows.size(), 1u);
    return session;
  }
  void At(std::string_view wanted, std::function<void(int passage)> action) {
    handlers_.emplace_back(wanted, [this, action = std::move(action), passage = 0](std::string_view detail) mutable {
      if (detail.find(table_) != std::string_view::npos) action(++passage);
    });
    base::SetSyncPointHandler([this](std::string_view point, std::string_view detail) {
      for (auto& [name, handler] : handlers_) {
        if (name == point) handler(detail);
      }
      if (point == "lane.in_transaction" && on_lane_) on_lane_();
    });
  }

  VerifyReport Verify(VerifyMethod method = VerifyMethod::kServer) {
    verify::VerifyOptions options;
    options.progress = false;
    options.threads = 1;
    options.method = method;
    options.prober = &prober_;
    auto report = verify::RunVerify(config_, options);
    EXPECT_TRUE(report.ok()) << report.status().message();
    return report.ok() ? *std::move(report) : VerifyReport();
  }
  // Something looked wrong, and is right.
  void ExpectAllRight(const VerifyReport& report) {
    EXPECT_GT(report.live.suspects, 0u) << "the race did not happen";
    EXPECT_EQ(report.live.right, report.live.suspects);
    EXPECT_TRUE(report.clean()) << verify::ReportText(report);
    EXPECT_EQ(report.exit_code(), 0);
  }

  std::string table_;
  std::uint32_t ordinal_ = 0;
  std::vector<std::pair<std::string, std::function<void(std::string_view)>>> handlers_;
  std::function<void()> on_lane_;  // on a lane's thread, before it commits
  LiveProberOptions options_{.looks_max = 5};
  HookedProber prober_{options_};
};

TEST_P(LiveRace, NothingWrites_NothingIsSuspected) {
  const VerifyReport report = Verify();
  EXPECT_EQ(report.live.suspects, 0u);
  EXPECT_EQ(report.rows_compared, kKept);
  EXPECT_EQ(report.exit_code(), 0) << verify::ReportText(report);
}

TEST_P(LiveRace, RowChangesBetweenReadOfSourceAndOfShard_NotAFinding) {
  for (const VerifyMethod method : {VerifyMethod::kServer, VerifyMethod::kClient}) {
    SCOPED_TRACE(verify::VerifyMethodName(method));
    handlers_.clear();
    At("verify.source_read", [&, method](int passage) {
      const std::string content = fmt::format("{} {}", verify::VerifyMethodName(method), passage);
      SetContent(content);
      WaitForContent(content);
    });
    const VerifyReport report = Verify(method);
    ExpectAllRight(report);
    EXPECT_EQ(report.rows_compared, kKept);
    EXPECT_EQ(report.per_mapping.at(0).equal, 3 * kImRows);
  }
}

TEST_P(LiveRace, RowChangesBetweenTheTwoSidesOfAProbe_LookedAtAgain_NotAFinding) {
  At("verify.source_read", [&](int passage) {
    SetContent(fmt::format("pass {}", passage));
    WaitForContent(fmt::format("pass {}", passage));
  });
  int windows = 0;
  At("chunk.read", [&](int passage) {  // the source's side is read, the shards' are not
    windows = passage;
    if (passage > 2) return;
    SetContent(fmt::format("probe {}", passage));
    WaitForContent(fmt::format("probe {}", passage));
  });
  ExpectAllRight(Verify());
  EXPECT_EQ(windows, 3);
}

TEST_P(LiveRace, RowChangesInAnXaTransaction_RightAndNotHot) {
  At("verify.source_read", [&](int passage) {
    const auto session = live::Connect(config_.sources[GetParam()].endpoint);
    const std::string content = fmt::format("xa {}", passage);
    live::SqlOn(*session, "XA START 'live'");
    live::SqlOn(*session, fmt::format("UPDATE {} SET content = '{}' WHERE id = {}", table_, content, kId));
    for (const char* step : {"XA END 'live'", "XA PREPARE 'live'", "XA COMMIT 'live'"}) live::SqlOn(*session, step);
    WaitForContent(content);
  });
  ExpectAllRight(Verify());
}

TEST_P(LiveRace, RowMovesBetweenShardsDuringThePass_NotADuplicate) {
  const auto router = job::MakeRouter(config_.routing);
  ASSERT_TRUE(router.ok());
  const std::size_t from = ShardOf(kId);
  std::uint64_t uid = 900'000;
  while (router->ShardOf(router->rules().BucketOf({1, std::to_string(uid), 1})) == from) ++uid;
  std::unique_ptr<mysql::Session> lock;
  At("verify.source_read", [&](int passage) {
    if (passage > 1) return;
    lock = LockRow(from, kId);  // the lane cannot delete it there
    Change(fmt::format("UPDATE {} SET to_uid = {} WHERE id = {}", table_, uid, kId));
    WaitFor([&] { return Has(1 - from, Owner(kId)); });
    EXPECT_TRUE(Has(from, Owner(kId)));
  });
  At("chunk.opened", [&](int) { lock.reset(); });
  ExpectAllRight(Verify());
  EXPECT_FALSE(Has(from, Owner(kId)));
}

TEST_P(LiveRace, RowIsDeletedDuringThePass_NotExtra) {
  std::unique_ptr<mysql::Session> lock;
  prober_.on_started = [&] {
    lock = LockRow(ShardOf(kId), kId);
    Change(fmt::format("DELETE FROM {} WHERE id = {}", table_, kId));
  };
  At("chunk.opened", [&](int) { lock.reset(); });
  const VerifyReport report = Verify();
  ExpectAllRight(report);
  EXPECT_EQ(report.rows_compared, kKept - 1);
}

TEST_P(LiveRace, RowIsInsertedWhileTheLanesAreHeld_NotMissing) {
  std::atomic<bool> held{true};
  At("chunk.opened", [&](int) { held = false; });
  prober_.on_started = [&] {
    on_lane_ = [&] {
      while (held) std::this_thread::sleep_for(5ms);
    };
    Change(
        fmt::format("INSERT INTO {0} SELECT 1000, from_uid, to_uid, kind, flags, content, ctime, mtime FROM {0} "
                    "WHERE id = {1}",
                    table_, kId));
  };
  const VerifyReport report = Verify();
  held = false;
  ExpectAllRight(report);
  EXPECT_EQ(report.rows_compared, kKept + 1);
}

TEST_P(LiveRace, RowChangesInEachWindow_NotVerifiedAsHot_ExitCodeFour) {
  int changes = 0;
  const auto change = [&](int) { SetContent(fmt::format("hot {}", ++changes)); };
  At("verify.source_read", [&](int passage) {
    change(passage);
    WaitForContent(fmt::format("hot {}", changes));
  });
  At("chunk.opened", change);
  const VerifyReport report = Verify();
  EXPECT_EQ(report.findings_total(), 0u);
  EXPECT_EQ(report.live.open, 1u);
  ASSERT_EQ(report.live.open_rows.size(), 1u);
  EXPECT_EQ(report.live.open_rows[0].key_text, std::to_string(kId));
  EXPECT_THAT(report.live.open_rows[0].reason, HasSubstr("hot"));
  EXPECT_GE(changes, 2 + options_.looks_max);
  EXPECT_FALSE(report.clean());
  EXPECT_EQ(report.exit_code(), 4);
  EXPECT_THAT(verify::ReportText(report), HasSubstr("NOT VERIFIED"));
}

TEST_P(LiveRace, FaultPlantedOnAHotRow_IsFoundOrHot_NeverClean) {
  Planter planter = NewPlanter(1);
  ASSERT_TRUE(planter.PlantAt(FaultNamed("copied"), 1, ordinal_, kId - 1));
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    const auto session = live::Connect(config_.sources[GetParam()].endpoint);
    for (int i = 0; !stop; ++i) {
      live::SqlOn(*session, fmt::format("UPDATE {} SET content = 'busy {}' WHERE id = {}", table_, i, kId));
      std::this_thread::sleep_for(std::chrono::milliseconds(i % 20));
    }
  });
  const VerifyReport report = Verify();
  stop = true;
  writer.join();
  EXPECT_EQ(report.findings_total() + report.live.open, 1u) << verify::ReportText(report);
  EXPECT_NE(report.exit_code(), 0);
  if (!report.findings.empty()) {
    EXPECT_EQ(NameOf(report.findings[0]), *planter.expected().begin());
  }
}

TEST_P(LiveRace, ShardConnectionsKilledDuringAProbe_VerdictsStay) {
  Planter planter = NewPlanter(2);
  for (const char* fault : {"lost", "copied", "moved", "bit", "foreign"}) {
    ASSERT_TRUE(planter.Plant(FaultNamed(fault), 0));
    ASSERT_TRUE(planter.Plant(FaultNamed(fault), 1));
  }
  ASSERT_TRUE(planter.PlantAt(FaultNamed("lost"), 1, ordinal_, kId));  // so that this table has one
  std::atomic<bool> armed{false};
  std::atomic<int> killed{0};
  At("chunk.read", [&](int passage) { armed = passage == 1; });
  on_lane_ = [&] {
    if (!armed.exchange(false)) return;
    for (const job::ShardConfig& shard : config_.shards) {
      const auto session = live::Connect(shard.endpoint);
      const auto open = live::RowsOn(*session, "SELECT trx_mysql_thread_id FROM information_schema.innodb_trx");
      for (const auto& row : open.rows) {
        killed += session->Kill(std::stoull(row[0].value_or("0"))).ok() ? 1 : 0;
      }
    }
  };
  const VerifyReport report = Verify();
  EXPECT_GT(killed.load(), 0);
  std::multiset<std::string> found;
  for (const verify::Finding& finding : report.findings) found.insert(NameOf(finding));
  EXPECT_EQ(found, planter.expected());
  EXPECT_EQ(report.live.open, 0u);
  EXPECT_EQ(report.exit_code(), 1);
}

TEST_P(LiveRace, LaneStallsBehindAProbe_NotVerified_NeverClean) {
  Planter planter = NewPlanter(3);
  ASSERT_TRUE(planter.PlantAt(FaultNamed("lost"), 1, ordinal_, kId));
  std::atomic<bool> held{false};
  At("chunk.read", [&](int) { held = true; });
  on_lane_ = [&] {
    while (held) std::this_thread::sleep_for(5ms);
  };
  HookedProber prober({.looks_max = 2, .look_deadline = 1s});
  prober.on_probed = [&] { held = false; };
  verify::VerifyOptions options;
  options.progress = false;
  options.threads = 1;
  options.prober = &prober;
  const auto report = verify::RunVerify(config_, options);
  held = false;
  ASSERT_TRUE(report.ok()) << report.status().message();
  EXPECT_EQ(report->findings_total(), 0u);
  ASSERT_EQ(report->live.open, 1u);
  EXPECT_THAT(report->live.open_rows[0].reason, HasSubstr("too slow"));
  EXPECT_EQ(report->exit_code(), 4);
}

// A row that lost a clash may come when its winner goes; what else is missing is missing.
TEST_P(LiveRace, RowIsSetAsideByAClash_NotVerified_OthersAreFindings) {
  const std::size_t shard = ShardOf(kId);
  prober_.on_started = [&] {
    OnShard(shard, "DELETE FROM message WHERE " + Owner(kId));
    OnShard(shard,
            fmt::format("INSERT INTO sl_dead_letter (owner_origin, owner_table, owner_key, source, position, "
                        "reason, detail, created_at) VALUES (1, {}, x'{:016X}', '{}', '', 'conflict', '', NOW())",
                        ordinal_, kId, config_.sources[GetParam()].endpoint.name));
    OnShard(ShardOf(kId + 1), "DELETE FROM message WHERE " + Owner(kId + 1));
  };
  const VerifyReport report = Verify();
  ASSERT_EQ(report.findings.size(), 1u);
  EXPECT_EQ(report.findings[0].kind, FindingKind::kMissing);
  EXPECT_EQ(report.findings[0].key_text, std::to_string(kId + 1));
  ASSERT_EQ(report.live.open_rows.size(), 1u);
  EXPECT_THAT(report.live.open_rows[0].reason, HasSubstr("set aside"));
  EXPECT_EQ(report.dead_letters, 1u);
  EXPECT_EQ(report.exit_code(), 1);
}

INSTANTIATE_TEST_SUITE_P(Sources, LiveRace, ::testing::Values(std::size_t{0}, std::size_t{1}),
                         [](const auto& source) { return source.param == 0 ? "MariaDB" : "MySQL"; });

}  // namespace
}  // namespace shardlift::repair::testing
