#include "binlog/row_event.h"

#include <fmt/format.h>

#include "binlog/compression.h"
#include "binlog/cursor.h"

namespace shardlift::binlog {

std::optional<RowEventKind> FindRowEventKind(EventType type) {
  switch (type) {
    case EventType::kWriteRowsV1:
    case EventType::kWriteRows: return RowEventKind{RowOp::kInsert, false, false, false};
    case EventType::kUpdateRowsV1:
    case EventType::kUpdateRows: return RowEventKind{RowOp::kUpdate, false, false, false};
    case EventType::kDeleteRowsV1:
    case EventType::kDeleteRows: return RowEventKind{RowOp::kDelete, false, false, false};
    case EventType::kMariaWriteRowsCompressedV1:
    case EventType::kMariaWriteRowsCompressed: return RowEventKind{RowOp::kInsert, true, false, false};
    case EventType::kMariaUpdateRowsCompressedV1:
    case EventType::kMariaUpdateRowsCompressed: return RowEventKind{RowOp::kUpdate, true, false, false};
    case EventType::kMariaDeleteRowsCompressedV1:
    case EventType::kMariaDeleteRowsCompressed: return RowEventKind{RowOp::kDelete, true, false, false};
    case EventType::kPartialUpdateRows: return RowEventKind{RowOp::kUpdate, false, true, false};
    case EventType::kPreGaWriteRows: return RowEventKind{RowOp::kInsert, false, false, true};
    case EventType::kPreGaUpdateRows: return RowEventKind{RowOp::kUpdate, false, false, true};
    case EventType::kPreGaDeleteRows: return RowEventKind{RowOp::kDelete, false, false, true};
    default: return std::nullopt;
  }
}

base::Result<RowEvent> ParseRowEvent(const Event& event, const Format& format) {
  constexpr std::size_t kOldestPostHeader = 6;
  constexpr std::size_t kPostHeaderWithExtra = 10;
  const bool version_2 =
      event.header.type >= EventType::kWriteRows && event.header.type <= EventType::kPartialUpdateRows;
  const std::size_t post_header = format.PostHeaderBytes(event.header.type, version_2 ? kPostHeaderWithExtra : 8);
  Cursor in(event.body);
  RowEvent rows;
  rows.table_id = in.Little(post_header == kOldestPostHeader ? 4 : 6);
  in.Skip(2);  // flags
  if (post_header >= kPostHeaderWithExtra) {
    const std::uint16_t extra = in.U16();  // counts itself
    if (extra < 2) in.Fail();
    in.Skip(post_header - kPostHeaderWithExtra);
    in.Skip(extra < 2 ? 0 : extra - 2u);
  }
  rows.data = in.Rest();
  if (!in.ok()) return Corrupt(fmt::format("{} cut short", EventTypeName(event.header.type)));
  return rows;
}

base::Status UncompressRows(std::string_view data, RowOp op, std::string& out) {
  Cursor head(data);
  const std::uint64_t bitmap_bytes = (head.Packed() + 7) / 8;
  head.Skip(op == RowOp::kUpdate ? 2 * bitmap_bytes : bitmap_bytes);
  if (!head.ok()) return Corrupt("compressed row event cut short");
  const std::size_t head_bytes = head.position();  // the column count and the bitmaps stay as they are
  std::string rows;
  SL_TRY(UncompressEventPart(head.Rest(), rows));
  out.assign(data.substr(0, head_bytes));
  out += rows;
  return base::Ok();
}

}  // namespace shardlift::binlog
