// The temporal column types of row events, as the server prints them.
//
// New forms (types 17, 18, 19, and DATE): the WriteStored functions take the bytes of one value, as many as its type
// and fraction have, write the text and return its size; 0 for a value no server stores (month 13, hour 25). They are
// given room for kTemporalTextBytesMax, of which also those behind the text may be written. Old forms (types 7, 11, 12:
// MySQL before 5.6, MariaDB with mysql56_temporal_format=OFF) carry no fraction in their metadata, the caller passes
// the column's; the Read functions put the text into the arena and fail the cursor for a value no server stores.
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

inline constexpr std::size_t kTemporalTextBytesMax = 32;
std::size_t WriteStoredDate(const char* stored, char* out);
std::size_t WriteStoredTime2(const char* stored, unsigned fraction, char* out);
std::size_t WriteStoredDateTime2(const char* stored, unsigned fraction, char* out);
std::size_t WriteStoredTimestamp2(const char* stored, unsigned fraction, char* out);

std::string_view ReadTimeOld(Cursor& in, unsigned fraction, Arena& arena);
std::string_view ReadDateTimeOld(Cursor& in, unsigned fraction, Arena& arena);
std::string_view ReadTimestampOld(Cursor& in, unsigned fraction, Arena& arena);

// The packed 64-bit forms inside JSON. False if the parts are out of range.
bool UnpackDateTime(std::int64_t packed, TimeParts& parts);
bool UnpackTime(std::int64_t packed, TimeParts& parts);

// Writes "YYYY-MM-DD", "[-]HH:MM:SS[.f]" or both; returns the size of the text. Room: kTemporalTextBytesMax.
std::size_t WriteDate(const TimeParts& parts, char* out);
std::size_t WriteTime(const TimeParts& parts, unsigned fraction, char* out);
std::size_t WriteDateTime(const TimeParts& parts, unsigned fraction, char* out);

}  // namespace shardlift::binlog
