// RowDecoder: the rows of one row event as Values.
//
// The values and what they point to live until the next row is decoded. One decoder is used by one thread at a time; it
// keeps its buffers between events.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "binlog/arena.h"
#include "binlog/cursor.h"
#include "binlog/group.h"
#include "binlog/json_binary.h"
#include "binlog/table_map.h"

namespace shardlift::binlog {

class RowDecoder {
 public:
  // `data` starts at the event's column count. Calls `fn` per row; its failure is returned as it is. Bad bytes are
  // kCorrupt without a place. `partial`: of a PARTIAL_UPDATE_ROWS event; a JSON value of which the event holds only
  // differences, and whose old value it does not hold, is absent.
  base::Status Decode(const TableMap& table, RowOp op, bool partial, std::string_view data,
                      const std::function<base::Status(const RowChange&)>& fn);

 private:
  struct Image {
    std::string_view present;  // a bit per column of the table
    std::size_t present_count = 0;
    std::vector<mysql::Value> values;
  };
  base::Status ReadImage(const TableMap& table, Cursor& in, Image& image);
  base::Status ReadPartialBits(const TableMap& table, Cursor& in);
  mysql::Value ReadJsonDifferences(std::size_t column, std::string_view stored, Cursor& in);
  mysql::Value ReadValue(const mysql::Column& column, const WireColumn& wire, Cursor& in);
  mysql::Value ReadString(const mysql::Column& column, const WireColumn& wire, Cursor& in);
  mysql::Value ReadTemporal(const mysql::Column& column, const WireColumn& wire, Cursor& in);
  void CheckJson(base::Status status, Cursor& in);
  mysql::Value ReadJson(std::string_view binary, Cursor& in);
  mysql::Value ReadCompressed(std::string_view stored, Cursor& in);

  Arena arena_;
  const mysql::Column* first_column_ = nullptr;
  JsonForm json_form_ = JsonForm::kText;
  base::Status refused_;  // of a JSON value that has no such form
  std::string json_;
  Image before_;
  Image after_;
  // Of a PARTIAL_UPDATE_ROWS event only: the stored JSON values of the row's before image, by column, and which columns
  // of the after image hold differences.
  std::vector<std::string_view> json_before_;
  std::vector<bool> differs_;
};

}  // namespace shardlift::binlog
