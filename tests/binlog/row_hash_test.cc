#include "binlog/row_hash.h"

#include <gtest/gtest.h>

#include <set>

#include "mysql/value.h"

namespace shardlift::binlog {
namespace {

using mysql::Value;

std::string HashOf(const std::vector<std::vector<Value>>& rows, RowOp op = RowOp::kInsert, std::string table = "t") {
  RowHash hash;
  for (const std::vector<Value>& row : rows) {
    RowChange change;
    change.op = op;
    (op == RowOp::kDelete ? change.before : change.after) = row;
    hash.Add(RowHash::TableKey({"db", table}), change);
  }
  return hash.Hex();
}

// Computed by the hash library alone over the bytes of docs/formats.md.
TEST(RowHashTest, NoRows_TheHashOfNothing) { EXPECT_EQ(HashOf({}), "99aa06d3014798d86001c324468d497f"); }

TEST(RowHashTest, OneUpdate_TheHashOfTheDocumentedBytes) {
  const std::vector<Value> before = {Value::Int(-2), Value::Bytes("ab")};
  const std::vector<Value> after = {Value::Null(), Value::Absent()};
  RowChange change;
  change.op = RowOp::kUpdate;
  change.before = before;
  change.after = after;
  RowHash hash;
  hash.Add(RowHash::TableKey({"db", "t"}), change);
  EXPECT_EQ(hash.Hex(), "6f6b9dc3d79b374bdcffbd26494bac0e");
}

TEST(RowHashTest, AnyDifferenceOfValues_AnotherHash) {
  const std::string large(100000, 'x');
  std::string changed = large;
  changed[77777] = 'y';
  const std::vector<std::string> hashes = {
      HashOf({{Value::Int(1)}}),
      HashOf({{Value::UInt(1)}}),
      HashOf({{Value::Double(1)}}),
      HashOf({{Value::Float(1)}}),
      HashOf({{Value::Null()}}),
      HashOf({{Value::Absent()}}),
      HashOf({{Value::Bytes("")}}),
      HashOf({{Value::Bytes("ab"), Value::Bytes("c")}}),
      HashOf({{Value::Bytes("a"), Value::Bytes("bc")}}),
      HashOf({{Value::Bytes("abc")}}),
      HashOf({{Value::Bytes(large)}}),
      HashOf({{Value::Bytes(changed)}}),
      HashOf({{Value::Int(1)}, {Value::Int(2)}}),
      HashOf({{Value::Int(2)}, {Value::Int(1)}}),
      HashOf({{Value::Int(1)}}, RowOp::kDelete),
      HashOf({{Value::Int(1)}}, RowOp::kInsert, "u"),
  };
  EXPECT_EQ(std::set<std::string>(hashes.begin(), hashes.end()).size(), hashes.size());
}

// Pieces of any size come out the same whatever stood in the buffer before them.
TEST(RowHashTest, AskedForInBetween_TheSameAtTheEnd) {
  RowHash asked;
  RowHash once;
  std::string text;
  for (int i = 0; i < 2000; ++i) {
    text += static_cast<char>('a' + i % 26);
    if (i % 500 == 0) text += std::string(20000, 'z');
    const std::vector<Value> row = {Value::Int(i), Value::Bytes(text), Value::Null()};
    RowChange change;
    change.after = row;
    asked.Add(7, change);
    once.Add(7, change);
    if (i % 3 == 0) {
      EXPECT_EQ(asked.Hex().size(), 32u);
    }
  }
  EXPECT_EQ(asked.Hex(), once.Hex());
}

}  // namespace
}  // namespace shardlift::binlog
