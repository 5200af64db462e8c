// `shardlift schema print|diff|apply`: the message store's tables.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "cmd/commands.h"
#include "cmd/schemas.h"
#include "cmd/support.h"
#include "job/config.h"
#include "job/targets.h"
#include "store/custom_table.h"
#include "store/message_table.h"

namespace shardlift::cmd {
namespace {

using Json = nlohmann::ordered_json;
using Differences = std::vector<std::vector<store::Difference>>;  // one list per shard

// Needs no server, but for targets that are like a source's tables: the same statements serve both flavours.
base::Result<std::string> PrintSchema(const std::string& path) {
  SL_ASSIGN(const job::JobConfig config, job::LoadJobConfig(path));
  std::string text = fmt::format("-- for each of the {} shards of job {}\n", config.shards.size(), config.name);
  for (const std::string& statement : store::ShardDdl(mysql::Flavour::kMySql)) text += statement + ";\n\n";
  SL_ASSIGN(const auto own, job::TargetDefinitions(config));
  for (const store::CustomTable& table : own) text += store::CreateCustomSql(table, "") + ";\n\n";
  return text;
}

std::size_t CountOf(const std::vector<store::Difference>& differences) {
  return static_cast<std::size_t>(std::count_if(differences.begin(), differences.end(), [](const auto& difference) {
    return difference.remedy != store::Remedy::kNone;
  }));
}

std::size_t CountOf(const Differences& shards) {
  std::size_t count = 0;
  for (const auto& differences : shards) count += CountOf(differences);
  return count;
}

std::string NameOf(const store::Difference& difference) {
  return difference.name.empty() ? difference.table : difference.table + "." + difference.name;
}

// SQL as a whole: what is not a statement is a comment.
std::string DiffText(const job::JobConfig& config, const Differences& shards) {
  std::string text;
  for (std::size_t i = 0; i < shards.size(); ++i) {
    const std::string& database = config.shards[i].database;
    const std::size_t count = CountOf(shards[i]);
    text += fmt::format("-- shard {} ({}): {}\n", config.shards[i].endpoint.name, database,
                        count == 0 ? "same" : fmt::format("{} differences", count));
    for (const store::Difference& difference : shards[i]) {
      text += fmt::format("--   {}: {}{}\n", NameOf(difference), difference.what,
                          difference.remedy == store::Remedy::kNone
                              ? fmt::format("; it costs time on each write: {}", difference.clause)
                              : fmt::format(" [{}]", store::RemedyName(difference.remedy)));
    }
    for (const std::string& statement : store::StatementsFor(database, shards[i])) text += statement + ";\n";
  }
  return text;
}

std::string DiffJson(const job::JobConfig& config, const Differences& shards) {
  Json list = Json::array();
  bool only_missing = true;
  for (std::size_t i = 0; i < shards.size(); ++i) {
    Json found = Json::array();
    for (const store::Difference& d : shards[i]) {
      only_missing = only_missing && d.remedy != store::Remedy::kChange && d.remedy != store::Remedy::kDrop;
      found.push_back(
          {{"table", d.table}, {"name", d.name}, {"what", d.what}, {"remedy", store::RemedyName(d.remedy)}});
    }
    list.push_back({{"shard", config.shards[i].endpoint.name},
                    {"database", config.shards[i].database},
                    {"same", CountOf(shards[i]) == 0},
                    {"differences", std::move(found)},
                    {"statements", store::StatementsFor(config.shards[i].database, shards[i])}});
  }
  Json steps = Json::array();
  if (CountOf(shards) > 0) {
    steps.push_back(only_missing ? fmt::format("shardlift schema apply -c {}", config.path)
                                 : "run the statements yourself: schema apply only creates and adds");
  }
  const Json out{{"schema", "shardlift.schema-diff/1"},
                 {"job", config.name},
                 {"same", CountOf(shards) == 0},
                 {"shards", std::move(list)},
                 {"next_steps", std::move(steps)}};
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

base::Result<std::string> ApplySchema(const std::string& path) {
  SL_ASSIGN(const job::JobConfig config, job::LoadJobConfig(path));
  SL_ASSIGN(const Differences before, DiffSchemas(config));
  SL_TRY(AddMissing(config, before));
  SL_ASSIGN(const Differences after, DiffSchemas(config));
  std::string text;
  for (std::size_t i = 0; i < config.shards.size(); ++i) {
    text +=
        fmt::format("shard {} ({}): {}\n", config.shards[i].endpoint.name, config.shards[i].database,
                    CountOf(before[i]) == 0 ? "complete already"
                                            : fmt::format("{} tables, columns and keys created", CountOf(before[i])));
  }
  if (CountOf(after) == 0) return text;
  return base::Status(base::Code::kRefused,
                      "the shards still differ right after they were brought to their definitions: "
                      "see whether another program changes them, then run shardlift schema diff");
}

int RunDiff(const std::string& path, bool json) {
  const auto config = job::LoadJobConfig(path);
  if (!config.ok()) return Fail(config.status(), json ? "schema-diff" : "");
  const auto shards = DiffSchemas(*config);
  if (!shards.ok()) return Fail(shards.status(), json ? "schema-diff" : "");
  return Finish(json ? DiffJson(*config, *shards) : DiffText(*config, *shards), CountOf(*shards) == 0 ? 0 : 1);
}

void AddOne(CLI::App& parent, const char* name, const char* description,
            base::Result<std::string> (*run)(const std::string&), int* exit_code) {
  CLI::App* const sub = parent.add_subcommand(name, description);
  const auto path = std::make_shared<std::string>();
  sub->add_option("-c,--config", *path, "Job file")->required()->type_name("JOB");
  sub->callback([path, run, exit_code] {
    const auto text = run(*path);
    *exit_code = text.ok() ? Finish(*text, 0) : Fail(text.status());
  });
}

}  // namespace

void AddSchema(CLI::App& app, int* exit_code) {
  CLI::App* const schema =
      app.add_subcommand("schema", "Print, compare or create the message store's tables on the shards");
  schema->require_subcommand(1);
  AddOne(*schema, "print", "Print the CREATE TABLE statements", PrintSchema, exit_code);
  CLI::App* const diff = schema->add_subcommand(
      "diff",
      "Compare the shards with the wanted tables and print what would make them equal; exit code 1 when they "
      "differ");
  const auto path = std::make_shared<std::string>();
  const auto json = std::make_shared<bool>(false);
  diff->add_option("-c,--config", *path, "Job file")->required()->type_name("JOB");
  diff->add_flag("--json", *json, "Print the differences as JSON");
  diff->callback([path, json, exit_code] { *exit_code = RunDiff(*path, *json); });
  AddOne(*schema, "apply",
         "Create and add what is missing; refuses (exit code 4) when anything would have to be changed or dropped",
         ApplySchema, exit_code);
}

}  // namespace shardlift::cmd
