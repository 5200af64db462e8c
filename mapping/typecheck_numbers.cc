// Types of numbers: arithmetic on integers and DECIMAL, bits, ABS to TRUNCATE.
#include <algorithm>

#include "mapping/decimal.h"
#include "mapping/typecheck.h"

namespace shardlift::mapping {

using base::Status;

namespace {

constexpr unsigned kIntegerDigits = 18;  // always fit in 64 bits
constexpr unsigned kDivisionDigits = 4;

Int128 Product(Int128 a, Int128 b) {
  Int128 product = 0;
  if (!__builtin_mul_overflow(a, b, &product)) return product;
  return (a < 0) == (b < 0) ? kUnsignedMax : kSignedMin;
}

// Operators of two numbers that give a DECIMAL. `whole` is the number of digits before the point.
struct Digits {
  unsigned whole;
  unsigned scale;
};

Digits DigitsOf(const Type& type) { return {DecimalPrecision(type) - type.fraction, type.fraction}; }

Digits ResultDigits(Op op, Digits a, Digits b) {
  unsigned scale = std::max(a.scale, b.scale);
  unsigned whole = std::max(a.whole, b.whole);
  switch (op) {
    case Op::kMultiply: return {a.whole + b.whole, a.scale + b.scale};
    case Op::kDivide: return {a.whole + b.scale, std::min(a.scale + kDivisionDigits, kDecimalScaleMax)};
    case Op::kModulo: return {whole, scale};
    default: return {whole + 1, scale};
  }
}

}  // namespace

bool IsNumber(Kind kind) { return kind == Kind::kInt || kind == Kind::kDecimal; }

unsigned DecimalPrecision(const Type& type) {
  if (type.kind == Kind::kDecimal) return type.precision;
  Int128 most = std::max(type.max, -type.min);
  unsigned digits = 1;
  while (digits < kDecimalDigitsMax && most >= PowerOfTen(digits)) ++digits;
  return digits;
}

void SetDecimal(Type* type, unsigned precision, unsigned scale) {
  type->kind = Kind::kDecimal;
  type->is_bool = false;
  type->is_literal = false;
  type->precision = static_cast<std::uint8_t>(precision);
  type->fraction = static_cast<std::uint8_t>(scale);
  type->bytes_max = precision + 3u;
}

Status TypeChecker::NeedNumber(const Expr& expr) const {
  return expr.type.kind == Kind::kDecimal ? base::Ok() : NeedInteger(expr);
}

Status TypeChecker::TooManyDigits(const Expr& expr, unsigned digits) const {
  return Error(expr, "this needs " + std::to_string(digits) + " digits, " + std::to_string(kDecimalDigitsMax) +
                         " are supported; CAST what goes in to a smaller DECIMAL");
}

Status TypeChecker::DecimalArithmetic(Expr* expr) {
  const Type& a = expr->args[0]->type;
  Type& type = expr->type;
  if (expr->op == Op::kNegate) {
    if (a.precision > kDecimalDigitsMax) return TooManyDigits(*expr, a.precision);
    SetDecimal(&type, a.precision, a.fraction);
    return base::Ok();
  }
  const Type& b = expr->args[1]->type;
  Digits x = DigitsOf(a);
  Digits y = DigitsOf(b);
  // Operands are brought to one scale first.
  unsigned aligned = std::max(x.whole, y.whole) + std::max(x.scale, y.scale);
  if (expr->op != Op::kMultiply && expr->op != Op::kDivide && aligned > kDecimalDigitsMax) {
    return TooManyDigits(*expr, aligned);
  }
  if (expr->op == Op::kIntDivide) {
    SetInteger(&type, false, kSignedMin, kSignedMax);
    type.nullable = true;
    if (x.whole + y.scale > kIntegerDigits) return Error(*expr, "this DIV may leave 64 bits; CAST to smaller DECIMALs");
    return base::Ok();
  }
  Digits result = ResultDigits(expr->op, x, y);
  if (result.whole + result.scale > kDecimalDigitsMax || result.scale > kDecimalScaleMax) {
    return TooManyDigits(*expr, result.whole + result.scale);
  }
  if (expr->op == Op::kDivide &&
      !QuotientFits(DecimalPrecision(a), x.scale, DecimalPrecision(b), y.scale, result.scale)) {
    return TooManyDigits(*expr, kDecimalDigitsMax + 1);
  }
  type.nullable = type.nullable || expr->op == Op::kDivide || expr->op == Op::kModulo;
  SetDecimal(&type, result.whole + result.scale, result.scale);
  if (expr->op == Op::kDivide && ExactQuotientDigits(*expr) < 0) {
    Note("a quotient is rounded to " + std::to_string(result.scale) +
         " digits behind the point here; a product with 0.000001, say, keeps all");
  }
  return base::Ok();
}

Status TypeChecker::Arithmetic(Expr* expr) {
  Type& type = expr->type;
  bool any_unsigned = false;
  bool any_decimal = expr->op == Op::kDivide;
  for (const ExprPtr& arg : expr->args) {
    SL_TRY(NeedNumber(*arg));
    any_unsigned = any_unsigned || arg->type.is_unsigned;
    any_decimal = any_decimal || arg->type.kind == Kind::kDecimal;
    type.nullable = type.nullable || arg->type.nullable;
  }
  if (any_decimal) return DecimalArithmetic(expr);
  const Type& a = expr->args[0]->type;
  if (expr->op == Op::kNegate) {
    if (a.is_unsigned) return Error(*expr, "- of an unsigned number; write -CAST(x AS SIGNED)");
    SetInteger(&type, false, -a.max, -a.min);
    return base::Ok();
  }
  const Type& b = expr->args[1]->type;
  if (expr->op == Op::kAdd) {
    SetInteger(&type, any_unsigned, a.min + b.min, a.max + b.max);
  } else if (expr->op == Op::kSubtract) {
    SetInteger(&type, any_unsigned, a.min - b.max, a.max - b.min);
  } else if (expr->op == Op::kMultiply) {
    auto [low, high] =
        std::minmax({Product(a.min, b.min), Product(a.min, b.max), Product(a.max, b.min), Product(a.max, b.max)});
    SetInteger(&type, any_unsigned, low, high);
  } else {
    Int128 most = std::max(a.max, -a.min);
    bool is_unsigned = expr->op == Op::kModulo ? a.is_unsigned : any_unsigned;
    bool may_be_negative = expr->op == Op::kModulo ? a.min < 0 : (a.min < 0 || b.min < 0);
    SetInteger(&type, is_unsigned, may_be_negative ? -most : Int128{0}, most);
    type.nullable = type.nullable || (b.min <= 0 && b.max >= 0);  // by zero: NULL
  }
  return base::Ok();
}

Status TypeChecker::Bits(Expr* expr) {
  for (const ExprPtr& arg : expr->args) {
    SL_TRY(NeedInteger(*arg));
    expr->type.nullable = expr->type.nullable || arg->type.nullable;
  }
  Int128 max = kUnsignedMax;
  if (expr->op == Op::kBitAnd) {
    for (const ExprPtr& arg : expr->args) {
      if (arg->type.min >= 0) max = std::min(max, arg->type.max);
    }
  }
  bool nullable = expr->type.nullable;
  SetInteger(&expr->type, true, 0, max);
  expr->type.nullable = nullable;
  return base::Ok();
}

Status TypeChecker::NumberFunction(Expr* expr) {
  const Expr& x = *expr->args[0];
  SL_TRY(NeedNumber(x));
  const Type& a = x.type;
  Type& type = expr->type;
  bool decimal = a.kind == Kind::kDecimal;
  if (decimal && a.precision > kDecimalDigitsMax) return TooManyDigits(x, a.precision);
  switch (expr->op) {
    case Op::kSign: SetInteger(&type, false, -1, 1); return base::Ok();
    case Op::kAbs:
      if (decimal) SetDecimal(&type, a.precision, a.fraction);
      if (!decimal) SetInteger(&type, a.is_unsigned, 0, std::max(a.max, -a.min));
      return base::Ok();
    case Op::kFloor:
    case Op::kCeiling:
      if (!decimal) SetInteger(&type, a.is_unsigned, a.min, a.max);
      if (decimal && a.precision - a.fraction > static_cast<int>(kIntegerDigits) - 1) {
        return Error(*expr, "the result may leave 64 bits; CAST to a smaller DECIMAL");
      }
      if (decimal) SetInteger(&type, false, kSignedMin, kSignedMax);
      return base::Ok();
    default: break;
  }
  std::uint64_t digits = 0;
  if (expr->args.size() > 1) {
    const Expr& count = *expr->args[1];
    if (count.op != Op::kIntLiteral || count.is_negative || count.number > kDecimalScaleMax) {
      return Error(count, "the number of digits must be a literal from 0 to 30");
    }
    digits = count.number;
  }
  if (!decimal) {
    SetInteger(&type, a.is_unsigned, a.min, a.max);
    return base::Ok();
  }
  auto scale = static_cast<unsigned>(std::min<std::uint64_t>(digits, a.fraction));
  unsigned whole = a.precision - a.fraction + 1u;  // 9.9 rounds to 10
  SetDecimal(&type, std::min(whole + scale, kDecimalDigitsMax), scale);
  return base::Ok();
}

Status TypeChecker::Extreme(Expr* expr) {
  std::vector<ExprPtr*> values;
  for (ExprPtr& arg : expr->args) {
    Kind kind = arg->type.kind;
    if (!IsNumber(kind) && kind != Kind::kDateTime && kind != Kind::kDate) {
      return Error(*arg, "numbers or times are needed here, this is " + std::string(KindName(kind)));
    }
    values.push_back(&arg);
  }
  bool nullable = expr->type.nullable;
  SL_TRY(Unify(*expr, values, &expr->type));
  expr->type.nullable = nullable;
  if (expr->type.kind != Kind::kInt) return base::Ok();
  // One signedness for all, so that the servers compare as integers.
  for (ExprPtr* value : values) {
    if ((*value)->type.is_unsigned == expr->type.is_unsigned) continue;
    Type type = (*value)->type;
    *value = Wrap(std::move(*value), expr->type.is_unsigned ? Op::kToUnsigned : Op::kToSigned, Kind::kInt, 0);
    (*value)->type = type;
    (*value)->type.is_unsigned = expr->type.is_unsigned;
  }
  return base::Ok();
}

}  // namespace shardlift::mapping
