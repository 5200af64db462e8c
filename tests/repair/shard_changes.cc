#include "tests/repair/shard_changes.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>

#include "binlog/stream.h"
#include "mysql/schema.h"
#include "store/message_table.h"

namespace shardlift::repair::testing {
namespace {

std::uint64_t NumberOf(const mysql::Value& value) {
  return value.kind == mysql::ValueKind::kInt ? static_cast<std::uint64_t>(value.i) : value.u;
}

std::string OwnerOf(std::span<const mysql::Value> row) {
  std::string key;
  for (const char c : row[store::MessageColumnIndex("owner_key")].bytes) {
    key += fmt::format("{:02X}", static_cast<unsigned char>(c));
  }
  return fmt::format("{}/{} {}", NumberOf(row[store::MessageColumnIndex("owner_origin")]),
                     NumberOf(row[store::MessageColumnIndex("owner_table")]), key);
}

}  // namespace

mysql::SourcePosition PositionOf(mysql::Session& shard) {
  auto position = mysql::ReadUpperBound(shard);
  EXPECT_TRUE(position.ok()) << position.status().message();
  return position.ok() ? *position : mysql::SourcePosition();
}

std::set<std::string> OwnersChangedSince(mysql::Session& shard, const std::string& database,
                                         const mysql::SourcePosition& position) {
  std::set<std::string> owners;
  auto schema = mysql::ReadTableSchema(shard, {database, "message"});
  EXPECT_TRUE(schema.ok()) << schema.status().message();
  if (!schema.ok()) return owners;
  const mysql::SourcePosition end = PositionOf(shard);
  binlog::StreamOptions options;
  options.endpoint = shard.endpoint();
  options.server_id = 4799;
  options.start = position;
  options.tables = [&](std::string_view of, std::string_view table) {
    return of == database && table == "message" ? &*schema : nullptr;
  };
  auto stream = binlog::GroupStream::Open(options);
  EXPECT_TRUE(stream.ok()) << stream.status().message();
  if (!stream.ok()) return owners;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(2);
  while (!(*stream)->position().Contains(end) && std::chrono::steady_clock::now() < deadline) {
    auto item = (*stream)->Next(std::chrono::milliseconds(10));
    EXPECT_TRUE(item.ok()) << item.status().message();
    if (!item.ok()) return owners;
    if (!item->group) continue;
    const base::Status status = item->group->ForEachRow([&](const binlog::RowChange& change) {
      if (!change.before.empty()) owners.insert(OwnerOf(change.before));
      if (!change.after.empty()) owners.insert(OwnerOf(change.after));
      return base::Ok();
    });
    EXPECT_TRUE(status.ok()) << status.message();
  }
  EXPECT_TRUE((*stream)->position().Contains(end));
  return owners;
}

}  // namespace shardlift::repair::testing
