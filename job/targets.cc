#include "job/targets.h"

#include <fmt/format.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <memory>

#include "mapping/table_mapper.h"
#include "mysql/schema.h"
#include "mysql/session.h"
#include "store/custom_table.h"

namespace shardlift::job {
namespace {

using base::Code;
using base::Result;
using base::Status;

// A legacy table that is mapped to a target.
struct Model {
  std::string place;  // "table im_0.msg_00 of source legacy1"
  std::string form;   // store::FormOf
  std::string body;   // of its own definition
};

Result<bool> IsMappedTo(const JobConfig& config, const std::string& target, const std::string& source,
                        const mysql::TableName& table) {
  for (const mapping::MappingConfig& mapping : config.mappings) {
    if (mapping.target != target || !mapping.ReadsFrom(source)) continue;
    for (const std::string& pattern : mapping.match) {
      SL_ASSIGN(const bool matches, mapping::MatchesPattern(pattern, table.schema, table.table));
      if (matches) return true;
    }
  }
  return false;
}

// The first line in which the texts differ, of each.
std::pair<std::string, std::string> FirstDifference(std::string_view a, std::string_view b) {
  while (true) {
    const std::string_view left = a.substr(0, a.find('\n'));
    const std::string_view right = b.substr(0, b.find('\n'));
    if (left != right || (a.empty() && b.empty())) {
      return {left.empty() ? "nothing more" : std::string(left), right.empty() ? "nothing more" : std::string(right)};
    }
    a.remove_prefix(std::min(a.size(), left.size() + 1));
    b.remove_prefix(std::min(b.size(), right.size() + 1));
  }
}

Result<Model> ReadModel(mysql::Session& session, const std::string& source, const mysql::TableName& table) {
  Model model;
  model.place = fmt::format("table {} of source {}", table.Text(), source);
  SL_ASSIGN(const mysql::TableSchema schema, mysql::ReadTableSchema(session, table));
  model.form = store::FormOf(schema);
  SL_ASSIGN(const auto shown,
            session.Query("SHOW CREATE TABLE " + table.Quoted(), "read the definition of " + table.Text()));
  auto body = store::CreateTableBody(shown.rows.at(0).at(1).value_or(""), table.table);
  if (!body.ok()) return body.status().WithContext(model.place);
  model.body = store::WithoutCounter(std::move(*body));
  return model;
}

// The body of the definition that all mapped tables have.
Result<std::string> BodyOfSources(const JobConfig& config, const TargetConfig& target) {
  std::vector<Model> models;
  for (const SourceConfig& source : config.sources) {
    SL_ASSIGN(const auto session, mysql::Session::Open(source.endpoint, mysql::SessionOptions()));
    SL_ASSIGN(const std::vector<mysql::TableName> tables, mysql::ListTables(*session));
    for (const mysql::TableName& table : tables) {
      SL_ASSIGN(const bool mapped, IsMappedTo(config, target.table.name, source.endpoint.name, table));
      if (!mapped) continue;
      SL_ASSIGN(Model model, ReadModel(*session, source.endpoint.name, table));
      if (!models.empty() && model.form != models.front().form) {
        const auto [first, other] = FirstDifference(models.front().form, model.form);
        return Status(Code::kUsage, fmt::format("{}: like: {} and {} are not of one form ({}; {}); give the target's "
                                                "definition with \"ddl\" or \"ddl_file\"",
                                                target.place, models.front().place, model.place, first, other));
      }
      if (models.empty()) models.push_back(std::move(model));
    }
  }
  if (!models.empty()) return models.front().body;
  return Status(Code::kUsage, fmt::format("{}: like: no legacy table is mapped to {}; correct the \"match\" patterns",
                                          target.place, target.table.name));
}

}  // namespace

Result<std::vector<store::CustomTable>> TargetDefinitions(const JobConfig& config) {
  std::vector<store::CustomTable> definitions;
  for (const TargetConfig& target : config.targets) {
    store::CustomTable& definition = definitions.emplace_back(target.table);
    if (!target.like_source) continue;
    SL_ASSIGN(definition.body, BodyOfSources(config, target));
  }
  return definitions;
}

Result<Targets> LoadTargets(const JobConfig& config) {
  Targets targets{{store::MessageTarget()->name, store::MessageTarget()}};
  for (const ShardConfig& shard : config.shards) {
    if (config.targets.empty()) break;
    SL_ASSIGN(const auto session, mysql::Session::Open(shard.endpoint, mysql::SessionOptions()));
    for (const TargetConfig& target : config.targets) {
      auto read = store::ReadTarget(*session, shard.database, target.table);
      if (!read.ok()) return read.status().WithContext(target.place);
      const auto [known, is_first] = targets.try_emplace(target.table.name);
      if (is_first) {
        known->second = std::make_shared<const store::TargetTable>(std::move(read).value());
      } else if (known->second->definition != read->definition) {
        const auto [first, other] = FirstDifference(known->second->definition, read->definition);
        return Status(
            Code::kRefused,
            fmt::format("{}: table {} differs between shard {} ({}) and shard {} ({}); make them equal", target.place,
                        target.table.name, config.shards.front().endpoint.name, first, shard.endpoint.name, other));
      }
    }
  }
  return targets;
}

std::string DeclaredKeys::Table::Text() const {
  return fmt::format("{} of source {}", mapper->context().schema.name.Text(), source);
}

Status DeclaredKeys::Add(const std::string& source, std::unique_ptr<mapping::TableMapper> mapper) {
  if (mapper->target().key.empty()) return base::Ok();
  Table table{source, std::move(mapper)};
  const store::TargetTable& target = table.mapper->target();
  for (const Table& other : tables_) {
    if (other.mapper->target().name != target.name) continue;
    if (mapping::AreApart(other.mapper->owners(), table.mapper->owners())) continue;
    return Status(
        Code::kRefused,
        fmt::format("target {}: declared key: rows of {} and of {} may have one key; give a column of the key "
                    "COMPOSE_ID(...) in both mappings, or another constant (or TABLE_SUFFIX()) for each table",
                    target.name, other.Text(), table.Text()));
  }
  tables_.push_back(std::move(table));
  return base::Ok();
}

std::string FingerprintWith(const JobConfig& config, const Targets& targets) {
  if (config.targets.empty()) return config.fingerprint;
  std::string text = config.fingerprint;
  for (const auto& [name, target] : targets) text += fmt::format("\n{}\n{}", name, target->definition);
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest;
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  std::string hex;
  for (const unsigned char byte : digest) hex += fmt::format("{:02x}", byte);
  return hex;
}

}  // namespace shardlift::job
