// Row events: which kinds there are, and where their rows begin.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "binlog/event.h"
#include "binlog/group.h"

namespace shardlift::binlog {

struct RowEventKind {
  RowOp op = RowOp::kInsert;
  bool compressed = false;  // MariaDB's log_bin_compress
  bool partial = false;     // after images may hold differences of JSON values
  bool pre_ga = false;      // MySQL 5.1 before its release: images lie as in the server's memory
};
// nullopt: no row event.
std::optional<RowEventKind> FindRowEventKind(EventType type);

// What a row event that changes nothing names as its table.
inline constexpr std::uint64_t kDummyTableId = 0x00ffffff;

struct RowEvent {
  std::uint64_t table_id = 0;
  std::string_view data;  // from the column count on
};
base::Result<RowEvent> ParseRowEvent(const Event& event, const Format& format);

// The data of a compressed row event as an uncompressed one has it. `out` holds it.
base::Status UncompressRows(std::string_view data, RowOp op, std::string& out);

}  // namespace shardlift::binlog
