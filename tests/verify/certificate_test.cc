// Certificates on real servers: issued for a fenced full pass, refused for each condition that does not hold, and held
// against the data afterwards.
#include "verify/certificate.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>

#include "job/routing.h"
#include "tests/verify/fixture.h"
#include "verify/seal.h"
#include "verify/table_sums.h"

namespace shardlift::verify::testing {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class CertificateTest : public StoreTest {
 protected:
  // Sources and shards are the same two servers here, so what a shard is changed by must not move its binlog.
  void SetUp() override {
    StoreTest::SetUp();
    if (HasFatalFailure()) return;
    directory_ = live::Directory() + "/certificates";
    std::filesystem::create_directories(directory_);
    key_path_ = directory_ + "/key.pem";
    ASSERT_TRUE(std::filesystem::exists(key_path_) || GenerateKeyFiles(key_path_).ok());
    const auto router = job::MakeRouter(config_.routing);
    for (std::size_t shard = 0; shard < 2; ++shard) {
      mysql::Session& session = ShardSession(shard);
      Unlogged(shard, "DELETE FROM sl_routing");
      Unlogged(shard, fmt::format("INSERT INTO sl_routing VALUES (1, 1, {}, {}, {}, {}, 2, NOW(6), {})",
                                  router->buckets(), router->epoch(), session.Quote(router->MapText()), shard,
                                  session.Quote(router->rules().Text())));
    }
    StoreLanes();
    for (std::size_t source = 0; source < 2; ++source) Fence(source, true);
  }
  void TearDown() override {
    for (std::size_t source = 0; source < 2; ++source) Fence(source, false);
    for (std::size_t shard = 0; shard < 2; ++shard) {
      Unlogged(shard, "DELETE FROM sl_lane");
      Unlogged(shard, "DELETE FROM sl_routing");
    }
  }

  void Fence(std::size_t source, bool on) {
    OnSource(source, fmt::format("SET GLOBAL {} = {}", source == 0 ? "read_only" : "super_read_only", on ? 1 : 0));
    if (source == 1 && !on) OnSource(source, "SET GLOBAL read_only = 0");
  }
  // On a shard, whatever its server's fence says, and without a trace in its binlog.
  void Unlogged(std::size_t shard, const std::string& sql) {
    mysql::Session& session = ShardSession(shard);
    const bool fenced = shard == 1 && live::OneOn(session, "SELECT @@GLOBAL.super_read_only") == "1";
    if (fenced) Fence(1, false);
    SL_ASSERT_OK(session.Execute("SET SESSION sql_log_bin = 0", "test"));
    SL_ASSERT_OK(session.Execute(sql, "test"));
    SL_ASSERT_OK(session.Execute("SET SESSION sql_log_bin = 1", "test"));
    if (fenced) Fence(1, true);
  }
  std::string PositionOf(std::size_t source) {
    const auto position = mysql::ReadUpperBound(*live::Connect(config_.sources[source].endpoint));
    EXPECT_TRUE(position.ok());
    return position->ToText();
  }
  // Each lane stands where its source stands.
  void StoreLanes() {
    for (std::size_t shard = 0; shard < 2; ++shard) {
      Unlogged(shard, "DELETE FROM sl_lane");
      for (std::size_t source = 0; source < 2; ++source) {
        Unlogged(shard,
                 fmt::format("INSERT INTO sl_lane VALUES ('{0}', 0, 'verify-test', 3, 9, '{1}', '{1}', 0, '{2}', "
                             "1, 1, 'test', NOW(6))",
                             config_.sources[source].endpoint.name, PositionOf(source), catalog_.fingerprint));
      }
    }
  }

  // A pass and its certificate; `between` runs after the pass and before the sums.
  CertificateOutcome Certify(const std::function<void()>& between = nullptr) {
    claim_.tool_version = "test";
    claim_.before = ReadServers(config_);
    VerifyOptions options;
    options.progress = false;
    options.beyond = true;
    auto report = RunVerify(config_, options);
    EXPECT_TRUE(report.ok()) << report.status().message();
    if (between) between();
    const auto key = SigningKey::Read(key_path_);
    CertificateOptions to;
    to.path = fmt::format("{}/{}.json", directory_, ++files_);
    std::filesystem::remove(to.path);
    const auto outcome = IssueCertificate(config_, *report, claim_, *key, to);
    EXPECT_TRUE(outcome.ok()) << outcome.status().message();
    EXPECT_EQ(outcome->issued, std::filesystem::exists(to.path));
    EXPECT_EQ(outcome->issued, outcome->refused.empty());
    report->certificate = *outcome;
    EXPECT_EQ(report->exit_code(), outcome->issued ? 0 : 4);
    EXPECT_THAT(ReportText(*report), HasSubstr(outcome->issued ? "certificate: " + to.path : "certificate: REFUSED"));
    return *outcome;
  }
  json Issued() {
    const CertificateOutcome outcome = Certify();
    EXPECT_THAT(outcome.refused, IsEmpty());
    const auto document = ReadCertificate(outcome.path);
    EXPECT_TRUE(document.ok()) << document.status().message();
    return document.ok() ? *document : json();
  }
  DataCheck Compare(const json& certificate, bool shards_only = false) {
    DataCheckOptions options;
    options.shards_only = shards_only;
    const auto check = CheckData(certificate, config_, options);
    EXPECT_TRUE(check.ok()) << check.status().message();
    return check.ok() ? *check : DataCheck();
  }

  Claim claim_;
  std::string directory_;
  std::string key_path_;
  static inline int files_ = 0;
};

TEST_F(CertificateTest, FencedAndClean_IsIssuedAndAddsUp) {
  const json certificate = Issued();
  EXPECT_THAT(SealProblems(certificate, ReadPublicKey(PublicKeyPathOf(key_path_)).value()), IsEmpty());
  EXPECT_THAT(ContentProblems(certificate), IsEmpty());
  EXPECT_EQ(certificate["totals"]["rows"], kKept);
  EXPECT_EQ(certificate["totals"]["tables"], 6);
  EXPECT_EQ(certificate["sources"][0]["end"]["position"], PositionOf(0));
  EXPECT_EQ(certificate["mappings"][1]["left_behind"], kLeftBehind);
  EXPECT_EQ(certificate["tables"][0]["json"], "same_text");
  const std::string text = CertificateText(certificate);
  EXPECT_THAT(text, AllOf(HasSubstr("certificate of job verify-test"), HasSubstr("source legacy_mysql: 9."),
                          HasSubstr("im "), HasSubstr("signed by key ")));
  EXPECT_FALSE(CheckCertificatePath(fmt::format("{}/{}.json", directory_, files_)).ok()) << "it would be overwritten";
}

// Another value of the same type.
void Change(json* value) {
  if (value->is_boolean()) {
    *value = !value->get<bool>();
  } else if (value->is_number()) {
    *value = value->get<std::uint64_t>() + 1;
  } else {
    std::string text = value->get<std::string>() + (value->get<std::string>().empty() ? "x" : "");
    text.back() = text.back() == '0' ? '1' : '0';
    *value = text;
  }
}

// Paths of all leaves; of lists of parts and ranges, which are long, those of the first two.
std::vector<std::string> Leaves(const json& document) {
  std::vector<std::string> paths;
  const json flat = document.flatten();
  for (const auto& [path, leaf] : flat.items()) {
    const std::size_t list = std::min(path.find("/parts/"), path.find("/ranges/"));
    const std::size_t number = path.find('/', list == std::string::npos ? path.size() : list + 1);
    const bool far = number != std::string::npos && std::stoul(path.substr(number + 1)) > 1;
    if (!far && !leaf.is_null() && !leaf.is_structured()) paths.push_back(path);  // null: an empty list
  }
  return paths;
}

TEST_F(CertificateTest, EachLeafChanged_IsSeenByTheSeal_AndEachSumAndTotalByTheContent) {
  const json certificate = Issued();
  std::size_t contradictions = 0;
  const std::vector<std::string> leaves = Leaves(certificate);
  EXPECT_GT(leaves.size(), 150u);
  for (const std::string& path : leaves) {
    json copy = certificate;
    Change(&copy[json::json_pointer(path)]);
    ASSERT_FALSE(SealProblems(copy, {}).empty()) << path;
    const auto ends = [&](std::initializer_list<const char*> names) {
      return std::any_of(names.begin(), names.end(), [&](const char* name) { return path.ends_with(name); });
    };
    if (!ends({"/rows", "/first", "/second", "/position", "/fenced", "/equal", "/prepared_xa", "/source_rows",
               "/left_behind", "/dead_letters", "/map_epoch", "/state", "/tables"})) {
      continue;
    }
    ++contradictions;
    EXPECT_FALSE(ContentProblems(copy).empty()) << path;
  }
  EXPECT_GT(contradictions, 70u);
  EXPECT_FALSE(ContentProblems(json::object()).empty());
  EXPECT_FALSE(ContentProblems(json::array()).empty());
}

TEST_F(CertificateTest, DataAsCertified_IsTheSame_AndAChangedRowIsNamedWithItsRange) {
  const json certificate = Issued();
  const DataCheck same = Compare(certificate);
  EXPECT_THAT(same.differences, IsEmpty());
  EXPECT_GT(same.parts, 0u);
  EXPECT_EQ(Compare(certificate, true).parts * 2, same.parts);
  const std::uint32_t ordinal = OrdinalOf(0, "push.push_202309");
  for (std::size_t shard = 0; shard < 2; ++shard) {
    const std::string key = OwnerOnShard(shard, ordinal, 0);
    const std::string where = fmt::format(" WHERE owner_table = {} AND owner_key = x'{}'", ordinal, key);
    const std::string bucket = AskShard(shard, "SELECT bucket FROM message" + where)[0][0].value();
    Unlogged(shard, "UPDATE message SET status = status + 1" + where);
    for (const bool shards_only : {false, true}) {
      const std::vector<std::string> differences = Compare(certificate, shards_only).differences;
      ASSERT_EQ(differences.size(), 1u);
      unsigned first = 0;
      unsigned last = 0;
      const std::size_t at = differences[0].find("buckets ");
      ASSERT_NE(at, std::string::npos);
      ASSERT_EQ(std::sscanf(differences[0].c_str() + at, "buckets %u to %u", &first, &last), 2);
      EXPECT_THAT(differences[0], AllOf(HasSubstr(fmt::format("shard s{}, table legacy_maria push.push_202309", shard)),
                                        HasSubstr("with other contents")));
      EXPECT_LE(first, std::stoul(bucket));
      EXPECT_GE(last, std::stoul(bucket));
    }
    Unlogged(shard, "DELETE FROM message" + where);
    EXPECT_THAT(Compare(certificate, true).differences, ElementsAre(HasSubstr("were certified")));
    Fence(1, false);
    LoadAndFill();
  }
  OnSource(0, "UPDATE oldsys.sys_notice SET body = 'other' WHERE region = 1 AND seq = 1");
  EXPECT_THAT(Compare(certificate).differences,
              ElementsAre(AllOf(HasSubstr("source legacy_maria, table legacy_maria oldsys.sys_notice"),
                                HasSubstr("with other contents"))));
  EXPECT_THAT(Compare(certificate, true).differences, IsEmpty());
  config_.fingerprint = "other";
  const auto other_job = CheckData(certificate, config_, {});
  ASSERT_FALSE(other_job.ok());
  EXPECT_EQ(other_job.status().code(), base::Code::kRefused);
}

TEST_F(CertificateTest, SummedByTheClient_SaysTheSame) {
  const auto router = job::MakeRouter(config_.routing);
  const auto ranges = CertificateRanges(*router, catalog_.tables.size());
  for (const job::CatalogTable& table : catalog_.tables) {
    RangeSums shards;
    const StoredTable stored{table.target(), table.mapper->config().origin, table.ordinal};
    const SumsForm form{SumsBy::kClient, false};
    const auto session = live::Connect(config_.sources[table.source].endpoint);
    const auto source = ReadSourceSums(*session, *table.mapper, router->rules(), form, ranges);
    ASSERT_TRUE(source.ok()) << source.status().message();
    for (std::size_t i = 0; i < 2; ++i) {
      const auto sums = ReadShardSums(ShardSession(i), stored, router->rules(), form, ranges);
      ASSERT_TRUE(sums.ok());
      shards.insert(sums->begin(), sums->end());
    }
    EXPECT_EQ(*source, shards) << table.schema().name.Text();
  }
}

TEST_F(CertificateTest, WritesNotFenced_IsRefused) {
  Fence(0, false);
  Fence(1, false);
  OnSource(1, "SET GLOBAL read_only = 1");  // binds no administrator
  EXPECT_THAT(Certify().refused,
              AllOf(Contains(HasSubstr("source legacy_maria: writes were not fenced before the pass")),
                    Contains(HasSubstr("source legacy_mysql: writes were not fenced after the pass; "
                                       "run SET GLOBAL super_read_only = ON"))));
}

TEST_F(CertificateTest, FenceDroppedDuringThePass_IsRefused) {
  EXPECT_THAT(Certify([&] { Fence(0, false); }).refused,
              ElementsAre(HasSubstr("source legacy_maria: writes were not fenced after the pass")));
}

TEST_F(CertificateTest, WriterDuringThePass_IsRefused) {
  const auto write = [&](std::size_t source) {
    Fence(source, false);
    OnSource(source, "CREATE DATABASE written_meanwhile");
    OnSource(source, "DROP DATABASE written_meanwhile");
    Fence(source, true);
  };
  EXPECT_THAT(Certify([&] {
                write(0);
                write(1);
              }).refused,
              AllOf(Contains(HasSubstr("source legacy_maria: it was written to during the pass")),
                    Contains(HasSubstr("source legacy_mysql: it was written to during the pass"))));
}

TEST_F(CertificateTest, LaneBehindOrAbsentOrOfOtherMappings_IsRefused) {
  Unlogged(0, "UPDATE sl_lane SET applied = 'mariadb:mysqld-bin.000001:4' WHERE source = 'legacy_maria'");
  Unlogged(0, "UPDATE sl_lane SET applied = 'mysql:' WHERE source = 'legacy_mysql'");
  Unlogged(1, "DELETE FROM sl_lane WHERE source = 'legacy_maria'");
  Unlogged(1, "UPDATE sl_lane SET fingerprint = 'other' WHERE source = 'legacy_mysql'");
  EXPECT_THAT(Certify().refused,
              ElementsAre(HasSubstr("shard s0, lane of source legacy_maria: it is behind"),
                          HasSubstr("shard s0, lane of source legacy_mysql: it is behind"),
                          HasSubstr("shard s1, lane of source legacy_maria: there is no checkpoint"),
                          HasSubstr("shard s1, lane of source legacy_mysql: its checkpoint was written under other")));
}

TEST_F(CertificateTest, LanesOrRoutingThatMoveDuringThePass_AreRefused) {
  EXPECT_THAT(Certify([&] {
                Unlogged(0, "UPDATE sl_lane SET seq = seq + 1");
                Unlogged(1, "UPDATE sl_routing SET map_epoch = map_epoch + 1");
              }).refused,
              ElementsAre(HasSubstr("shard s0: its checkpoints moved during the pass"),
                          HasSubstr("shard s1: its routing or shard map changed during the pass"),
                          HasSubstr("shard s1: its shard map (epoch 2) is not the job's (epoch 1)")));
}

TEST_F(CertificateTest, PreparedXa_IsRefused) {
  for (std::size_t source = 0; source < 2; ++source) {
    Fence(source, false);
    const auto session = live::Connect(config_.sources[source].endpoint);
    live::SqlOn(*session, "CREATE TABLE IF NOT EXISTS push.xa_rows (id INT PRIMARY KEY)");
    live::SqlOn(*session, "XA START 'left'");
    live::SqlOn(*session, "INSERT INTO push.xa_rows VALUES (1)");
    live::SqlOn(*session, "XA END 'left'");
    live::SqlOn(*session, "XA PREPARE 'left'");
    StoreLanes();
    Fence(source, true);
    EXPECT_THAT(Certify().refused, Contains(HasSubstr(fmt::format("source {}: 1 prepared XA transactions before the "
                                                                  "pass",
                                                                  config_.sources[source].endpoint.name))));
    Fence(source, false);
    live::SqlOn(*session, "XA ROLLBACK 'left'");
    live::SqlOn(*session, "DROP TABLE push.xa_rows");
    Fence(source, true);
  }
}

TEST_F(CertificateTest, FindingsDeadLettersAndFindingsBeyondRows_AreRefused) {
  Unlogged(0, "UPDATE message SET body = 'changed' ORDER BY owner_table, owner_key LIMIT 1");
  Unlogged(1, "INSERT INTO sl_dead_letter VALUES (3, 999, x'00', 'legacy_maria', 'p', 'rejected', 'd', NOW(6))");
  EXPECT_THAT(Certify().refused,
              ElementsAre(HasSubstr("1 rows are wrong"), HasSubstr("1 rows are set aside as dead letters"),
                          HasSubstr("the check dead-letters found 1 things")));
}

TEST_F(CertificateTest, PassesThatLookAtLess_AndWhatTheCallerKnows_AreRefused) {
  claim_.pass = "sample";
  claim_.problems = {"another migrate runs"};
  EXPECT_THAT(Certify().refused, ElementsAre("another migrate runs", HasSubstr("not a full one (sample)")));
}

TEST_F(CertificateTest, RowChangedAfterItWasCompared_IsRefused) {
  EXPECT_THAT(Certify([&] {
                Unlogged(1, "UPDATE message SET body = 'changed' ORDER BY owner_table, owner_key LIMIT 1");
              }).refused,
              ElementsAre(HasSubstr("the sums over all its rows differ between source and shards")));
}

}  // namespace
}  // namespace shardlift::verify::testing
