// Each conversation of an account: how many messages, the first and the last, at the sources and on the shards.
//
// A conversation may lie in several legacy tables and on a wrong shard, so both sides add up what their servers have
// grouped: one stream for each server, in the order of the conversations' hashes.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <functional>
#include <memory>
#include <set>

#include "mysql/schema.h"
#include "verify/beyond_checks.h"

namespace shardlift::verify {
namespace {

using base::Code;
using base::Result;
using base::Status;

enum ConversationField : std::size_t { kHash, kCount, kFirst, kLast };

// "sent_at/msg_id" of fixed length: texts that sort as messages do.
std::string PlaceSql(const std::string& sent_at, const std::string& msg_id) {
  return fmt::format("CAST(CONCAT({}, '/', LPAD({}, 20, '0')) AS BINARY)", sent_at, msg_id);
}

std::string GroupedSql(const std::string& rows) {
  return fmt::format(
      "SELECT `_hash`, COUNT(*), MIN(`_place`), MAX(`_place`) FROM ({}) AS `_all` WHERE `_hash` IS NOT "
      "NULL GROUP BY `_hash` ORDER BY `_hash`",
      rows);
}

struct Conversation {
  std::uint64_t messages = 0;
  std::string first;
  std::string last;
  bool operator==(const Conversation&) const = default;
};

struct ConversationStream {
  std::unique_ptr<RowSource> rows;
  bool at_source = false;
  bool at_end = false;

  Status Advance() {
    SL_ASSIGN(const bool more, rows->Next());
    at_end = !more;
    return base::Ok();
  }
  std::string_view Field(ConversationField field) const { return rows->row()[field].value_or(std::string_view()); }
  void AddTo(Conversation* conversation) const {
    std::uint64_t count = 0;
    const std::string_view text = Field(kCount);
    std::from_chars(text.data(), text.data() + text.size(), count);
    const std::string_view first = Field(kFirst);
    const std::string_view last = Field(kLast);
    if (conversation->messages == 0 || first < conversation->first) conversation->first = first;
    if (last > conversation->last) conversation->last = last;
    conversation->messages += count;
  }
};

std::string MessageOf(std::string_view place) {
  const std::size_t slash = place.find('/');
  if (slash == std::string_view::npos) return "none";
  std::string_view id = place.substr(slash + 1);
  id.remove_prefix(std::min(id.find_first_not_of('0'), id.size() - 1));
  return fmt::format("{} (msg_id {})", place.substr(0, slash), id);
}

std::string ConversationText(std::string_view hash, const Conversation& source, const Conversation& shards) {
  std::string text = fmt::format("conversation {}: {} messages at the sources, {} on the shards", hash, source.messages,
                                 shards.messages);
  if (source.messages == 0 || shards.messages == 0) return text;
  if (source.first != shards.first) {
    text += fmt::format("; the first is {} there, {} here", MessageOf(source.first), MessageOf(shards.first));
  }
  if (source.last != shards.last) {
    text += fmt::format("; the last is {} there, {} here", MessageOf(source.last), MessageOf(shards.last));
  }
  return text;
}

Status Merge(std::vector<ConversationStream>& streams,
             const std::function<Status(const std::string&, const Conversation&, const Conversation&)>& on_one) {
  for (;;) {
    const ConversationStream* least = nullptr;
    for (const ConversationStream& stream : streams) {
      if (!stream.at_end && (least == nullptr || stream.Field(kHash) < least->Field(kHash))) least = &stream;
    }
    if (least == nullptr) return base::Ok();
    const std::string hash(least->Field(kHash));
    Conversation source;
    Conversation shards;
    for (ConversationStream& stream : streams) {
      if (stream.at_end || stream.Field(kHash) != hash) continue;
      stream.AddTo(stream.at_source ? &source : &shards);
      SL_TRY(stream.Advance());
      if (stream.at_end || stream.Field(kHash) > hash) continue;
      return {Code::kCorrupt, "a server did not give its conversations in order"};
    }
    SL_TRY(on_one(hash, source, shards));
  }
}

std::string SourceConversationsSql(const mapping::TableMapper& mapper, const std::string& salt) {
  const store::TargetTable& target = mapper.target();
  const auto sql = [&](const char* column) { return mapper.sql().columns[target.Find(column)]; };
  return fmt::format("SELECT {} AS `_hash`, {} AS `_place` FROM {} WHERE ({})",
                     NameHashSql(salt, sql("account_type"), sql("account_key"), sql("conversation")),
                     PlaceSql(sql("sent_at"), sql("msg_id")), mapper.context().schema.name.Quoted(),
                     mapper.sql().where);
}

}  // namespace

Status BeyondWork::CheckConversations(BeyondCheck* check) {
  const std::string& salt = input_.config.fingerprint;
  std::map<std::uint32_t, std::string> by_source;
  std::set<std::uint32_t> origins;
  for (const job::CatalogTable& table : input_.catalog.tables) {
    if (table.target().name != store::MessageTarget()->name) continue;
    std::string& sql = by_source[table.source];
    sql += (sql.empty() ? "" : " UNION ALL ") + SourceConversationsSql(*table.mapper, salt);
    origins.insert(table.mapper->config().origin);
  }
  if (by_source.empty()) {
    check->state = BeyondState::kNothing;
    check->reason = "no mapping fills `message`";
    return base::Ok();
  }
  std::vector<ConversationStream> streams;
  const auto open = [&](mysql::Session* session, const std::string& rows, bool at_source) -> Status {
    ConversationStream& stream = streams.emplace_back();
    stream.at_source = at_source;
    SL_ASSIGN(stream.rows, OpenSqlRows(*session, GroupedSql(rows), "read conversations"));
    return stream.Advance();
  };
  const std::string shard_sql =
      fmt::format("SELECT {} AS `_hash`, {} AS `_place` FROM `message` WHERE `owner_origin` IN ({})",
                  NameHashSql(salt, "`account_type`", "`account_key`", "`conversation`"),
                  PlaceSql("`sent_at`", "`msg_id`"), fmt::join(origins, ", "));
  for (const auto& [source, sql] : by_source) {
    SL_ASSIGN(mysql::Session * session, sessions_.Source(source));
    SL_TRY(open(session, sql, true));
  }
  for (std::uint32_t i = 0; i < input_.config.shards.size(); ++i) {
    SL_ASSIGN(mysql::Session * session, sessions_.Shard(i));
    SL_TRY(open(session, shard_sql, false));
  }
  return Merge(streams, [&](const std::string& hash, const Conversation& source, const Conversation& shards) {
    ++check->looked_at;
    if (source != shards) Add(check, ConversationText(hash, source, shards));
    return check->looked_at % 4096 == 0 ? CheckStop() : base::Ok();
  });
}

}  // namespace shardlift::verify
