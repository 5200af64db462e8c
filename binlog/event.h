// Binlog events: the common header, the checksum and the format description.
//
// Source of the layouts: MySQL manual "Binary Log Event" pages and libs/mysql/binlog/event; MariaDB knowledge base
// "Replication Protocol". All integers are little-endian. Sizes are bytes.
// Every parser here takes untrusted bytes: what cannot be what it claims to be is kCorrupt, without a place; the caller
// that knows file and offset adds them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "mysql/position.h"

namespace shardlift::binlog {

enum class EventType : std::uint8_t {
  kStartV3 = 1,
  kQuery = 2,
  kStop = 3,
  kRotate = 4,
  kIntvar = 5,
  kLoad = 6,
  kSlave = 7,
  kCreateFile = 8,
  kAppendBlock = 9,
  kExecLoad = 10,
  kDeleteFile = 11,
  kNewLoad = 12,
  kRand = 13,
  kUserVar = 14,
  kFormatDescription = 15,
  kXid = 16,
  kBeginLoadQuery = 17,
  kExecuteLoadQuery = 18,
  kTableMap = 19,
  kPreGaWriteRows = 20,
  kPreGaUpdateRows = 21,
  kPreGaDeleteRows = 22,
  kWriteRowsV1 = 23,
  kUpdateRowsV1 = 24,
  kDeleteRowsV1 = 25,
  kIncident = 26,
  kHeartbeat = 27,
  kIgnorable = 28,
  kRowsQuery = 29,
  kWriteRows = 30,
  kUpdateRows = 31,
  kDeleteRows = 32,
  kGtid = 33,
  kAnonymousGtid = 34,
  kPreviousGtids = 35,
  kTransactionContext = 36,
  kViewChange = 37,
  kXaPrepare = 38,
  kPartialUpdateRows = 39,
  kTransactionPayload = 40,
  kHeartbeatV2 = 41,
  kGtidTagged = 42,
  kMariaAnnotateRows = 160,
  kMariaBinlogCheckpoint = 161,
  kMariaGtid = 162,
  kMariaGtidList = 163,
  kMariaStartEncryption = 164,
  kMariaQueryCompressed = 165,
  kMariaWriteRowsCompressedV1 = 166,
  kMariaUpdateRowsCompressedV1 = 167,
  kMariaDeleteRowsCompressedV1 = 168,
  kMariaWriteRowsCompressed = 169,
  kMariaUpdateRowsCompressed = 170,
  kMariaDeleteRowsCompressed = 171,
};

// MySQL's own name of the event ("WRITE_ROWS_EVENT"), "UNKNOWN_EVENT" for a number that is not in EventType.
std::string_view EventTypeName(EventType type);
bool IsKnown(EventType type);

inline constexpr std::size_t kEventHeaderBytes = 19;
inline constexpr std::size_t kEventHeaderBytesV1 = 13;  // without end offset and flags
inline constexpr std::size_t kChecksumBytes = 4;
// What precedes the first event of a binlog file, and so its offset.
inline constexpr std::uint64_t kFirstEventOffset = 4;
inline constexpr std::uint16_t kFlagInUse = 0x01;
inline constexpr std::uint16_t kFlagArtificial = 0x20;
inline constexpr std::uint16_t kFlagRelayLog = 0x40;
inline constexpr std::uint16_t kFlagIgnorable = 0x80;

struct EventHeader {
  std::uint32_t timestamp_seconds = 0;
  EventType type = EventType::kStop;
  std::uint32_t server_id = 0;
  std::uint32_t event_bytes = 0;  // header and checksum included
  std::uint32_t next_offset =
      0;  // low 32 bits of the end of the event in its file; 0 for events made for the connection
  std::uint16_t flags = 0;
};

// What a FORMAT_DESCRIPTION event says about the events after it; before version 4 a START_V3 event.
struct Format {
  bool known = false;                // false before the first format description
  std::uint16_t binlog_version = 4;  // 1: MySQL 3.23, 3: MySQL 4.0 and 4.1, 4: all later
  std::string server_version;
  mysql::Flavour flavour = mysql::Flavour::kMySql;
  std::uint32_t created_seconds = 0;  // not 0: the first file after a server start
  std::uint8_t header_bytes = kEventHeaderBytes;
  std::vector<std::uint8_t> post_header_bytes;  // by event type - 1
  bool checksum = false;                        // events end with a CRC32

  // Length of the fixed part of this type of event; `otherwise` for a type the writer did not know.
  std::size_t PostHeaderBytes(EventType type, std::size_t otherwise) const;
};

struct Event {
  EventHeader header;
  std::string_view body;  // after the common header, without the checksum
};

base::Result<EventHeader> ParseEventHeader(std::string_view bytes);
// `bytes` is one whole event. Verifies length and CRC32 as `format` says; a format description is verified by its own
// algorithm byte. The body is a view into `bytes`.
base::Result<Event> ParseEvent(std::string_view bytes, const Format& format);
base::Result<Format> ParseFormatDescription(const Event& event);
// A format description that lies in a file, as whole bytes. Servers that know checksums always give it one there, also
// when the events after it have none; older ones know fewer event types. So no damage makes checksums look unknown.
base::Status VerifyStoredFormatDescription(std::string_view bytes);
// A START_V3 event, which opens files of versions 1 and 3. The event tells its version by its size: version 1 has a
// header of kEventHeaderBytesV1.
base::Result<Format> ParseStartV3(const Event& event, std::uint16_t version);

// "file:offset"
std::string PlaceText(std::string_view file, std::uint64_t offset);
inline base::Status Corrupt(std::string message) { return {base::Code::kCorrupt, std::move(message)}; }

}  // namespace shardlift::binlog
