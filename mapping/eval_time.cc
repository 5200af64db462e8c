// Functions of time. Times are the servers' texts (datetime.h).
#include "mapping/datetime.h"
#include "mapping/decimal.h"
#include "mapping/eval.h"
#include "mapping/zones.h"

namespace shardlift::mapping {

namespace {

constexpr std::string_view kZeros = "0000-00-00 00:00:00.000000";
constexpr const char* kOutsideYears = "a time outside the years 1 to 9999";
constexpr std::int64_t kMicroseconds = 1000000;
constexpr std::int64_t kMonthsInAYear = 12;

// Seconds, or for kMicrosecond microseconds, of one unit that has always the same length; 0 for months and years.
std::int64_t UnitLength(IntervalUnit unit) {
  switch (unit) {
    case IntervalUnit::kMicrosecond:
    case IntervalUnit::kSecond: return 1;
    case IntervalUnit::kMinute: return 60;
    case IntervalUnit::kHour: return 3600;
    case IntervalUnit::kDay: return 86400;
    case IntervalUnit::kWeek: return 7 * 86400;
    default: return 0;
  }
}

std::int64_t UnitMonths(IntervalUnit unit) {
  return unit == IntervalUnit::kMonth ? 1 : unit == IntervalUnit::kQuarter ? 3 : kMonthsInAYear;
}

std::int64_t DigitsOf(std::string_view text, std::size_t at, std::size_t count) {
  std::int64_t value = 0;
  for (std::size_t i = at; i < at + count; ++i) value = value * 10 + (text[i] - '0');
  return value;
}

void PutDigits(std::int64_t value, std::size_t at, std::size_t count, std::string* text) {
  for (std::size_t i = at + count; i > at; --i, value /= 10) (*text)[i - 1] = static_cast<char>('0' + value % 10);
}

std::size_t DateTimeBytes(unsigned digits) { return kDateTimeBytes + (digits == 0 ? 0 : 1 + digits); }

// Microseconds behind the point of a time with `digits` of them.
std::int64_t FractionOf(std::string_view text, unsigned digits) {
  if (digits == 0) return 0;
  return DigitsOf(text, kDateTimeBytes + 1, digits) * static_cast<std::int64_t>(PowerOfTen(6 - digits));
}

}  // namespace

bool Evaluator::EvalTime(const Expr& expr, Val* out) {
  switch (expr.op) {
    case Op::kToDateTime: return EvalToDateTime(expr, out);
    case Op::kToDate: return EvalToDate(expr, out);
    case Op::kFromUnixTime: return EvalFromUnixTime(expr, expr.type.fraction, out);
    case Op::kUnixTimestamp: return EvalUnixTimestamp(expr, out);
    case Op::kConvertTz: return EvalConvertTz(expr, out);
    case Op::kAddInterval: return EvalAddInterval(expr, out);
    default: return EvalTimePart(expr, out);
  }
}

bool Evaluator::EvalFromUnixTime(const Expr& expr, unsigned shown_digits, Val* out) {
  const unsigned digits = expr.type.fraction;
  bool null = false;
  Int128 number = 0;
  if (!EvalScaled(*expr.args[0], digits, &number, &null)) return false;
  if (null) return *out = Val(), true;
  const std::int64_t unit = static_cast<std::int64_t>(PowerOfTen(digits));
  constexpr Int128 kSecondsMax = Int128{1} << 40;  // FormatSeconds knows the exact end
  std::string& text = pool_.New();
  text.assign(kZeros.substr(0, DateTimeBytes(shown_digits)));
  const bool small = number >= 0 && number <= kSecondsMax * unit;
  const std::int64_t scaled = small ? static_cast<std::int64_t>(number) : -1;
  const std::int64_t seconds = digits == 0 ? scaled : scaled / unit;
  if (!small || !FormatSeconds(seconds, text.data())) {
    return Bad("seconds outside 1970 to 9999 under FROM_UNIXTIME");
  }
  if (digits > 0) PutDigits(scaled % unit, kDateTimeBytes + 1, digits, &text);
  *out = Val::Bytes(text);
  return true;
}

bool Evaluator::EvalUnixTimestamp(const Expr& expr, Val* out) {
  const Expr& time = *expr.args[0];
  Val a;
  if (!Eval(time, &a)) return false;
  if (a.null) return *out = a, true;
  const std::int64_t seconds = time.type.kind == Kind::kDate ? SecondsOfDate(a.bytes) : SecondsOf(a.bytes);
  if (seconds < 0) return Bad("a time before 1970 under UNIX_TIMESTAMP");
  if (expr.type.kind == Kind::kInt) return *out = Val::Bits(static_cast<std::uint64_t>(seconds)), true;
  const unsigned digits = expr.type.fraction;
  return PutDecimal(expr.type, seconds * PowerOfTen(digits) + DigitsOf(a.bytes, kDateTimeBytes + 1, digits), out);
}

bool Evaluator::EvalConvertTz(const Expr& expr, Val* out) {
  Val a;
  if (!Eval(*expr.args[0], &a)) return false;
  if (a.null) return *out = a, true;
  std::int64_t seconds = SecondsOf(a.bytes);
  if (expr.zones == nullptr) {
    seconds += expr.seconds;
  } else if (const char* reason = ConvertZone(*expr.zones, seconds, &seconds); reason != nullptr) {
    return Bad(reason);
  }
  std::string& text = pool_.New();
  text.assign(a.bytes);
  if (!FormatSeconds(seconds, text.data())) return Bad(kOutsideYears);
  *out = Val::Bytes(text);
  return true;
}

bool Evaluator::EvalAddInterval(const Expr& expr, Val* out) {
  Val time;
  Val count;
  if (!Eval(*expr.args[0], &time) || !Eval(*expr.args[1], &count)) return false;
  if (time.null || count.null) return *out = Val(), true;
  Int128 amount = IntegerOf(expr.args[1]->type, count);
  if (expr.is_negative) amount = -amount;
  auto unit = static_cast<IntervalUnit>(expr.number);
  constexpr Int128 kAmountMax = Int128{1} << 59;  // more than all microseconds of the calendar
  if (amount > kAmountMax || amount < -kAmountMax) return Bad(kOutsideYears);
  bool is_date = expr.type.kind == Kind::kDate;
  std::string& text = pool_.New();
  text.assign(time.bytes);
  if (is_date) text.append(kZeros.substr(text.size(), kDateTimeBytes - text.size()));
  if (std::int64_t length = UnitLength(unit); length == 0) {
    const Int128 months = amount * UnitMonths(unit);  // beyond 64 bits it is far outside
    if (months != static_cast<std::int64_t>(months) || !AddMonths(static_cast<std::int64_t>(months), text.data())) {
      return Bad(kOutsideYears);
    }
  } else {
    Int128 seconds = SecondsOf(text);
    if (unit == IntervalUnit::kMicrosecond) {
      Int128 total = seconds * kMicroseconds + FractionOf(text, expr.type.fraction) + amount;
      if (total < SecondsOfFirstYear() * Int128{kMicroseconds}) return Bad(kOutsideYears);
      Int128 rest = (total % kMicroseconds + kMicroseconds) % kMicroseconds;
      seconds = (total - rest) / kMicroseconds;
      PutDigits(static_cast<std::int64_t>(rest), kDateTimeBytes + 1, 6, &text);
    } else {
      seconds += amount * length;
    }
    constexpr Int128 kSecondsMax = Int128{1} << 40;
    if (seconds > kSecondsMax || seconds < -kSecondsMax ||
        !FormatSeconds(static_cast<std::int64_t>(seconds), text.data())) {
      return Bad(kOutsideYears);
    }
  }
  if (is_date) text.resize(kDateBytes);
  *out = Val::Bytes(text);
  return true;
}

bool Evaluator::EvalTimePart(const Expr& expr, Val* out) {
  Val a;
  if (!Eval(*expr.args[0], &a)) return false;
  if (a.null) return *out = a, true;
  struct Field {
    std::size_t at;
    std::size_t bytes;
  };
  static constexpr Field kFields[] = {{0, 4}, {5, 2}, {8, 2}, {11, 2}, {14, 2}, {17, 2}};
  std::int64_t value = 0;
  if (static_cast<TimePart>(expr.number) == TimePart::kMicrosecond) {
    value = FractionOf(a.bytes, expr.args[0]->type.fraction);
  } else {
    const Field& field = kFields[expr.number];
    value = DigitsOf(a.bytes, field.at, field.bytes);
  }
  *out = Val::Bits(static_cast<std::uint64_t>(value));
  return true;
}

bool Evaluator::EvalToDate(const Expr& expr, Val* out) {
  if (!Eval(*expr.args[0], out)) return false;
  if (out->null) return true;
  if (expr.args[0]->type.kind == Kind::kText && CanonicalFraction(out->bytes) < 0)
    return Bad("text that is not a date");
  const std::string_view time = out->bytes.substr(kDateBytes);
  NoteLoss(time.find_first_of("123456789") != std::string_view::npos);
  out->bytes = out->bytes.substr(0, kDateBytes);
  return true;
}

bool Evaluator::EvalToDateTime(const Expr& expr, Val* out) {
  const Expr& time = *expr.args[0];
  // The common case of a message's time: the digits that are wanted are written at once.
  if (time.op == Op::kFromUnixTime && time.type.fraction <= expr.type.fraction) {
    return EvalFromUnixTime(time, expr.type.fraction, out);
  }
  Val a;
  if (!Eval(time, &a)) return false;
  if (a.null) return *out = a, true;
  const std::size_t wanted = DateTimeBytes(expr.type.fraction);
  if (time.type.kind == Kind::kText) {
    int digits = CanonicalFraction(a.bytes);
    if (digits < 0 || digits > expr.type.fraction) return Bad("text that is not a date and time");
  }
  if (a.bytes.size() == wanted) return *out = a, true;
  if (a.bytes.size() > wanted) return Bad("a time with more digits than its column has");
  std::string& text = pool_.New();
  text.append(a.bytes).append(kZeros.substr(a.bytes.size(), wanted - a.bytes.size()));
  *out = Val::Bytes(text);
  return true;
}

}  // namespace shardlift::mapping
