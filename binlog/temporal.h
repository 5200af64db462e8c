// The temporal column types of row events, as the server prints them.
//
// Each function reads one stored value and writes its text into the arena. The old forms (types 7, 10, 11, 12: MySQL
// before 5.6, MariaDB with mysql56_temporal_format=OFF) carry no fraction in their metadata; the caller passes the
// column's. A value no server stores (month 13, hour 25) fails the cursor.
#pragma once

#include <string_view>

#include "binlog/arena.h"
#include "binlog/cursor.h"

namespace shardlift::binlog {

// Broken-down time; enough for every type here.
struct TimeParts {
  bool negative = false;
  unsigned year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  unsigned micros = 0;
};

std::string_view ReadDate(Cursor& in, Arena& arena);
std::string_view ReadTime2(Cursor& in, unsigned fraction, Arena& arena);
std::string_view ReadDateTime2(Cursor& in, unsigned fraction, Arena& arena);
std::string_view ReadTimestamp2(Cursor& in, unsigned fraction, Arena& arena);
std::string_view ReadTimeOld(Cursor& in, unsigned fraction, Arena& arena);
std::string_view ReadDateTimeOld(Cursor& in, unsigned fraction, Arena& arena);
std::string_view ReadTimestampOld(Cursor& in, unsigned fraction, Arena& arena);

// The packed 64-bit forms inside JSON. False if the parts are out of range.
bool UnpackDateTime(std::int64_t packed, TimeParts& parts);
bool UnpackTime(std::int64_t packed, TimeParts& parts);

// Writes "YYYY-MM-DD", "[-]HH:MM:SS[.f]" or both; returns the number of bytes written, at most kTemporalTextBytesMax.
inline constexpr std::size_t kTemporalTextBytesMax = 32;
std::size_t WriteDate(const TimeParts& parts, char* out);
std::size_t WriteTime(const TimeParts& parts, unsigned fraction, char* out);
std::size_t WriteDateTime(const TimeParts& parts, unsigned fraction, char* out);

}  // namespace shardlift::binlog
