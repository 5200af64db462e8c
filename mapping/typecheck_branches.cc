// Types of branches (CASE, COALESCE, NULLIF) and of casts.
#include <algorithm>
#include <limits>

#include "mapping/datetime.h"
#include "mapping/typecheck.h"

namespace shardlift::mapping {

using base::Status;

namespace {

constexpr Int128 kSignedMin = std::numeric_limits<std::int64_t>::min();
constexpr Int128 kSignedMax = std::numeric_limits<std::int64_t>::max();
constexpr Int128 kUnsignedMax = std::numeric_limits<std::uint64_t>::max();

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

Status TypeChecker::Unify(const Expr& expr, const std::vector<ExprPtr*>& values, Type* out) {
  const Expr* first = nullptr;
  out->kind = Kind::kNull;
  for (ExprPtr* value : values) {
    const Type& type = (*value)->type;
    out->nullable = out->nullable || type.nullable;
    if (type.kind == Kind::kNull) continue;
    if (first == nullptr) first = value->get();
    if (type.kind != first->type.kind) {
      return Error(**value, "the branches give " + std::string(KindName(first->type.kind)) + " and " +
                                std::string(KindName(type.kind)) + "; write the CAST you mean");
    }
    bool digits_matter = type.kind == Kind::kDecimal || type.kind == Kind::kTime;
    if (digits_matter && type.fraction != first->type.fraction) {
      return Error(**value, "the branches have different fractional digits; CAST them to CHAR");
    }
    out->fraction = std::max(out->fraction, type.fraction);
    out->bytes_max = std::max(out->bytes_max, type.bytes_max);
  }
  if (first == nullptr) return base::Ok();
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

Status TypeChecker::Cast(ExprPtr* slot) {
  Expr* expr = slot->get();
  Type from = expr->args[0]->type;
  if (from.kind == Kind::kNull) return Error(*expr, "this CAST is always NULL; write NULL");
  if (expr->op == Op::kToText || expr->op == Op::kToBinary) {
    if (expr->op == Op::kToText && from.kind == Kind::kBinary) {
      Note("CAST of a binary string to CHAR: bytes that are not UTF-8 are bad values (checked at run time)");
    }
    bool to_text = expr->op == Op::kToText;
    ExprPtr inner = std::move(expr->args[0]);
    if (to_text) WrapToText(&inner);
    if (!to_text) WrapToBinary(&inner);
    *slot = std::move(inner);
    return base::Ok();
  }
  expr->type.nullable = from.nullable;
  if (expr->op == Op::kToDateTime) return CastToDateTime(expr);
  bool is_unsigned = expr->op == Op::kToUnsigned;
  if (from.kind == Kind::kText) {
    Note("CAST of text to a number: other text than decimal digits is a bad value (checked at run time)");
    SetInteger(&expr->type, is_unsigned, kSignedMin, kUnsignedMax);
  } else if (from.kind == Kind::kInt) {
    bool fits = is_unsigned ? from.min >= 0 : from.max <= kSignedMax;
    SetInteger(&expr->type, is_unsigned, fits ? from.min : kSignedMin, fits ? from.max : kUnsignedMax);
  } else {
    return Error(*expr, "cannot CAST " + std::string(KindName(from.kind)) + " to a number");
  }
  return base::Ok();
}

Status TypeChecker::CastToDateTime(Expr* expr) {
  const Expr& from = *expr->args[0];
  expr->type.kind = Kind::kDateTime;
  if (from.type.kind == Kind::kText) {
    if (from.op == Op::kTextLiteral) {
      int digits = CanonicalFraction(from.text);
      if (digits < 0 || digits > expr->type.fraction) {
        return Error(from, "write the time as 'YYYY-MM-DD hh:mm:ss' with at most the digits of the CAST");
      }
      return base::Ok();
    }
    Note("CAST of text to DATETIME: other forms than YYYY-MM-DD hh:mm:ss[.f] are bad values (checked at run time)");
    return base::Ok();
  }
  if (from.type.kind == Kind::kDate) return base::Ok();
  if (from.type.kind != Kind::kDateTime) {
    return Error(*expr, "cannot CAST " + std::string(KindName(from.type.kind)) + " to DATETIME");
  }
  if (from.type.fraction > expr->type.fraction) {
    return Error(*expr, "this would drop fractional digits, which the servers round differently; write DATETIME(" +
                            std::to_string(from.type.fraction) + ")");
  }
  return base::Ok();
}

}  // namespace shardlift::mapping
