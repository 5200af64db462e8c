#include "binlog/group_reader.h"

#include "binlog/group_body.h"

namespace shardlift::binlog {

GroupReader::GroupReader(GroupReaderOptions options)
    : options_(std::move(options)),
      bounds_({.start = options_.start,
               .from_network = options_.from_network,
               .checksum_at_start = options_.checksum_at_start,
               .look_into_payloads = true}),
      boundary_(options_.start) {}

GroupReader::~GroupReader() = default;

base::Result<std::optional<CommitGroup>> GroupReader::Feed(std::string_view event_bytes) {
  ended_.reset();
  SL_ASSIGN(const Event event, bounds_.Next(event_bytes));
  Look(event.header);
  return After(Dispatch(event));
}

base::Result<std::optional<CommitGroup>> GroupReader::FeedFromFile(const std::string& file, const FileEvent& event) {
  ended_.reset();
  SL_TRY(bounds_.NextAt(file, event));
  Look(event.event.header);
  return After(Dispatch(event.event));
}

void GroupReader::Reconnected(const mysql::FilePosition& start, bool checksum_at_start) {
  ForgetGroup();
  bounds_.Reconnected(start, checksum_at_start);
}

void GroupReader::SkippedTo(const mysql::FilePosition& end) {
  bounds_.SkippedTo(end);
  boundary_ = end;
}

base::Result<std::optional<CommitGroup>> GroupReader::After(base::Status status) {
  if (!status.ok()) return status.WithContext(Place());
  if (!bounds_.in_group()) {
    if (boundary_.file != bounds_.file()) boundary_.file = bounds_.file();
    boundary_.offset = bounds_.offset();
  }
  return std::move(ended_);
}

void GroupReader::Look(const EventHeader& header) {
  last_was_heartbeat_ = IsHeartbeat(header.type);
  event_seconds_ = header.timestamp_seconds;
  if (header.timestamp_seconds != 0) last_event_seconds_ = header.timestamp_seconds;
}

// `event` has been seen by bounds_.
base::Status GroupReader::Dispatch(const Event& event) {
  if (bounds_.dropped_group()) ForgetGroup();
  if (bounds_.began_group()) StartGroup();
  const bool inside = bounds_.in_group() || bounds_.ended_group();
  if (inside && event_seconds_ != 0 && !last_was_heartbeat_) group_.timestamp_seconds = event_seconds_;
  if (const auto rows = FindRowEventKind(event.header.type)) return OnRows(event, *rows);
  switch (event.header.type) {
    case EventType::kQuery:
    case EventType::kExecuteLoadQuery:
    case EventType::kMariaQueryCompressed:
      return OnQuery(bounds_.query(), bounds_.query_event().default_schema, bounds_.query_event().sql);
    case EventType::kXid: return EndGroup(GroupKind::kCommit);
    case EventType::kXaPrepare: return OnXaPrepareEvent(event);
    case EventType::kTableMap: return OnTableMap(event);
    case EventType::kTransactionPayload: return OnPayload(event);
    default: return base::Ok();
  }
}

base::Status GroupReader::OnPayload(const Event& event) {
  // Events inside have no checksum of their own and no place in the file.
  Format inner = bounds_.format();
  inner.checksum = false;
  const std::uint32_t outer_seconds = event_seconds_;
  base::Status status = payload_.Read(event.body, [&](std::string_view bytes) -> base::Status {
    SL_ASSIGN(const Event nested, ParseEvent(bytes, inner));
    if (nested.header.timestamp_seconds != 0) event_seconds_ = nested.header.timestamp_seconds;
    SL_TRY(bounds_.NextInside(nested));
    return Dispatch(nested);
  });
  event_seconds_ = outer_seconds;
  if (status.ok() && bounds_.in_group()) return Corrupt("payload without the end of its group");
  return status;
}

std::optional<mysql::FilePosition> GroupReader::OldestPrepareBegin() const {
  std::optional<mysql::FilePosition> oldest;
  for (const auto& [xid, prepared] : prepared_) {
    if (!oldest || prepared.begin < *oldest) oldest = prepared.begin;
  }
  return oldest;
}

std::vector<mysql::Gtid> GroupReader::PreparedGtids() const {
  std::vector<mysql::Gtid> gtids;
  for (const auto& [xid, prepared] : prepared_) {
    if (prepared.gtid.number != 0) gtids.push_back(prepared.gtid);
  }
  return gtids;
}

}  // namespace shardlift::binlog
