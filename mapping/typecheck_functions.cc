// Types of the functions of text, hashes and identity.
#include <algorithm>

#include "mapping/expression_error.h"
#include "mapping/typecheck.h"

namespace shardlift::mapping {

using base::Status;

namespace {

constexpr unsigned kComposeIdBits = 40;
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
  if (expr.type.kind == Kind::kDecimal) return Error(expr, "an integer is needed here, this is a DECIMAL; CAST it");
  return Error(expr, "a number is needed here, this is " + std::string(KindName(expr.type.kind)) +
                         (expr.type.kind == Kind::kText ? "; write CAST(... AS SIGNED or UNSIGNED)" : ""));
}

Status TypeChecker::FunctionCall(ExprPtr* slot) {
  Expr* expr = slot->get();
  expr->type.nullable = AnyNullable(*expr);
  switch (expr->op) {
    case Op::kConcat: return Concat(expr);
    case Op::kConcatWs: return ConcatWs(expr);
    case Op::kLike: return Like(expr);
    case Op::kLocate: return Locate(expr);
    case Op::kSubstring:
    case Op::kSubstringIndex:
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
    case Op::kLeftPad:
    case Op::kRightPad: return Pad(expr);
    case Op::kHex:
    case Op::kUnhex: return HexFunction(expr);
    case Op::kToBase64:
    case Op::kFromBase64: return Encoding(expr);
    case Op::kCrc32:
    case Op::kSha2: return Hash(expr);
    case Op::kAbs:
    case Op::kFloor:
    case Op::kCeiling:
    case Op::kRound:
    case Op::kTruncate:
    case Op::kSign: return NumberFunction(expr);
    case Op::kGreatest:
    case Op::kLeast: return Extreme(expr);
    case Op::kFromUnixTime: return FromUnixTime(expr);
    case Op::kUnixTimestamp: return UnixTimestamp(expr);
    case Op::kConvertTz: return ConvertTz(expr);
    case Op::kAddInterval: return AddInterval(expr);
    case Op::kTimePart: return PartOfTime(expr);
    case Op::kJsonObject: return JsonObject(expr);
    case Op::kJsonExtract: return JsonExtract(expr);
    case Op::kJsonUnquote: return JsonUnquote(expr);
    case Op::kTableSuffix: return TableSuffix(expr);
    case Op::kComposeId: return ComposeId(expr);
    case Op::kBucket: return Bucket(slot);
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

Status TypeChecker::NeedSameStrings(const Expr& expr) const {
  for (const ExprPtr& arg : expr.args) {
    SL_TRY(NeedString(*arg));
    if (arg->type.kind != expr.args[0]->type.kind) {
      return Error(*arg, "text and binary strings are mixed; CAST one of them");
    }
  }
  return base::Ok();
}

Status TypeChecker::ConcatWs(Expr* expr) {
  if (expr->args[0]->type.kind == Kind::kNull) return Error(*expr->args[0], "a separator of NULL always gives NULL");
  std::erase_if(expr->args, [](const ExprPtr& arg) { return arg->type.kind == Kind::kNull; });
  bool nullable = expr->args[0]->type.nullable;
  SL_TRY(Concat(expr));
  std::uint64_t separators = SaturatingMultiply(expr->args[0]->type.bytes_max, expr->args.size());
  expr->type.bytes_max = SaturatingAdd(expr->type.bytes_max, separators);
  expr->type.nullable = nullable;
  return base::Ok();
}

Status TypeChecker::Like(Expr* expr) {
  SL_TRY(NeedSameStrings(*expr));
  NoteCollation(*expr->args[0]);
  const Expr& pattern = *expr->args[1];
  if (!pattern.type.is_literal) return Error(pattern, "the pattern of LIKE must be a literal");
  std::size_t escapes = pattern.text.size() - (pattern.text.find_last_not_of('\\') + 1);
  if (escapes % 2 != 0) return Error(pattern, "the escape character at the end of this pattern escapes nothing");
  bool nullable = expr->args[0]->type.nullable;
  SetInteger(&expr->type, false, 0, 1);
  expr->type.is_bool = true;
  expr->type.nullable = nullable;
  return base::Ok();
}

Status TypeChecker::Locate(Expr* expr) {
  for (std::size_t i = 0; i < 2; ++i) SL_TRY(NeedString(*expr->args[i]));
  if (expr->args[0]->type.kind != expr->args[1]->type.kind) {
    return Error(*expr->args[1], "text and binary strings are mixed; CAST one of them");
  }
  if (expr->args.size() > 2) SL_TRY(NeedInteger(*expr->args[2]));
  bool nullable = expr->type.nullable;
  SetInteger(&expr->type, false, 0, SaturatingAdd(expr->args[1]->type.bytes_max, 1));
  expr->type.nullable = nullable;
  return base::Ok();
}

Status TypeChecker::Pad(Expr* expr) {
  SL_TRY(NeedString(*expr->args[0]));
  if (!IsCount(*expr->args[1])) return Error(*expr->args[1], "a literal length from 0 to 65535 is needed here");
  const Expr& pad = *expr->args[2];
  bool literal = pad.op == Op::kTextLiteral || pad.op == Op::kBinaryLiteral;
  if (!literal || pad.text.empty()) return Error(pad, "a literal that is not empty is needed to pad with");
  if (pad.type.kind != expr->args[0]->type.kind) {
    return Error(pad, "text and binary strings are mixed; CAST one of them");
  }
  expr->type.kind = expr->args[0]->type.kind;
  expr->type.bytes_max = expr->args[1]->number * (expr->type.kind == Kind::kText ? 4u : 1u);
  return base::Ok();
}

Status TypeChecker::Encoding(Expr* expr) {
  SL_TRY(NeedString(*expr->args[0]));
  const Type& a = expr->args[0]->type;
  if (expr->op == Op::kToBase64) {
    expr->type.kind = Kind::kText;
    expr->type.bytes_max = SaturatingAdd(SaturatingMultiply(a.bytes_max / 3 + 1, 4), a.bytes_max / 50);
    return base::Ok();
  }
  if (a.kind != Kind::kText) return Error(*expr->args[0], "FROM_BASE64 needs text");
  expr->type.kind = Kind::kBinary;
  expr->type.bytes_max = a.bytes_max / 4 * 3 + 3;
  expr->type.nullable = true;  // not base 64: NULL
  return base::Ok();
}

Status TypeChecker::Hash(Expr* expr) {
  SL_TRY(NeedString(*expr->args[0]));
  bool nullable = expr->args[0]->type.nullable;
  if (expr->op == Op::kCrc32) {
    SetInteger(&expr->type, true, 0, 0xFFFFFFFFu);
    expr->type.nullable = nullable;
    return base::Ok();
  }
  const Expr& bits = *expr->args[1];
  static constexpr std::uint64_t kBits[] = {224, 256, 384, 512};
  if (bits.op != Op::kIntLiteral || std::find(std::begin(kBits), std::end(kBits), bits.number) == std::end(kBits)) {
    return Error(bits, "the bits of SHA2 must be one of the literals 224, 256, 384 and 512");
  }
  expr->number = bits.number;
  expr->type.kind = Kind::kText;
  expr->type.bytes_max = bits.number / 4;
  return base::Ok();
}

Status TypeChecker::Bucket(ExprPtr* slot) {
  Expr* expr = slot->get();
  if (c_.rules == nullptr) return Error(*expr, "the routing rules are not known here");
  if (!c_.rules->has_sql()) {
    return Error(*expr,
                 "no SQL computes the routing strategy, so a check by the source could not; leave BUCKET out, or "
                 "take another strategy than " +
                     std::string(store::StrategyName(c_.rules->rules().strategy)));
  }
  if (expr->args.size() == 2 && !c_.rules->rules().pinned_tags.empty()) {
    return Error(*expr, "the job pins biz tags: give the biz tag as third argument");
  }
  if (expr->args.size() == 3) SL_TRY(NeedInteger(*expr->args[2]));
  const Expr& type = *expr->args[0];
  SL_TRY(NeedInteger(type));
  if (type.type.min < 0 || type.type.max > Int128{0xFFFFFFFFu}) {
    Note("BUCKET: account types outside 0 to 2^32 - 1 are bad values (checked at run time)");
  }
  if (expr->args[1]->type.kind == Kind::kNull) return Error(*expr->args[1], "the bucket of NULL is always NULL");
  WrapToBinary(&expr->args[1]);
  const store::Strategy strategy = c_.rules->rules().strategy;
  const bool numbers_only = strategy == store::Strategy::kModulo || strategy == store::Strategy::kRange;
  const bool nullable = expr->type.nullable || numbers_only;
  expr->rules = c_.rules;
  SetInteger(&expr->type, true, 0, c_.rules->bucket_count() - 1);
  expr->type.nullable = nullable;
  return base::Ok();
}

Status TypeChecker::SubstringLike(Expr* expr) {
  SL_TRY(NeedString(*expr->args[0]));
  std::size_t numbers = expr->op == Op::kSubstringIndex ? 2 : 1;
  for (std::size_t i = numbers; i < expr->args.size(); ++i) SL_TRY(NeedInteger(*expr->args[i]));
  if (numbers == 2) {
    SL_TRY(NeedString(*expr->args[1]));
    if (expr->args[1]->type.kind != expr->args[0]->type.kind) {
      return Error(*expr->args[1], "text and binary strings are mixed; CAST one of them");
    }
  }
  expr->type.kind = expr->args[0]->type.kind;
  expr->type.bytes_max = expr->args[0]->type.bytes_max;
  std::size_t length_at = expr->op == Op::kSubstring ? 2 : 1;
  if (numbers == 1 && length_at < expr->args.size() && IsCount(*expr->args[length_at])) {
    std::uint64_t bytes = expr->args[length_at]->number * (expr->type.kind == Kind::kText ? 4u : 1u);
    expr->type.bytes_max = std::min(expr->type.bytes_max, bytes);
  }
  return base::Ok();
}

Status TypeChecker::StringFunction(Expr* expr) {
  SL_TRY(NeedSameStrings(*expr));
  const Type& a = expr->args[0]->type;
  if (const Expr& s = *expr->args[0]; expr->op == Op::kLength && s.op == Op::kColumn) {
    const mysql::Column& column = c_.schema->columns[s.column];
    const bool is_own = column.is_text() && c_.Content(s.column).empty();
    if (is_own && !column.charset.starts_with("utf8") && column.charset != "ascii") {
      Note("LENGTH counts the bytes of " + column.name + " as UTF-8, not as " + column.charset);
    }
  }
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
