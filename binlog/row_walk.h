// RowWalk: counts the rows of a row event without decoding their values.
//
// A walk is made once for a table and walks many events; it allocates nothing then. Thread rules: const, share freely.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "binlog/cursor.h"
#include "binlog/group.h"
#include "binlog/table_map.h"

namespace shardlift::binlog {

class RowWalk {
 public:
  explicit RowWalk(const std::vector<WireColumn>& columns);

  // `data` as RowDecoder::Decode takes it. kCorrupt when the images do not end where the event does.
  base::Result<std::uint64_t> CountRows(RowOp op, bool partial, std::string_view data) const;

 private:
  // How a value's length is known: `fixed` bytes, then, if `length_bytes` is not 0, a length of so many bytes and
  // as many bytes as it says.
  struct Step {
    std::uint32_t fixed = 0;
    std::uint8_t length_bytes = 0;
    bool readable = true;
  };
  static Step StepOf(const WireColumn& column);
  static void Take(const Step& step, Cursor& in);
  void SkipImage(std::string_view present, std::size_t present_count, Cursor& in) const;
  void SkipPartialBits(Cursor& in) const;

  std::vector<Step> steps_;  // by column
  std::vector<Step> whole_;  // an image with all columns and no NULL; fixed columns are joined
  std::size_t json_columns_ = 0;
};

}  // namespace shardlift::binlog
