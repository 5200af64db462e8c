// RowDecoder: the rows of one row event as Values.
//
// The values and what they point to live until the next row is decoded. One decoder is used by one thread at a time; it
// keeps its buffers between events, so that rows cost no allocation.
#pragma once

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
  // `data` starts at the event's column count. Bad bytes are kCorrupt without a place. `partial`: of a
  // PARTIAL_UPDATE_ROWS event; a JSON value of which the event holds only differences, and whose old value it does not
  // hold, is absent. `table` and `data` must outlive the rows.
  base::Status Begin(const TableMap& table, RowOp op, bool partial, std::string_view data);
  // Decodes the next row. False: no more rows, or status() is not ok.
  bool Next();
  const RowChange& row() const { return row_; }
  const base::Status& status() const { return status_; }

  // Begin, and `fn` for each row: base::Status(const RowChange&). Its failure is returned as it is.
  template <class Function>
  base::Status Decode(const TableMap& table, RowOp op, bool partial, std::string_view data, const Function& fn) {
    SL_TRY(Begin(table, op, partial, data));
    while (Next()) SL_TRY(fn(row_));
    return status_;
  }

 private:
  struct Image {
    std::string_view present;  // a bit per column of the table
    std::size_t present_count = 0;
    std::vector<mysql::Value> values;
  };
  bool ReadImage(Image& image);
  bool ReadPartialBits();
  bool Bad(std::string message);
  bool BadColumn(std::size_t column);
  template <bool kWhole>
  const char* ReadColumn(const ReadStep& step, std::size_t column, const char* at, const char* end,
                         mysql::Value* place);
  mysql::Value ReadOther(std::size_t column, Cursor& in);
  mysql::Value ReadPadded(mysql::ColumnType type, std::uint16_t bytes, Cursor& in);
  mysql::Value ReadOldTemporal(WireType type, unsigned fraction, Cursor& in);
  bool CheckJson(base::Status status);
  const char* ReadWholeJson(std::size_t column, const char* at, const char* end, mysql::Value* place);
  mysql::Value ReadJson(std::string_view binary, Cursor& in);
  mysql::Value ReadJsonDifferences(std::size_t column, std::string_view stored, Cursor& in);
  mysql::Value ReadCompressed(std::string_view stored, Cursor& in);

  const TableMap* table_ = nullptr;
  const char* at_ = nullptr;  // what is not decoded yet
  const char* end_ = nullptr;
  bool partial_ = false;
  RowChange row_;
  base::Status status_;

  Arena arena_;
  JsonForm json_form_ = JsonForm::kText;
  base::Status refused_;  // of a JSON value that has no such form
  std::string scratch_;
  Image before_;
  Image after_;
  // Of an update: the stored JSON values of the row's before image, by column.
  std::vector<std::string_view> json_before_;
  // Of a PARTIAL_UPDATE_ROWS event: which columns of the image being read hold differences.
  std::vector<bool> differs_;
};

}  // namespace shardlift::binlog
