// Builds binlog events by hand for the decoder's tests.
#pragma once

#include <zlib.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "binlog/event.h"
#include "mysql/schema.h"

namespace shardlift::binlog {

inline std::string Little(std::uint64_t value, std::size_t bytes) {
  std::string out;
  for (std::size_t i = 0; i < bytes; ++i) out += static_cast<char>((value >> (8 * i)) & 0xff);
  return out;
}

inline std::string Big(std::uint64_t value, std::size_t bytes) {
  std::string out;
  for (std::size_t i = bytes; i > 0; --i) out += static_cast<char>((value >> (8 * (i - 1))) & 0xff);
  return out;
}

// A stream of events of one file, with offsets and checksums kept right.
class EventBuilder {
 public:
  explicit EventBuilder(bool maria = false, bool checksum = true) : maria_(maria), checksum_(checksum) {}

  std::uint64_t offset() const { return offset_; }

  std::string Make(EventType type, std::string_view body, std::uint16_t flags = 0) {
    const bool sum = checksum_ || type == EventType::kFormatDescription;
    const std::size_t size = kEventHeaderBytes + body.size() + (sum ? kChecksumBytes : 0);
    const bool made_up = (flags & kFlagArtificial) != 0;
    if (!made_up) offset_ += size;
    std::string event = Little(1700000000, 4) + static_cast<char>(type) + Little(7, 4) + Little(size, 4) +
                        Little(made_up ? 0 : offset_, 4) + Little(flags, 2);
    event += body;
    if (sum) event += Checksum(event);
    return event;
  }

  static std::string Checksum(std::string_view bytes) {
    return Little(crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()), 4);
  }

  std::string FormatDescription(std::uint32_t created = 0, std::string version = {}) {
    if (version.empty()) version = maria_ ? "10.11.6-MariaDB-log" : "9.7.0";
    version.resize(50, '\0');
    std::string lengths(maria_ ? 171 : 42, '\0');
    const auto set = [&](EventType type, char length) { lengths[static_cast<std::size_t>(type) - 1] = length; };
    set(EventType::kQuery, 13);
    set(EventType::kExecuteLoadQuery, 26);
    set(EventType::kRotate, 8);
    set(EventType::kTableMap, 8);
    for (const EventType type : {EventType::kWriteRowsV1, EventType::kUpdateRowsV1, EventType::kDeleteRowsV1})
      set(type, 8);
    for (const EventType type :
         {EventType::kWriteRows, EventType::kUpdateRows, EventType::kDeleteRows, EventType::kPartialUpdateRows}) {
      set(type, 10);
    }
    if (maria_) {
      set(EventType::kMariaQueryCompressed, 13);
      set(EventType::kMariaWriteRowsCompressedV1, 8);
      set(EventType::kMariaUpdateRowsCompressedV1, 8);
      set(EventType::kMariaDeleteRowsCompressedV1, 8);
    }
    return Make(EventType::kFormatDescription,
                Little(4, 2) + version + Little(created, 4) + '\x13' + lengths + (checksum_ ? '\x01' : '\0'));
  }

  std::string Rotate(std::string_view file, std::uint64_t position, bool made_up) {
    std::string event =
        Make(EventType::kRotate, Little(position, 8) + std::string(file), made_up ? kFlagArtificial : 0);
    offset_ = position;
    return event;
  }

  std::string Gtid(std::uint64_t number) {
    return Make(EventType::kGtid, std::string(1, '\0') + std::string(16, '\x11') + Little(number, 8));
  }
  std::string MariaGtid(std::uint64_t number, std::uint8_t flags) {
    return Make(EventType::kMariaGtid, Little(number, 8) + Little(0, 4) + static_cast<char>(flags) + Little(0, 6));
  }
  std::string Query(std::string_view sql, std::string_view schema = "db") {
    return Make(EventType::kQuery, Little(1, 4) + Little(0, 4) + static_cast<char>(schema.size()) + Little(0, 2) +
                                       Little(0, 2) + std::string(schema) + '\0' + std::string(sql));
  }
  std::string Xid() { return Make(EventType::kXid, Little(42, 8)); }

  // db.t (id INT, v VARCHAR(20))
  std::string TableMap(std::uint64_t table_id = 5, std::string_view table = "t") {
    return Make(EventType::kTableMap, Little(table_id, 6) + Little(1, 2) + '\x02' + "db" + '\0' +
                                          static_cast<char>(table.size()) + std::string(table) + '\0' + '\x02' +
                                          '\x03' + '\x0f' + '\x02' + Little(80, 2) + '\x02');
  }
  static std::string Row(std::int32_t id, std::string_view v) {
    return std::string(1, '\0') + Little(static_cast<std::uint32_t>(id), 4) + static_cast<char>(v.size()) +
           std::string(v);
  }
  std::string Write(std::string_view rows, std::uint64_t table_id = 5) {
    return Make(EventType::kWriteRows,
                Little(table_id, 6) + Little(1, 2) + Little(2, 2) + '\x02' + '\x03' + std::string(rows));
  }
  std::string Update(std::string_view rows, std::uint64_t table_id = 5) {
    return Make(EventType::kUpdateRows,
                Little(table_id, 6) + Little(1, 2) + Little(2, 2) + '\x02' + '\x03' + '\x03' + std::string(rows));
  }
  std::string Delete(std::string_view rows, std::uint64_t table_id = 5) {
    return Make(EventType::kDeleteRows,
                Little(table_id, 6) + Little(1, 2) + Little(2, 2) + '\x02' + '\x03' + std::string(rows));
  }
  std::string XaPrepare(std::string_view gtrid, bool one_phase = false) {
    return Make(EventType::kXaPrepare, std::string(1, one_phase ? '\x01' : '\0') + Little(1, 4) +
                                           Little(gtrid.size(), 4) + Little(0, 4) + std::string(gtrid));
  }

 private:
  bool maria_;
  bool checksum_;
  std::uint64_t offset_ = kFirstEventOffset;
};

// A format description as servers send it when they do not begin at a file's begin: without a place.
inline std::string AsMadeUp(std::string event) {
  event.replace(13, 4, 4, '\0');
  event.replace(event.size() - 4, 4, EventBuilder::Checksum(std::string_view(event).substr(0, event.size() - 4)));
  return event;
}

// The schema of EventBuilder::TableMap's table.
inline mysql::TableSchema SmallTable() {
  mysql::TableSchema schema;
  schema.name = {"db", "t"};
  mysql::Column id;
  id.name = "id";
  id.type = mysql::ColumnType::kInt;
  id.column_type = "int";
  mysql::Column v;
  v.name = "v";
  v.type = mysql::ColumnType::kVarchar;
  v.column_type = "varchar(20)";
  v.length = 20;
  v.charset = "utf8mb4";
  schema.columns = {id, v};
  return schema;
}

}  // namespace shardlift::binlog
