#include "mapping/eval.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "mapping/decimal.h"

namespace shardlift::mapping {

namespace {

bool IsTemporal(Kind kind) { return kind == Kind::kDateTime || kind == Kind::kDate; }

// Shorter texts of the same moment stand for zeros behind: '2023-01-02' = '2023-01-02 00:00:00.000'.
int CompareTimes(std::string_view a, std::string_view b) {
  static constexpr std::string_view kZeros = "0000-00-00 00:00:00.000000";
  for (std::size_t i = 0; i < kZeros.size(); ++i) {
    char x = i < a.size() ? a[i] : kZeros[i];
    char y = i < b.size() ? b[i] : kZeros[i];
    if (x != y) return x < y ? -1 : 1;
  }
  return 0;
}

// The checker has seen to it that both fit when brought to one scale.
Int128 Scaled(const Type& type, const Val& value, unsigned scale) {
  if (type.kind == Kind::kInt) return IntegerOf(type, value) * PowerOfTen(scale);
  Int128 number = 0;
  SL_CHECK(ParseDecimal(value.bytes, scale, &number));
  return number;
}

int CompareDecimals(const Type& a_type, const Val& a, const Type& b_type, const Val& b) {
  unsigned scale = std::max(a_type.fraction, b_type.fraction);
  Int128 x = Scaled(a_type, a, scale);
  Int128 y = Scaled(b_type, b, scale);
  return x < y ? -1 : x > y ? 1 : 0;
}

bool Holds(Op op, int order) {
  switch (op) {
    case Op::kEqual:
    case Op::kNullSafeEqual: return order == 0;
    case Op::kNotEqual: return order != 0;
    case Op::kLess: return order < 0;
    case Op::kLessEqual: return order <= 0;
    case Op::kGreater: return order > 0;
    default: return order >= 0;
  }
}

bool IsTrue(const Val& value) { return !value.null && value.bits != 0; }
bool IsFalse(const Val& value) { return !value.null && value.bits == 0; }

}  // namespace

Int128 IntegerOf(const Type& type, const Val& value) {
  return type.is_unsigned ? Int128{value.bits} : Int128{static_cast<std::int64_t>(value.bits)};
}

int CompareValues(const Type& a_type, const Val& a, const Type& b_type, const Val& b) {
  if (a_type.kind == Kind::kInt && b_type.kind == Kind::kInt && a_type.is_unsigned == b_type.is_unsigned) {
    // With the sign bit turned over, signed numbers order as unsigned ones do.
    const std::uint64_t turned = a_type.is_unsigned ? 0 : 1ull << 63;
    const std::uint64_t x = a.bits ^ turned;
    const std::uint64_t y = b.bits ^ turned;
    return x < y ? -1 : x > y ? 1 : 0;
  }
  if (a_type.kind == Kind::kDecimal || b_type.kind == Kind::kDecimal) return CompareDecimals(a_type, a, b_type, b);
  if (a_type.kind == Kind::kInt) {
    Int128 x = IntegerOf(a_type, a);
    Int128 y = IntegerOf(b_type, b);
    return x < y ? -1 : x > y ? 1 : 0;
  }
  if (IsTemporal(a_type.kind)) return CompareTimes(a.bytes, b.bytes);
  int order = a.bytes.compare(b.bytes);
  return order < 0 ? -1 : order > 0 ? 1 : 0;
}

void AppendInteger(const Type& type, const Val& value, std::string* out) {
  if (!value.bytes.empty()) {
    out->append(value.bytes);
    return;
  }
  const fmt::format_int digits =
      type.is_unsigned ? fmt::format_int(value.bits) : fmt::format_int(static_cast<std::int64_t>(value.bits));
  out->append(digits.data(), digits.size());
}

bool Evaluator::EvalCondition(const Expr& expr, Val* out) {
  if (!Eval(expr, out)) return false;
  if (!out->null) *out = Val::Bool(out->bits != 0);
  return true;
}

bool Evaluator::EvalOperation(const Expr& expr, Val* out) {
  switch (expr.op) {
    case Op::kIntLiteral: *out = Val::Bits(expr.is_negative ? 0 - expr.number : expr.number); return true;
    case Op::kDecimalLiteral:
    case Op::kTextLiteral:
    case Op::kBinaryLiteral: *out = Val::Bytes(expr.text); return true;
    case Op::kNull: *out = Val(); return true;
    case Op::kTrue: *out = Val::Bool(true); return true;
    case Op::kFalse: *out = Val::Bool(false); return true;
    case Op::kNegate:
    case Op::kAdd:
    case Op::kSubtract:
    case Op::kMultiply:
    case Op::kDivide:
    case Op::kIntDivide:
    case Op::kModulo: return EvalArithmetic(expr, out);
    case Op::kBitAnd:
    case Op::kBitOr:
    case Op::kBitXor:
    case Op::kBitNot:
    case Op::kShiftLeft:
    case Op::kShiftRight: return EvalBits(expr, out);
    case Op::kEqual:
    case Op::kNotEqual:
    case Op::kLess:
    case Op::kLessEqual:
    case Op::kGreater:
    case Op::kGreaterEqual:
    case Op::kNullSafeEqual: return EvalComparison(expr, out);
    case Op::kAnd:
    case Op::kOr: return EvalLogic(expr, out);
    case Op::kXor: return EvalXor(expr, out);
    case Op::kNot:
    case Op::kIsNull:
    case Op::kIsTrue:
    case Op::kIsFalse: return EvalTest(expr, out);
    case Op::kIn: return EvalIn(expr, out);
    case Op::kBetween: return EvalBetween(expr, out);
    case Op::kCase: return EvalCase(expr, out);
    case Op::kSimpleCase: return EvalSimpleCase(expr, out);
    case Op::kCoalesce: return EvalCoalesce(expr, out);
    case Op::kNullIf: return EvalNullIf(expr, out);
    case Op::kToText: return EvalToText(expr, out);
    case Op::kToBinary: return Eval(*expr.args[0], out);
    case Op::kToSigned:
    case Op::kToUnsigned: return EvalToSigned(expr, out);
    case Op::kToDecimal: return EvalToDecimal(expr, out);
    case Op::kColumnBytes: return EvalColumnBytes(expr, out);
    default: return EvalFunction(expr, out);
  }
}

bool Evaluator::EvalFunction(const Expr& expr, Val* out) {
  switch (expr.op) {
    case Op::kAbs:
    case Op::kFloor:
    case Op::kCeiling:
    case Op::kRound:
    case Op::kTruncate:
    case Op::kSign: return EvalNumberFunction(expr, out);
    case Op::kGreatest:
    case Op::kLeast: return EvalExtreme(expr, out);
    case Op::kToDateTime:
    case Op::kToDate:
    case Op::kFromUnixTime:
    case Op::kUnixTimestamp:
    case Op::kConvertTz:
    case Op::kAddInterval:
    case Op::kTimePart: return EvalTime(expr, out);
    case Op::kHex:
    case Op::kUnhex:
    case Op::kToBase64:
    case Op::kFromBase64:
    case Op::kCrc32:
    case Op::kSha2:
    case Op::kBucket:
    case Op::kComposeId:
    case Op::kJsonObject:
    case Op::kJsonExtract:
    case Op::kJsonUnquote: return EvalEncoding(expr, out);
    default: return EvalTextFunction(expr, out);
  }
}

bool Evaluator::Absent(const Expr& column) {
  absent_column_ = static_cast<int>(column.column);
  return Bad("a column is not in the row image");
}

bool Evaluator::EvalColumnBytes(const Expr& expr, Val* out) {
  const mysql::Value& value = row_[expr.column];
  if (value.is_absent()) return Absent(expr);
  *out = value.is_null() ? Val() : Val::Bytes(value.bytes);
  return true;
}

bool Evaluator::EvalXor(const Expr& expr, Val* out) {
  Val a;
  Val b;
  if (!EvalCondition(*expr.args[0], &a) || !EvalCondition(*expr.args[1], &b)) return false;
  *out = a.null || b.null ? Val() : Val::Bool(a.bits != b.bits);
  return true;
}

bool Evaluator::EvalComparison(const Expr& expr, Val* out) {
  Val a;
  Val b;
  const Expr& left = *expr.args[0];
  const Expr& right = *expr.args[1];
  if (!Eval(left, &a) || !Eval(right, &b)) return false;
  if (a.null || b.null) {
    *out = expr.op == Op::kNullSafeEqual ? Val::Bool(a.null && b.null) : Val();
    return true;
  }
  *out = Val::Bool(Holds(expr.op, CompareValues(left.type, a, right.type, b)));
  return true;
}

bool Evaluator::EvalIn(const Expr& expr, Val* out) {
  Val a;
  if (!Eval(*expr.args[0], &a)) return false;
  bool unknown = a.null;
  bool found = false;
  for (std::size_t i = 1; i < expr.args.size() && !found; ++i) {
    Val b;
    if (!Eval(*expr.args[i], &b)) return false;
    if (a.null || b.null) {
      unknown = true;
    } else {
      found = CompareValues(expr.args[0]->type, a, expr.args[i]->type, b) == 0;
    }
  }
  *out = found ? Val::Bool(!expr.is_not) : unknown ? Val() : Val::Bool(expr.is_not);
  return true;
}

// a BETWEEN b AND c is a >= b AND a <= c, in three-valued logic.
bool Evaluator::EvalBetween(const Expr& expr, Val* out) {
  Val a;
  Val low;
  Val high;
  if (!Eval(*expr.args[0], &a) || !Eval(*expr.args[1], &low) || !Eval(*expr.args[2], &high)) return false;
  const Type& type = expr.args[0]->type;
  bool below = !a.null && !low.null && CompareValues(type, a, expr.args[1]->type, low) < 0;
  bool above = !a.null && !high.null && CompareValues(type, a, expr.args[2]->type, high) > 0;
  if (below || above) {
    *out = Val::Bool(expr.is_not);
  } else {
    *out = a.null || low.null || high.null ? Val() : Val::Bool(!expr.is_not);
  }
  return true;
}

bool Evaluator::EvalLogic(const Expr& expr, Val* out) {
  bool deciding = expr.op == Op::kOr;  // the value that decides whatever the other side is
  Val a;
  Val b;
  if (!EvalCondition(*expr.args[0], &a)) return false;
  if (!a.null && (a.bits != 0) == deciding) return *out = a, true;
  if (!EvalCondition(*expr.args[1], &b)) return false;
  if (!b.null && (b.bits != 0) == deciding) return *out = b, true;
  *out = a.null || b.null ? Val() : Val::Bool(!deciding);
  return true;
}

bool Evaluator::EvalTest(const Expr& expr, Val* out) {
  Val a;
  if (!Eval(*expr.args[0], &a)) return false;
  switch (expr.op) {
    case Op::kIsNull: *out = Val::Bool(a.null != expr.is_not); break;
    case Op::kIsTrue: *out = Val::Bool(IsTrue(a) != expr.is_not); break;
    case Op::kIsFalse: *out = Val::Bool(IsFalse(a) != expr.is_not); break;
    default: *out = a.null ? Val() : Val::Bool(a.bits == 0);
  }
  return true;
}

bool Evaluator::EvalCase(const Expr& expr, Val* out) {
  std::size_t i = 0;
  for (; i + 1 < expr.args.size(); i += 2) {
    Val when;
    if (!Eval(*expr.args[i], &when)) return false;
    if (IsTrue(when)) return Eval(*expr.args[i + 1], out);
  }
  return Eval(*expr.args[i], out);
}

bool Evaluator::EvalSimpleCase(const Expr& expr, Val* out) {
  Val operand;
  if (!Eval(*expr.args[0], &operand)) return false;
  std::size_t i = 1;
  for (; i + 1 < expr.args.size(); i += 2) {
    Val when;
    if (!Eval(*expr.args[i], &when)) return false;
    if (operand.null || when.null) continue;
    if (CompareValues(expr.args[0]->type, operand, expr.args[i]->type, when) == 0) return Eval(*expr.args[i + 1], out);
  }
  return Eval(*expr.args[i], out);
}

bool Evaluator::EvalCoalesce(const Expr& expr, Val* out) {
  *out = Val();
  for (const ExprPtr& arg : expr.args) {
    if (!Eval(*arg, out)) return false;
    if (!out->null) return true;
  }
  return true;
}

bool Evaluator::EvalNullIf(const Expr& expr, Val* out) {
  Val b;
  if (!Eval(*expr.args[0], out) || !Eval(*expr.args[1], &b)) return false;
  if (out->null || b.null) return true;
  if (CompareValues(expr.args[0]->type, *out, expr.args[1]->type, b) == 0) *out = Val();
  return true;
}

bool Evaluator::EvalToText(const Expr& expr, Val* out) {
  Val a;
  if (!Eval(*expr.args[0], &a)) return false;
  *out = a;
  Kind kind = expr.args[0]->type.kind;
  if (a.null) return true;
  if (kind == Kind::kBinary && !IsUtf8(a.bytes)) return Bad("a binary string that is not UTF-8");
  if (kind != Kind::kInt || !a.bytes.empty()) return true;
  std::string& text = pool_.New();
  AppendInteger(expr.args[0]->type, a, &text);
  *out = Val::Bytes(text);
  return true;
}

}  // namespace shardlift::mapping
