// Numbers: integers of 64 bits, DECIMAL up to 38 digits.
#include <algorithm>
#include <charconv>

#include "mapping/decimal.h"
#include "mapping/eval.h"

namespace shardlift::mapping {

namespace {

constexpr const char* kOutOfRange = "the result of an arithmetic expression is out of range";

bool FitsIn(const Type& type, Int128 value) {
  return type.is_unsigned ? value >= 0 && value <= kUnsignedMax : value >= kSignedMin && value <= kSignedMax;
}

bool FitsDecimal(const Type& type, Int128 value) {
  Int128 end = PowerOfTen(type.precision);
  return value < end && value > -end;
}

// Whether a DECIMAL's text has other digits than zeros behind the first `scale` behind its point.
bool HasDigitsBehind(std::string_view text, unsigned scale) {
  const std::size_t point = text.find('.');
  if (point == std::string_view::npos || text.size() - point - 1 <= scale) return false;
  return text.find_first_not_of('0', point + 1 + scale) != std::string_view::npos;
}

}  // namespace

bool Evaluator::PutInteger(const Type& type, Int128 value, Val* out) {
  if (!FitsIn(type, value)) return Bad(kOutOfRange);
  *out = Val::Bits(static_cast<std::uint64_t>(value));
  return true;
}

bool Evaluator::PutDecimal(const Type& type, Int128 value, Val* out) {
  if (!FitsDecimal(type, value)) return Bad("a number that its DECIMAL does not hold");
  std::string& text = pool_.New();
  AppendDecimal(value, type.fraction, &text);
  *out = Val::Bytes(text);
  return true;
}

bool Evaluator::EvalScaled(const Expr& expr, unsigned scale, Int128* number, bool* null) {
  Val value;
  if (!Eval(expr, &value)) return false;
  *null = *null || value.null;
  *number = 0;
  return value.null || Scale(expr.type, value, scale, number);
}

bool Evaluator::Scale(const Type& type, const Val& value, unsigned scale, Int128* number) {
  if (type.kind == Kind::kInt) {
    if (!__builtin_mul_overflow(IntegerOf(type, value), PowerOfTen(scale), number)) return true;
    return Bad(kOutOfRange);
  }
  return ParseDecimal(value.bytes, scale, number) || Bad("text that is not a number, or has too many digits");
}

bool Evaluator::EvalArithmetic(const Expr& expr, Val* out) {
  bool decimal = expr.type.kind == Kind::kDecimal || expr.args[0]->type.kind == Kind::kDecimal;
  if (decimal || expr.args.back()->type.kind == Kind::kDecimal) return EvalDecimal(expr, out);
  Val a;
  if (!Eval(*expr.args[0], &a)) return false;
  Int128 x = a.null ? 0 : IntegerOf(expr.args[0]->type, a);
  Int128 result = -x;
  if (expr.op != Op::kNegate) {
    Val b;
    if (!Eval(*expr.args[1], &b)) return false;
    if (a.null || b.null) return *out = Val(), true;
    Int128 y = IntegerOf(expr.args[1]->type, b);
    switch (expr.op) {
      case Op::kAdd: result = x + y; break;
      case Op::kSubtract: result = x - y; break;
      case Op::kMultiply:
        if (__builtin_mul_overflow(x, y, &result)) return Bad(kOutOfRange);
        break;
      default:
        if (y == 0) return *out = Val(), true;
        result = expr.op == Op::kModulo ? x % y : x / y;
    }
  }
  if (a.null) return *out = Val(), true;
  return PutInteger(expr.type, result, out);
}

bool Evaluator::EvalDecimal(const Expr& expr, Val* out) {
  const Type& a = expr.args[0]->type;
  const Type& b = expr.args.back()->type;
  // + - % DIV bring both to one scale, * and / take each as it is.
  bool aligned = expr.op != Op::kMultiply && expr.op != Op::kDivide;
  unsigned scale = std::max(a.fraction, b.fraction);
  bool null = false;
  Int128 x = 0;
  Int128 y = 0;
  if (!EvalScaled(*expr.args[0], aligned ? scale : a.fraction, &x, &null)) return false;
  if (expr.op == Op::kNegate) return null ? (*out = Val(), true) : PutDecimal(expr.type, -x, out);
  if (!EvalScaled(*expr.args[1], aligned ? scale : b.fraction, &y, &null)) return false;
  bool divides = expr.op == Op::kDivide || expr.op == Op::kModulo || expr.op == Op::kIntDivide;
  if (null || (divides && y == 0)) return *out = Val(), true;
  switch (expr.op) {
    case Op::kAdd: return PutDecimal(expr.type, x + y, out);
    case Op::kSubtract: return PutDecimal(expr.type, x - y, out);
    case Op::kMultiply: return PutDecimal(expr.type, x * y, out);
    case Op::kModulo: return PutDecimal(expr.type, x % y, out);
    case Op::kDivide: return PutDecimal(expr.type, Quotient(x, a.fraction, y, b.fraction, expr.type.fraction), out);
    default: return PutInteger(expr.type, x / y, out);
  }
}

bool Evaluator::EvalBits(const Expr& expr, Val* out) {
  Val a;
  Val b;
  if (!Eval(*expr.args[0], &a)) return false;
  if (expr.op != Op::kBitNot && !Eval(*expr.args[1], &b)) return false;
  if (a.null || (expr.op != Op::kBitNot && b.null)) return *out = Val(), true;
  std::uint64_t bits = 0;
  switch (expr.op) {
    case Op::kBitAnd: bits = a.bits & b.bits; break;
    case Op::kBitOr: bits = a.bits | b.bits; break;
    case Op::kBitXor: bits = a.bits ^ b.bits; break;
    case Op::kShiftLeft: bits = b.bits < 64 ? a.bits << b.bits : 0; break;
    case Op::kShiftRight: bits = b.bits < 64 ? a.bits >> b.bits : 0; break;
    default: bits = ~a.bits;
  }
  *out = Val::Bits(bits);
  return true;
}

bool Evaluator::EvalNumberFunction(const Expr& expr, Val* out) {
  const Type& a = expr.args[0]->type;
  bool decimal = a.kind == Kind::kDecimal;
  bool null = false;
  Int128 x = 0;
  if (!EvalScaled(*expr.args[0], a.fraction, &x, &null)) return false;
  if (null) return *out = Val(), true;
  switch (expr.op) {
    case Op::kSign: *out = Val::Bits(static_cast<std::uint64_t>(x < 0 ? -1 : x > 0 ? 1 : 0)); return true;
    case Op::kAbs:
      NoteLoss(x < 0);
      x = x < 0 ? -x : x;
      break;
    case Op::kFloor:
    case Op::kCeiling: {
      Int128 unit = PowerOfTen(a.fraction);
      Int128 rest = x % unit;
      NoteLoss(rest != 0);
      x = x / unit + (expr.op == Op::kCeiling ? (rest > 0 ? 1 : 0) : (rest < 0 ? -1 : 0));
      break;
    }
    case Op::kRound:
      NoteLoss(decimal && x % PowerOfTen(a.fraction - expr.type.fraction) != 0);
      if (decimal) x = RoundScale(x, a.fraction, expr.type.fraction);
      break;
    default:
      NoteLoss(decimal && x % PowerOfTen(a.fraction - expr.type.fraction) != 0);
      if (decimal) x /= PowerOfTen(a.fraction - expr.type.fraction);
  }
  return expr.type.kind == Kind::kInt ? PutInteger(expr.type, x, out) : PutDecimal(expr.type, x, out);
}

bool Evaluator::EvalExtreme(const Expr& expr, Val* out) {
  bool null = false;
  for (std::size_t i = 0; i < expr.args.size(); ++i) {
    Val value;
    if (!Eval(*expr.args[i], &value)) return false;
    null = null || value.null;
    if (null) continue;
    int order = i == 0 ? 0 : CompareValues(expr.args[i]->type, value, expr.type, *out);
    if (i == 0 || (expr.op == Op::kGreatest ? order > 0 : order < 0)) *out = value;
  }
  if (null) *out = Val();
  return true;
}

bool Evaluator::EvalToDecimal(const Expr& expr, Val* out) {
  const Expr& arg = *expr.args[0];
  Val value;
  if (!Eval(arg, &value)) return false;
  if (value.null) return *out = Val(), true;
  Int128 x = 0;
  unsigned scale = arg.type.kind == Kind::kDecimal ? arg.type.fraction : expr.type.fraction;
  if (!Scale(arg.type, value, scale, &x)) return false;
  if (arg.type.kind != Kind::kInt) NoteLoss(HasDigitsBehind(value.bytes, expr.type.fraction));
  if (scale > expr.type.fraction) {
    x = RoundScale(x, scale, expr.type.fraction);
  } else if (__builtin_mul_overflow(x, PowerOfTen(expr.type.fraction - scale), &x)) {
    return Bad("a number that its DECIMAL does not hold");
  }
  return PutDecimal(expr.type, x, out);
}

bool Evaluator::EvalToSigned(const Expr& expr, Val* out) {
  Val a;
  if (!Eval(*expr.args[0], &a)) return false;
  if (a.null) return *out = a, true;
  if (expr.args[0]->type.kind == Kind::kInt) return PutInteger(expr.type, IntegerOf(expr.args[0]->type, a), out);
  if (expr.args[0]->type.kind == Kind::kDecimal) {
    Int128 rounded = 0;
    if (!ParseDecimal(a.bytes, 0, &rounded)) return Bad("a DECIMAL of too many digits");
    NoteLoss(HasDigitsBehind(a.bytes, 0));
    return PutInteger(expr.type, rounded, out);
  }
  const char* end = a.bytes.data() + a.bytes.size();
  std::from_chars_result parsed{};
  std::uint64_t bits = 0;
  if (expr.op == Op::kToUnsigned) {
    parsed = std::from_chars(a.bytes.data(), end, bits);
  } else {
    std::int64_t value = 0;
    parsed = std::from_chars(a.bytes.data(), end, value);
    bits = static_cast<std::uint64_t>(value);
  }
  if (parsed.ec != std::errc() || parsed.ptr != end) return Bad("text that is not a number in range");
  *out = Val::Bits(bits);
  return true;
}

}  // namespace shardlift::mapping
