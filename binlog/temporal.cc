#include "binlog/temporal.h"

#include <algorithm>
#include <cstring>

#include "binlog/digits.h"

namespace shardlift::binlog {
namespace {

constexpr unsigned kPowersOf10[7] = {1, 10, 100, 1000, 10000, 100000, 1000000};

constexpr unsigned kMicrosPerUnit[4] = {0, 10000, 100, 1};  // by bytes of the fraction
constexpr unsigned kHourMax = 838;

// Calls between these small functions, and parts passed through memory, would cost as much as their work.
#define SL_INLINE [[gnu::always_inline]] inline

SL_INLINE std::uint32_t LoadBig32(const char* at) {
  std::uint32_t value = 0;
  std::memcpy(&value, at, sizeof(value));
  return __builtin_bswap32(value);
}
SL_INLINE std::uint32_t LoadBig24(const char* at) {
  const auto byte = [&](int i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(at[i])); };
  return (byte(0) << 16) | (byte(1) << 8) | byte(2);
}
inline bool ValidDate(const TimeParts& p) { return p.year <= 9999 && p.month <= 12 && p.day <= 31; }
inline bool ValidClock(const TimeParts& p) { return p.minute <= 59 && p.second <= 59 && p.micros <= 999999; }
inline bool ValidDateTime(const TimeParts& p) { return ValidDate(p) && p.hour <= 23 && ValidClock(p); }

// The fraction of the new forms: (fraction + 1) / 2 bytes, big-endian, in units of 10^-2, 10^-4 or 10^-6 seconds. It is
// read with the bytes of the whole part in front of it, so that there are four. More than 999999: no server stores it.
SL_INLINE unsigned FractionMicros(const char* behind, unsigned fraction) {
  const unsigned bytes = (fraction + 1) / 2;
  const std::uint32_t raw = LoadBig32(behind + bytes - sizeof(std::uint32_t));
  const std::uint64_t part = raw & ((1u << (8 * bytes)) - 1);
  return static_cast<unsigned>(std::min<std::uint64_t>(part * kMicrosPerUnit[bytes], 1000000));
}

// Parts of the text are put together in a register and stored at once. What is written behind the end means nothing.
template <class T>
SL_INLINE void Store(T text, char* p) {
  std::memcpy(p, &text, sizeof(text));
}

SL_INLINE char* PutDate(const TimeParts& parts, char* p) {
  constexpr std::uint64_t kDashes = (std::uint64_t{'-'} << 32) | (std::uint64_t{'-'} << 56);
  Store(TwoDigits(parts.year / 100) | (TwoDigits(parts.year % 100) << 16) | (TwoDigits(parts.month) << 40) | kDashes,
        p);
  Store(static_cast<std::uint16_t>(TwoDigits(parts.day)), p + 8);
  return p + 10;
}

SL_INLINE char* PutTime(const TimeParts& parts, unsigned fraction, char* p) {
  constexpr std::uint64_t kColons = (std::uint64_t{':'} << 16) | (std::uint64_t{':'} << 40);
  if (parts.negative) *p++ = '-';
  unsigned hour = parts.hour;
  if (hour >= 100) {
    *p++ = static_cast<char>('0' + hour / 100);
    hour %= 100;
  }
  Store(TwoDigits(hour) | (TwoDigits(parts.minute) << 24) | (TwoDigits(parts.second) << 48) | kColons, p);
  p += 8;
  if (fraction == 0) return p;
  Store('.' | (TwoDigits(parts.micros / 10000) << 8) | (TwoDigits(parts.micros / 100 % 100) << 24) |
            (TwoDigits(parts.micros % 100) << 40),
        p);
  return p + 1 + fraction;
}

SL_INLINE char* PutDateTime(const TimeParts& parts, unsigned fraction, char* p) {
  p = PutDate(parts, p);
  *p++ = ' ';
  return PutTime(parts, fraction, p);
}

SL_INLINE bool SplitDateTime(std::int64_t packed, TimeParts& parts) {
  if (packed < 0) return false;
  parts.micros = static_cast<unsigned>(packed & 0xffffff);
  const auto date = static_cast<std::uint32_t>(packed >> 41);
  const auto clock = static_cast<std::uint32_t>(packed >> 24) & 0x1ffff;
  parts.day = date & 31;
  parts.month = (date >> 5) % 13;
  parts.year = (date >> 5) / 13;
  parts.hour = clock >> 12;
  parts.minute = (clock >> 6) & 63;
  parts.second = clock & 63;
  return ValidDateTime(parts);
}

// Days since 1970-01-01 to a Gregorian date, by years that start on 1 March: centuries, years and months each by one
// multiplication (C. Neri and L. Schneider, "Euclidean affine functions and their application to calendar algorithms").
SL_INLINE void CivilFromDays(std::uint32_t days, TimeParts& parts) {
  const std::uint32_t quarters = 4 * (days + 719468) + 3;
  const std::uint32_t century = quarters / 146097;
  const std::uint32_t quarters_of_century = quarters % 146097 | 3;
  const std::uint64_t years = std::uint64_t{2939745} * quarters_of_century;
  const auto year_of_century = static_cast<std::uint32_t>(years >> 32);
  const std::uint32_t day_of_year = static_cast<std::uint32_t>(years) / 2939745 / 4;
  const std::uint32_t months = 2141 * day_of_year + 197913;  // March is 3
  const std::uint32_t next_year = day_of_year >= 306 ? 1 : 0;
  parts.day = (months & 0xffff) / 2141 + 1;
  parts.month = (months >> 16) - 12 * next_year;
  parts.year = 100 * century + year_of_century + next_year;
}

SL_INLINE char* PutTimestamp(std::uint32_t seconds, unsigned micros, unsigned fraction, char* out) {
  TimeParts parts;
  if (seconds != 0 || micros != 0) {  // 0 is how the zero date is stored
    CivilFromDays(seconds / 86400, parts);
    parts.hour = seconds % 86400 / 3600;
    parts.minute = seconds % 3600 / 60;
    parts.second = seconds % 60;
    parts.micros = micros;
  }
  return PutDateTime(parts, fraction, out);
}

std::string_view TimestampText(std::uint32_t seconds, unsigned micros, unsigned fraction, Arena& arena) {
  char* out = arena.Allocate(kTemporalTextBytesMax);
  return {out, static_cast<std::size_t>(PutTimestamp(seconds, micros, fraction, out) - out)};
}

std::string_view DateTimeText(Cursor& in, const TimeParts& parts, unsigned fraction, Arena& arena) {
  if (!ValidDateTime(parts)) in.Fail();
  if (!in.ok()) return {};
  char* out = arena.Allocate(kTemporalTextBytesMax);
  return {out, static_cast<std::size_t>(PutDateTime(parts, fraction, out) - out)};
}

std::string_view TimeText(Cursor& in, const TimeParts& parts, unsigned fraction, Arena& arena) {
  if (parts.hour > kHourMax || !ValidClock(parts)) in.Fail();
  if (!in.ok()) return {};
  char* out = arena.Allocate(kTemporalTextBytesMax);
  return {out, static_cast<std::size_t>(PutTime(parts, fraction, out) - out)};
}

}  // namespace

std::size_t WriteDate(const TimeParts& parts, char* out) { return static_cast<std::size_t>(PutDate(parts, out) - out); }

std::size_t WriteTime(const TimeParts& parts, unsigned fraction, char* out) {
  return static_cast<std::size_t>(PutTime(parts, fraction, out) - out);
}

std::size_t WriteDateTime(const TimeParts& parts, unsigned fraction, char* out) {
  return static_cast<std::size_t>(PutDateTime(parts, fraction, out) - out);
}

bool UnpackDateTime(std::int64_t packed, TimeParts& parts) { return SplitDateTime(packed, parts); }

bool UnpackTime(std::int64_t packed, TimeParts& parts) {
  parts.negative = packed < 0;
  const std::uint64_t magnitude =
      packed < 0 ? ~static_cast<std::uint64_t>(packed) + 1 : static_cast<std::uint64_t>(packed);
  parts.micros = static_cast<unsigned>(magnitude & 0xffffff);
  const std::uint64_t whole = magnitude >> 24;
  parts.hour = static_cast<unsigned>((whole >> 12) & 1023);
  parts.minute = static_cast<unsigned>((whole >> 6) & 63);
  parts.second = static_cast<unsigned>(whole & 63);
  return parts.hour <= kHourMax && ValidClock(parts);
}

std::size_t WriteStoredDate(const char* stored, char* out) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned>(static_cast<unsigned char>(stored[i])); };
  const unsigned raw = byte(0) | (byte(1) << 8) | (byte(2) << 16);
  TimeParts parts;
  parts.day = raw & 31;
  parts.month = (raw >> 5) & 15;
  parts.year = raw >> 9;
  return ValidDate(parts) ? static_cast<std::size_t>(PutDate(parts, out) - out) : 0;
}

std::size_t WriteStoredTime2(const char* stored, unsigned fraction, char* out) {
  // Whole and fraction together are one number with an offset, so that negative times sort first: a negative time with
  // a fraction has its whole part one lower and the fraction counted up from there.
  const unsigned bytes = (fraction + 1) / 2;
  const std::int64_t offset = std::int64_t{1} << (8 * bytes + 23);
  std::uint64_t biased = LoadBig24(stored);
  for (unsigned i = 0; i < bytes; ++i) biased = (biased << 8) | static_cast<unsigned char>(stored[3 + i]);
  const std::int64_t raw = static_cast<std::int64_t>(biased) - offset;
  const std::int64_t magnitude = raw < 0 ? -raw : raw;
  const std::int64_t whole = magnitude >> (8 * bytes);
  const std::int64_t part = magnitude & ((std::int64_t{1} << (8 * bytes)) - 1);
  TimeParts parts;
  parts.negative = raw < 0;
  parts.hour = static_cast<unsigned>((whole >> 12) & 1023);
  parts.minute = static_cast<unsigned>((whole >> 6) & 63);
  parts.second = static_cast<unsigned>(whole & 63);
  const std::int64_t micros = part * kMicrosPerUnit[bytes];
  parts.micros = static_cast<unsigned>(std::min<std::int64_t>(micros, 1000000));
  if (parts.hour > kHourMax || !ValidClock(parts)) return 0;
  return static_cast<std::size_t>(PutTime(parts, fraction, out) - out);
}

std::size_t WriteStoredDateTime2(const char* stored, unsigned fraction, char* out) {
  const std::uint64_t biased = (std::uint64_t{LoadBig32(stored)} << 8) | static_cast<unsigned char>(stored[4]);
  const unsigned micros = FractionMicros(stored + 5, fraction);
  if (biased < 0x8000000000) return 0;
  TimeParts parts;
  if (!SplitDateTime(static_cast<std::int64_t>(((biased - 0x8000000000) << 24) | micros), parts)) return 0;
  return static_cast<std::size_t>(PutDateTime(parts, fraction, out) - out);
}

std::size_t WriteStoredTimestamp2(const char* stored, unsigned fraction, char* out) {
  const unsigned micros = FractionMicros(stored + 4, fraction);
  if (micros > 999999) return 0;
  return static_cast<std::size_t>(PutTimestamp(LoadBig32(stored), micros, fraction, out) - out);
}

std::string_view ReadTimeOld(Cursor& in, unsigned fraction, Arena& arena) {
  TimeParts parts;
  if (fraction == 0) {  // hhmmss as a decimal number, signed 24 bits
    auto raw = static_cast<std::int64_t>(in.Little(3));
    if (raw >= 1 << 23) raw -= 1 << 24;
    parts.negative = raw < 0;
    const auto value = static_cast<unsigned>(raw < 0 ? -raw : raw);
    parts.hour = value / 10000;
    parts.minute = value / 100 % 100;
    parts.second = value % 100;
    return TimeText(in, parts, 0, arena);
  }
  // MariaDB's own form: microseconds shortened to the fraction, counted from the smallest time, big-endian.
  static constexpr std::size_t kBytes[7] = {3, 4, 4, 5, 5, 5, 6};
  constexpr std::int64_t kSecondsMax = 838 * 3600 + 59 * 60 + 59;
  const std::int64_t scale = kPowersOf10[fraction];
  const std::int64_t raw = static_cast<std::int64_t>(in.Big(kBytes[fraction])) - (kSecondsMax + 1) * scale;
  const std::int64_t magnitude = raw < 0 ? -raw : raw;
  const std::int64_t seconds = magnitude / scale;
  parts.negative = raw < 0;
  parts.hour = static_cast<unsigned>(std::min<std::int64_t>(seconds / 3600, 1000));
  parts.minute = static_cast<unsigned>(seconds / 60 % 60);
  parts.second = static_cast<unsigned>(seconds % 60);
  parts.micros = static_cast<unsigned>(magnitude % scale * (1000000 / scale));
  return TimeText(in, parts, fraction, arena);
}

std::string_view ReadDateTimeOld(Cursor& in, unsigned fraction, Arena& arena) {
  TimeParts parts;
  std::uint64_t rest = 0;
  if (fraction == 0) {  // yyyymmddhhmmss as a decimal number
    rest = in.U64();
    parts.second = static_cast<unsigned>(rest % 100);
    parts.minute = static_cast<unsigned>(rest / 100 % 100);
    parts.hour = static_cast<unsigned>(rest / 10000 % 100);
    parts.day = static_cast<unsigned>(rest / 1000000 % 100);
    parts.month = static_cast<unsigned>(rest / 100000000 % 100);
    parts.year = static_cast<unsigned>(std::min<std::uint64_t>(rest / 10000000000, 10000));
    return DateTimeText(in, parts, 0, arena);
  }
  // MariaDB's own form: a mixed-radix number (13 months of 32 days), shortened to the fraction, big-endian.
  static constexpr std::size_t kBytes[7] = {5, 6, 6, 7, 7, 7, 8};
  const std::uint64_t scale = kPowersOf10[fraction];
  rest = in.Big(kBytes[fraction]);
  parts.micros = static_cast<unsigned>(rest % scale * (1000000 / scale));
  rest /= scale;
  const auto digit = [&rest](std::uint64_t radix) {
    const auto value = static_cast<unsigned>(rest % radix);
    rest /= radix;
    return value;
  };
  parts.second = digit(60);
  parts.minute = digit(60);
  parts.hour = digit(24);
  parts.day = digit(32);
  parts.month = digit(13);
  parts.year = static_cast<unsigned>(std::min<std::uint64_t>(rest, 10000));
  return DateTimeText(in, parts, fraction, arena);
}

std::string_view ReadTimestampOld(Cursor& in, unsigned fraction, Arena& arena) {
  if (fraction == 0) return TimestampText(in.U32(), 0, 0, arena);
  static constexpr std::size_t kBytes[7] = {0, 1, 1, 2, 2, 3, 3};
  const auto seconds = static_cast<std::uint32_t>(in.Big(4));
  const std::uint64_t part = in.Big(kBytes[fraction]);
  if (part >= kPowersOf10[fraction]) in.Fail();
  if (!in.ok()) return {};
  return TimestampText(seconds, static_cast<unsigned>(part * (1000000 / kPowersOf10[fraction])), fraction, arena);
}

}  // namespace shardlift::binlog
