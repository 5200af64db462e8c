// `shardlift schema print|apply`: the message store's tables.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "cmd/commands.h"
#include "cmd/schemas.h"
#include "cmd/support.h"
#include "job/config.h"
#include "store/message_table.h"

namespace shardlift::cmd {
namespace {

// Needs no server: the same statements serve both flavours.
base::Result<std::string> PrintSchema(const std::string& path) {
  SL_ASSIGN(const job::JobConfig config, job::LoadJobConfig(path));
  std::string text = fmt::format("-- for each of the {} shards of job {}\n", config.shards.size(), config.name);
  for (const std::string& statement : store::ShardDdl(mysql::Flavour::kMySql)) text += statement + ";\n\n";
  return text;
}

base::Result<std::string> ApplySchema(const std::string& path) {
  SL_ASSIGN(const job::JobConfig config, job::LoadJobConfig(path));
  SL_ASSIGN(const auto before, CompareSchemas(config));
  SL_TRY(ApplySchemas(config));
  std::string text;
  for (std::size_t i = 0; i < config.shards.size(); ++i) {
    text += fmt::format("shard {} ({}): {}\n", config.shards[i].endpoint.name, config.shards[i].database,
                        before[i] == SchemaState::kComplete ? "complete already" : "created");
  }
  return text;
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
  CLI::App* const schema = app.add_subcommand("schema", "Print or create the message store's tables on the shards");
  schema->require_subcommand(1);
  AddOne(*schema, "print", "Print the CREATE TABLE statements", PrintSchema, exit_code);
  AddOne(*schema, "apply", "Create missing tables; refuses when a table is there with other columns", ApplySchema,
         exit_code);
}

}  // namespace shardlift::cmd
