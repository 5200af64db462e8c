// `shardlift plan`: what a job would move, and what stands in its way. Writes nothing.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>

#include "base/progress.h"
#include "cmd/commands.h"
#include "cmd/plan_mapping.h"
#include "cmd/plan_tables.h"
#include "cmd/schemas.h"
#include "cmd/support.h"
#include "job/config.h"
#include "job/preflight.h"
#include "job/routing.h"

namespace shardlift::cmd {
namespace {

using Json = nlohmann::ordered_json;

struct Plan {
  job::JobConfig config;
  std::optional<store::Router> router;
  std::vector<PlannedTable> tables;
  std::vector<SchemaState> schemas;  // per shard
  std::optional<MappingReport> mappings;
};

// With `explain` a mapping that cannot be used is part of the plan, which then ends there.
base::Result<Plan> MakePlan(const std::string& path, bool explain) {
  Plan plan;
  SL_ASSIGN(plan.config, job::LoadJobConfig(path));
  SL_ASSIGN(plan.router, job::MakeRouter(plan.config.routing));
  SL_TRY(job::CheckServers(plan.config));
  if (explain) {
    SL_ASSIGN(plan.mappings, ExplainMappings(plan.config));
    if (!plan.mappings->usable()) return plan;
  }
  SL_ASSIGN(plan.schemas, CompareSchemas(plan.config));
  SL_TRY(job::CheckStoredRules(plan.config, *plan.router));
  SL_ASSIGN(plan.tables, PlanTables(plan.config));
  return plan;
}

std::vector<std::string> NextSteps(const Plan& plan) {
  std::vector<std::string> steps;
  for (const PlannedTable& table : plan.tables) {
    if (table.notes.empty()) continue;
    steps.emplace_back("read the notes: these conversions may lose something");
    break;
  }
  for (const SchemaState state : plan.schemas) {
    if (state != SchemaState::kMissing) continue;
    steps.push_back(fmt::format("shardlift schema apply -c {} (migrate does it too)", plan.config.path));
    break;
  }
  steps.push_back(fmt::format("shardlift migrate -c {}", plan.config.path));
  return steps;
}

Json ColumnsJson(const mapping::MappingExplanation& e) {
  Json columns = Json::array();
  for (const mapping::ColumnExplanation& c : e.columns) {
    columns.push_back({{"target", c.target},
                       {"expression", c.expression},
                       {"default", c.is_default},
                       {"source_columns", c.sources},
                       {"risks", c.risks},
                       {"lossy", c.conversions}});
  }
  return columns;
}

Json MappingsJson(const MappingReport& report) {
  Json mappings = Json::array();
  for (const ExplainedTables& group : report.groups) {
    const mapping::MappingExplanation& e = group.explanation;
    Json sources = Json::array();
    for (const auto& s : e.sources) {
      sources.push_back({{"column", s.column}, {"type", s.column_type}, {"fate", s.fate}});
    }
    Json key = Json::array();
    for (const auto& part : e.key) {
      key.push_back({{"column", part.column},
                     {"type", part.column_type},
                     {"encoding", part.bytes},
                     {"bytes_max", part.bytes_max}});
    }
    mappings.push_back({{"mapping", group.mapping},
                        {"target", group.target},
                        {"tables", group.tables},
                        {"columns", ColumnsJson(e)},
                        {"source_columns", std::move(sources)},
                        {"owner_key", std::move(key)},
                        {"owner_is_injective", !e.owner_argument.empty()},
                        {"owner_argument", e.owner_argument},
                        {"way_back", e.way_back},
                        {"problems", e.problems}});
  }
  return mappings;
}

Json GapsJson(const MappingReport& report) {
  Json gaps = Json::array();
  for (const PatternGap& gap : report.gaps) {
    gaps.push_back(
        {{"mapping", gap.mapping}, {"match", gap.pattern}, {"tables", gap.tables}, {"missing", gap.missing}});
  }
  return gaps;
}

std::string Dumped(const Json& json) { return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"; }

constexpr const char* kCorrectMappings = "correct the mappings: each problem names its mapping and column";

std::string UnusableJson(const Plan& plan) {
  return Dumped({{"schema", "shardlift.plan/1"},
                 {"job", plan.config.name},
                 {"mappings", MappingsJson(*plan.mappings)},
                 {"problems", plan.mappings->problems},
                 {"error", {{"code", "usage"}, {"message", kCorrectMappings}, {"exit_code", 2}}},
                 {"next_steps", {kCorrectMappings}}});
}

// How verify checks the column `bucket` (docs/routing.md).
constexpr const char* kBucketsByClient =
    "no SQL computes this strategy: verify computes the buckets itself, from the account columns of both sides";

Json RoutingJson(const store::Router& router) {
  const store::RoutingRules& rules = router.rules().rules();
  return {{"version", rules.version},
          {"strategy", store::StrategyName(rules.strategy)},
          {"buckets", rules.buckets},
          {"pinned_biz_tags", rules.pinned_tags.size()},
          {"listed_accounts", rules.lookup.size()},
          {"buckets_checked_by", router.rules().has_sql() ? "sql" : "client"},
          {"map_epoch", router.epoch()}};
}

std::string RoutingText(const store::Router& router) {
  const store::RoutingRules& rules = router.rules().rules();
  std::string text = fmt::format("{}, {} buckets, routing version {}, shard map epoch {}",
                                 store::StrategyName(rules.strategy), rules.buckets, rules.version, router.epoch());
  if (!rules.ranges.empty()) text += fmt::format(", {} ranges", rules.ranges.size());
  if (!rules.lookup.empty()) text += fmt::format(", {} listed accounts", rules.lookup.size());
  for (const store::PinnedTag& pin : rules.pinned_tags) {
    text += fmt::format("\npinned: biz tag {} to buckets {}-{}", pin.biz_tag, pin.first, pin.first + pin.buckets - 1);
  }
  if (!router.rules().has_sql()) text += fmt::format("\nnote: {}", kBucketsByClient);
  return text + "\n";
}

std::string PlanJson(const Plan& plan) {
  Json tables = Json::array();
  std::uint64_t rows = 0;
  for (const PlannedTable& t : plan.tables) {
    rows += t.rows_estimate;
    tables.push_back({{"mapping", t.mapping},
                      {"source", t.source},
                      {"table", t.table},
                      {"target", t.target},
                      {"ordinal", t.ordinal ? Json(*t.ordinal) : Json(nullptr)},
                      {"rows_estimate", t.rows_estimate},
                      {"key", t.key},
                      {"where", t.where},
                      {"notes", t.notes}});
  }
  Json shards = Json::array();
  for (std::size_t i = 0; i < plan.config.shards.size(); ++i) {
    std::uint64_t buckets = 0;
    for (const store::BucketRange& range : plan.config.routing.ranges) {
      if (range.shard == i) buckets += range.last - range.first + 1;
    }
    shards.push_back({{"shard", plan.config.shards[i].endpoint.name},
                      {"database", plan.config.shards[i].database},
                      {"buckets", buckets},
                      {"schema", plan.schemas[i] == SchemaState::kComplete ? "complete" : "missing"}});
  }
  Json out{{"schema", "shardlift.plan/1"},         {"job", plan.config.name}, {"fingerprint", plan.config.fingerprint},
           {"routing", RoutingJson(*plan.router)}, {"rows_estimate", rows},   {"tables", std::move(tables)},
           {"shards", std::move(shards)}};
  if (plan.mappings) {
    out["mappings"] = MappingsJson(*plan.mappings);
    out["gaps"] = GapsJson(*plan.mappings);
  }
  out["next_steps"] = NextSteps(plan);
  return Dumped(out);
}

// A note that is the same for many tables is printed once per mapping.
std::string NotesText(const Plan& plan) {
  std::string text;
  std::set<std::pair<std::string, std::string>> seen;
  for (const PlannedTable& table : plan.tables) {
    for (const std::string& note : table.notes) {
      if (seen.emplace(table.mapping, note).second) text += fmt::format("note: mapping {}: {}\n", table.mapping, note);
    }
  }
  return text;
}

std::string PlanText(const Plan& plan) {
  std::uint64_t rows = 0;
  std::string text = fmt::format("job {}: {}", plan.config.name, RoutingText(*plan.router));
  text += fmt::format("{:<12}{:<12}{:<28}{:>8}{:>16}  {}\n", "mapping", "source", "table", "ordinal", "rows (about)",
                      "key");
  for (const PlannedTable& t : plan.tables) {
    rows += t.rows_estimate;
    text += fmt::format("{:<12}{:<12}{:<28}{:>8}{:>16}  {}{}\n", t.mapping, t.source, t.table,
                        t.ordinal ? fmt::format("{}", *t.ordinal) : "new", base::FormatCount(t.rows_estimate),
                        fmt::join(t.key, ", "),
                        (t.where.empty() ? "" : "; where " + t.where) +
                            (t.target == store::MessageTarget()->name ? "" : "; into " + t.target));
  }
  text += fmt::format("{} tables, about {} rows\n", plan.tables.size(), base::FormatCount(rows));
  for (std::size_t i = 0; i < plan.config.shards.size(); ++i) {
    text +=
        fmt::format("shard {}: database {}, schema {}\n", plan.config.shards[i].endpoint.name,
                    plan.config.shards[i].database, plan.schemas[i] == SchemaState::kComplete ? "complete" : "missing");
  }
  text += NotesText(plan);
  for (const std::string& step : NextSteps(plan)) text += "next: " + step + "\n";
  return text;
}

}  // namespace

void AddPlan(CLI::App& app, int* exit_code) {
  CLI::App* const sub =
      app.add_subcommand("plan", "Check servers and mappings and show what would be moved; writes nothing");
  const auto path = std::make_shared<std::string>();
  const auto json = std::make_shared<bool>(false);
  sub->add_option("-c,--config", *path, "Job file")->required()->type_name("JOB");
  sub->add_flag("--json", *json, "Print the plan as JSON");
  const auto explain = std::make_shared<bool>(false);
  sub->add_flag("--explain-mapping", *explain,
                "Show what becomes of each column, what may be lost, and why no two legacy rows become one");
  sub->callback([path, json, explain, exit_code] {
    const auto plan = MakePlan(*path, *explain);
    if (!plan.ok()) {
      *exit_code = Fail(plan.status(), *json ? "plan" : "");
    } else if (plan->mappings && !plan->mappings->usable()) {
      *exit_code =
          Finish(*json ? UnusableJson(*plan) : MappingText(*plan->mappings) + "next: " + kCorrectMappings + "\n", 2);
    } else {
      *exit_code =
          Finish(*json ? PlanJson(*plan) : (plan->mappings ? MappingText(*plan->mappings) : "") + PlanText(*plan), 0);
    }
  });
}

}  // namespace shardlift::cmd
