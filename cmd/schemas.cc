#include "cmd/schemas.h"

#include <memory>
#include <string>

#include "job/targets.h"
#include "mysql/session.h"
#include "store/message_table.h"

namespace shardlift::cmd {
namespace {

using base::Result;
using base::Status;

Result<std::unique_ptr<mysql::Session>> OpenShard(const job::ShardConfig& shard) {
  auto session = mysql::Session::Open(shard.endpoint, mysql::SessionOptions());
  if (!session.ok()) return session.status().WithContext("shard " + shard.endpoint.name);
  return session;
}

Result<SchemaState> CompareOne(const job::ShardConfig& shard, const std::vector<store::CustomTable>& own) {
  SL_ASSIGN(const auto session, OpenShard(shard));
  SL_ASSIGN(const auto missing, store::MissingTables(*session, shard.database, own));
  return missing.empty() ? SchemaState::kComplete : SchemaState::kMissing;
}

}  // namespace

Result<std::vector<SchemaState>> CompareSchemas(const job::JobConfig& config) {
  SL_ASSIGN(const auto own, job::TargetDefinitions(config));
  std::vector<SchemaState> states;
  for (const job::ShardConfig& shard : config.shards) {
    SL_ASSIGN(states.emplace_back(), CompareOne(shard, own));
  }
  return states;
}

Status ApplySchemas(const job::JobConfig& config) {
  SL_ASSIGN(const auto own, job::TargetDefinitions(config));
  SL_ASSIGN(const auto states, CompareSchemas(config));
  for (std::size_t i = 0; i < states.size(); ++i) {
    if (states[i] == SchemaState::kComplete) continue;
    SL_ASSIGN(const auto session, OpenShard(config.shards[i]));
    SL_TRY(store::ApplySchema(*session, config.shards[i].database, own));
  }
  return base::Ok();
}

Result<std::vector<std::vector<store::Difference>>> DiffSchemas(const job::JobConfig& config) {
  SL_ASSIGN(const auto own, job::TargetDefinitions(config));
  std::vector<std::vector<store::Difference>> differences;
  for (const job::ShardConfig& shard : config.shards) {
    SL_ASSIGN(const auto session, OpenShard(shard));
    SL_ASSIGN(differences.emplace_back(), store::CompareSchema(*session, shard.database, own));
  }
  return differences;
}

Status AddMissing(const job::JobConfig& config, const std::vector<std::vector<store::Difference>>& differences) {
  for (std::size_t i = 0; i < differences.size(); ++i) {
    SL_TRY(store::CheckOnlyMissing(config.shards[i].endpoint.Text(), config.shards[i].database, differences[i]));
  }
  for (std::size_t i = 0; i < differences.size(); ++i) {
    SL_ASSIGN(const auto session, OpenShard(config.shards[i]));
    SL_TRY(store::AddMissing(*session, config.shards[i].database, differences[i]));
  }
  return base::Ok();
}

}  // namespace shardlift::cmd
