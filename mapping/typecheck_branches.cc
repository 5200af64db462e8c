// Types of branches: CASE, COALESCE, NULLIF.
#include <algorithm>

#include "mapping/decimal.h"
#include "mapping/typecheck.h"

namespace shardlift::mapping {

using base::Status;

namespace {

constexpr unsigned kServerDigitsMax = 65;

}  // namespace

Status TypeChecker::UnifyIntegers(const Expr& expr, const std::vector<ExprPtr*>& values, Type* out) {
  bool all_signed = true;
  bool fits_unsigned = true;
  bool fits_signed = true;
  Int128 min = kUnsignedMax;
  Int128 max = kSignedMin;
  for (const ExprPtr* value : values) {
    const Type& type = (*value)->type;
    if (type.kind == Kind::kNull) continue;
    all_signed = all_signed && !type.is_unsigned;
    fits_unsigned = fits_unsigned && (type.is_unsigned || type.min >= 0);
    fits_signed = fits_signed && (!type.is_unsigned || type.max <= kSignedMax);
    min = std::min(min, type.min);
    max = std::max(max, type.max);
  }
  if (!fits_unsigned && !fits_signed) {
    return Error(expr, "the branches mix signed and unsigned numbers; CAST them to one of the two");
  }
  SetInteger(out, !all_signed && fits_unsigned, min, max);
  return base::Ok();
}

Status TypeChecker::UnifyDecimals(const Expr& expr, const std::vector<ExprPtr*>& values, Type* out) {
  unsigned whole = 0;
  unsigned scale = 0;
  bool same = true;
  const Type* first = nullptr;
  for (const ExprPtr* value : values) {
    const Type& type = (*value)->type;
    if (type.kind == Kind::kNull) continue;
    if (first == nullptr) first = &type;
    same = same && type.kind == first->kind && type.fraction == first->fraction;
    whole = std::max(whole, DecimalPrecision(type) - type.fraction);
    scale = std::max<unsigned>(scale, type.fraction);
  }
  SetDecimal(out, whole + scale, scale);
  if (same && whole + scale <= kServerDigitsMax) return base::Ok();
  if (whole + scale > kDecimalDigitsMax) return TooManyDigits(expr, whole + scale);
  for (ExprPtr* value : values) {
    const Type& type = (*value)->type;
    if (type.kind == Kind::kNull || (type.kind == Kind::kDecimal && type.fraction == scale)) continue;
    *value = Wrap(std::move(*value), Op::kToDecimal, Kind::kDecimal, 0);
    SetDecimal(&(*value)->type, whole + scale, scale);
  }
  return base::Ok();
}

Status TypeChecker::Unify(const Expr& expr, const std::vector<ExprPtr*>& values, Type* out) {
  const Expr* first = nullptr;
  bool any_decimal = false;
  out->kind = Kind::kNull;
  for (ExprPtr* value : values) {
    const Type& type = (*value)->type;
    out->nullable = out->nullable || type.nullable;
    if (type.kind == Kind::kNull) continue;
    if (first == nullptr) first = value->get();
    any_decimal = any_decimal || type.kind == Kind::kDecimal;
    if (type.kind != first->type.kind && !(IsNumber(type.kind) && IsNumber(first->type.kind))) {
      return Error(**value, "the branches give " + std::string(KindName(first->type.kind)) + " and " +
                                std::string(KindName(type.kind)) + "; write the CAST you mean");
    }
    if (type.kind == Kind::kTime && type.fraction != first->type.fraction) {
      return Error(**value, "the branches have different fractional digits; CAST them to CHAR");
    }
    out->fraction = std::max(out->fraction, type.fraction);
    out->bytes_max = std::max(out->bytes_max, type.bytes_max);
  }
  if (first == nullptr) return base::Ok();
  if (any_decimal) return UnifyDecimals(expr, values, out);
  out->kind = first->type.kind;
  if (out->kind == Kind::kInt) return UnifyIntegers(expr, values, out);
  for (ExprPtr* value : values) {
    if (out->kind != Kind::kDateTime || (*value)->type.kind == Kind::kNull) continue;
    if ((*value)->type.fraction == out->fraction) continue;
    *value = Wrap(std::move(*value), Op::kToDateTime, Kind::kDateTime, 0);
    (*value)->type.fraction = out->fraction;
  }
  return base::Ok();
}

Status TypeChecker::Case(Expr* expr) {
  std::size_t first = expr->op == Op::kSimpleCase ? 1 : 0;
  std::vector<ExprPtr*> values;
  for (std::size_t i = first; i + 1 < expr->args.size(); i += 2) {
    if (expr->op == Op::kSimpleCase) {
      SL_TRY(Comparable(&expr->args[0], &expr->args[i]));
    } else {
      SL_TRY(Condition(&expr->args[i]));
    }
    values.push_back(&expr->args[i + 1]);
  }
  values.push_back(&expr->args.back());
  return Unify(*expr, values, &expr->type);
}

Status TypeChecker::Coalesce(Expr* expr) {
  std::vector<ExprPtr*> values;
  bool nullable = true;
  for (ExprPtr& arg : expr->args) {
    values.push_back(&arg);
    nullable = nullable && arg->type.nullable;
  }
  SL_TRY(Unify(*expr, values, &expr->type));
  expr->type.nullable = nullable;
  return base::Ok();
}

Status TypeChecker::NullIf(Expr* expr) {
  SL_TRY(Comparable(&expr->args[0], &expr->args[1]));
  expr->type = expr->args[0]->type;
  expr->type.is_literal = false;
  expr->type.nullable = true;
  return base::Ok();
}

}  // namespace shardlift::mapping
