// Types of the named functions.
#include <algorithm>

#include "mapping/datetime.h"
#include "mapping/expression_error.h"
#include "mapping/typecheck.h"

namespace shardlift::mapping {

using base::Status;

namespace {

constexpr unsigned kComposeIdBits = 40;
constexpr std::int64_t kUnixSecondsMax = 253402300799;  // 9999-12-31 23:59:59

// "+08:00" as seconds east of UTC; false for anything else, the servers' limits included.
bool ParseOffset(std::string_view text, std::int64_t* seconds) {
  if (text.size() != 6 || (text[0] != '+' && text[0] != '-') || text[3] != ':') return false;
  for (std::size_t i : {1u, 2u, 4u, 5u}) {
    if (text[i] < '0' || text[i] > '9') return false;
  }
  std::int64_t hours = (text[1] - '0') * 10 + (text[2] - '0');
  std::int64_t minutes = (text[4] - '0') * 10 + (text[5] - '0');
  std::int64_t value = (hours * 60 + minutes) * 60;
  if (minutes > 59 || value > (text[0] == '+' ? 14 * 3600 : 13 * 3600 + 59 * 60)) return false;
  *seconds = text[0] == '+' ? value : -value;
  return true;
}

bool IsCount(const Expr& expr) { return expr.op == Op::kIntLiteral && !expr.is_negative && expr.number <= 0xFFFF; }

bool AnyNullable(const Expr& expr) {
  return std::any_of(expr.args.begin(), expr.args.end(), [](const ExprPtr& arg) { return arg->type.nullable; });
}

}  // namespace

Status TypeChecker::NeedString(const Expr& expr) const {
  if (IsString(expr.type.kind)) return base::Ok();
  return Error(expr, "text or a binary string is needed here, this is " + std::string(KindName(expr.type.kind)) +
                         "; write CAST(... AS CHAR)");
}

Status TypeChecker::NeedInteger(const Expr& expr) const {
  if (expr.type.kind == Kind::kInt) return base::Ok();
  if (expr.type.kind == Kind::kDecimal) return Error(expr, "arithmetic on DECIMAL is not supported yet");
  return Error(expr, "a number is needed here, this is " + std::string(KindName(expr.type.kind)) +
                         (expr.type.kind == Kind::kText ? "; write CAST(... AS SIGNED or UNSIGNED)" : ""));
}

Status TypeChecker::FunctionCall(ExprPtr* slot) {
  Expr* expr = slot->get();
  expr->type.nullable = AnyNullable(*expr);
  switch (expr->op) {
    case Op::kConcat: return Concat(expr);
    case Op::kSubstring:
    case Op::kLeft:
    case Op::kRight: return SubstringLike(expr);
    case Op::kLower:
    case Op::kUpper:
    case Op::kTrim:
    case Op::kLeftTrim:
    case Op::kRightTrim:
    case Op::kReplace:
    case Op::kCharLength:
    case Op::kLength: return StringFunction(expr);
    case Op::kLeftPad: return LeftPad(expr);
    case Op::kHex:
    case Op::kUnhex: return HexFunction(expr);
    case Op::kFromUnixTime: return FromUnixTime(expr);
    case Op::kConvertTz: return ConvertTz(expr);
    case Op::kJsonObject: return JsonObject(expr);
    case Op::kTableSuffix: return TableSuffix(expr);
    case Op::kComposeId: return ComposeId(expr);
    default: return Status(base::Code::kInternal, "an operator of the mapping language has no type rule");
  }
}

Status TypeChecker::Concat(Expr* expr) {
  bool binary = false;
  for (const ExprPtr& arg : expr->args) {
    if (arg->type.kind == Kind::kNull) return Error(*arg, "CONCAT with NULL is always NULL");
    binary = binary || arg->type.kind == Kind::kBinary;
  }
  for (ExprPtr& arg : expr->args) {
    if (binary) WrapToBinary(&arg);
    if (!binary) WrapToText(&arg);
    expr->type.bytes_max = SaturatingAdd(expr->type.bytes_max, arg->type.bytes_max);
  }
  expr->type.kind = binary ? Kind::kBinary : Kind::kText;
  return base::Ok();
}

Status TypeChecker::SubstringLike(Expr* expr) {
  SL_TRY(NeedString(*expr->args[0]));
  for (std::size_t i = 1; i < expr->args.size(); ++i) SL_TRY(NeedInteger(*expr->args[i]));
  expr->type.kind = expr->args[0]->type.kind;
  expr->type.bytes_max = expr->args[0]->type.bytes_max;
  std::size_t length_at = expr->op == Op::kSubstring ? 2 : 1;
  if (length_at < expr->args.size() && IsCount(*expr->args[length_at])) {
    std::uint64_t bytes = expr->args[length_at]->number * (expr->type.kind == Kind::kText ? 4u : 1u);
    expr->type.bytes_max = std::min(expr->type.bytes_max, bytes);
  }
  return base::Ok();
}

Status TypeChecker::StringFunction(Expr* expr) {
  for (const ExprPtr& arg : expr->args) {
    SL_TRY(NeedString(*arg));
    if (arg->type.kind != expr->args[0]->type.kind)
      return Error(*arg, "text and binary strings are mixed; CAST one of them");
  }
  const Type& a = expr->args[0]->type;
  if (expr->op == Op::kCharLength || expr->op == Op::kLength) {
    bool nullable = expr->type.nullable;
    SetInteger(&expr->type, false, 0, a.bytes_max);
    expr->type.nullable = nullable;
    return base::Ok();
  }
  if (expr->op == Op::kLower || expr->op == Op::kUpper) {
    if (a.kind != Kind::kText) return Error(*expr, "LOWER and UPPER do nothing to binary strings; CAST to CHAR");
    Note("LOWER and UPPER: letters with case outside ASCII are bad values (checked at run time)");
  }
  expr->type.kind = a.kind;
  expr->type.bytes_max = a.bytes_max;
  if (expr->op == Op::kReplace && !(expr->args[1]->type.is_literal && expr->args[2]->type.is_literal &&
                                    expr->args[2]->text.size() <= expr->args[1]->text.size())) {
    expr->type.bytes_max = SaturatingMultiply(a.bytes_max, SaturatingAdd(expr->args[2]->type.bytes_max, 1));
  }
  return base::Ok();
}

Status TypeChecker::LeftPad(Expr* expr) {
  SL_TRY(NeedString(*expr->args[0]));
  if (!IsCount(*expr->args[1])) return Error(*expr->args[1], "LPAD needs a literal length from 0 to 65535");
  const Expr& pad = *expr->args[2];
  bool literal = pad.op == Op::kTextLiteral || pad.op == Op::kBinaryLiteral;
  if (!literal || pad.text.empty()) return Error(pad, "LPAD needs a literal that is not empty to pad with");
  if (pad.type.kind != expr->args[0]->type.kind)
    return Error(pad, "text and binary strings are mixed; CAST one of them");
  expr->type.kind = expr->args[0]->type.kind;
  expr->type.bytes_max = expr->args[1]->number * (expr->type.kind == Kind::kText ? 4u : 1u);
  return base::Ok();
}

Status TypeChecker::HexFunction(Expr* expr) {
  const Type& a = expr->args[0]->type;
  if (expr->op == Op::kUnhex) {
    if (a.kind != Kind::kText) return Error(*expr->args[0], "UNHEX needs text");
    expr->type.kind = Kind::kBinary;
    expr->type.bytes_max = a.bytes_max / 2 + 1;
    expr->type.nullable = true;  // not hexadecimal: NULL
    return base::Ok();
  }
  if (a.kind != Kind::kInt) SL_TRY(NeedString(*expr->args[0]));
  expr->type.kind = Kind::kText;
  expr->type.bytes_max = a.kind == Kind::kInt ? 16 : SaturatingMultiply(a.bytes_max, 2);
  return base::Ok();
}

Status TypeChecker::FromUnixTime(Expr* expr) {
  SL_TRY(NeedInteger(*expr->args[0]));
  const Type& a = expr->args[0]->type;
  if (a.min < 0 || a.max > kUnixSecondsMax) {
    Note("FROM_UNIXTIME: seconds before 1970 or after 9999 are bad values (checked at run time)");
  }
  expr->type.kind = Kind::kDateTime;
  return base::Ok();
}

Status TypeChecker::ConvertTz(Expr* expr) {
  const Expr& time = *expr->args[0];
  if (time.type.kind != Kind::kDateTime) {
    return Error(time, "CONVERT_TZ needs a DATETIME; write CAST(... AS DATETIME(n))");
  }
  std::int64_t offset[2] = {0, 0};
  for (std::size_t i = 0; i < 2; ++i) {
    const Expr& zone = *expr->args[i + 1];
    if (zone.op != Op::kTextLiteral || !ParseOffset(zone.text, &offset[i])) {
      return Error(zone,
                   "only fixed offsets such as '+08:00' are supported: zone names need tables that servers differ in");
    }
  }
  expr->seconds = offset[1] - offset[0];
  expr->type.kind = Kind::kDateTime;
  expr->type.fraction = time.type.fraction;
  expr->args.resize(1);
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

Status TypeChecker::TableSuffix(Expr* expr) {
  const std::string& table = c_.schema->name.table;
  std::size_t begin = table.size();
  while (begin > 0 && table[begin - 1] >= '0' && table[begin - 1] <= '9') --begin;
  if (begin == table.size()) return Error(*expr, "table " + table + " does not end in digits");
  expr->op = Op::kTextLiteral;
  expr->text = table.substr(begin);
  expr->type.kind = Kind::kText;
  expr->type.is_literal = true;
  expr->type.bytes_max = expr->text.size();
  return base::Ok();
}

Status TypeChecker::ComposeId(Expr* expr) {
  const Expr& id = *expr->args[0];
  SL_TRY(NeedInteger(id));
  if (c_.origin < 1 || c_.origin > 127) return Error(*expr, "COMPOSE_ID needs an origin from 1 to 127");
  if (c_.table_ordinal < 1 || c_.table_ordinal > 0xFFFF) {
    return Error(*expr, "COMPOSE_ID needs a table ordinal from 1 to 65535");
  }
  if (id.type.min < 0 || id.type.max >= Int128{1} << kComposeIdBits) {
    Note("COMPOSE_ID: ids below 0 or from 2^40 on are bad values (checked at run time)");
  }
  expr->number = (std::uint64_t{c_.origin} << 56) | (std::uint64_t{c_.table_ordinal} << kComposeIdBits);
  Int128 base = expr->number;
  bool nullable = expr->type.nullable;
  SetInteger(&expr->type, true, base, base + (Int128{1} << kComposeIdBits) - 1);
  expr->type.nullable = nullable;
  return base::Ok();
}

}  // namespace shardlift::mapping
