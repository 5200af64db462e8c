// Rows that must be on no shard: those that `where` leaves behind, and those that are set aside as dead letters.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "mysql/schema.h"
#include "verify/beyond_checks.h"

namespace shardlift::verify {
namespace {

using base::Result;
using base::Status;

constexpr std::size_t kBatch = 500;
constexpr const char* kDeadLetters = "sl_dead_letter";

}  // namespace

Result<std::vector<std::string>> BeyondWork::KeysOnShard(const job::CatalogTable& table, std::uint32_t shard,
                                                         std::string_view name, const std::vector<std::string>& keys) {
  if (keys.empty()) return std::vector<std::string>();
  // Dead letters have owner columns, whatever their target.
  const auto of_letters =
      mapping::OwnerColumnsSql(*store::MessageTarget(), table.mapper->config().origin, table.ordinal);
  const mapping::OwnerSql& owners = name == kDeadLetters ? *of_letters : table.mapper->owners();
  const std::vector<std::string_view> views(keys.begin(), keys.end());
  SL_ASSIGN(mysql::Session * session, sessions_.Shard(shard));
  SL_ASSIGN(const mysql::Rows rows, session->Query(fmt::format("SELECT {} FROM {} WHERE {}", owners.Key(),
                                                               mysql::QuoteIdentifier(name), owners.Owners(views)),
                                                   "look for rows by their owners"));
  std::vector<std::string> found;
  for (const auto& row : rows.rows) found.push_back(row[0].value_or(""));
  return found;
}

Status BeyondWork::CheckLeftBehindOf(const job::CatalogTable& table, BeyondCheck* check) {
  const mapping::TableMapper& mapper = *table.mapper;
  SL_ASSIGN(mysql::Session * source, sessions_.Source(table.source));
  SL_ASSIGN(const auto rows,
            OpenSqlRows(*source,
                        fmt::format("SELECT {} AS `_key` FROM {} WHERE ({}) IS NOT TRUE", mapper.sql().owner_key,
                                    mapper.context().schema.name.Quoted(), mapper.sql().where),
                        "read what is left behind of " + mapper.context().schema.name.Text()));
  std::vector<std::string> keys;
  for (bool more = true; more;) {
    SL_ASSIGN(more, rows->Next());
    if (more && rows->row()[0]) keys.emplace_back(*rows->row()[0]);
    if (more && keys.size() < kBatch) continue;
    SL_TRY(CheckStop());
    check->looked_at += keys.size();
    for (std::uint32_t i = 0; i < input_.config.shards.size(); ++i) {
      SL_ASSIGN(const auto found, KeysOnShard(table, i, table.target().name, keys));
      for (const std::string& key : found) {
        Add(check,
            fmt::format("{}: `where` leaves it behind, and it is on shard {}", OwnerName(table, key), ShardName(i)));
      }
    }
    keys.clear();
  }
  return base::Ok();
}

Status BeyondWork::CheckLeftBehind(BeyondCheck* check) {
  bool any = false;
  for (const job::CatalogTable& table : input_.catalog.tables) {
    if (table.mapper->config().where.empty()) continue;
    any = true;
    SL_TRY(CheckLeftBehindOf(table, check));
  }
  if (any) return base::Ok();
  check->state = BeyondState::kNothing;
  check->reason = "no mapping has a `where`";
  return base::Ok();
}

Status BeyondWork::CheckDeadLettersOf(const job::CatalogTable& table, std::uint32_t shard, BeyondCheck* check) {
  const mapping::TableMapper& mapper = *table.mapper;
  for (std::string after;;) {
    SL_TRY(CheckStop());
    SL_ASSIGN(mysql::Session * session, sessions_.Shard(shard));
    SL_ASSIGN(const mysql::Rows page,
              session->Query(
                  fmt::format("SELECT owner_key FROM {} WHERE owner_origin = {} AND owner_table = {} AND "
                              "owner_key > {} ORDER BY owner_key LIMIT {}",
                              kDeadLetters, mapper.config().origin, table.ordinal, mysql::HexLiteral(after), kBatch),
                  "read dead letters"));
    if (page.rows.empty()) return base::Ok();
    std::set<std::string> keys;
    for (const auto& row : page.rows) keys.insert(row[0].value_or(""));
    after = *keys.rbegin();
    for (std::uint32_t i = 0; i < shard; ++i) {  // told already
      SL_ASSIGN(const auto again, KeysOnShard(table, i, kDeadLetters, {keys.begin(), keys.end()}));
      for (const std::string& key : again) keys.erase(key);
    }
    check->looked_at += keys.size();
    for (std::uint32_t i = 0; i < input_.config.shards.size(); ++i) {
      SL_ASSIGN(const auto there, KeysOnShard(table, i, table.target().name, {keys.begin(), keys.end()}));
      for (const std::string& key : there) {
        if (keys.erase(key) == 0) continue;
        Add(check, fmt::format("{}: it is set aside as a dead letter, and there is a row on shard {}",
                               OwnerName(table, key), ShardName(i)));
      }
    }
    if (keys.empty()) continue;
    OwnerPart part;
    part.owners.assign(keys.begin(), keys.end());
    SL_ASSIGN(mysql::Session * source, sessions_.Source(table.source));
    SL_ASSIGN(const mysql::Rows kept,
              source->Query(
                  fmt::format("SELECT {} FROM {} WHERE ({}) AND {}", mapper.sql().owner_key,
                              mapper.context().schema.name.Quoted(), mapper.sql().where, SourcePartSql(mapper, part)),
                  "look for the source rows of dead letters"));
    for (const auto& row : kept.rows) set_aside_[mapper.config().name] += keys.erase(row[0].value_or(""));
    for (const std::string& key : keys) {
      Add(check, fmt::format("{}: it is set aside as a dead letter, and there is no such row to move at the source",
                             OwnerName(table, key)));
    }
  }
}

// Of this job's families, but of no table that it has.
Status BeyondWork::CheckUnknownDeadLetters(std::uint32_t shard, BeyondCheck* check) {
  std::set<std::uint32_t> origins;
  std::vector<std::string> known{"0"};
  for (const mapping::MappingConfig& mapping : input_.config.mappings) origins.insert(mapping.origin);
  for (const job::CatalogTable& table : input_.catalog.tables) known.push_back(std::to_string(table.ordinal));
  SL_ASSIGN(mysql::Session * session, sessions_.Shard(shard));
  SL_ASSIGN(const mysql::Rows rows,
            session->Query(fmt::format("SELECT owner_origin, owner_table FROM {} WHERE owner_origin IN ({}) AND "
                                       "owner_table NOT IN ({})",
                                       kDeadLetters, fmt::join(origins, ", "), fmt::join(known, ", ")),
                           "look for dead letters of no table"));
  check->looked_at += rows.rows.size();
  for (const auto& row : rows.rows) {
    Add(check, fmt::format("origin {} table {}: a dead letter on shard {} of no table of this job",
                           row[0].value_or("?"), row[1].value_or("?"), ShardName(shard)));
  }
  return base::Ok();
}

Status BeyondWork::CheckDeadLetters(BeyondCheck* check) {
  for (std::uint32_t shard = 0; shard < input_.config.shards.size(); ++shard) {
    for (const job::CatalogTable& table : input_.catalog.tables) SL_TRY(CheckDeadLettersOf(table, shard, check));
    SL_TRY(CheckUnknownDeadLetters(shard, check));
  }
  dead_letters_known_ = true;
  return base::Ok();
}

}  // namespace shardlift::verify
