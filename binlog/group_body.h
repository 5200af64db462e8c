// GroupBody: the row events of one group as they came, decoded only when they are looked at.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "binlog/byte_store.h"
#include "binlog/group.h"
#include "binlog/table_map.h"

namespace shardlift::binlog {

class GroupBody {
 public:
  explicit GroupBody(SpillOptions spill) : bytes_(std::move(spill)) {}

  // `data` starts at the row event's column count, uncompressed. `file_offset`: where the event begins.
  base::Status Add(std::shared_ptr<const TableMap> table, RowOp op, bool partial, std::uint64_t file_offset,
                   std::uint32_t seconds, std::string_view data);
  // All events of a group lie in one file.
  void set_file(std::string file) { file_ = std::move(file); }

  std::size_t events() const { return events_.size(); }
  std::uint64_t row_bytes() const { return bytes_.size(); }
  // Forgets the events after the first `count`.
  void KeepFirst(std::size_t count);

  base::Status ForEachRow(const std::function<base::Status(const RowChange&, const RowPlace&)>& fn) const;

 private:
  struct HeldEvent {
    std::uint64_t data_offset;
    std::uint64_t file_offset;
    std::uint32_t data_bytes;
    std::uint32_t table;  // index into tables_
    std::uint32_t seconds;
    RowOp op;
    bool partial;
  };

  std::string file_;
  ByteStore bytes_;
  std::vector<HeldEvent> events_;
  std::vector<std::shared_ptr<const TableMap>> tables_;
};

}  // namespace shardlift::binlog
