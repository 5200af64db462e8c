#include "binlog/event.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "binlog/crc32.h"
#include "binlog/cursor.h"

namespace shardlift::binlog {
namespace {

constexpr std::size_t kServerVersionBytes = 50;
constexpr std::uint8_t kChecksumOff = 0;
constexpr std::uint8_t kChecksumCrc32 = 1;

bool ChecksumMatches(std::string_view event) {
  const std::string_view data = event.substr(0, event.size() - kChecksumBytes);
  return Cursor(event.substr(data.size())).U32() == Crc32(data);
}

// The server sets and clears the in-use flag in place; the checksum was made without it.
bool FormatChecksumMatches(std::string_view event) {
  constexpr std::size_t kFlagsAt = 17;
  const char flags = static_cast<char>(static_cast<unsigned char>(event[kFlagsAt]) & ~kFlagInUse);
  const std::string_view rest = event.substr(kFlagsAt + 1, event.size() - kChecksumBytes - kFlagsAt - 1);
  const std::uint32_t crc = Crc32(rest, Crc32({&flags, 1}, Crc32(event.substr(0, kFlagsAt))));
  return Cursor(event.substr(event.size() - kChecksumBytes)).U32() == crc;
}

// Servers older than 5.6.1 (MariaDB: 5.3) write no checksum algorithm into their format description.
bool KnowsChecksums(std::string_view version) {
  constexpr unsigned kPartMax = 999;
  unsigned part[3] = {0, 0, kPartMax};  // Aurora's versions have no third: "5.6.mysql_aurora.1.22"
  std::size_t index = 0;
  bool digits = false;
  for (const char c : version) {
    if (c >= '0' && c <= '9') {
      part[index] = std::min(kPartMax, (digits ? part[index] * 10 : 0) + static_cast<unsigned>(c - '0'));
      digits = true;
    } else if (c == '.' && index < 2 && digits) {
      ++index;
      digits = false;
    } else {
      break;
    }
  }
  const bool maria = version.find("MariaDB") != std::string_view::npos;
  const unsigned long long product = (part[0] * 1000ULL + part[1]) * 1000ULL + part[2];
  return product >= (maria ? 5003000ULL : 5006001ULL);
}

// The checksum algorithm byte of a format description event, which ends with that byte and a CRC32.
std::string_view ServerVersionOf(std::string_view body) {
  std::string_view version = body.substr(2, kServerVersionBytes);
  return version.substr(0, version.find('\0'));
}

}  // namespace

std::string_view EventTypeName(EventType type) {
  switch (type) {
    case EventType::kStartV3: return "START_EVENT_V3";
    case EventType::kLoad: return "LOAD_EVENT";
    case EventType::kSlave: return "SLAVE_EVENT";
    case EventType::kCreateFile: return "CREATE_FILE_EVENT";
    case EventType::kAppendBlock: return "APPEND_BLOCK_EVENT";
    case EventType::kExecLoad: return "EXEC_LOAD_EVENT";
    case EventType::kDeleteFile: return "DELETE_FILE_EVENT";
    case EventType::kNewLoad: return "NEW_LOAD_EVENT";
    case EventType::kPreGaWriteRows: return "PRE_GA_WRITE_ROWS_EVENT";
    case EventType::kPreGaUpdateRows: return "PRE_GA_UPDATE_ROWS_EVENT";
    case EventType::kPreGaDeleteRows: return "PRE_GA_DELETE_ROWS_EVENT";
    case EventType::kQuery: return "QUERY_EVENT";
    case EventType::kStop: return "STOP_EVENT";
    case EventType::kRotate: return "ROTATE_EVENT";
    case EventType::kIntvar: return "INTVAR_EVENT";
    case EventType::kRand: return "RAND_EVENT";
    case EventType::kUserVar: return "USER_VAR_EVENT";
    case EventType::kFormatDescription: return "FORMAT_DESCRIPTION_EVENT";
    case EventType::kXid: return "XID_EVENT";
    case EventType::kBeginLoadQuery: return "BEGIN_LOAD_QUERY_EVENT";
    case EventType::kExecuteLoadQuery: return "EXECUTE_LOAD_QUERY_EVENT";
    case EventType::kTableMap: return "TABLE_MAP_EVENT";
    case EventType::kWriteRowsV1: return "WRITE_ROWS_EVENT_V1";
    case EventType::kUpdateRowsV1: return "UPDATE_ROWS_EVENT_V1";
    case EventType::kDeleteRowsV1: return "DELETE_ROWS_EVENT_V1";
    case EventType::kIncident: return "INCIDENT_EVENT";
    case EventType::kHeartbeat: return "HEARTBEAT_LOG_EVENT";
    case EventType::kIgnorable: return "IGNORABLE_LOG_EVENT";
    case EventType::kRowsQuery: return "ROWS_QUERY_LOG_EVENT";
    case EventType::kWriteRows: return "WRITE_ROWS_EVENT";
    case EventType::kUpdateRows: return "UPDATE_ROWS_EVENT";
    case EventType::kDeleteRows: return "DELETE_ROWS_EVENT";
    case EventType::kGtid: return "GTID_LOG_EVENT";
    case EventType::kAnonymousGtid: return "ANONYMOUS_GTID_LOG_EVENT";
    case EventType::kPreviousGtids: return "PREVIOUS_GTIDS_LOG_EVENT";
    case EventType::kTransactionContext: return "TRANSACTION_CONTEXT_EVENT";
    case EventType::kViewChange: return "VIEW_CHANGE_EVENT";
    case EventType::kXaPrepare: return "XA_PREPARE_LOG_EVENT";
    case EventType::kPartialUpdateRows: return "PARTIAL_UPDATE_ROWS_EVENT";
    case EventType::kTransactionPayload: return "TRANSACTION_PAYLOAD_EVENT";
    case EventType::kHeartbeatV2: return "HEARTBEAT_LOG_EVENT_V2";
    case EventType::kGtidTagged: return "GTID_TAGGED_LOG_EVENT";
    case EventType::kMariaAnnotateRows: return "ANNOTATE_ROWS_EVENT";
    case EventType::kMariaBinlogCheckpoint: return "BINLOG_CHECKPOINT_EVENT";
    case EventType::kMariaGtid: return "GTID_EVENT";
    case EventType::kMariaGtidList: return "GTID_LIST_EVENT";
    case EventType::kMariaStartEncryption: return "START_ENCRYPTION_EVENT";
    case EventType::kMariaQueryCompressed: return "QUERY_COMPRESSED_EVENT";
    case EventType::kMariaWriteRowsCompressedV1: return "WRITE_ROWS_COMPRESSED_EVENT_V1";
    case EventType::kMariaUpdateRowsCompressedV1: return "UPDATE_ROWS_COMPRESSED_EVENT_V1";
    case EventType::kMariaDeleteRowsCompressedV1: return "DELETE_ROWS_COMPRESSED_EVENT_V1";
    case EventType::kMariaWriteRowsCompressed: return "WRITE_ROWS_COMPRESSED_EVENT";
    case EventType::kMariaUpdateRowsCompressed: return "UPDATE_ROWS_COMPRESSED_EVENT";
    case EventType::kMariaDeleteRowsCompressed: return "DELETE_ROWS_COMPRESSED_EVENT";
  }
  return "UNKNOWN_EVENT";
}

bool IsKnown(EventType type) {
  const auto number = static_cast<unsigned>(type);
  return (number >= 1 && number <= 42) || (number >= 160 && number <= 171);
}

std::size_t Format::PostHeaderBytes(EventType type, std::size_t otherwise) const {
  const std::size_t index = static_cast<std::size_t>(type) - 1;
  return index < post_header_bytes.size() ? post_header_bytes[index] : otherwise;
}

base::Result<EventHeader> ParseEventHeader(std::string_view bytes) {
  Cursor in(bytes);
  EventHeader header;
  header.timestamp_seconds = in.U32();
  // Any byte may come; what has no name is passed over by its size. NOLINTNEXTLINE(clang-analyzer-optin.core.*)
  header.type = static_cast<EventType>(in.U8());
  header.server_id = in.U32();
  header.event_bytes = in.U32();
  header.next_offset = in.U32();
  header.flags = in.U16();
  if (!in.ok()) return Corrupt(fmt::format("an event of {} bytes has no room for its header", bytes.size()));
  if (header.event_bytes < kEventHeaderBytes) {
    return Corrupt(fmt::format("an event claims a size of {} bytes", header.event_bytes));
  }
  return header;
}

base::Result<Event> ParseEvent(std::string_view bytes, const Format& format) {
  SL_ASSIGN(const EventHeader header, ParseEventHeader(bytes));
  if (header.event_bytes != bytes.size()) {
    return Corrupt(
        fmt::format("{} claims {} bytes but has {}", EventTypeName(header.type), header.event_bytes, bytes.size()));
  }
  // These two are read before the format is known, so their header never grows.
  const bool fixed_header = header.type == EventType::kFormatDescription || header.type == EventType::kRotate;
  const std::size_t header_bytes = fixed_header ? kEventHeaderBytes : format.header_bytes;
  if (bytes.size() < header_bytes) return Corrupt("an event ends inside its header");
  std::string_view body = bytes.substr(header_bytes);
  if (header.type == EventType::kFormatDescription) {
    // Its checksum is judged by ParseFormatDescription's rules: by the algorithm it carries itself.
    if (body.size() >= 2 + kServerVersionBytes && KnowsChecksums(ServerVersionOf(body))) {
      if (body.size() < 2 + kServerVersionBytes + 5 + 1 + kChecksumBytes)
        return Corrupt("format description too short");
      const auto algorithm = static_cast<std::uint8_t>(body[body.size() - kChecksumBytes - 1]);
      if (algorithm == kChecksumCrc32 && !FormatChecksumMatches(bytes))
        return Corrupt("format description: wrong checksum");
      body.remove_suffix(kChecksumBytes);
    }
  } else if (format.checksum) {
    if (body.size() < kChecksumBytes) return Corrupt("an event has no room for its checksum");
    if (!ChecksumMatches(bytes)) return Corrupt(fmt::format("{}: wrong checksum", EventTypeName(header.type)));
    body.remove_suffix(kChecksumBytes);
  }
  return Event{header, body};
}

base::Status VerifyStoredFormatDescription(std::string_view bytes) {
  constexpr std::size_t kTypesBeforeChecksums = 30;
  constexpr std::size_t kFixedBytes = kEventHeaderBytes + 2 + kServerVersionBytes + 5;
  if (bytes.size() < kFixedBytes) return Corrupt("format description too short");
  if (KnowsChecksums(ServerVersionOf(bytes.substr(kEventHeaderBytes)))) {
    const bool right = bytes.size() > kFixedBytes + kChecksumBytes && FormatChecksumMatches(bytes);
    return right ? base::Ok() : Corrupt("format description: wrong checksum");
  }
  if (bytes.size() <= kFixedBytes + kTypesBeforeChecksums) return base::Ok();
  return Corrupt("format description with more event types than its server's version has");
}

base::Result<Format> ParseStartV3(const Event& event, std::uint16_t version) {
  Cursor in(event.body);
  Format format;
  in.Skip(2);  // the version; files of a few 4.0 releases say 2 and are as version 3
  format.binlog_version = version;
  const std::string_view name = in.Bytes(kServerVersionBytes);
  format.created_seconds = in.U32();
  if (!in.ok()) return Corrupt("START_EVENT_V3 too short");
  format.server_version = std::string(name.substr(0, name.find('\0')));
  format.header_bytes = version == 1 ? kEventHeaderBytesV1 : kEventHeaderBytes;
  // START, QUERY, STOP, ROTATE, INTVAR, LOAD, SLAVE, CREATE_FILE, APPEND_BLOCK, EXEC_LOAD, DELETE_FILE, NEW_LOAD, RAND,
  // USER_VAR
  constexpr std::array<std::uint8_t, 14> kPostHeaders = {56, 11, 0, 8, 0, 18, 0, 4, 4, 4, 4, 18, 0, 0};
  format.post_header_bytes.assign(kPostHeaders.begin(), kPostHeaders.end());
  if (version == 1) format.post_header_bytes[static_cast<std::size_t>(EventType::kRotate) - 1] = 0;
  format.known = true;
  return format;
}

base::Result<Format> ParseFormatDescription(const Event& event) {
  Cursor in(event.body);
  Format format;
  format.binlog_version = in.U16();
  in.Skip(kServerVersionBytes);
  format.created_seconds = in.U32();
  format.header_bytes = in.U8();
  if (!in.ok()) return Corrupt("format description too short");
  format.server_version = std::string(ServerVersionOf(event.body));
  if (format.binlog_version != 4) {
    return base::Status(base::Code::kRefused, fmt::format("binlog format version {}; versions 1, 3 and 4 can be read",
                                                          format.binlog_version));
  }
  if (format.header_bytes < kEventHeaderBytes) {
    return Corrupt(fmt::format("format description: event header of {} bytes", format.header_bytes));
  }
  format.flavour =
      format.server_version.find("MariaDB") != std::string::npos ? mysql::Flavour::kMariaDb : mysql::Flavour::kMySql;
  std::string_view lengths = in.Rest();
  if (KnowsChecksums(format.server_version)) {
    if (lengths.empty()) return Corrupt("format description too short");
    const auto algorithm = static_cast<std::uint8_t>(lengths.back());
    lengths.remove_suffix(1);
    if (algorithm != kChecksumOff && algorithm != kChecksumCrc32) {
      return base::Status(base::Code::kRefused, fmt::format("binlog checksum algorithm {} is not known", algorithm));
    }
    format.checksum = algorithm == kChecksumCrc32;
  }
  format.post_header_bytes.assign(lengths.begin(), lengths.end());
  format.known = true;
  return format;
}

std::string PlaceText(std::string_view file, std::uint64_t offset) { return fmt::format("{}:{}", file, offset); }

}  // namespace shardlift::binlog
