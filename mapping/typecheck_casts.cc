// Types of casts.
#include "mapping/charset.h"
#include "mapping/datetime.h"
#include "mapping/decimal.h"
#include "mapping/typecheck.h"

namespace shardlift::mapping {

using base::Status;

Status TypeChecker::Cast(ExprPtr* slot) {
  Expr* expr = slot->get();
  if (expr->op == Op::kToCharset) {
    return Error(*expr, "CONVERT to another character set than utf8mb4 stands only in CAST(... AS BINARY)");
  }
  const Type& from = expr->args[0]->type;
  if (from.kind == Kind::kNull) return Error(*expr, "this CAST is always NULL; write NULL");
  if (expr->op == Op::kToText || expr->op == Op::kToBinary) return CastToText(slot);
  expr->type.nullable = from.nullable;
  if (expr->op == Op::kToDecimal) return CastToDecimal(expr);
  if (expr->op == Op::kToDateTime) return CastToDateTime(expr);
  if (expr->op == Op::kToDate) return CastToDate(expr);
  return CastToInteger(expr);
}

Status TypeChecker::CastToText(ExprPtr* slot) {
  Expr* expr = slot->get();
  bool to_text = expr->op == Op::kToText;
  if (to_text && expr->args[0]->type.kind == Kind::kBinary) {
    Note("CAST of a binary string to CHAR: bytes that are not UTF-8 are bad values (checked at run time)");
  }
  ExprPtr inner = std::move(expr->args[0]);
  if (to_text) WrapToText(&inner);
  if (!to_text) WrapToBinary(&inner);
  *slot = std::move(inner);
  return base::Ok();
}

Status TypeChecker::CastToInteger(Expr* expr) {
  const Type& from = expr->args[0]->type;
  bool is_unsigned = expr->op == Op::kToUnsigned;
  switch (from.kind) {
    case Kind::kText:
      Note("CAST of text to a number: other text than decimal digits is a bad value (checked at run time)");
      SetInteger(&expr->type, is_unsigned, kSignedMin, kUnsignedMax);
      return base::Ok();
    case Kind::kInt: {
      if (is_unsigned ? from.min < 0 : from.max > kSignedMax) {
        Note("CAST: numbers out of the range of SIGNED or UNSIGNED are bad values (checked at run time)");
      }
      SetInteger(&expr->type, is_unsigned, from.min, from.max);
      return base::Ok();
    }
    case Kind::kDecimal:
      if (from.precision > kDecimalDigitsMax) return TooManyDigits(*expr, from.precision);
      if (from.fraction > 0) Note("CAST of a DECIMAL to an integer rounds (counted)");
      SetInteger(&expr->type, is_unsigned, kSignedMin, kUnsignedMax);
      return base::Ok();
    default: return Error(*expr, "cannot CAST " + std::string(KindName(from.kind)) + " to a number");
  }
}

Status TypeChecker::CastToDecimal(Expr* expr) {
  const Type& from = expr->args[0]->type;
  if (from.kind != Kind::kText && !IsNumber(from.kind)) {
    return Error(*expr, "cannot CAST " + std::string(KindName(from.kind)) + " to a number");
  }
  if (from.kind == Kind::kDecimal && from.precision > kDecimalDigitsMax) return TooManyDigits(*expr, from.precision);
  Type& type = expr->type;
  if (from.kind == Kind::kText) {
    Note(
        "CAST of text to DECIMAL: other text than decimal digits is a bad value (checked at run time); more digits "
        "behind the point than " +
        std::to_string(type.fraction) + " are rounded (counted)");
  } else {
    if (from.fraction > type.fraction) {
      Note("CAST to DECIMAL rounds to " + std::to_string(type.fraction) + " digits behind the point (counted)");
    }
    if (DecimalPrecision(from) - from.fraction > static_cast<unsigned>(type.precision - type.fraction)) {
      Note("CAST to DECIMAL: numbers that do not fit are bad values (checked at run time)");
    }
  }
  SetDecimal(&type, type.precision, type.fraction);
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

Status TypeChecker::CastToDate(Expr* expr) {
  const Expr& from = *expr->args[0];
  expr->type.kind = Kind::kDate;
  if (from.op == Op::kTextLiteral && CanonicalFraction(from.text) < 0) {
    return Error(from, "write the day as 'YYYY-MM-DD'");
  }
  if (from.type.kind == Kind::kText) {
    if (from.op != Op::kTextLiteral) {
      Note("CAST of text to DATE: other forms than YYYY-MM-DD[ hh:mm:ss[.f]] are bad values (checked at run time)");
    }
  } else if (from.type.kind != Kind::kDateTime && from.type.kind != Kind::kDate) {
    return Error(*expr, "cannot CAST " + std::string(KindName(from.type.kind)) + " to DATE");
  }
  return base::Ok();
}

// CAST(CONVERT(column USING its own character set) AS BINARY): the bytes as stored.
Status TypeChecker::ColumnBytes(ExprPtr* slot) {
  ExprPtr convert = std::move((*slot)->args[0]);
  ExprPtr column = std::move(convert->args[0]);
  if (column->op != Op::kColumn) return Error(*column, "the bytes of a column only can be had, name it here");
  SL_TRY(Check(&column));
  const mysql::Column& described = c_.schema->columns[column->column];
  if (!described.is_text() || described.charset != convert->text) {
    return Error(*convert, "column " + described.name + " has character set " +
                               (described.charset.empty() ? "binary" : described.charset) + ", write that one");
  }
  column->op = Op::kColumnBytes;
  column->type.kind = Kind::kBinary;
  *slot = std::move(column);
  return base::Ok();
}

}  // namespace shardlift::mapping
