// `shardlift config check|schema|reference`: the job file itself. Needs no server.
#include "job/config.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "cmd/commands.h"
#include "cmd/support.h"
#include "job/config_reference.h"

namespace shardlift::cmd {
namespace {

base::Result<std::string> Check(const std::string& path) {
  SL_ASSIGN(const job::JobConfig config, job::LoadJobConfig(path));
  return fmt::format("{}: job {}: {} sources, {} shards, {} mappings, fingerprint {}\n", config.path, config.name,
                     config.sources.size(), config.shards.size(), config.mappings.size(), config.fingerprint);
}

void AddCheck(CLI::App& config, int* exit_code) {
  CLI::App* const sub = config.add_subcommand("check", "Read a job file and all files it names; asks no server");
  const auto path = std::make_shared<std::string>();
  sub->add_option("-c,--config", *path, "Job file")->required()->type_name("JOB");
  sub->callback([path, exit_code] {
    const auto text = Check(*path);
    *exit_code = text.ok() ? Finish(*text, 0) : Fail(text.status());
  });
}

void AddSchemaOf(CLI::App& config, int* exit_code) {
  CLI::App* const sub = config.add_subcommand("schema", "Print the JSON Schema of job or mapping files");
  const auto file = std::make_shared<std::string>("job");
  sub->add_option("FILE", *file, "Which files")->check(CLI::IsMember({"job", "mapping"}))->capture_default_str();
  sub->callback([file, exit_code] { *exit_code = Finish(job::SchemaText(job::ConfigObject(*file)), 0); });
}

void AddReference(CLI::App& config, int* exit_code) {
  CLI::App* const sub =
      config.add_subcommand("reference", "Print every key of a job file with its meaning, as Markdown");
  const auto object = std::make_shared<std::string>();
  std::vector<std::string> names;
  for (const job::ObjectSpec& spec : job::ConfigObjects()) names.emplace_back(spec.name);
  sub->add_option("OBJECT", *object, "Only this object's keys")->check(CLI::IsMember(names));
  sub->callback([object, exit_code] {
    *exit_code = Finish(object->empty() ? job::ReferenceText() : job::ReferenceText(job::ConfigObject(*object)), 0);
  });
}

}  // namespace

void AddConfig(CLI::App& app, int* exit_code) {
  CLI::App* const config = app.add_subcommand("config", "Check a job file, or print what may stand in one");
  config->require_subcommand(1);
  AddCheck(*config, exit_code);
  AddSchemaOf(*config, exit_code);
  AddReference(*config, exit_code);
}

}  // namespace shardlift::cmd
