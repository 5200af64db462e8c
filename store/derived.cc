#include "store/derived.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <functional>

#include "base/check.h"
#include "mysql/schema.h"
#include "mysql/session.h"

namespace shardlift::store {
namespace {

using base::Result;
using base::Status;

constexpr std::string_view kTables[] = {"conversation", "read_cursor", "message_dedup"};
constexpr std::uint32_t kBucketMax = 65535;

// A message's place in its order as one text, so that MIN and MAX find a whole place; and back.
std::string Place(std::string_view alias) {
  return fmt::format("CONCAT(DATE_FORMAT({0}sent_at, '%Y%m%d%H%i%s%f'), LPAD({0}msg_id, 20, '0'))", alias);
}
std::string SentAtOf(std::string_view place) {
  return fmt::format("STR_TO_DATE(LEFT({}, 20), '%Y%m%d%H%i%s%f')", place);
}
std::string MessageIdOf(std::string_view place) { return fmt::format("CAST(SUBSTRING({}, 21) AS UNSIGNED)", place); }

struct Definition {
  std::string columns;
  std::string select;  // the rows that follow from messages, in the order of columns; {} is the condition on buckets
};

Definition Conversation() {
  return {"bucket, account_type, account_key, conversation, first_sent_at, last_sent_at, last_msg_id, messages",
          fmt::format("SELECT bucket, account_type, account_key, conversation, MIN(sent_at) AS first_sent_at, "
                      "MAX(sent_at) AS last_sent_at, {} AS last_msg_id, COUNT(*) AS messages FROM message WHERE {{0}} "
                      "GROUP BY bucket, account_type, account_key, conversation",
                      MessageIdOf(fmt::format("MAX({})", Place(""))))};
}

Definition ReadCursor() {
  constexpr const char* kKey = "bucket, account_type, account_key, conversation";
  const std::string first_unread = fmt::format(
      "SELECT {0}, MIN({1}) AS place FROM message WHERE {{0}} AND status = 0 GROUP BY {0}", kKey, Place(""));
  const std::string last_read = fmt::format(
      "SELECT {0}, MAX({1}) AS place FROM message m LEFT JOIN ({2}) u USING ({0}) WHERE m.{{0}} AND (u.place IS NULL "
      "OR "
      "{1} < u.place) GROUP BY {0}",
      kKey, Place("m."), first_unread);
  return {"bucket, account_type, account_key, conversation, read_sent_at, read_msg_id",
          fmt::format("SELECT {}, {} AS read_sent_at, {} AS read_msg_id FROM ({}) r", kKey, SentAtOf("place"),
                      MessageIdOf("place"), last_read)};
}

Definition MessageDedup() {
  return {"bucket, account_type, account_key, client_id, sent_at, msg_id",
          fmt::format("SELECT bucket, account_type, account_key, client_id, {} AS sent_at, {} AS msg_id FROM (SELECT "
                      "bucket, account_type, account_key, client_id, MIN({}) AS place FROM message WHERE {{0}} AND "
                      "client_id IS NOT NULL GROUP BY bucket, account_type, account_key, client_id) r",
                      SentAtOf("place"), MessageIdOf("place"), Place(""))};
}

Definition DefinitionOf(std::string_view table) {
  if (table == "conversation") return Conversation();
  if (table == "read_cursor") return ReadCursor();
  SL_CHECK(table == "message_dedup");
  return MessageDedup();
}

struct Range {
  std::uint32_t first = 0;
  std::uint32_t last = 0;
  std::string Condition() const { return fmt::format("bucket BETWEEN {} AND {}", first, last); }
};

std::string RowsSql(const Definition& definition, const Range& range) {
  return fmt::format(fmt::runtime(definition.select), range.Condition());
}

Result<std::uint64_t> ToNumber(const std::optional<std::string>& text) {
  std::uint64_t value = 0;
  if (!text) return value;  // the sum of no rows
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error == std::errc() && end == text->data() + text->size()) return value;
  return Status(base::Code::kInternal, "a count of rows is not a number");
}

// All buckets in ranges that take a second or so each: a shard has few rows, or thousands of millions.
Status ForEachRange(const std::function<Status(const Range&)>& work) {
  using Clock = std::chrono::steady_clock;
  std::uint32_t step = 1;
  for (std::uint32_t first = 0; first <= kBucketMax;) {
    const Clock::time_point began = Clock::now();
    SL_TRY(work({first, std::min(kBucketMax, first + step - 1)}));
    first += step;
    const auto took = Clock::now() - began;
    if (took < std::chrono::milliseconds(300)) step = std::min<std::uint32_t>(step * 2, 8192);
    if (took > std::chrono::milliseconds(1200)) step = std::max<std::uint32_t>(step / 2, 1);
  }
  return base::Ok();
}

Status RebuildRange(mysql::Session& session, std::string_view table, const Definition& definition, const Range& range,
                    std::uint64_t* rows) {
  const std::string what = fmt::format("rebuild {}", table);
  const std::string quoted = mysql::QuoteIdentifier(table);
  SL_TRY(session.Execute("START TRANSACTION", what));
  SL_TRY(session.Execute(fmt::format("DELETE FROM {} WHERE {}", quoted, range.Condition()), what));
  SL_ASSIGN(const std::uint64_t inserted,
            session.ExecuteCount(
                fmt::format("INSERT INTO {} ({}) {}", quoted, definition.columns, RowsSql(definition, range)), what));
  SL_TRY(session.Execute("COMMIT", what));
  *rows += inserted;
  return base::Ok();
}

// Both sides as one list: what stands in it once is on one side only. `side` is 0 for what should be there.
std::string OneSidedSql(std::string_view table, const Definition& definition, const Range& range,
                        std::string_view further) {
  return fmt::format(
      "SELECT MIN(side) AS side{4} FROM (SELECT {0}, 1 AS side FROM {1} WHERE {2} UNION ALL SELECT f.*, 0 FROM ({3}) "
      "f) "
      "b GROUP BY {0} HAVING COUNT(*) <> 2",
      definition.columns, mysql::QuoteIdentifier(table), range.Condition(), RowsSql(definition, range), further);
}

Status CheckRange(mysql::Session& session, std::string_view table, const Definition& definition, const Range& range,
                  DerivedCheck* check) {
  const std::string sql =
      fmt::format("SELECT SUM(side = 0), SUM(side = 1) FROM ({}) d", OneSidedSql(table, definition, range, ""));
  SL_ASSIGN(const mysql::Rows rows, session.Query(sql, fmt::format("check {}", table)));
  SL_ASSIGN(const std::uint64_t missing, ToNumber(rows.rows[0][0]));
  SL_ASSIGN(const std::uint64_t extra, ToNumber(rows.rows[0][1]));
  check->missing += missing;
  check->extra += extra;
  return base::Ok();
}

}  // namespace

std::span<const std::string_view> DerivedTables() { return kTables; }

Result<bool> HasNewMessages(mysql::Session& session) {
  SL_ASSIGN(const mysql::Rows rows,
            session.Query("SELECT 1 FROM message FORCE INDEX (owner) WHERE owner_origin = 0 LIMIT 1",
                          "look for messages of the applications"));
  return !rows.rows.empty();
}

Result<std::uint64_t> RebuildDerived(mysql::Session& session, std::string_view table) {
  const Definition definition = DefinitionOf(table);
  std::uint64_t rows = 0;
  SL_TRY(ForEachRange([&](const Range& range) { return RebuildRange(session, table, definition, range, &rows); }));
  return rows;
}

Result<DerivedCheck> CheckDerived(mysql::Session& session, std::string_view table) {
  const Definition definition = DefinitionOf(table);
  DerivedCheck check;
  SL_TRY(ForEachRange([&](const Range& range) { return CheckRange(session, table, definition, range, &check); }));
  return check;
}

Result<std::vector<DerivedDifference>> ListDerivedDifferences(mysql::Session& session, std::string_view table,
                                                              std::string_view salt, std::size_t rows_max) {
  const Definition definition = DefinitionOf(table);
  const bool of_client = table == "message_dedup";
  const std::string named = fmt::format(
      ", bucket, LEFT(SHA2(CONCAT('{}:', account_type, ':', LENGTH(account_key), ':', account_key, {}), 256), 32) AS "
      "hash",
      salt, of_client ? "client_id" : "conversation");
  std::vector<DerivedDifference> found;
  SL_TRY(ForEachRange([&](const Range& range) -> Status {
    if (found.size() >= rows_max) return base::Ok();
    const std::string sql =
        fmt::format("{} LIMIT {}", OneSidedSql(table, definition, range, named), rows_max - found.size());
    SL_ASSIGN(const mysql::Rows rows, session.Query(sql, fmt::format("list differences of {}", table)));
    for (const auto& row : rows.rows) {
      found.push_back(
          {row[0] == "0", row[1].value_or(""), of_client ? "client id" : "conversation", row[2].value_or("")});
    }
    return base::Ok();
  }));
  return found;
}

}  // namespace shardlift::store
