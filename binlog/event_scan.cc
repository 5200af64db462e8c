#include "binlog/event_scan.h"

#include <fmt/format.h>

namespace shardlift::binlog {
namespace {

constexpr std::size_t kSeenTablesMax = 8192;

bool IsOfTheFile(const base::Status& status) {
  return status.code() == base::Code::kCorrupt || status.code() == base::Code::kRefused;
}

}  // namespace

base::Status EventScan::Scan(FileReader& reader) {
  tables_.clear();
  while (const FileEvent* next = reader.Next()) {
    base::Status status = OnEvent(
        {.event = &next->event, .format = &reader.format(), .offset = next->offset, .end_offset = next->end_offset});
    if (status.ok()) continue;
    if (!IsOfTheFile(status)) return status;
    reader.EndAt(status);
  }
  return base::Ok();
}

base::Status EventScan::OnEvent(const ScannedEvent& event) {
  bool wanted = true;
  SL_TRY(visitor_.OnEvent(event, &wanted));
  return wanted ? OnBody(event) : base::Ok();
}

base::Status EventScan::OnBody(const ScannedEvent& event) {
  switch (event.type()) {
    case EventType::kFormatDescription: tables_.clear(); return base::Ok();
    case EventType::kTableMap: return OnTableMap(event);
    case EventType::kTransactionPayload: return OnPayload(event);
    case EventType::kQuery:
    case EventType::kExecuteLoadQuery:
    case EventType::kMariaQueryCompressed: return OnQuery(event);
    case EventType::kGtid:
    case EventType::kAnonymousGtid:
    case EventType::kGtidTagged: {
      SL_ASSIGN(const mysql::Gtid gtid, ParseMySqlGtid(*event.event));
      return visitor_.OnMySqlGtid(event, gtid);
    }
    case EventType::kMariaGtid: {
      SL_ASSIGN(const MariaGtid gtid, ParseMariaGtid(*event.event));
      return visitor_.OnMariaGtid(event, gtid);
    }
    default: break;
  }
  if (const auto kind = FindRowEventKind(event.type())) return OnRows(event, *kind);
  return base::Ok();
}

base::Status EventScan::OnPayload(const ScannedEvent& event) {
  if (event.in_payload) return Corrupt("payload inside a payload");
  Format inner = *event.format;  // events inside have no checksum of their own
  inner.checksum = false;
  return payload_.Read(event.event->body, [&](std::string_view bytes) -> base::Status {
    SL_ASSIGN(const Event nested, ParseEvent(bytes, inner));
    const EventType type = nested.header.type;
    if (type == EventType::kFormatDescription) return Corrupt("format description inside a payload");
    if (!IsKnown(type) && (nested.header.flags & kFlagIgnorable) == 0) {
      return {base::Code::kRefused, fmt::format("event type {} is not known", static_cast<unsigned>(type))};
    }
    return OnEvent({&nested, &inner, event.offset, event.end_offset, true});
  });
}

base::Status EventScan::OnQuery(const ScannedEvent& event) {
  SL_ASSIGN(QueryEvent query, ParseQueryEvent(*event.event, *event.format));
  if (event.type() == EventType::kMariaQueryCompressed) {
    SL_TRY(UncompressEventPart(query.sql, uncompressed_));
    query.sql = uncompressed_;
  }
  return visitor_.OnQuery(event, query);
}

base::Status EventScan::OnTableMap(const ScannedEvent& event) {
  SL_ASSIGN(const TableMapName name, ParseTableMapName(*event.event, *event.format));
  if (tables_.size() > kSeenTablesMax) tables_.clear();
  SeenTable& seen = tables_[name.table_id];
  const bool same = !seen.raw.empty() && seen.raw == event.event->body;
  if (same && seen.table == nullptr) return base::Ok();
  const bool wanted = same || visitor_.WantsTable(name);
  const mysql::TableSchema* known = nullptr;
  if (wanted) {
    SL_ASSIGN(known, visitor_.KnownSchema(event, name));
  }
  if (same && seen.known == known) return base::Ok();
  seen.table = nullptr;
  seen.raw.clear();
  seen.known = known;
  if (wanted) {
    SL_ASSIGN(const TableMapEvent map, ParseTableMap(*event.event, *event.format));
    SL_ASSIGN(seen.table, DescribeTable(map, event.format->flavour, tables_described_, known));
    ++tables_described_;
    SL_TRY(visitor_.OnTable(*seen.table));
  }
  seen.raw = event.event->body;
  return base::Ok();
}

base::Status EventScan::OnRows(const ScannedEvent& event, const RowEventKind& kind) {
  if (kind.pre_ga) {
    return {base::Code::kRefused,
            fmt::format("{}: such events hold rows as they lay in the memory of a MySQL 5.1 before its release",
                        EventTypeName(event.type()))};
  }
  SL_ASSIGN(const RowEvent rows, ParseRowEvent(*event.event, *event.format));
  const auto seen = tables_.find(rows.table_id);
  if (seen == tables_.end()) {
    if (rows.table_id == kDummyTableId) return base::Ok();
    return Corrupt(fmt::format("{} for a table without a table map", EventTypeName(event.type())));
  }
  if (seen->second.table == nullptr) return base::Ok();
  // The visitor may look at the next events' tables only through calls of its own; this one must outlive its rows.
  const std::shared_ptr<const DescribedTable> table = seen->second.table;
  std::string_view data = rows.data;
  if (kind.compressed) {
    SL_TRY(UncompressRows(data, kind.op, uncompressed_));
    data = uncompressed_;
  }
  return visitor_.OnRows(event, *table, kind, data);
}

}  // namespace shardlift::binlog
