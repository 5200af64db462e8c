// `shardlift route`: where the messages of an account live, why, and the SQL that says the same.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <fstream>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cmd/commands.h"
#include "cmd/route_simulate.h"
#include "cmd/support.h"
#include "job/config.h"
#include "job/routing.h"
#include "mysql/session.h"
#include "store/message_table.h"
#include "store/router.h"

namespace shardlift::cmd {
namespace {

using base::Code;
using base::Result;
using base::Status;
using Json = nlohmann::ordered_json;

constexpr std::uint32_t kSimulatedIds = 100'000;
constexpr std::uint32_t kNoBizTag = 65536;  // biz tags have 16 bits: a number that no rules pin

struct RouteFlags {
  std::string job_path;  // empty: the defaults, or what the flags say; no shards
  std::string hash;
  std::uint32_t buckets = 0;
  std::uint32_t tables = 1;
  std::uint32_t biz_tag = kNoBizTag;
  std::vector<std::string> keys;
  std::vector<std::string> layouts;
  std::string keys_path;
  bool json = false;
};

struct Route {
  SimulatedKey key;
  store::BucketRules::Explanation why;
  std::string shard;  // empty: no job file
  std::uint32_t table = 0;
  std::string sql;  // empty: none computes it
};

struct Routes {
  std::uint32_t tables = 1;
  std::vector<std::uint32_t> other_tags;  // pinned, while the question was about no tag
  std::vector<Route> routes;
};

// A literal that anyone can read where the key is plain; hexadecimal where quoting rules could matter.
std::string KeyLiteral(const std::string& key) {
  const bool plain =
      std::all_of(key.begin(), key.end(), [](char c) { return c >= 0x20 && c < 0x7f && c != '\'' && c != '\\'; });
  return plain ? "'" + key + "'" : mysql::HexLiteral(key);
}

Result<SimulatedKey> ParseKey(std::string_view text) {
  const auto columns = store::MessageColumns();
  const auto type_max = columns[store::MessageColumnIndex("account_type")].limit;
  const auto key_max = columns[store::MessageColumnIndex("account_key")].limit;
  const std::size_t colon = text.find(':');
  std::uint32_t type = 0;
  if (colon != std::string_view::npos) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + colon, type);
    const std::string_view key = text.substr(colon + 1);
    if (error == std::errc() && end == text.data() + colon && type <= type_max && !key.empty() &&
        key.size() <= key_max) {
      return SimulatedKey{type, std::string(key)};
    }
  }
  return Status(Code::kUsage, fmt::format("a key is TYPE:KEY with an account type from 0 to {} and 1 to {} bytes of "
                                          "account key, for example 1:10045",
                                          type_max, key_max));
}

Result<store::RoutingRules> RulesOfFlags(const RouteFlags& flags) {
  store::RoutingRules rules;
  if (!flags.hash.empty()) {
    const auto strategy = store::StrategyNamed(flags.hash);
    if (!strategy || *strategy == store::Strategy::kRange || *strategy == store::Strategy::kLookup) {
      return Status(Code::kUsage, "--hash is crc32-fmix32, xxh3 or modulo; range and lookup need a job file (-c)");
    }
    rules.strategy = *strategy;
  }
  if (flags.buckets != 0) rules.buckets = flags.buckets;
  rules.tables = flags.tables;
  return rules;
}

Result<store::RoutingRules> Rules(const RouteFlags& flags, std::optional<job::JobConfig>* config) {
  if (flags.job_path.empty()) return RulesOfFlags(flags);
  SL_ASSIGN(*config, job::LoadJobConfig(flags.job_path));
  store::RoutingRules rules = (*config)->routing.rules;
  rules.tables = flags.tables;
  return rules;
}

Result<Routes> ComputeRoutes(const RouteFlags& flags) {
  std::optional<job::JobConfig> config;
  SL_ASSIGN(const store::RoutingRules rules, Rules(flags, &config));
  SL_ASSIGN(const store::BucketRules checked, store::BucketRules::Create(rules));
  job::RoutingConfig routing;
  if (config) routing = config->routing;
  if (!config) routing.ranges = store::Router::EqualRanges(checked, 1);
  routing.rules = rules;
  SL_ASSIGN(const store::Router router, job::MakeRouter(routing));
  Routes result{rules.tables, {}, {}};
  for (const store::PinnedTag& pin : rules.pinned_tags) {
    if (flags.biz_tag == kNoBizTag) result.other_tags.push_back(pin.biz_tag);
  }
  for (const std::string& text : flags.keys) {
    Route route;
    SL_ASSIGN(route.key, ParseKey(text));
    const store::AccountKey key{route.key.account_type, route.key.account_key, flags.biz_tag};
    route.why = checked.Explain(key);
    const store::Place place = router.Route(key);
    if (!place.found()) return Status(Code::kUsage, fmt::format("the key has no bucket: {}", route.why.reason));
    route.table = place.table;
    if (config) route.shard = config->shards[place.shard].endpoint.name;
    const auto sql =
        checked.Sql(std::to_string(key.account_type), KeyLiteral(route.key.account_key), std::to_string(flags.biz_tag));
    if (sql.ok()) route.sql = fmt::format("SELECT {} AS bucket", sql.value());
    result.routes.push_back(std::move(route));
  }
  return result;
}

std::string Document(Json body) {
  Json out{{"schema", "shardlift.route/1"}};
  out.update(body);
  out["next_steps"] = Json::array();
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string RoutesJson(const Routes& routes) {
  Json list = Json::array();
  for (const Route& r : routes.routes) {
    Json one{{"account_type", r.key.account_type}, {"account_key", r.key.account_key}, {"key_bytes", r.why.key_bytes}};
    if (r.why.hash) one["hash"] = *r.why.hash;
    one["rule"] = r.why.reason;
    one["bucket"] = r.why.bucket;
    if (!r.shard.empty()) one["shard"] = r.shard;
    if (routes.tables > 1) one["table"] = r.table;
    one["sql"] = r.sql.empty() ? Json() : Json(r.sql);
    list.push_back(std::move(one));
  }
  return Document({{"routes", std::move(list)}, {"pinned_elsewhere", routes.other_tags}});
}

std::string RoutesText(const Routes& routes) {
  std::string text;
  for (const Route& r : routes.routes) {
    text += fmt::format("key bytes {}  {}  ", r.why.key_bytes, r.why.reason);
    if (r.why.hash) text += fmt::format("hash 0x{:0{}x}  ", *r.why.hash, *r.why.hash >> 32 == 0 ? 8 : 16);
    text += fmt::format("bucket {}", r.why.bucket);
    if (!r.shard.empty()) text += "  shard " + r.shard;
    if (routes.tables > 1) text += fmt::format("  table {}", r.table);
    text += r.sql.empty() ? "\n  no SQL computes it\n" : "\n  " + r.sql + ";\n";
  }
  if (!routes.other_tags.empty()) {
    text += fmt::format("messages with biz tag {} lie elsewhere: see --biz-tag\n", fmt::join(routes.other_tags, ", "));
  }
  return text;
}

Result<std::vector<SimulatedKey>> ReadKeys(const std::string& path) {
  std::ifstream file;
  if (path != "-") file.open(path);
  std::istream& in = path == "-" ? std::cin : file;
  if (!in) return Status(Code::kEnvironment, fmt::format("{} cannot be read", path));
  std::vector<SimulatedKey> keys;
  for (std::string line; std::getline(in, line);) {
    auto key = ParseKey(line);
    if (!key.ok()) return key.status().WithContext(fmt::format("{}: line {}", path, keys.size() + 1));
    keys.push_back(std::move(key).value());
  }
  if (keys.empty()) return Status(Code::kUsage, fmt::format("{} holds no keys", path));
  return keys;
}

Result<std::string> RunSimulation(const RouteFlags& flags) {
  std::optional<job::JobConfig> config;
  SL_ASSIGN(const store::RoutingRules rules, Rules(flags, &config));
  std::vector<store::Layout> layouts(flags.layouts.size());
  for (std::size_t i = 0; i < layouts.size(); ++i) {
    if (!store::ParseLayout(flags.layouts[i], &layouts[i])) {
      return Status(Code::kUsage, fmt::format("--simulate: {} is no layout; it is DATABASESxTABLES, for example 8x32",
                                              flags.layouts[i]));
    }
  }
  std::vector<SimulatedKey> keys;
  if (!flags.keys_path.empty()) {
    SL_ASSIGN(keys, ReadKeys(flags.keys_path));
  } else {
    for (std::uint32_t id = 1; id <= kSimulatedIds; ++id) keys.push_back({1, std::to_string(id)});
  }
  SL_ASSIGN(const Simulation simulation,
            Simulate(rules, layouts, keys,
                     flags.keys_path.empty() ? fmt::format("1:1 to 1:{}", kSimulatedIds) : flags.keys_path));
  return flags.json ? Document({{"simulation", SimulationJson(simulation)}}) : SimulationText(simulation);
}

Result<std::string> RunRoute(const RouteFlags& flags) {
  if (!flags.layouts.empty()) {
    if (!flags.keys.empty()) return Status(Code::kUsage, "--simulate takes its keys from --keys FILE, not one by one");
    return RunSimulation(flags);
  }
  if (flags.keys.empty()) return Status(Code::kUsage, "name a KEY (TYPE:KEY, for example 1:10045), or --simulate");
  SL_ASSIGN(const Routes routes, ComputeRoutes(flags));
  return flags.json ? RoutesJson(routes) : RoutesText(routes);
}

}  // namespace

void AddRoute(CLI::App& app, int* exit_code) {
  CLI::App* const sub = app.add_subcommand(
      "route",
      "Print bucket, shard and table of accounts, why, and the SQL that computes the bucket; or simulate layouts");
  const auto flags = std::make_shared<RouteFlags>();
  CLI::Option* const job =
      sub->add_option("-c,--config", flags->job_path, "Job file; without it the default rules and no shard");
  job->type_name("JOB");
  sub->add_option("--hash", flags->hash, "crc32-fmix32 (default), xxh3 or modulo")->type_name("NAME")->excludes(job);
  sub->add_option("--buckets", flags->buckets, "Default 4096")->type_name("N")->excludes(job);
  sub->add_option("--tables", flags->tables, "Physical tables of a shard: table = bucket % N")->type_name("N");
  sub->add_option("--biz-tag", flags->biz_tag, "Biz tag of the messages; default: one that is not pinned")
      ->type_name("N")
      ->check(CLI::Range(0u, kNoBizTag - 1))
      ->needs(job);
  sub->add_option("--simulate", flags->layouts,
                  "Layouts, one after the other: DATABASESxTABLES, for example 8x32 16x32")
      ->type_name("LAYOUT");
  sub->add_option("--keys", flags->keys_path, "Keys of --simulate, TYPE:KEY in each line; - is standard input")
      ->type_name("FILE");
  sub->add_flag("--json", flags->json, "Print JSON");
  sub->add_option("KEY", flags->keys, "TYPE:KEY, for example 1:10045")->type_name("");
  sub->callback([flags, exit_code] {
    const auto text = RunRoute(*flags);
    *exit_code = text.ok() ? Finish(*text, 0) : Fail(text.status(), flags->json ? "route" : "");
  });
}

}  // namespace shardlift::cmd
