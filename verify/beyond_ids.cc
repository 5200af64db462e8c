// Keys that have to be unique over all shards, where no server can see to it: streams that each shard sorts, merged.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>

#include "mysql/schema.h"
#include "verify/beyond_checks.h"

namespace shardlift::verify {

using base::Result;
using base::Status;

struct BeyondWork::UniqueKeyOf {
  std::string name;  // "msg_id", or "table.key"
  std::string sql;   // (key that sorts by its bytes, as printed or NULL), in ascending order
};

namespace {

// A row of one shard, held while it is the least.
struct KeyStream {
  std::unique_ptr<RowSource> rows;
  bool at_end = false;
  Status Advance() {
    SL_ASSIGN(const bool more, rows->Next());
    at_end = !more;
    return base::Ok();
  }
  std::string_view key() const { return rows->row()[0].value_or(std::string_view()); }
};

// Any hash of a text may be printed, the text may not.
std::string KeySql(const mysql::TableSchema& schema, const mysql::UniqueKey& key, std::string_view salt) {
  std::vector<std::string> bytes;
  std::vector<std::string> shown;
  bool numbers = true;
  for (const std::size_t index : key.columns) {
    const std::string column = mysql::QuoteIdentifier(schema.columns[index].name);
    numbers = numbers && schema.columns[index].is_integer();
    bytes.push_back(fmt::format("LENGTH({0}), ',', CAST({0} AS BINARY)", column));
    shown.push_back(column);
  }
  return fmt::format("SELECT SHA2(CONCAT('{}:', {}), 256) AS `_key`, {} AS `_shown` FROM {} ORDER BY `_key`", salt,
                     fmt::join(bytes, ", "),
                     numbers ? fmt::format("CONCAT_WS(', ', {})", fmt::join(shown, ", ")) : "NULL",
                     mysql::QuoteIdentifier(schema.name.table));
}

bool HoldsPlace(const mysql::TableSchema& schema, const mysql::UniqueKey& key) {
  return std::any_of(key.columns.begin(), key.columns.end(), [&](std::size_t index) {
    const std::string& name = schema.columns[index].name;
    return name == "bucket" || name == "owner_origin" || name == "owner_table" || name == "owner_key";
  });
}

}  // namespace

Result<std::vector<BeyondWork::UniqueKeyOf>> BeyondWork::UniqueKeys() {
  std::vector<UniqueKeyOf> keys;
  for (const std::string& target : input_.config.TargetNames()) {
    if (target == store::MessageTarget()->name) {
      keys.push_back({"msg_id", "SELECT LPAD(`msg_id`, 20, '0'), `msg_id` FROM `message` ORDER BY `msg_id`"});
      continue;
    }
    SL_ASSIGN(mysql::Session * session, sessions_.Shard(0));
    SL_ASSIGN(const mysql::TableSchema schema,
              mysql::ReadTableSchema(*session, {input_.config.shards[0].database, target}));
    for (const mysql::UniqueKey& key : schema.unique_keys) {
      if (HoldsPlace(schema, key)) continue;
      keys.push_back({fmt::format("{}.{}", target, key.name), KeySql(schema, key, input_.config.fingerprint)});
    }
  }
  return keys;
}

Status BeyondWork::CheckUnique(const UniqueKeyOf& key, BeyondCheck* check) {
  std::vector<KeyStream> streams(input_.config.shards.size());
  for (std::uint32_t i = 0; i < streams.size(); ++i) {
    SL_ASSIGN(mysql::Session * session, sessions_.Shard(i));
    SL_ASSIGN(streams[i].rows, OpenSqlRows(*session, key.sql, "read " + key.name + " in order"));
    SL_TRY(streams[i].Advance());
  }
  for (std::string least;; ++check->looked_at) {
    if (check->looked_at % 4096 == 0) SL_TRY(CheckStop());
    const KeyStream* first = nullptr;
    for (const KeyStream& stream : streams) {
      if (!stream.at_end && (first == nullptr || stream.key() < first->key())) first = &stream;
    }
    if (first == nullptr) return base::Ok();
    least = first->key();
    const auto shown_text = first->rows->row()[1];
    const std::string shown = shown_text ? std::string(*shown_text) : "of a text with hash " + least.substr(0, 32);
    std::vector<std::string> places;
    for (std::uint32_t i = 0; i < streams.size(); ++i) {
      while (!streams[i].at_end && streams[i].key() == least) {
        if (places.size() < 16) places.push_back(ShardName(i));
        SL_TRY(streams[i].Advance());
      }
    }
    if (places.size() > 1) {
      Add(check, fmt::format("{} {}: {} rows, on shards {}", key.name, shown, places.size(), fmt::join(places, ", ")));
    }
  }
}

Status BeyondWork::CheckIds(BeyondCheck* check) {
  SL_ASSIGN(const std::vector<UniqueKeyOf> keys, UniqueKeys());
  for (const UniqueKeyOf& key : keys) SL_TRY(CheckUnique(key, check));
  return base::Ok();
}

}  // namespace shardlift::verify
