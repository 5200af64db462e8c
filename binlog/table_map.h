// TABLE_MAP events: the wire types of a table's columns, matched against the TableSchema the caller has for it.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "binlog/event.h"
#include "mysql/schema.h"

namespace shardlift::binlog {

// Column types on the wire (the server's enum_field_types). STRING, ENUM and SET share one number in the event; here
// they are told apart.
enum class WireType : std::uint8_t {
  kTiny = 1,
  kShort = 2,
  kLong = 3,
  kFloat = 4,
  kDouble = 5,
  kNull = 6,
  kTimestamp = 7,
  kLongLong = 8,
  kInt24 = 9,
  kDate = 10,
  kTime = 11,
  kDateTime = 12,
  kYear = 13,
  kNewDate = 14,
  kVarchar = 15,
  kBit = 16,
  kTimestamp2 = 17,
  kDateTime2 = 18,
  kTime2 = 19,
  kBlobCompressed = 140,
  kVarcharCompressed = 141,
  kVector = 242,
  kTypedArray = 244,
  kJson = 245,
  kNewDecimal = 246,
  kEnum = 247,
  kSet = 248,
  kTinyBlob = 249,
  kMediumBlob = 250,
  kLongBlob = 251,
  kBlob = 252,
  kVarString = 253,
  kString = 254,
  kGeometry = 255,
};

struct WireColumn {
  WireType type = WireType::kNull;
  // What the metadata says, by type: bytes at most (STRING, VARCHAR), length bytes (BLOB family, JSON, GEOMETRY,
  // VECTOR), stored bytes (FLOAT, DOUBLE, ENUM, SET), precision (NEWDECIMAL), bits (BIT), fractional digits (new
  // temporal types).
  std::uint16_t size = 0;
  std::uint8_t scale = 0;  // NEWDECIMAL
};

// The raw event. Views point into the event's bytes.
struct TableMapEvent {
  std::uint64_t table_id = 0;
  std::string_view schema;
  std::string_view table;
  std::vector<WireColumn> columns;
  std::optional<std::string_view>
      signedness;  // a bit per numeric column, first column in the highest bit; set: unsigned
  std::vector<std::string_view> column_names;  // empty when the server does not write them
  // Optional metadata as it lies, by MetadataField; no data: not written.
  std::array<std::string_view, 14> metadata;
};

// Kinds of optional metadata (binlog_row_metadata). MINIMAL has the first three; MariaDB's default has none.
enum class MetadataField : std::uint8_t {
  kSignedness = 1,
  kDefaultCharset = 2,
  kColumnCharset = 3,
  kColumnName = 4,
  kSetMembers = 5,
  kEnumMembers = 6,
  kPrimaryKey = 8,  // of whole columns
  kPrimaryKeyWithPrefix = 9,
  kEnumAndSetDefaultCharset = 10,
  kEnumAndSetColumnCharset = 11,
};

// True if the signedness bits have one for a column of this type.
bool HasSignednessBit(WireType type);

// The part needed to choose the table, cheap.
struct TableMapName {
  std::uint64_t table_id = 0;
  std::string_view schema;
  std::string_view table;
};

base::Result<TableMapName> ParseTableMapName(const Event& event, const Format& format);
base::Result<TableMapEvent> ParseTableMap(const Event& event, const Format& format);

// How RowDecoder reads one column: made once for a table, so that no value costs a look at its types.
struct ReadStep {
  enum class Kind : std::uint8_t {
    kInt8,
    kInt16,
    kInt24,
    kInt32,
    kInt64,
    kUInt8,
    kUInt16,
    kUInt24,
    kUInt32,
    kUInt64,
    kFloat,
    kDouble,
    kDate,
    kTime2,
    kDateTime2,
    kTimestamp2,
    kDecimal,
    kBytes8,  // a length of so many bits, then the value
    kBytes16,
    kBytes24,
    kBytes32,
    kJson,   // MySQL's, with a length of 32 bits
    kOther,  // RowDecoder::ReadOther
  };
  Kind kind = Kind::kOther;
  std::uint8_t bytes = 0;       // of the value, or of its length; kOther: 0
  std::uint8_t fraction = 0;    // digits behind the point; kDecimal: its scale
  std::uint8_t precision = 0;   // kDecimal
  std::uint32_t bytes_max = 0;  // kBytes...: of the value
  std::uint32_t rest = 0;       // the sum of `bytes` of the columns behind
};

// A wanted table as one TABLE_MAP shows it: what the row decoder works with.
struct TableMap {
  const mysql::TableSchema* schema = nullptr;
  std::vector<WireColumn> columns;  // as many as schema->columns
  std::vector<ReadStep> steps;      // as many
  bool json_as_sql = false;         // MySQL's JSON values are SQL expressions, not text
};

// `columns` as the schema and as the event have them.
std::vector<ReadStep> MakeReadSteps(const std::vector<mysql::Column>& columns, const std::vector<WireColumn>& wire);

// kRefused, with the reason and without a place, when the event's columns are not those of `schema`.
base::Result<std::shared_ptr<const TableMap>> MatchTableMap(const TableMapEvent& event,
                                                            const mysql::TableSchema& schema);

}  // namespace shardlift::binlog
