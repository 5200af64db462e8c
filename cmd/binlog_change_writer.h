// ChangeWriter: a JSON line for each row change, as `shardlift binlog dump` and `shardlift binlog stream` print it:
// {"file","pos","gtid","ts","schema","table","op","before","after"}.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/status.h"
#include "binlog/described_table.h"
#include "binlog/group.h"
#include "cmd/line_writer.h"

namespace shardlift::cmd {

// Where the rows of one event stand, but for their table. JSON texts are written as they are.
struct ChangePlace {
  std::string_view file_json;
  std::uint64_t offset = 0;
  std::string_view gtid_json;
  std::uint32_t seconds = 0;
};

class ChangeWriter {
 public:
  explicit ChangeWriter(LineWriter& out) : out_(out) {}

  // What the lines from here on begin with. `table`: of one reader, which numbers its tables.
  void Event(const ChangePlace& place, const binlog::DescribedTable& table, binlog::RowOp op);
  // A line. kEnvironment when the output cannot be written.
  base::Status Row(const binlog::RowChange& change);

 private:
  struct TableText {
    std::string name;                  // ,"schema":...,"table":...
    std::vector<std::string> columns;  // ,"name": of each
  };
  const TableText& TextOf(const binlog::DescribedTable& table);
  void Image(std::span<const mysql::Value> image);
  void OneValue(const mysql::Column& column, std::string_view member_charset, const mysql::Value& value);
  void Bytes(const mysql::Column& column, std::string_view bytes);
  void Text(std::string_view bytes, std::string_view charset);
  bool Convert(std::string_view bytes, std::string_view charset);
  bool Members(const mysql::Column& column, std::string_view charset, std::uint64_t value);

  LineWriter& out_;
  std::unordered_map<std::uint64_t, TableText> texts_;  // by DescribedTable::number
  const binlog::DescribedTable* table_ = nullptr;
  const TableText* text_ = nullptr;
  std::string head_;
  std::string converted_;
  std::string members_;
};

}  // namespace shardlift::cmd
