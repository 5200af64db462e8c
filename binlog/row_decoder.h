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
#include "binlog/table_map.h"

namespace shardlift::binlog {

class RowDecoder {
 public:
  // `data` starts at the event's column count. Calls `fn` per row; its failure is returned as it is. Bad bytes are
  // kCorrupt without a place.
  base::Status Decode(const TableMap& table, RowOp op, std::string_view data,
                      const std::function<base::Status(const RowChange&)>& fn);

 private:
  struct Image {
    std::string_view present;  // a bit per column of the table
    std::size_t present_count = 0;
    std::vector<mysql::Value> values;
  };
  base::Status ReadImage(const TableMap& table, Cursor& in, Image& image);
  mysql::Value ReadValue(const mysql::Column& column, const WireColumn& wire, Cursor& in);
  mysql::Value ReadString(const mysql::Column& column, const WireColumn& wire, Cursor& in);
  mysql::Value ReadTemporal(const mysql::Column& column, const WireColumn& wire, Cursor& in);
  mysql::Value ReadJson(std::string_view binary, Cursor& in);
  mysql::Value ReadCompressed(std::string_view stored, Cursor& in);

  Arena arena_;
  std::string json_;
  Image before_;
  Image after_;
};

}  // namespace shardlift::binlog
