#include "tests/verify/planter.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "store/message_table.h"

namespace shardlift::verify::testing {
namespace {

using store::TargetColumn;
using store::TargetKind;

constexpr std::string_view kDoubleEncoded = "body = CAST(CONVERT(CONVERT(body USING latin1) USING utf8mb4) AS BINARY)";
constexpr std::string_view kHasDoubleEncoding =
    "LENGTH(CAST(CONVERT(CONVERT(body USING latin1) USING utf8mb4) AS BINARY)) > LENGTH(body)";

std::vector<Fault> MakeFaults() {
  using enum FaultWay;
  return {
      {"lost", kDelete, "TRUE", "", "missing", ""},
      {"foreign", kForeign, "TRUE", "", "extra", ""},
      {"moved", kMove, "TRUE", "", "wrong_shard", ""},
      {"moved and changed", kMove, "TRUE", "body = CONCAT(body, 'x')", "wrong_shard", "body"},
      {"copied", kCopy, "TRUE", "", "duplicate", ""},
      {"bucket, same shard", kUpdate, "TRUE", "bucket = bucket ^ 1", "wrong_bucket", "bucket"},
      {"bucket of another shard", kUpdate, "TRUE", "bucket = bucket ^ 2048", "wrong_bucket", "bucket"},
      {"bit", kUpdate, "LENGTH(body) > 2",
       "body = INSERT(body, 2, 1, CHAR(ORD(SUBSTRING(body, 2, 1)) ^ 1 USING binary))", "differs", "body"},
      {"last bit", kUpdate, "LENGTH(body) > 2",
       "body = INSERT(body, LENGTH(body), 1, CHAR(ORD(RIGHT(body, 1)) ^ 1 USING binary))", "differs", "body"},
      {"trailing blank", kUpdate, "TRUE", "body = CONCAT(body, ' ')", "differs", "body"},
      {"trailing blank in a name", kUpdate, "TRUE", "conversation = CONCAT(conversation, ' ')", "differs",
       "conversation"},
      {"trailing zero byte", kUpdate, "TRUE", "body = CONCAT(body, x'00')", "differs", "body"},
      {"case only", kUpdate, "TRUE",
       "conversation = INSERT(conversation, 1, 1, CHAR(ORD(conversation) ^ 32 USING binary))", "differs",
       "conversation"},
      {"NULL to empty", kUpdate, "sender IS NULL", "sender = ''", "differs", "sender"},
      {"empty to NULL", kUpdate, "sender = ''", "sender = NULL", "differs", "sender"},
      {"NULL to empty, another column", kUpdate, "client_id IS NULL", "client_id = ''", "differs", "client_id"},
      {"truncated", kUpdate, "LENGTH(body) > 2", "body = LEFT(body, LENGTH(body) - 1)", "differs", "body"},
      {"emptied", kUpdate, "LENGTH(body) > 0", "body = ''", "differs", "body"},
      {"encoded twice", kUpdate, kHasDoubleEncoding, kDoubleEncoded, "differs", "body"},
      {"a millisecond", kUpdate, "TRUE", "sent_at = sent_at + INTERVAL 1000 MICROSECOND", "differs", "sent_at"},
      {"an hour", kUpdate, "TRUE", "sent_at = sent_at - INTERVAL 1 HOUR", "differs", "sent_at"},
      {"a time that should be NULL", kUpdate, "edited_at IS NULL", "edited_at = sent_at", "differs", "edited_at"},
      {"stale", kUpdate, "TRUE", "body = CONCAT('older: ', body), status = status + 1, version = 0", "differs",
       "body,status,version"},
      // Bytes that move over the border between two columns.
      {"moved border", kUpdate, "LENGTH(conversation) > 3 AND LENGTH(sender) > 0",
       "sender = CONCAT(RIGHT(conversation, 1), sender), conversation = LEFT(conversation, LENGTH(conversation) - 1)",
       "differs", "conversation,sender"},
      {"swapped bodies", kSwapBodies, "LENGTH(body) > 2", "", "differs", "body"},
      {"swapped accounts", kSwapAccounts, "TRUE", "", "wrong_bucket", "bucket,account_key"},
      {"JSON value", kUpdate, "JSON_EXTRACT(ext, '$.mtime') IS NOT NULL", "ext = JSON_SET(ext, '$.mtime', -1)",
       "differs", "ext"},
      {"JSON number as text", kUpdate, "JSON_EXTRACT(ext, '$.mtime') IS NOT NULL",
       "ext = JSON_SET(ext, '$.mtime', JSON_UNQUOTE(JSON_EXTRACT(ext, '$.mtime')))", "differs", "ext"},
      {"JSON to NULL", kUpdate, "ext IS NOT NULL", "ext = NULL", "differs", "ext"},
      {"JSON null to NULL", kUpdate, "CAST(ext AS CHAR) = 'null'", "ext = NULL", "differs", "ext"},
      {"JSON key order", kUpdate, "JSON_EXTRACT(ext, '$.b') = 1",
       R"(ext = '{ "a":[1, 2, {"y":true,"zz":null}],  "b":1 }')", "", ""},
      {"JSON number spelled otherwise", kUpdate, "JSON_EXTRACT(ext, '$.k') = 1.5",
       R"(ext = '{"k": 15e-1, "longer": "x"}')", "", ""},
      {"JSON -0.0 to 0.0", kUpdate, "JSON_LENGTH(ext) = 5", "ext = JSON_SET(ext, '$[2]', 0.0)", "", ""},
  };
}

}  // namespace

const std::vector<Fault>& Faults() {
  static const std::vector<Fault> faults = MakeFaults();
  return faults;
}

std::string Planter::Row::Where() const {
  return fmt::format("owner_origin = {} AND owner_table = {} AND owner_key = x'{}'", origin, table, key);
}

std::string Planter::Row::Name() const { return fmt::format("{}/{} {}", origin, table, key); }

void Planter::Run(std::size_t shard, const std::string& sql, std::uint64_t rows_min) {
  const auto changed = shards_[shard]->ExecuteCount(sql, "plant");
  ASSERT_TRUE(changed.ok()) << changed.status().message();
  ASSERT_LE(*changed, 1u) << sql;
  ASSERT_GE(*changed, rows_min) << sql;
}

std::vector<Planter::Row> Planter::Rows(std::size_t shard, const std::string& condition) {
  const auto found = shards_[shard]->Query(
      fmt::format("SELECT owner_origin, owner_table, HEX(owner_key) FROM message FORCE INDEX (owner) WHERE ({}) AND "
                  "({}) ORDER BY owner_origin, owner_table, owner_key",
                  condition, scope_),
      "plant");
  std::vector<Row> rows;
  EXPECT_TRUE(found.ok()) << found.status().message();
  if (!found.ok()) return rows;
  for (const auto& row : found->rows) {
    rows.push_back({shard, static_cast<std::uint32_t>(std::stoul(*row[0])),
                    static_cast<std::uint32_t>(std::stoul(*row[1])), *row[2]});
    if (taken_.contains(rows.back().Name())) rows.pop_back();
  }
  return rows;
}

bool Planter::Plant(const Fault& fault, std::size_t shard) {
  const std::vector<Row> rows = Rows(shard, std::string(fault.condition));
  for (int attempt = 0; attempt < 20 && !rows.empty(); ++attempt) {
    if (PlantInto(fault, rows[random_.Below(rows.size())])) return true;
  }
  return false;
}

bool Planter::Plant(const Fault& fault) {
  const std::size_t first = random_.Below(shards_.size());
  for (std::size_t i = 0; i < shards_.size(); ++i) {
    if (Plant(fault, (first + i) % shards_.size())) return true;
  }
  return false;
}

bool Planter::PlantAt(const Fault& fault, std::uint32_t origin, std::uint32_t table, std::size_t place) {
  std::vector<Row> all;
  for (std::size_t shard = 0; shard < shards_.size(); ++shard) {
    const auto rows = Rows(shard, fmt::format("owner_origin = {} AND owner_table = {}", origin, table));
    all.insert(all.end(), rows.begin(), rows.end());
  }
  std::sort(all.begin(), all.end(), [](const Row& a, const Row& b) { return a.key < b.key; });
  return place < all.size() && PlantInto(fault, all[place]);
}

bool Planter::PlantInto(const Fault& fault, const Row& row) {
  const std::size_t other = (row.shard + 1) % shards_.size();
  if (fault.way == FaultWay::kSwapBodies || fault.way == FaultWay::kSwapAccounts) return Swap(fault, row);
  if (fault.way == FaultWay::kForeign) {
    // Beyond the last key, between keys or before the first one; the table's own keys end in small numbers.
    Row foreign = row;
    const std::string_view ends[] = {"70000000", "00F00000"};
    foreign.key.replace(foreign.key.size() - 8, 8, ends[random_.Below(2)]);
    foreign.key.replace(foreign.key.size() - 2, 2, row.key.substr(row.key.size() - 2));
    if (taken_.contains(foreign.Name())) return false;
    CopyTo(row.shard, row, foreign.key);
    undo_.emplace_back(row.shard, "DELETE FROM message WHERE " + foreign.Where());
    Expect(fault, foreign);
    return true;
  }
  Keep(row);
  if (!fault.set.empty()) {
    // A server that keeps one spelling of JSON changes nothing.
    Run(row.shard, fmt::format("UPDATE message SET {} WHERE {}", fault.set, row.Where()),
        fault.verdict.empty() ? 0 : 1);
  }
  if (fault.way == FaultWay::kMove || fault.way == FaultWay::kCopy) {
    CopyTo(other, row, row.key);
    undo_.emplace_back(other, "DELETE FROM message WHERE " + row.Where());
  }
  if (fault.way == FaultWay::kMove || fault.way == FaultWay::kDelete) {
    Run(row.shard, "DELETE FROM message WHERE " + row.Where());
  }
  Expect(fault, row);
  return true;
}

bool Planter::Swap(const Fault& fault, const Row& row) {
  const bool bodies = fault.way == FaultWay::kSwapBodies;
  const auto mine = shards_[row.shard]->Query(
      "SELECT HEX(body), bucket, HEX(account_key) FROM message WHERE " + row.Where(), "plant");
  if (!mine.ok() || mine->rows.size() != 1) return false;
  const auto& values = mine->rows[0];
  const std::string partner =
      bodies ? fmt::format("LENGTH(body) = {} AND body <> x'{}'", values[0]->size() / 2, *values[0])
             : fmt::format("bucket <> {}", *values[1]);
  const auto rows = Rows(row.shard, fmt::format("owner_origin = {} AND owner_table = {} AND owner_key <> x'{}' AND {}",
                                                row.origin, row.table, row.key, partner));
  if (rows.empty()) return false;
  const Row& with = rows[random_.Below(rows.size())];
  const auto theirs = shards_[row.shard]->Query(
      "SELECT HEX(body), bucket, HEX(account_key) FROM message WHERE " + with.Where(), "plant");
  if (!theirs.ok() || theirs->rows.size() != 1) return false;
  const auto give = [&](const Row& to, const std::vector<std::optional<std::string>>& from) {
    Keep(to);
    Run(to.shard, bodies ? fmt::format("UPDATE message SET body = x'{}' WHERE {}", *from[0], to.Where())
                         : fmt::format("UPDATE message SET bucket = {}, account_key = x'{}' WHERE {}", *from[1],
                                       *from[2], to.Where()));
    Expect(fault, to);
  };
  give(row, theirs->rows[0]);
  give(with, values);
  return true;
}

std::string Planter::Values(const Row& row, std::string_view key) {
  std::string items;
  for (const TargetColumn& column : store::MessageColumns()) {
    const bool text = column.kind == TargetKind::kBinary || column.kind == TargetKind::kJson;
    items += fmt::format(fmt::runtime(text ? "{}HEX({})" : "{}{}"), items.empty() ? "" : ", ", column.name);
  }
  const auto found = shards_[row.shard]->Query("SELECT " + items + " FROM message WHERE " + row.Where(), "plant");
  EXPECT_TRUE(found.ok() && found->rows.size() == 1) << row.Name();
  std::string values;
  for (std::size_t i = 0; i < store::MessageColumns().size(); ++i) {
    const TargetColumn& column = store::MessageColumns()[i];
    const auto& value = found->rows.at(0).at(i);
    values += values.empty() ? "" : ", ";
    if (column.name == "owner_key") {
      values += fmt::format("x'{}'", key);
    } else if (column.name == "msg_id" && key != row.key) {
      values += fmt::format("{} + 1000000000", *value);  // the primary key is unique, too
    } else if (!value) {
      values += "NULL";
    } else {
      values += column.kind == TargetKind::kUnsigned   ? *value
                : column.kind == TargetKind::kDateTime ? "'" + *value + "'"
                : column.kind == TargetKind::kBinary   ? "x'" + *value + "'"
                                                       : "CONVERT(x'" + *value + "' USING utf8mb4)";
    }
  }
  return values;
}

void Planter::CopyTo(std::size_t shard, const Row& row, std::string_view key) {
  Run(shard, "INSERT INTO message VALUES (" + Values(row, key) + ")");
}

void Planter::Keep(const Row& row) {
  undo_.emplace_back(row.shard, "INSERT INTO message VALUES (" + Values(row, row.key) + ")");
  undo_.emplace_back(row.shard, "DELETE FROM message WHERE " + row.Where());
}

void Planter::Expect(const Fault& fault, const Row& row) {
  taken_.insert(row.Name());
  if (!fault.verdict.empty()) expected_.insert(fmt::format("{} {} [{}]", fault.verdict, row.Name(), fault.columns));
}

void Planter::Undo() {
  for (auto step = undo_.rbegin(); step != undo_.rend(); ++step) {
    const auto done = shards_[step->first]->ExecuteCount(step->second, "undo");
    EXPECT_TRUE(done.ok()) << done.status().message();
  }
  undo_.clear();
  taken_.clear();
  expected_.clear();
}

}  // namespace shardlift::verify::testing
