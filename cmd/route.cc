// `shardlift route`: where the messages of an account live, and the SQL that says the same.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cmd/commands.h"
#include "cmd/support.h"
#include "job/config.h"
#include "mysql/session.h"
#include "store/message_table.h"
#include "store/router.h"

namespace shardlift::cmd {
namespace {

using base::Code;
using base::Result;
using base::Status;
using Json = nlohmann::ordered_json;

struct RouteFlags {
  std::string job_path;  // empty: default buckets, no shards
  std::vector<std::string> keys;
  bool json = false;
};

struct Route {
  std::uint32_t account_type = 0;
  std::string account_key;
  std::uint32_t hash = 0;
  std::uint32_t bucket = 0;
  std::string shard;  // empty: no job file
  std::string sql;
};

// A literal that anyone can read where the key is plain; hexadecimal where quoting rules could matter.
std::string KeyLiteral(const std::string& key) {
  const bool plain =
      std::all_of(key.begin(), key.end(), [](char c) { return c >= 0x20 && c < 0x7f && c != '\'' && c != '\\'; });
  return plain ? "'" + key + "'" : mysql::HexLiteral(key);
}

Result<Route> ParseKey(const std::string& text) {
  const auto columns = store::MessageColumns();
  const auto type_max = columns[store::MessageColumnIndex("account_type")].limit;
  const auto key_max = columns[store::MessageColumnIndex("account_key")].limit;
  const std::size_t colon = text.find(':');
  Route route;
  std::uint32_t type = 0;
  if (colon != std::string::npos) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + colon, type);
    route.account_key = text.substr(colon + 1);
    if (error == std::errc() && end == text.data() + colon && type <= type_max && !route.account_key.empty() &&
        route.account_key.size() <= key_max) {
      route.account_type = type;
      return route;
    }
  }
  return Status(Code::kUsage, fmt::format("a key is TYPE:KEY with an account type from 0 to {} and 1 to {} bytes of "
                                          "account key, for example 1:10045",
                                          type_max, key_max));
}

Result<std::vector<Route>> ComputeRoutes(const RouteFlags& flags) {
  std::optional<job::JobConfig> config;
  std::uint32_t buckets = store::kBucketsDefault;
  std::vector<store::BucketRange> ranges = store::Router::EqualRanges(buckets, 1);
  if (!flags.job_path.empty()) {
    SL_ASSIGN(config, job::LoadJobConfig(flags.job_path));
    buckets = config->routing.buckets;
    ranges = config->routing.ranges;
  }
  SL_ASSIGN(const store::Router router, store::Router::Create(buckets, ranges));
  std::vector<Route> routes;
  for (const std::string& key : flags.keys) {
    SL_ASSIGN(Route route, ParseKey(key));
    route.hash = store::RoutingHash(route.account_type, route.account_key);
    route.bucket = router.BucketOf(route.account_type, route.account_key);
    if (config) route.shard = config->shards[router.ShardOf(route.bucket)].endpoint.name;
    route.sql = fmt::format("SELECT {} AS bucket", store::BucketSql(std::to_string(route.account_type),
                                                                    KeyLiteral(route.account_key), router.buckets()));
    routes.push_back(std::move(route));
  }
  return routes;
}

std::string RoutesJson(const std::vector<Route>& routes) {
  Json list = Json::array();
  for (const Route& r : routes) {
    Json one{{"account_type", r.account_type},
             {"account_key", r.account_key},
             {"key_bytes", fmt::format("{}:{}", r.account_type, r.account_key)},
             {"hash", r.hash},
             {"bucket", r.bucket}};
    if (!r.shard.empty()) one["shard"] = r.shard;
    one["sql"] = r.sql;
    list.push_back(std::move(one));
  }
  const Json out{{"schema", "shardlift.route/1"}, {"routes", std::move(list)}, {"next_steps", Json::array()}};
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string RoutesText(const std::vector<Route>& routes) {
  std::string text;
  for (const Route& r : routes) {
    text += fmt::format("key bytes {}:{}  hash 0x{:08x}  bucket {}", r.account_type, r.account_key, r.hash, r.bucket);
    if (!r.shard.empty()) text += "  shard " + r.shard;
    text += "\n  " + r.sql + ";\n";
  }
  return text;
}

}  // namespace

void AddRoute(CLI::App& app, int* exit_code) {
  CLI::App* const sub =
      app.add_subcommand("route", "Print hash, bucket and shard of accounts, and the SQL that computes the bucket");
  const auto flags = std::make_shared<RouteFlags>();
  sub->add_option("-c,--config", flags->job_path, "Job file; without it 4096 buckets and no shard")->type_name("JOB");
  sub->add_flag("--json", flags->json, "Print JSON");
  sub->add_option("KEY", flags->keys, "TYPE:KEY, for example 1:10045")->required()->type_name("");
  sub->callback([flags, exit_code] {
    const auto routes = ComputeRoutes(*flags);
    *exit_code = routes.ok() ? Finish(flags->json ? RoutesJson(*routes) : RoutesText(*routes), 0)
                             : Fail(routes.status(), flags->json ? "route" : "");
  });
}

}  // namespace shardlift::cmd
