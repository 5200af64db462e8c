#include "binlog/group_bounds.h"

#include <fmt/format.h>

#include "binlog/compression.h"
#include "binlog/cursor.h"
#include "binlog/gtid_event.h"
#include "binlog/row_event.h"

namespace shardlift::binlog {

bool IsMadeUp(const EventHeader& header) { return header.next_offset == 0 || (header.flags & kFlagArtificial) != 0; }

bool IsHeartbeat(EventType type) { return type == EventType::kHeartbeat || type == EventType::kHeartbeatV2; }

GroupBounds::GroupBounds(GroupBoundsOptions options) : options_(std::move(options)) {
  Reconnected(options_.start, options_.checksum_at_start);
}

void GroupBounds::Reconnected(const mysql::FilePosition& start, bool checksum_at_start) {
  format_ = Format();
  format_.checksum = checksum_at_start;
  file_ = start.file;
  offset_ = start.offset;
  in_group_ = false;
  in_transaction_ = false;
  began_ = ended_ = dropped_ = false;
}

void GroupBounds::SkippedTo(const mysql::FilePosition& end) {
  file_ = end.file;
  offset_ = end.offset;
}

base::Result<Event> GroupBounds::Next(std::string_view bytes) {
  event_begin_ = event_end_ = offset_;
  base::Result<Event> event = ParseEvent(bytes, format_);
  if (!event.ok()) return event.status().WithContext(PlaceText(file_, offset_));
  Place(event->header);
  if (base::Status status = Step(*event); !status.ok()) return status.WithContext(PlaceText(event_file_, event_begin_));
  return event;
}

base::Status GroupBounds::NextAt(const std::string& file, const FileEvent& event) {
  if (event_file_ != file) event_file_ = file;
  if (file_ != file) file_ = file;
  event_begin_ = event.offset;
  event_end_ = offset_ = event.end_offset;
  return Step(event.event).WithContext(PlaceText(event_file_, event_begin_));
}

base::Status GroupBounds::NextInside(const Event& event) {
  switch (event.header.type) {
    case EventType::kFormatDescription: return Corrupt("format description inside a payload");
    case EventType::kRotate: return Corrupt("rotation inside a payload");
    case EventType::kTransactionPayload: return Corrupt("payload inside a payload");
    default: break;
  }
  if (!in_group_) return Corrupt("events after the end of the group inside a payload");
  return Step(event);
}

// Keeps the 64-bit offset: the event tells the low 32 bits of its end. Events made for the connection tell 0, and
// heartbeats speak of the place where the server waits.
void GroupBounds::Place(const EventHeader& header) {
  if (event_file_ != file_) event_file_ = file_;
  if (IsHeartbeat(header.type) || IsMadeUp(header)) return;
  constexpr std::uint64_t kWrap = std::uint64_t{1} << 32;
  const std::uint64_t expected = offset_ + header.event_bytes;
  std::uint64_t end = (expected & ~(kWrap - 1)) | header.next_offset;
  if (end < expected) end += kWrap;
  event_begin_ = end - header.event_bytes;
  event_end_ = offset_ = end;
}

base::Status GroupBounds::Step(const Event& event) {
  began_ = ended_ = dropped_ = false;
  switch (event.header.type) {
    case EventType::kFormatDescription: return OnFormatDescription(event);
    case EventType::kRotate: return OnRotate(event);
    case EventType::kHeartbeat:
    case EventType::kHeartbeatV2:
    case EventType::kStop: return base::Ok();
    case EventType::kPreviousGtids:
    case EventType::kMariaGtidList:
    case EventType::kMariaBinlogCheckpoint:
      if (!in_group_) return base::Ok();
      return Corrupt(fmt::format("{} inside a group", EventTypeName(event.header.type)));
    default: break;
  }
  if (!format_.known) return Corrupt(fmt::format("{} before any format description", EventTypeName(event.header.type)));
  if (FindRowEventKind(event.header.type)) {
    TouchGroup();
    return base::Ok();
  }
  switch (event.header.type) {
    case EventType::kGtid:
    case EventType::kAnonymousGtid:
    case EventType::kGtidTagged:
    case EventType::kMariaGtid: return OnGtid(event);
    case EventType::kQuery:
    case EventType::kExecuteLoadQuery:
    case EventType::kMariaQueryCompressed: return OnQuery(event);
    case EventType::kXid:
    case EventType::kXaPrepare:
      TouchGroup();
      EndGroup();
      return base::Ok();
    case EventType::kTransactionPayload:
      TouchGroup();
      if (!options_.look_into_payloads) EndGroup();
      return base::Ok();
    default: return OnOther(event);
  }
}

base::Status GroupBounds::OnFormatDescription(const Event& event) {
  SL_ASSIGN(format_, ParseFormatDescription(event));
  if (!in_group_) return base::Ok();
  // A server that crashed while writing a group leaves its beginning at the end of the file; the next file is the first
  // one after a start. That group was never committed.
  if (format_.created_seconds == 0) return Corrupt("a new binlog file begins inside a group");
  in_group_ = in_transaction_ = false;
  dropped_ = true;
  return base::Ok();
}

base::Status GroupBounds::OnRotate(const Event& event) {
  Cursor in(event.body);
  const std::size_t post_header = format_.PostHeaderBytes(EventType::kRotate, 8);
  const std::uint64_t position = post_header >= 8 ? in.U64() : kFirstEventOffset;
  if (post_header > 8) in.Skip(post_header - 8);
  const std::string_view name = in.Rest();
  constexpr std::size_t kNameBytesMax = 512;
  if (!in.ok() || name.empty() || name.size() > kNameBytesMax || name.find('\0') != std::string_view::npos) {
    return Corrupt("ROTATE_EVENT without a file name");
  }
  if (in_group_ && !IsMadeUp(event.header)) return Corrupt("ROTATE_EVENT inside a group");
  file_ = name;
  offset_ = position;
  return base::Ok();
}

base::Status GroupBounds::OnGtid(const Event& event) {
  if (event.header.type == EventType::kMariaGtid) {
    if (format_.flavour != mysql::Flavour::kMariaDb) return Corrupt("a MariaDB GTID event in a MySQL binlog");
    SL_ASSIGN(const MariaGtid gtid, ParseMariaGtid(event));
    SL_TRY(BeginGroup());
    maria_gtid_ = gtid;
    has_gtid_event_ = true;
    // The event stands for BEGIN, unless a single statement follows.
    in_transaction_ = !gtid.standalone;
    return base::Ok();
  }
  if (format_.flavour != mysql::Flavour::kMySql) return Corrupt("a MySQL GTID event in a MariaDB binlog");
  SL_ASSIGN(mysql::Gtid gtid, ParseMySqlGtid(event));
  SL_TRY(BeginGroup());
  gtid_ = std::move(gtid);
  has_gtid_event_ = true;
  return base::Ok();
}

base::Status GroupBounds::OnQuery(const Event& event) {
  SL_ASSIGN(query_event_, ParseQueryEvent(event, format_));
  if (event.header.type == EventType::kMariaQueryCompressed) {
    SL_TRY(UncompressEventPart(query_event_.sql, uncompressed_));
    query_event_.sql = uncompressed_;
  }
  query_ = ClassifyQuery(query_event_.sql);
  TouchGroup();
  switch (query_.kind) {
    case QueryKind::kBegin:
    case QueryKind::kXaStart: in_transaction_ = true; return base::Ok();
    case QueryKind::kSavepoint:
    case QueryKind::kRollbackToSavepoint:
    case QueryKind::kReleaseSavepoint:
    case QueryKind::kXaEnd: return base::Ok();
    case QueryKind::kCommit:
    case QueryKind::kRollback:
    case QueryKind::kXaPrepare:
    case QueryKind::kXaCommit:
    case QueryKind::kXaCommitOnePhase:
    case QueryKind::kXaRollback: EndGroup(); return base::Ok();
    case QueryKind::kDdl:
    case QueryKind::kDml:
    case QueryKind::kOther:
      if (!in_transaction_) EndGroup();
      return base::Ok();
  }
  return base::Ok();
}

base::Status GroupBounds::OnOther(const Event& event) {
  switch (event.header.type) {
    case EventType::kTableMap:
    case EventType::kIntvar:
    case EventType::kRand:
    case EventType::kUserVar:
    case EventType::kBeginLoadQuery:
    case EventType::kAppendBlock:
    case EventType::kDeleteFile:
    case EventType::kRowsQuery:
    case EventType::kMariaAnnotateRows:
    case EventType::kTransactionContext:
    case EventType::kViewChange: TouchGroup(); return base::Ok();
    case EventType::kMariaStartEncryption:
      if (options_.from_network) return base::Ok();
      return {base::Code::kRefused, "the binlog file is encrypted; read it from its server instead"};
    case EventType::kIncident:
      return {
          base::Code::kRefused,
          "the source wrote an incident event: its binlog has lost changes here; start a new copy after this place"};
    default: break;
  }
  if ((event.header.flags & kFlagIgnorable) != 0 || event.header.type == EventType::kIgnorable) return base::Ok();
  return {base::Code::kRefused, fmt::format("event type {} is not known; a newer program may read this source",
                                            static_cast<unsigned>(event.header.type))};
}

base::Status GroupBounds::BeginGroup() {
  if (in_group_) return Corrupt("a group begins inside another");
  TouchGroup();
  return base::Ok();
}

void GroupBounds::TouchGroup() {
  if (in_group_) return;
  in_group_ = began_ = true;
  in_transaction_ = false;
  gtid_ = mysql::Gtid();
  maria_gtid_.reset();
  has_gtid_event_ = false;
  if (group_begin_.file != event_file_) group_begin_.file = event_file_;
  group_begin_.offset = event_begin_;
}

void GroupBounds::EndGroup() {
  in_group_ = in_transaction_ = false;
  ended_ = true;
}

}  // namespace shardlift::binlog
