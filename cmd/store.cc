// `shardlift store rebuild|check`: the tables that follow from the messages.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "cmd/commands.h"
#include "cmd/support.h"
#include "job/config.h"
#include "mysql/session.h"
#include "store/derived.h"
#include "store/message_table.h"

namespace shardlift::cmd {
namespace {

using base::Code;
using base::Result;
using base::Status;
using Sessions = std::vector<std::unique_ptr<mysql::Session>>;

Result<Sessions> OpenShards(const job::JobConfig& config) {
  Sessions sessions;
  for (const job::ShardConfig& shard : config.shards) {
    mysql::SessionOptions options;
    options.database = shard.database;
    SL_ASSIGN(sessions.emplace_back(), mysql::Session::Open(shard.endpoint, options));
    SL_ASSIGN(const auto missing, store::MissingTables(*sessions.back(), shard.database));
    if (missing.empty()) continue;
    return Status(Code::kRefused, fmt::format("shard {}: table {} is missing; run shardlift schema apply -c {}",
                                              shard.endpoint.name, missing.front(), config.path));
  }
  return sessions;
}

std::vector<std::string> TablesOrAll(std::vector<std::string> tables) {
  if (tables.empty()) tables.assign(store::DerivedTables().begin(), store::DerivedTables().end());
  return tables;
}

// Once applications write, they move the cursors themselves, and messages no longer say where these are.
Status CheckCursorsAreOurs(const job::JobConfig& config, const Sessions& sessions) {
  for (std::size_t i = 0; i < sessions.size(); ++i) {
    SL_ASSIGN(const bool taken, store::HasNewMessages(*sessions[i]));
    if (!taken) continue;
    return Status(
        Code::kRefused,
        fmt::format("shard {}: it has messages that applications wrote, so read_cursor is theirs; rebuild the "
                    "others with --table conversation --table message_dedup",
                    config.shards[i].endpoint.name));
  }
  return base::Ok();
}

Result<std::string> Rebuild(const std::string& path, const std::vector<std::string>& tables) {
  SL_ASSIGN(const job::JobConfig config, job::LoadJobConfig(path));
  SL_ASSIGN(const Sessions sessions, OpenShards(config));
  if (std::find(tables.begin(), tables.end(), "read_cursor") != tables.end()) {
    SL_TRY(CheckCursorsAreOurs(config, sessions));
  }
  std::string text;
  for (std::size_t i = 0; i < sessions.size(); ++i) {
    for (const std::string& table : tables) {
      SL_ASSIGN(const std::uint64_t rows, store::RebuildDerived(*sessions[i], table));
      text += fmt::format("shard {}: {}: {} rows\n", config.shards[i].endpoint.name, table, rows);
    }
  }
  return text;
}

int Check(const std::string& path, const std::vector<std::string>& tables) {
  const auto config = job::LoadJobConfig(path);
  if (!config.ok()) return Fail(config.status());
  const auto sessions = OpenShards(*config);
  if (!sessions.ok()) return Fail(sessions.status());
  std::string text;
  bool clean = true;
  for (std::size_t i = 0; i < sessions->size(); ++i) {
    for (const std::string& table : tables) {
      const auto check = store::CheckDerived(*(*sessions)[i], table);
      if (!check.ok()) return Fail(check.status());
      clean = clean && check->clean();
      text += fmt::format("shard {}: {}: {}\n", config->shards[i].endpoint.name, table,
                          check->clean() ? "as the messages say"
                                         : fmt::format("{} rows are missing, {} do not follow from the messages",
                                                       check->missing, check->extra));
    }
  }
  if (!clean) text += fmt::format("next: shardlift store rebuild -c {} (before applications write)\n", path);
  return Finish(text, clean ? 0 : 1);
}

struct Arguments {
  std::string path;
  std::vector<std::string> tables;
};

std::shared_ptr<Arguments> AddArguments(CLI::App* sub) {
  const auto arguments = std::make_shared<Arguments>();
  const std::vector<std::string> names(store::DerivedTables().begin(), store::DerivedTables().end());
  sub->add_option("-c,--config", arguments->path, "Job file")->required()->type_name("JOB");
  sub->add_option("--table", arguments->tables, "Only this table; may be given again")->check(CLI::IsMember(names));
  return arguments;
}

}  // namespace

void AddStore(CLI::App& app, int* exit_code) {
  CLI::App* const store =
      app.add_subcommand("store", "The tables that follow from the messages: conversation, read_cursor, message_dedup");
  store->require_subcommand(1);
  CLI::App* const rebuild =
      store->add_subcommand("rebuild", "Compute them from the messages; for the time between catch-up and cut-over");
  const auto to_rebuild = AddArguments(rebuild);
  rebuild->callback([to_rebuild, exit_code] {
    const auto text = Rebuild(to_rebuild->path, TablesOrAll(to_rebuild->tables));
    *exit_code = text.ok() ? Finish(*text, 0) : Fail(text.status());
  });
  CLI::App* const check =
      store->add_subcommand("check", "Compute them again and compare; exit code 1 when they differ");
  const auto to_check = AddArguments(check);
  check->callback([to_check, exit_code] { *exit_code = Check(to_check->path, TablesOrAll(to_check->tables)); });
}

}  // namespace shardlift::cmd
