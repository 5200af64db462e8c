// Calendar arithmetic on the servers' date texts. Internal to mapping/.
//
// Canonical: "YYYY-MM-DD" or "YYYY-MM-DD hh:mm:ss[.f]" with 1 to 6 digits f, a real day (proleptic Gregorian) of the
// years 0001 to 9999. Zero dates and '2023-00-10' are not canonical: they are bad values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace shardlift::mapping {

inline constexpr std::size_t kDateBytes = 10;      // "YYYY-MM-DD"
inline constexpr std::size_t kDateTimeBytes = 19;  // "YYYY-MM-DD hh:mm:ss"
inline constexpr std::size_t kDateTime6Bytes = 26;

// Number of fractional digits of a canonical text (0 for a date alone), -1 if it is not canonical.
int CanonicalFraction(std::string_view text);
// True for a real date in the first 10 bytes; the cheap check for what a server sent.
bool IsRealDate(std::string_view text);

// Seconds since 1970-01-01 00:00:00 of the first 19 bytes of a canonical text.
std::int64_t SecondsOf(std::string_view text);
// The same of the day in the first 10 bytes.
std::int64_t SecondsOfDate(std::string_view text);
std::int64_t SecondsOfFirstYear();  // of 0001-01-01
// Writes 19 bytes. False outside the years 0001 to 9999.
bool FormatSeconds(std::int64_t seconds, char* out);
// Changes year, month and day in the first 10 bytes of a canonical text; a day that the month does not have becomes its
// last one. False outside the years 0001 to 9999.
bool AddMonths(std::int64_t months, char* text);

}  // namespace shardlift::mapping
