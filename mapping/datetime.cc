#include "mapping/datetime.h"

#include <algorithm>

namespace shardlift::mapping {

namespace {

constexpr std::int64_t kSecondsPerDay = 86400;

// Value of `count` digits at `at`, -1 if there is anything else.
int Number(std::string_view text, std::size_t at, std::size_t count) {
  int value = 0;
  for (std::size_t i = at; i < at + count; ++i) {
    if (i >= text.size() || text[i] < '0' || text[i] > '9') return -1;
    value = value * 10 + (text[i] - '0');
  }
  return value;
}

int DaysInMonth(int year, int month) {
  static constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return month == 2 && leap ? 29 : kDays[month - 1];
}

// Days since 1970-01-01; the algorithm of "chrono-Compatible Low-Level Date Algorithms" (Howard Hinnant).
constexpr std::int64_t DaysFromCivil(int year, int month, int day) {
  std::int64_t y = month <= 2 ? year - 1 : year;
  std::int64_t era = (y >= 0 ? y : y - 399) / 400;
  std::int64_t year_of_era = y - era * 400;
  std::int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  std::int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146097 + day_of_era - 719468;
}

void Put(char* out, std::int64_t value, int digits) {
  for (int i = digits - 1; i >= 0; --i, value /= 10) out[i] = static_cast<char>('0' + value % 10);
}

void PutTwo(char* out, std::uint32_t value) {
  out[0] = static_cast<char>('0' + value / 10);
  out[1] = static_cast<char>('0' + value % 10);
}

}  // namespace

bool IsRealDate(std::string_view text) {
  int year = Number(text, 0, 4);
  int month = Number(text, 5, 2);
  int day = Number(text, 8, 2);
  if (year < 1 || month < 1 || month > 12 || day < 1 || text[4] != '-' || text[7] != '-') return false;
  return day <= DaysInMonth(year, month);
}

int CanonicalFraction(std::string_view text) {
  if (!IsRealDate(text)) return -1;
  if (text.size() == 10) return 0;
  if (text.size() < kDateTimeBytes || text[10] != ' ' || text[13] != ':' || text[16] != ':') return -1;
  int hour = Number(text, 11, 2);
  int minute = Number(text, 14, 2);
  int second = Number(text, 17, 2);
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) return -1;
  if (text.size() == kDateTimeBytes) return 0;
  std::size_t digits = text.size() - kDateTimeBytes - 1;
  if (text[kDateTimeBytes] != '.' || digits < 1 || digits > 6) return -1;
  return Number(text, kDateTimeBytes + 1, digits) < 0 ? -1 : static_cast<int>(digits);
}

std::int64_t SecondsOfDate(std::string_view text) {
  return DaysFromCivil(Number(text, 0, 4), Number(text, 5, 2), Number(text, 8, 2)) * kSecondsPerDay;
}

std::int64_t SecondsOfFirstYear() { return DaysFromCivil(1, 1, 1) * kSecondsPerDay; }

std::int64_t SecondsOf(std::string_view text) {
  return SecondsOfDate(text) + std::int64_t{3600} * Number(text, 11, 2) + std::int64_t{60} * Number(text, 14, 2) +
         Number(text, 17, 2);
}

bool FormatSeconds(std::int64_t seconds, char* out) {
  constexpr std::int64_t kFirst = DaysFromCivil(1, 1, 1) * kSecondsPerDay;
  constexpr std::int64_t kEnd = DaysFromCivil(10000, 1, 1) * kSecondsPerDay;
  if (seconds < kFirst || seconds >= kEnd) return false;
  std::int64_t days = seconds / kSecondsPerDay;
  std::int64_t rest = seconds % kSecondsPerDay;
  if (rest < 0) {
    rest += kSecondsPerDay;
    --days;
  }
  std::int64_t z = days + 719468;
  std::int64_t era = (z >= 0 ? z : z - 146096) / 146097;
  std::int64_t day_of_era = z - era * 146097;
  std::int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  std::int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  std::int64_t shifted_month = (5 * day_of_year + 2) / 153;
  std::int64_t month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
  const auto year = static_cast<std::uint32_t>(year_of_era + era * 400 + (month <= 2 ? 1 : 0));
  const auto second_of_day = static_cast<std::uint32_t>(rest);
  PutTwo(out, year / 100);
  PutTwo(out + 2, year % 100);
  out[4] = '-';
  PutTwo(out + 5, static_cast<std::uint32_t>(month));
  out[7] = '-';
  PutTwo(out + 8, static_cast<std::uint32_t>(day_of_year - (153 * shifted_month + 2) / 5 + 1));
  out[10] = ' ';
  PutTwo(out + 11, second_of_day / 3600);
  out[13] = ':';
  PutTwo(out + 14, second_of_day / 60 % 60);
  out[16] = ':';
  PutTwo(out + 17, second_of_day % 60);
  return true;
}

bool AddMonths(std::int64_t months, char* text) {
  const std::string_view date(text, kDateBytes);
  constexpr std::int64_t kMonthsMax = 12 * 10000;
  if (months > kMonthsMax || months < -kMonthsMax) return false;
  const std::int64_t total = Number(date, 0, 4) * 12 + Number(date, 5, 2) - 1 + months;
  const auto year = static_cast<int>(total / 12);
  const auto month = static_cast<int>(total % 12) + 1;
  if (total < 12 || year > 9999) return false;
  const int day = std::min(Number(date, 8, 2), DaysInMonth(year, month));
  Put(text, year, 4);
  Put(text + 5, month, 2);
  Put(text + 8, day, 2);
  return true;
}

}  // namespace shardlift::mapping
