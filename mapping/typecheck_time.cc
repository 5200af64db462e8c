// Types of the functions of time and JSON.
#include <algorithm>

#include "mapping/decimal.h"
#include "mapping/json_path.h"
#include "mapping/typecheck.h"
#include "mapping/zones.h"

namespace shardlift::mapping {

using base::Status;

namespace {

constexpr std::int64_t kUnixSecondsMax = 253402300799;  // 9999-12-31 23:59:59
constexpr unsigned kTimeDigitsMax = 6;

bool IsTime(Kind kind) { return kind == Kind::kDateTime || kind == Kind::kDate; }

}  // namespace

Status TypeChecker::FromUnixTime(Expr* expr) {
  SL_TRY(NeedNumber(*expr->args[0]));
  const Type& a = expr->args[0]->type;
  if (a.kind == Kind::kDecimal && (a.fraction > kTimeDigitsMax || a.precision > kDecimalDigitsMax)) {
    return Error(*expr->args[0], "a time has six digits behind the point at most; CAST to a smaller DECIMAL");
  }
  if (a.kind == Kind::kDecimal || a.min < 0 || a.max > kUnixSecondsMax) {
    Note("FROM_UNIXTIME: seconds before 1970 or after 9999 are bad values (checked at run time)");
  }
  expr->type.kind = Kind::kDateTime;
  expr->type.fraction = a.kind == Kind::kDecimal ? a.fraction : 0;
  return base::Ok();
}

Status TypeChecker::UnixTimestamp(Expr* expr) {
  const Type& a = expr->args[0]->type;
  if (!IsTime(a.kind)) return Error(*expr->args[0], "UNIX_TIMESTAMP needs a DATETIME; write CAST(... AS DATETIME(n))");
  Note("UNIX_TIMESTAMP: times before 1970 are bad values (checked at run time)");
  bool nullable = a.nullable;
  if (a.fraction == 0) SetInteger(&expr->type, false, 0, kUnixSecondsMax);
  if (a.fraction > 0) SetDecimal(&expr->type, 12u + a.fraction, a.fraction);
  expr->type.nullable = nullable;
  return base::Ok();
}

Status TypeChecker::ConvertTz(Expr* expr) {
  const Expr& time = *expr->args[0];
  if (time.type.kind != Kind::kDateTime) {
    return Error(time, "CONVERT_TZ needs a DATETIME; write CAST(... AS DATETIME(n))");
  }
  std::int64_t offset[2] = {0, 0};
  bool named = false;
  for (std::size_t i = 0; i < 2; ++i) {
    const Expr& zone = *expr->args[i + 1];
    if (zone.op != Op::kTextLiteral) return Error(zone, "the name of a time zone must be a literal");
    named = !ParseOffset(zone.text, &offset[i]) || named;
  }
  if (named) {
    auto zones = LoadZones(expr->args[1]->text, expr->args[2]->text);
    if (!zones.ok()) return Error(*expr->args[1], zones.status().message());
    expr->zones = std::move(zones).value();
    Note("CONVERT_TZ by name: the source needs its time zone tables, with the same rules as this machine's tzdata");
    Note(
        "CONVERT_TZ by name: times outside 1970 to 2037, and such as a zone leaves out, are bad values (checked at "
        "run time); of a time that a zone has twice the servers' choice is taken");
  }
  expr->seconds = offset[1] - offset[0];
  expr->type.kind = Kind::kDateTime;
  expr->type.fraction = time.type.fraction;
  if (!named) expr->args.resize(1);
  return base::Ok();
}

Status TypeChecker::AddInterval(Expr* expr) {
  const Type& time = expr->args[0]->type;
  if (!IsTime(time.kind)) {
    return Error(*expr->args[0], "a DATE or DATETIME is needed here, this is " + std::string(KindName(time.kind)));
  }
  SL_TRY(NeedInteger(*expr->args[1]));
  auto unit = static_cast<IntervalUnit>(expr->number);
  if (time.kind == Kind::kDate && unit < IntervalUnit::kDay) {
    return Error(*expr->args[0], "this is a DATE; write CAST(... AS DATETIME) to add parts of a day");
  }
  if (unit == IntervalUnit::kMicrosecond && time.fraction != kTimeDigitsMax) {
    return Error(*expr->args[0], "write CAST(... AS DATETIME(6)) to add microseconds");
  }
  Note("INTERVAL: a result outside the years 1 to 9999 is a bad value (checked at run time)");
  expr->type.kind = time.kind;
  expr->type.fraction = time.fraction;
  return base::Ok();
}

Status TypeChecker::PartOfTime(Expr* expr) {
  struct Part {
    std::string_view name;
    TimePart part;
    int min;
    int max;
  };
  static constexpr Part kParts[] = {{"YEAR", TimePart::kYear, 1, 9999},
                                    {"MONTH", TimePart::kMonth, 1, 12},
                                    {"DAY", TimePart::kDay, 1, 31},
                                    {"HOUR", TimePart::kHour, 0, 23},
                                    {"MINUTE", TimePart::kMinute, 0, 59},
                                    {"SECOND", TimePart::kSecond, 0, 59},
                                    {"MICROSECOND", TimePart::kMicrosecond, 0, 999999}};
  const Type& time = expr->args[0]->type;
  if (!IsTime(time.kind)) {
    return Error(*expr->args[0], "a DATE or DATETIME is needed here, this is " + std::string(KindName(time.kind)));
  }
  for (const Part& part : kParts) {
    if (part.name != expr->text) continue;
    if (time.kind == Kind::kDate && part.part > TimePart::kDay) {
      return Error(*expr->args[0], "a DATETIME is needed here, this is a DATE");
    }
    expr->number = static_cast<std::uint64_t>(part.part);
    bool nullable = expr->type.nullable;
    SetInteger(&expr->type, false, part.min, part.max);
    expr->type.nullable = nullable;
  }
  return base::Ok();
}

// Keys go into MySQL's own order (by length, then bytes), so that MySQL, which sorts them, stores the text unchanged.
Status TypeChecker::JsonObject(Expr* expr) {
  if (expr->args.size() % 2 != 0) return Error(*expr, "JSON_OBJECT takes pairs of key and value");
  std::uint64_t bytes = 2;
  std::vector<std::pair<ExprPtr, ExprPtr>> members;
  for (std::size_t i = 0; i < expr->args.size(); i += 2) {
    if (expr->args[i]->op != Op::kTextLiteral) return Error(*expr->args[i], "a key of JSON_OBJECT must be a 'text'");
    Expr& value = *expr->args[i + 1];
    Kind kind = value.type.kind;
    if (value.type.is_bool)
      return Error(value, "the servers print conditions differently in JSON; write IF(..., 1, 0)");
    if (kind != Kind::kInt && kind != Kind::kText && kind != Kind::kJson && kind != Kind::kNull) {
      return Error(value, std::string(KindName(kind)) + " has no exact form in JSON; write CAST(... AS CHAR)");
    }
    std::uint64_t value_bytes = kind == Kind::kInt ? 20 : SaturatingAdd(SaturatingMultiply(value.type.bytes_max, 6), 4);
    bytes = SaturatingAdd(bytes, SaturatingAdd(value_bytes, expr->args[i]->text.size() * 6 + 6));
    members.emplace_back(std::move(expr->args[i]), std::move(expr->args[i + 1]));
  }
  auto before = [](const auto& a, const auto& b) {
    const std::string& x = a.first->text;
    const std::string& y = b.first->text;
    return x.size() != y.size() ? x.size() < y.size() : x < y;
  };
  std::stable_sort(members.begin(), members.end(), before);
  for (std::size_t i = 1; i < members.size(); ++i) {
    if (members[i].first->text == members[i - 1].first->text)
      return Error(*members[i].first, "this key is there twice");
  }
  expr->args.clear();
  for (auto& [key, value] : members) {
    expr->args.push_back(std::move(key));
    expr->args.push_back(std::move(value));
  }
  expr->type.kind = Kind::kJson;
  expr->type.nullable = false;
  expr->type.bytes_max = bytes;
  return base::Ok();
}

// MariaDB's JSON columns are text, and its functions leave text as it is; MySQL rewrites text that it reads as JSON.
Status TypeChecker::NeedJson(const Expr& expr) const {
  if (expr.type.kind == Kind::kJson) return base::Ok();
  if (expr.type.kind == Kind::kText && c_.flavour == mysql::Flavour::kMariaDb) {
    Note("JSON functions: text that is not JSON is a bad value (checked at run time)");
    return base::Ok();
  }
  return Error(expr, "a JSON column is needed here, this is " + std::string(KindName(expr.type.kind)));
}

Status TypeChecker::JsonExtract(Expr* expr) {
  const Expr& json = *expr->args[0];
  const Expr& path = *expr->args[1];
  SL_TRY(NeedJson(json));
  if (path.op != Op::kTextLiteral) return Error(path, "the path must be a literal such as '$.name'");
  std::vector<ExprPtr> steps;
  if (!ParseJsonPath(path.text, path.place, &steps)) {
    return Error(path, "the path is $, then .name, .\"any name\" or [number]; wildcards are not supported");
  }
  expr->text = path.text;
  expr->type.kind = Kind::kJson;
  expr->type.nullable = true;
  expr->type.bytes_max = json.type.bytes_max;
  expr->args.resize(1);
  for (ExprPtr& step : steps) expr->args.push_back(std::move(step));
  return base::Ok();
}

Status TypeChecker::JsonUnquote(Expr* expr) {
  SL_TRY(NeedJson(*expr->args[0]));
  expr->type.kind = Kind::kText;
  expr->type.bytes_max = expr->args[0]->type.bytes_max;
  return base::Ok();
}

}  // namespace shardlift::mapping
