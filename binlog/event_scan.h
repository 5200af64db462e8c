// EventScan: hands the parts of each event of a file to a visitor, with tables as the file itself describes them.
//
// Events are shown as they lie: also those of groups that end in a ROLLBACK. What is inside a payload, or compressed,
// is shown as if it were not; its place is that of the event around it. Memory: one event, and the table maps met.
// Thread rules: one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/status.h"
#include "binlog/compression.h"
#include "binlog/described_table.h"
#include "binlog/event.h"
#include "binlog/file_reader.h"
#include "binlog/gtid_event.h"
#include "binlog/query.h"
#include "binlog/row_event.h"

namespace shardlift::binlog {

struct ScannedEvent {
  const Event* event = nullptr;
  const Format* format = nullptr;
  std::uint64_t offset = 0;
  std::uint64_t end_offset = 0;
  bool in_payload = false;

  EventType type() const { return event->header.type; }
  std::uint32_t timestamp_seconds() const { return event->header.timestamp_seconds; }
};

// A status that is not ok ends the scan. kCorrupt and kRefused say that the event is damaged or unknown, and end the
// file (FileReader::EndAt); any other is the visitor's own and Scan returns it.
class EventVisitor {
 public:
  virtual ~EventVisitor() = default;
  // Every event, before its own call below. *wanted = false: nothing is made of its body.
  virtual base::Status OnEvent(const ScannedEvent& event, bool* wanted) = 0;
  virtual base::Status OnMySqlGtid(const ScannedEvent&, const mysql::Gtid&) { return base::Ok(); }
  virtual base::Status OnMariaGtid(const ScannedEvent&, const MariaGtid&) { return base::Ok(); }
  // QUERY, QUERY_COMPRESSED and EXECUTE_LOAD_QUERY. The views live during the call.
  virtual base::Status OnQuery(const ScannedEvent&, const QueryEvent&) { return base::Ok(); }
  // Once for each table map that differs from the last of the same number.
  virtual bool WantsTable(const TableMapName&) { return true; }
  // The schema of a wanted table as it was where this event begins, null where that is not known. It must stay valid
  // as long as the scan.
  virtual base::Result<const mysql::TableSchema*> KnownSchema(const ScannedEvent&, const TableMapName&) {
    return nullptr;
  }
  virtual base::Status OnTable(const DescribedTable&) { return base::Ok(); }
  // Of wanted tables only; `data` is uncompressed, from the column count on.
  virtual base::Status OnRows(const ScannedEvent&, const DescribedTable&, const RowEventKind&, std::string_view) {
    return base::Ok();
  }
};

class EventScan {
 public:
  explicit EventScan(EventVisitor& visitor) : visitor_(visitor) {}

  // To the end of the file. Ok also when that is a damage: the reader says how it ended.
  base::Status Scan(FileReader& reader);

 private:
  struct SeenTable {
    std::string raw;  // the event's body, to know an unchanged table map at once
    const mysql::TableSchema* known = nullptr;
    std::shared_ptr<const DescribedTable> table;  // null: not wanted
  };
  base::Status OnEvent(const ScannedEvent& event);
  base::Status OnBody(const ScannedEvent& event);
  base::Status OnPayload(const ScannedEvent& event);
  base::Status OnQuery(const ScannedEvent& event);
  base::Status OnTableMap(const ScannedEvent& event);
  base::Status OnRows(const ScannedEvent& event, const RowEventKind& kind);

  EventVisitor& visitor_;
  PayloadReader payload_;
  std::string uncompressed_;
  std::unordered_map<std::uint64_t, SeenTable> tables_;
  std::uint64_t tables_described_ = 0;
};

}  // namespace shardlift::binlog
