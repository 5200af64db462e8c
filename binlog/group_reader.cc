#include "binlog/group_reader.h"

#include <fmt/format.h>

#include "binlog/cursor.h"
#include "binlog/group_body.h"

namespace shardlift::binlog {

GroupReader::GroupReader(GroupReaderOptions options)
    : options_(std::move(options)),
      file_(options_.start.file),
      offset_(options_.start.offset),
      boundary_(options_.start) {
  format_.checksum = options_.checksum_at_start;
}

GroupReader::~GroupReader() = default;

base::Result<std::optional<CommitGroup>> GroupReader::Feed(std::string_view event_bytes) {
  event_begin_ = offset_;
  ended_.reset();
  base::Result<Event> event = ParseEvent(event_bytes, format_);
  if (!event.ok()) return After(event.status());
  Look(event->header);
  Advance(event->header);
  return After(Dispatch(*event));
}

base::Result<std::optional<CommitGroup>> GroupReader::FeedFromFile(const std::string& file, const FileEvent& event) {
  ended_.reset();
  file_ = file;
  event_begin_ = event.offset;
  offset_ = event.end_offset;
  Look(event.event.header);
  return After(Dispatch(event.event));
}

void GroupReader::Reconnected(const mysql::FilePosition& start, bool checksum_at_start) {
  ForgetGroup();
  format_ = Format();
  format_.checksum = checksum_at_start;
  file_ = start.file;
  offset_ = start.offset;
}

void GroupReader::SkippedTo(const mysql::FilePosition& end) {
  file_ = end.file;
  offset_ = end.offset;
  boundary_ = end;
}

base::Result<std::optional<CommitGroup>> GroupReader::After(base::Status status) {
  if (!status.ok()) return status.WithContext(Place());
  if (!in_group_) {
    if (boundary_.file != file_) boundary_.file = file_;
    boundary_.offset = offset_;
  }
  return std::move(ended_);
}

void GroupReader::Look(const EventHeader& header) {
  last_was_heartbeat_ = header.type == EventType::kHeartbeat || header.type == EventType::kHeartbeatV2;
  event_seconds_ = header.timestamp_seconds;
  if (header.timestamp_seconds != 0) last_event_seconds_ = header.timestamp_seconds;
}

// Keeps the 64-bit offset: the event tells the low 32 bits of its end. Events made for the connection tell 0, and
// heartbeats speak of the place where the server waits.
void GroupReader::Advance(const EventHeader& header) {
  const bool made_up = header.next_offset == 0 || (header.flags & kFlagArtificial) != 0;
  if (last_was_heartbeat_ || made_up) return;
  constexpr std::uint64_t kWrap = std::uint64_t{1} << 32;
  const std::uint64_t expected = offset_ + header.event_bytes;
  std::uint64_t end = (expected & ~(kWrap - 1)) | header.next_offset;
  if (end < expected) end += kWrap;
  event_begin_ = end - header.event_bytes;
  offset_ = end;
}

base::Status GroupReader::Dispatch(const Event& event) {
  switch (event.header.type) {
    case EventType::kFormatDescription: return OnFormatDescription(event);
    case EventType::kRotate: return OnRotate(event);
    case EventType::kHeartbeat:
    case EventType::kHeartbeatV2: return base::Ok();
    case EventType::kStop:
    case EventType::kPreviousGtids:
    case EventType::kMariaGtidList:
    case EventType::kMariaBinlogCheckpoint: return OutsideGroup(event);
    default: break;
  }
  if (!format_.known) return Corrupt(fmt::format("{} before any format description", EventTypeName(event.header.type)));
  if (const auto rows = FindRowEventKind(event.header.type)) return OnRows(event, *rows);
  switch (event.header.type) {
    case EventType::kGtid:
    case EventType::kAnonymousGtid:
    case EventType::kGtidTagged: return OnGtid(event);
    case EventType::kMariaGtid: return OnMariaGtid(event);
    case EventType::kQuery:
    case EventType::kExecuteLoadQuery:
    case EventType::kMariaQueryCompressed: return OnQueryEvent(event);
    case EventType::kXid: TouchGroup(); return EndGroup(GroupKind::kCommit);
    case EventType::kXaPrepare: return OnXaPrepareEvent(event);
    case EventType::kTableMap: return OnTableMap(event);
    case EventType::kTransactionPayload: return OnPayload(event);
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

base::Status GroupReader::OutsideGroup(const Event& event) {
  if (!in_group_ || event.header.type == EventType::kStop) return base::Ok();
  return Corrupt(fmt::format("{} inside a group", EventTypeName(event.header.type)));
}

base::Status GroupReader::OnFormatDescription(const Event& event) {
  if (in_payload_) return Corrupt("format description inside a payload");
  SL_ASSIGN(format_, ParseFormatDescription(event));
  if (!in_group_) return base::Ok();
  // A server that crashed while writing a group leaves its beginning at the end of the file; the next file is the first
  // one after a start. That group was never committed.
  if (format_.created_seconds == 0) return Corrupt("a new binlog file begins inside a group");
  ForgetGroup();
  return base::Ok();
}

base::Status GroupReader::OnRotate(const Event& event) {
  if (in_payload_) return Corrupt("rotation inside a payload");
  Cursor in(event.body);
  const std::size_t post_header = format_.PostHeaderBytes(EventType::kRotate, 8);
  const std::uint64_t position = post_header >= 8 ? in.U64() : kFirstEventOffset;
  if (post_header > 8) in.Skip(post_header - 8);
  const std::string_view name = in.Rest();
  constexpr std::size_t kNameBytesMax = 512;
  if (!in.ok() || name.empty() || name.size() > kNameBytesMax || name.find('\0') != std::string_view::npos) {
    return Corrupt("ROTATE_EVENT without a file name");
  }
  const bool made_up = event.header.next_offset == 0 || (event.header.flags & kFlagArtificial) != 0;
  if (in_group_ && !made_up) return Corrupt("ROTATE_EVENT inside a group");
  file_ = name;
  offset_ = position;
  return base::Ok();
}

base::Status GroupReader::OnPayload(const Event& event) {
  if (in_payload_) return Corrupt("payload inside a payload");
  TouchGroup();
  // Events inside have no checksum of their own and no place in the file.
  Format inner = format_;
  inner.checksum = false;
  in_payload_ = true;
  const std::uint32_t outer_seconds = event_seconds_;
  base::Status status = payload_.Read(event.body, [&](std::string_view bytes) -> base::Status {
    if (ended_) return Corrupt("events after the end of the group inside a payload");
    SL_ASSIGN(const Event nested, ParseEvent(bytes, inner));
    if (nested.header.timestamp_seconds != 0) event_seconds_ = nested.header.timestamp_seconds;
    return Dispatch(nested);
  });
  in_payload_ = false;
  event_seconds_ = outer_seconds;
  if (status.ok() && !ended_) return Corrupt("payload without the end of its group");
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
