#include "rehearse/plant.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "mysql/session.h"
#include "rehearse/random.h"

namespace shardlift::rehearse {
namespace {

using mysql::Session;

// Columns of `message` (store/message_table.h) by how they travel between shards here: numbers and times as text,
// bytes as hex, JSON as hex of its UTF-8 text.
enum class Travel : std::uint8_t { kText, kHex, kJson };
constexpr std::array<std::pair<std::string_view, Travel>, 20> kColumns = {
    {{"bucket", Travel::kText},      {"account_type", Travel::kText}, {"account_key", Travel::kHex},
     {"conversation", Travel::kHex}, {"sent_at", Travel::kText},      {"msg_id", Travel::kText},
     {"biz_tag", Travel::kText},     {"sender", Travel::kHex},        {"msg_type", Travel::kText},
     {"body_codec", Travel::kText},  {"body", Travel::kHex},          {"ext", Travel::kJson},
     {"status", Travel::kText},      {"edited_at", Travel::kText},    {"recalled_at", Travel::kText},
     {"client_id", Travel::kHex},    {"version", Travel::kText},      {"owner_origin", Travel::kText},
     {"owner_table", Travel::kText}, {"owner_key", Travel::kHex}}};

// Far beyond any key a rehearsal makes, and within the 40 bits of a composed message id.
constexpr std::uint64_t kForeignKeyOffset = 1ULL << 30;

struct Victim {
  std::size_t shard = 0;
  std::uint64_t origin = 0;
  std::uint64_t ordinal = 0;
  std::string owner_key;  // hex
  std::string Where() const {
    return fmt::format("owner_origin = {} AND owner_table = {} AND owner_key = x'{}'", origin, ordinal, owner_key);
  }
};

std::uint64_t ToNumber(const std::optional<std::string>& text, int base = 10) {
  std::uint64_t value = 0;
  if (text.has_value()) std::from_chars(text->data(), text->data() + text->size(), value, base);
  return value;
}

base::Result<std::unique_ptr<Session>> OpenShard(const ShardPlace& shard) {
  mysql::SessionOptions options;
  options.database = shard.database;
  SL_ASSIGN(auto session, Session::Open(shard.endpoint, options));
  SL_TRY(session->Execute("SET NAMES utf8mb4", "set names"));
  return session;
}

// Some row of the shard that fits `condition`; the same for the same seed and content.
base::Result<Victim> Choose(Session& session, std::size_t shard, std::string_view condition, Random& random) {
  const std::string what = "choose a row to spoil";
  const std::uint64_t origin = random.Between(1, 3);
  for (const std::string& family : {fmt::format("owner_origin = {} AND ", origin), std::string()}) {
    SL_ASSIGN(const auto counted,
              session.Query(fmt::format("SELECT COUNT(*) FROM message WHERE {}{}", family, condition), what));
    const std::uint64_t count = ToNumber(counted.rows.empty() ? std::nullopt : counted.rows[0][0]);
    if (count == 0) continue;
    SL_ASSIGN(
        const auto rows,
        session.Query(fmt::format("SELECT owner_origin, owner_table, HEX(owner_key) FROM message WHERE {}{} ORDER BY "
                                  "owner_origin, owner_table, owner_key LIMIT 1 OFFSET {}",
                                  family, condition, random.Below(count)),
                      what));
    if (rows.rows.empty()) continue;
    const auto& row = rows.rows[0];
    return Victim{shard, ToNumber(row[0]), ToNumber(row[1]), row[2].value_or("")};
  }
  return base::Status(base::Code::kEnvironment, "a shard has no row that the fault could spoil; use more rows");
}

base::Status ChangeOne(Session& session, const std::string& sql) {
  SL_ASSIGN(const std::uint64_t count, session.ExecuteCount(sql, "plant a fault"));
  if (count == 1) return base::Ok();
  return {base::Code::kInternal, fmt::format("planting a fault changed {} rows instead of 1", count)};
}

std::string Field(const std::optional<std::string>& value, Travel travel) {
  if (!value.has_value()) return "NULL";
  switch (travel) {
    case Travel::kText: return fmt::format("'{}'", *value);
    case Travel::kHex: return fmt::format("x'{}'", *value);
    case Travel::kJson: return fmt::format("CONVERT(x'{}' USING utf8mb4)", *value);
  }
  return {};
}

std::string ColumnNames() {
  std::string out;
  for (const auto& [name, travel] : kColumns) out += fmt::format("{}{}", out.empty() ? "" : ", ", name);
  return out;
}

// Moves the row to `to`, where the verifier must find it in the wrong place.
base::Status MoveTo(Session& from, Session& to, const Victim& victim) {
  std::string items;
  for (const auto& [name, travel] : kColumns) {
    std::string item(name);
    if (travel == Travel::kHex) item = fmt::format("HEX({})", name);
    if (travel == Travel::kJson) item = fmt::format("HEX(CONVERT({} USING utf8mb4))", name);
    items += (items.empty() ? "" : ", ") + item;
  }
  SL_ASSIGN(const auto rows,
            from.Query(fmt::format("SELECT {} FROM message WHERE {}", items, victim.Where()), "read the row to move"));
  if (rows.rows.size() != 1) return {base::Code::kInternal, "the row to move is not there"};
  std::string values;
  for (std::size_t i = 0; i < kColumns.size(); ++i) {
    values += (values.empty() ? "" : ", ") + Field(rows.rows[0][i], kColumns[i].second);
  }
  SL_TRY(ChangeOne(to, fmt::format("INSERT INTO message ({}) VALUES ({})", ColumnNames(), values)));
  return ChangeOne(from, "DELETE FROM message WHERE " + victim.Where());
}

base::Status FlipBit(Session& session, const Victim& victim, Random& random) {
  SL_ASSIGN(const auto rows, session.Query("SELECT HEX(body) FROM message WHERE " + victim.Where(), "read a body"));
  SL_ASSIGN(std::string body, rows.Single());
  const std::size_t at = random.Below(body.size());
  const std::string_view digits = "0123456789ABCDEF";
  body[at] = digits[digits.find(body[at]) ^ (1U << random.Below(4))];
  return ChangeOne(session, fmt::format("UPDATE message SET body = x'{}' WHERE {}", body, victim.Where()));
}

// A second row under an owner key whose last 8 bytes (the last integer of the key) are moved out of range.
base::Status CopyAsForeign(Session& session, Victim* victim) {
  const std::size_t split = victim->owner_key.size() - 16;
  const std::uint64_t last = ToNumber(victim->owner_key.substr(split), 16);
  const std::string key = victim->owner_key.substr(0, split) + fmt::format("{:016X}", last + kForeignKeyOffset);
  std::string items;
  for (const auto& [name, travel] : kColumns) {
    std::string item(name);
    if (name == "msg_id") item = fmt::format("msg_id + {}", kForeignKeyOffset);
    if (name == "owner_key") item = fmt::format("x'{}'", key);
    items += (items.empty() ? "" : ", ") + item;
  }
  SL_TRY(ChangeOne(session, fmt::format("INSERT INTO message ({}) SELECT {} FROM message WHERE {}", ColumnNames(),
                                        items, victim->Where())));
  victim->owner_key = key;
  return base::Ok();
}

}  // namespace

base::Result<std::vector<Planted>> PlantFaults(std::span<const PlantKind> kinds, std::span<const ShardPlace> shards,
                                               std::uint64_t seed) {
  Random random = Random::For(seed, "plant");
  std::vector<Planted> planted;
  std::vector<std::string> taken;
  for (const PlantKind kind : kinds) {
    const std::size_t shard = random.Below(shards.size());
    SL_ASSIGN(auto session, OpenShard(shards[shard]));
    const bool on_body = kind == PlantKind::kBit;
    SL_ASSIGN(Victim victim, Choose(*session, shard, on_body ? "LENGTH(body) > 0" : "TRUE", random));
    for (int attempt = 0; std::find(taken.begin(), taken.end(), victim.Where()) != taken.end(); ++attempt) {
      if (attempt == 50) return base::Status(base::Code::kEnvironment, "too few rows for so many faults");
      SL_ASSIGN(victim, Choose(*session, shard, on_body ? "LENGTH(body) > 0" : "TRUE", random));
    }
    taken.push_back(victim.Where());
    switch (kind) {
      case PlantKind::kLost: SL_TRY(ChangeOne(*session, "DELETE FROM message WHERE " + victim.Where())); break;
      case PlantKind::kExtra: SL_TRY(CopyAsForeign(*session, &victim)); break;
      case PlantKind::kBit: SL_TRY(FlipBit(*session, victim, random)); break;
      case PlantKind::kStale:
        SL_TRY(ChangeOne(*session,
                         "UPDATE message SET body = CONCAT('older: ', body), status = 1 - LEAST(status, 1) WHERE " +
                             victim.Where()));
        break;
      case PlantKind::kShard: {
        SL_ASSIGN(auto other, OpenShard(shards[(shard + 1) % shards.size()]));
        SL_TRY(MoveTo(*session, *other, victim));
        break;
      }
    }
    taken.push_back(victim.Where());
    planted.push_back({kind, victim.origin, victim.ordinal, victim.owner_key, shards[shard].name, false});
  }
  return planted;
}

}  // namespace shardlift::rehearse
