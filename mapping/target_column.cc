#include "mapping/target_column.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "mapping/byte_pieces.h"
#include "mapping/charset.h"
#include "mapping/datetime.h"
#include "mapping/decimal.h"
#include "mapping/expression_error.h"
#include "mapping/good_value_sql.h"
#include "mapping/json_check.h"
#include "mapping/parser.h"
#include "mapping/shown_charset.h"

namespace shardlift::mapping {

using base::Status;
using store::TargetKind;

namespace {

Status CannotFill(const TypeContext& context, const Expr& expr, std::string_view wanted, std::string_view remedy) {
  return ExpressionError(context.text, expr.place,
                         std::string(wanted) + " is needed, this is " + std::string(KindName(expr.type.kind)) +
                             (remedy.empty() ? "" : "; ") + std::string(remedy));
}

void Note(const TypeContext& context, std::string note) { context.notes->push_back(std::move(note)); }

void NoteLength(const TypeContext& context, const Expr& expr, const store::TargetColumn& target) {
  if (target.characters_max > 0 && expr.type.bytes_max > target.characters_max) {
    return Note(context, "values of more than " + std::to_string(target.characters_max) +
                             " characters are bad values (checked at run time)");
  }
  if (expr.type.bytes_max <= target.limit) return;
  Note(context, "values of more than " + std::to_string(target.limit) + " bytes are bad values (checked at run time)");
}

// Puts a conversion around *expr, unless it gives that already.
void WrapDigits(Op op, const store::TargetColumn& target, ExprPtr* expr) {
  ExprPtr cast = NewExpr(op, (*expr)->place);
  cast->type = (*expr)->type;
  if (op == Op::kToDateTime) cast->type.fraction = target.fraction;
  if (op == Op::kToDecimal) {
    SetDecimal(&cast->type, std::min<unsigned>(target.precision, kDecimalDigitsMax), target.fraction);
  }
  cast->args.push_back(std::move(*expr));
  *expr = std::move(cast);
}

bool AlwaysFits(const store::TargetColumn& target, const Type& integer) {
  return integer.min >= SmallestOf(target) && integer.max <= Int128{target.limit};
}

Status ConvertInteger(const TypeContext& context, const store::TargetColumn& target, const Expr& expr) {
  if (expr.type.kind != Kind::kInt) {
    return CannotFill(context, expr, "a number",
                      target.kind == TargetKind::kSigned ? "write CAST(... AS SIGNED)" : "write CAST(... AS UNSIGNED)");
  }
  if (AlwaysFits(target, expr.type)) return base::Ok();
  const std::string least = (target.kind == TargetKind::kSigned ? "-" : "") + std::to_string(target.least);
  Note(context,
       "values outside " + least + " to " + std::to_string(target.limit) + " are bad values (checked at run time)");
  return base::Ok();
}

Status ConvertDecimal(const TypeContext& context, const store::TargetColumn& target, ExprPtr* expr) {
  const Type& type = (*expr)->type;
  if (!IsNumber(type.kind)) return CannotFill(context, **expr, "a number", "write CAST(... AS DECIMAL(p, s))");
  if (type.kind == Kind::kDecimal && type.fraction > target.fraction) {
    return ExpressionError(context.text, (*expr)->place,
                           "the column holds " + std::to_string(target.fraction) +
                               " digits behind the point, this has " + std::to_string(type.fraction) +
                               "; write CAST(... AS DECIMAL(p, " + std::to_string(target.fraction) + "))");
  }
  const unsigned digits = DecimalPrecision(type) - type.fraction;
  if (digits > static_cast<unsigned>(target.precision - target.fraction)) {
    Note(context, "numbers that the column does not hold are bad values (checked at run time)");
  } else if (type.kind == Kind::kDecimal && type.fraction == target.fraction) {
    return base::Ok();
  }
  if (type.kind == Kind::kDecimal && type.precision > kDecimalDigitsMax) {
    return CannotFill(context, **expr, "a DECIMAL of at most " + std::to_string(kDecimalDigitsMax) + " digits", "");
  }
  WrapDigits(Op::kToDecimal, target, expr);
  return base::Ok();
}

Status ConvertTime(const TypeContext& context, const store::TargetColumn& target, ExprPtr* expr) {
  const Type& type = (*expr)->type;
  if (target.kind == TargetKind::kDate) {
    return type.kind == Kind::kDate ? base::Ok() : CannotFill(context, **expr, "a DATE", "write CAST(... AS DATE)");
  }
  if (target.kind == TargetKind::kTime) {
    if (type.kind == Kind::kTime && type.fraction == target.fraction) return base::Ok();
    return CannotFill(context, **expr, "a TIME(" + std::to_string(target.fraction) + ") column",
                      "give the target column the digits of the source's, or make it a text column");
  }
  const std::string digits = std::to_string(target.fraction);
  if (type.kind != Kind::kDateTime) {
    return CannotFill(context, **expr, "a DATETIME", "write CAST(... AS DATETIME(" + digits + "))");
  }
  if (type.fraction > target.fraction) {
    Note(context, "times with more than " + digits + " digits of a second are bad values (checked at run time)");
  }
  if (target.is_timestamp) Note(context, "times outside 1970 to 2038 are bad values (checked at run time)");
  if (type.fraction < target.fraction) WrapDigits(Op::kToDateTime, target, expr);
  return base::Ok();
}

Status ConvertText(const TypeContext& context, const store::TargetColumn& target, ExprPtr* expr) {
  if ((*expr)->type.is_bool) return CannotFill(context, **expr, "a value", "a condition gives 0 or 1; write IF");
  const bool members = target.kind != TargetKind::kText;
  if (members && (*expr)->type.kind != Kind::kText) return CannotFill(context, **expr, "text", "");
  if ((*expr)->type.kind == Kind::kBinary)
    Note(context, "bytes that are not UTF-8 are bad values (checked at run time)");
  WrapToText(expr);
  if (members) {
    Note(context, "other texts than the column's members are bad values (checked at run time)");
    return base::Ok();
  }
  NoteLength(context, **expr, target);
  if (target.pads) Note(context, "text with spaces at its end is a bad value (checked at run time)");
  if (target.charset == "utf8mb4") return base::Ok();
  if (FindCharset(target.charset) == Charset::kUnsupported && FindCharsetTable(target.charset) == nullptr) {
    return ExpressionError(
        context.text, (*expr)->place,
        "texts are not written in the column's character set " + target.charset + "; give the target column utf8mb4");
  }
  Note(context, "characters that " + target.charset + " does not have are bad values (checked at run time)");
  return base::Ok();
}

Status ConvertReal(const TypeContext& context, const store::TargetColumn& target, const Expr& expr) {
  if (expr.type.kind != Kind::kReal) return CannotFill(context, expr, "a FLOAT or DOUBLE column", "");
  if (target.kind == TargetKind::kFloat && expr.type.bytes_max > sizeof(float)) {
    Note(context, "numbers that FLOAT does not hold exactly are bad values (checked at run time)");
  }
  if (target.not_below_zero && !expr.type.is_unsigned) {
    Note(context, "numbers below zero are bad values (checked at run time)");
  }
  return base::Ok();
}

Status ConvertYear(const TypeContext& context, const Expr& expr) {
  if (expr.type.kind != Kind::kInt) return CannotFill(context, expr, "a number", "write CAST(... AS UNSIGNED)");
  Note(context, "other numbers than 0 and 1901 to 2155 are bad values (checked at run time)");
  return base::Ok();
}

// Brings *expr to the kind of the target column.
Status Convert(const TypeContext& context, const store::TargetColumn& target, ExprPtr* expr) {
  Kind kind = (*expr)->type.kind;
  const bool wants_real = target.kind == TargetKind::kFloat || target.kind == TargetKind::kDouble;
  if (kind == Kind::kReal && !wants_real) {
    return CannotFill(context, **expr, "another type", "give the target a column of that type");
  }
  switch (target.kind) {
    case TargetKind::kFloat:
    case TargetKind::kDouble: return ConvertReal(context, target, **expr);
    case TargetKind::kYear: return ConvertYear(context, **expr);
    case TargetKind::kBit:
    case TargetKind::kUnsigned:
    case TargetKind::kSigned: return ConvertInteger(context, target, **expr);
    case TargetKind::kDecimal: return ConvertDecimal(context, target, expr);
    case TargetKind::kDate:
    case TargetKind::kTime:
    case TargetKind::kDateTime: return ConvertTime(context, target, expr);
    case TargetKind::kText:
    case TargetKind::kEnum:
    case TargetKind::kSet: return ConvertText(context, target, expr);
    case TargetKind::kBinary:
      if ((*expr)->type.is_bool) return CannotFill(context, **expr, "a value", "a condition gives 0 or 1; write IF");
      WrapToBinary(expr);
      NoteLength(context, **expr, target);
      if (target.pads) Note(context, "values of fewer bytes are bad values (checked at run time)");
      return base::Ok();
    case TargetKind::kJson:
      if (kind == Kind::kText) Note(context, "text that is not JSON is a bad value (checked at run time)");
      if (kind != Kind::kText && kind != Kind::kJson)
        return CannotFill(context, **expr, "JSON", "write JSON_OBJECT(...)");
      NoteLength(context, **expr, target);
      return base::Ok();
  }
  return base::Ok();
}

bool ReadsAColumn(const Expr& expr) {
  if (expr.op == Op::kColumn || expr.op == Op::kColumnBytes) return true;
  return std::any_of(expr.args.begin(), expr.args.end(), [](const ExprPtr& arg) { return ReadsAColumn(*arg); });
}

// An object whose text our own evaluator writes from one end to the other.
bool IsFlatJsonObject(const Expr& expr) {
  return expr.op == Op::kJsonObject && std::none_of(expr.args.begin(), expr.args.end(),
                                                    [](const ExprPtr& arg) { return arg->type.kind == Kind::kJson; });
}

}  // namespace

base::Result<TargetExpression> TargetExpression::Compile(const TypeContext& context,
                                                         const store::TargetColumn& target) {
  SL_ASSIGN(ExprPtr expr, Parse(context.text));
  SL_TRY(Typecheck(context, &expr));
  if (expr->type.kind == Kind::kNull) {
    if (!target.nullable) return ExpressionError(context.text, expr->place, "the column is NOT NULL");
    return TargetExpression(target, std::move(expr));
  }
  if (expr->type.nullable && !target.nullable) context.notes->push_back("NULL is a bad value (checked at run time)");
  SL_TRY(Convert(context, target, &expr));
  return TargetExpression(target, std::move(expr));
}

TargetExpression::TargetExpression(const store::TargetColumn& target, ExprPtr expr)
    : target_(&target),
      expr_(std::move(expr)),
      is_json_by_form_(IsFlatJsonObject(*expr_)),
      always_fits_(AlwaysFits(target, expr_->type)) {
  const Charset charset = FindCharset(target.charset);
  if (target.kind == TargetKind::kText && charset != Charset::kUtf8 && charset != Charset::kAscii) {
    encoder_ = std::make_shared<const CharsetEncoder>(target.charset);
  } else if (target.charset != "utf8mb4") {
    too_long_from_ = target.charset == "ascii" ? 0x80 : 0xF0;
  }
}

bool TargetExpression::IsConstant() const { return !ReadsAColumn(*expr_); }

Status TargetExpression::SetReplacement(const TypeContext& context, std::string_view own_text) {
  std::vector<std::string> notes;  // what would be checked at run time is an error here
  TypeContext types = context;
  types.notes = &notes;
  SL_ASSIGN(TargetExpression replacement, Compile(types, *target_));
  const SqlContext sql{context.schema, context.flavour, context.charsets};
  const auto good = replacement.GoodSql(sql, context.text);
  if (!good.ok() || !good->empty()) {
    return ExpressionError(context.text, 0,
                           "this takes a bad value's place and may be a bad value itself; write a literal, or what "
                           "fits the column for every row");
  }
  SL_ASSIGN(const std::string own_good, GoodSql(sql, own_text));
  if (own_good.empty()) {
    return ExpressionError(own_text, 0, "this is never a bad value; leave the column out of \"bad_values\"");
  }
  replacement_ = std::make_unique<TargetExpression>(std::move(replacement));
  return base::Ok();
}

bool TargetExpression::Eval(Evaluator& evaluator, StringPool& pool, Val* out, const char** reason,
                            bool* replaced) const {
  *replaced = false;
  if (EvalOwn(evaluator, pool, out, reason)) return true;
  if (replacement_ == nullptr || evaluator.absent_column() >= 0) return false;
  *replaced = true;
  return replacement_->EvalOwn(evaluator, pool, out, reason);
}

bool TargetExpression::EvalOwn(Evaluator& evaluator, StringPool& pool, Val* out, const char** reason) const {
  if (!evaluator.Eval(*expr_, out)) {
    *reason = evaluator.reason();
    return false;
  }
  if (out->null) {
    *reason = "NULL in a NOT NULL column";
    return target_->nullable;
  }
  switch (target_->kind) {
    case TargetKind::kBit:
    case TargetKind::kUnsigned:
    case TargetKind::kSigned: return EvalInteger(pool, out, reason);
    case TargetKind::kYear: return EvalYear(pool, out, reason);
    case TargetKind::kFloat:
    case TargetKind::kDouble: return EvalReal(pool, out, reason);
    case TargetKind::kDate:
    case TargetKind::kTime:
    case TargetKind::kDecimal: return true;
    case TargetKind::kDateTime: return EvalTime(out, reason);
    case TargetKind::kText: return EvalText(pool, *out, reason);
    case TargetKind::kEnum: *reason = "a text that is no member of the column"; return IsMember(out->bytes);
    case TargetKind::kSet:
      *reason = "a text that is no set of the column's members in their order";
      return IsSetOfMembers(out->bytes);
    case TargetKind::kJson:
      *reason = "text that is not JSON, or nested too deeply";
      if (!is_json_by_form_ && !IsJson(out->bytes)) return false;
      break;
    case TargetKind::kBinary:
      *reason = "fewer bytes than the column has";
      if (target_->pads && out->bytes.size() < target_->limit) return false;
      break;
  }
  *reason = "more bytes than the column takes";
  return out->bytes.size() <= target_->limit;
}

// Of the kinds of columns that `message` has; the others' bad values no SQL tells yet.
base::Result<std::string> TargetExpression::GoodSql(const SqlContext& context, std::string_view text) const {
  SL_ASSIGN(const std::string inside, GoodValueSql(context, text, *expr_));
  const Type& type = expr_->type;
  if (type.kind == Kind::kNull) return inside;
  const bool is_plain_time = target_->kind == TargetKind::kDateTime && target_->fraction == 6 && !target_->is_timestamp;
  const bool is_bytes = (target_->kind == TargetKind::kBinary && !target_->pads) || target_->kind == TargetKind::kJson;
  const bool is_number =
      (target_->kind == TargetKind::kUnsigned && target_->least == 0) || target_->kind == TargetKind::kBit;
  if (!is_plain_time && !is_bytes && !is_number) {
    return ExpressionError(text, 0, "a column of this type takes no replacements; leave it out of \"bad_values\"");
  }
  const std::string value = ToSql(context, *expr_);
  std::string fits;
  if (is_number && (type.min < 0 || type.max > Int128{target_->limit})) {
    fits = fmt::format("{} BETWEEN 0 AND {}", value, target_->limit);
  }
  if (is_bytes && type.bytes_max > target_->limit) fits = fmt::format("LENGTH({}) <= {}", value, target_->limit);
  if (target_->kind == TargetKind::kJson && type.kind == Kind::kText) {
    fits = fmt::format("{}{}JSON_VALID({})", fits, fits.empty() ? "" : " AND ", value);
  }
  if (type.nullable && !target_->nullable) {
    fits = fits.empty() ? value + " IS NOT NULL" : "COALESCE(" + fits + ", 0)";
  } else if (!fits.empty()) {
    fits = "COALESCE(" + fits + ", 1)";
  }
  return BothGood(inside, fits);
}

std::string TargetExpression::Sql(const SqlContext& context) const {
  if (replacement_ == nullptr) return OwnSql(context);
  const auto good = GoodSql(context, {});
  SL_CHECK(good.ok());  // SetReplacement saw to it
  return fmt::format("(CASE WHEN {} THEN {} ELSE {} END)", *good, OwnSql(context), replacement_->OwnSql(context));
}

std::vector<std::string> TargetExpression::Pieces(const SqlContext& context) const {
  if (replacement_ != nullptr) return {"CAST(" + Sql(context) + " AS BINARY)"};
  if (expr_->type.kind == Kind::kNull) return {"NULL"};
  const bool is_cut = target_->kind == TargetKind::kDateTime && expr_->type.fraction > target_->fraction;
  if (is_cut || target_->kind == TargetKind::kYear) return {OwnSql(context)};
  return BytePieces(context, *expr_);
}

std::string TargetExpression::OwnSql(const SqlContext& context) const {
  std::string sql = ToSql(context, *expr_);
  if (expr_->type.kind == Kind::kNull) return sql;
  if (target_->kind == TargetKind::kYear) return "LPAD(" + sql + ", 4, '0')";
  const bool is_time = target_->kind >= TargetKind::kDate && target_->kind <= TargetKind::kDateTime;
  if (!is_time) return sql;
  if (target_->kind == TargetKind::kDateTime && expr_->type.fraction > target_->fraction) {
    sql = "CAST(" + sql + " AS DATETIME(" + std::to_string(target_->fraction) + "))";
  }
  return "CAST(" + sql + " AS CHAR CHARACTER SET utf8mb4)";
}

}  // namespace shardlift::mapping
