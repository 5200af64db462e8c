#include "mapping/target_column.h"

#include <fmt/format.h>

#include "base/check.h"
#include "mapping/expression_error.h"
#include "mapping/good_value_sql.h"
#include "mapping/json_check.h"
#include "mapping/parser.h"

namespace shardlift::mapping {

using base::Status;
using store::TargetKind;

namespace {

Status CannotFill(const TypeContext& context, const Expr& expr, std::string_view wanted, std::string_view remedy) {
  return ExpressionError(context.text, expr.place,
                         std::string(wanted) + " is needed, this is " + std::string(KindName(expr.type.kind)) +
                             (remedy.empty() ? "" : "; ") + std::string(remedy));
}

void NoteLength(const TypeContext& context, const Expr& expr, const store::TargetColumn& target) {
  if (expr.type.bytes_max <= target.limit) return;
  context.notes->push_back("values of more than " + std::to_string(target.limit) +
                           " bytes are bad values (checked at run time)");
}

// Brings *expr to the kind of the target column.
Status Convert(const TypeContext& context, const store::TargetColumn& target, ExprPtr* expr) {
  Kind kind = (*expr)->type.kind;
  switch (target.kind) {
    case TargetKind::kUnsigned:
      if (kind != Kind::kInt) return CannotFill(context, **expr, "a number", "write CAST(... AS UNSIGNED)");
      if ((*expr)->type.min < 0 || (*expr)->type.max > Int128{target.limit}) {
        context.notes->push_back("values outside 0 to " + std::to_string(target.limit) +
                                 " are bad values (checked at run time)");
      }
      return base::Ok();
    case TargetKind::kDateTime6: {
      if (kind != Kind::kDateTime) return CannotFill(context, **expr, "a DATETIME", "write CAST(... AS DATETIME(6))");
      if ((*expr)->type.fraction == 6) return base::Ok();
      ExprPtr cast = NewExpr(Op::kToDateTime, (*expr)->place);
      cast->type = (*expr)->type;
      cast->type.fraction = 6;
      cast->args.push_back(std::move(*expr));
      *expr = std::move(cast);
      return base::Ok();
    }
    case TargetKind::kBinary:
      if ((*expr)->type.is_bool) return CannotFill(context, **expr, "a value", "a condition gives 0 or 1; write IF");
      WrapToBinary(expr);
      NoteLength(context, **expr, target);
      return base::Ok();
    case TargetKind::kJson:
      if (kind == Kind::kText) context.notes->push_back("text that is not JSON is a bad value (checked at run time)");
      if (kind != Kind::kText && kind != Kind::kJson)
        return CannotFill(context, **expr, "JSON", "write JSON_OBJECT(...)");
      NoteLength(context, **expr, target);
      return base::Ok();
  }
  return base::Ok();
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
  TargetExpression made(target, std::move(expr));
  const Expr& literal = *made.expr_;
  const bool fits = !literal.is_negative && literal.number <= target.limit;
  if (target.kind == TargetKind::kUnsigned && literal.op == Op::kIntLiteral && fits) {
    made.constant_ = std::to_string(literal.number);
  }
  return made;
}

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
  if (!constant_.empty()) {
    *out = {false, expr_->number, constant_};
    return true;
  }
  if (!evaluator.Eval(*expr_, out)) {
    *reason = evaluator.reason();
    return false;
  }
  if (out->null) {
    *reason = "NULL in a NOT NULL column";
    return target_->nullable;
  }
  switch (target_->kind) {
    case TargetKind::kUnsigned: {
      Int128 value = IntegerOf(expr_->type, *out);
      *reason = "a number out of the column's range";
      if (value < 0 || value > Int128{target_->limit}) return false;
      std::string& text = pool.New();
      AppendInteger(expr_->type, *out, &text);
      out->bytes = text;
      return true;
    }
    case TargetKind::kDateTime6: return true;
    case TargetKind::kJson:
      *reason = "text that is not JSON, or nested too deeply";
      if (!IsJson(out->bytes)) return false;
      break;
    case TargetKind::kBinary: break;
  }
  *reason = "more bytes than the column takes";
  return out->bytes.size() <= target_->limit;
}

base::Result<std::string> TargetExpression::GoodSql(const SqlContext& context, std::string_view text) const {
  SL_ASSIGN(const std::string inside, GoodValueSql(context, text, *expr_));
  const Type& type = expr_->type;
  if (type.kind == Kind::kNull) return inside;
  const std::string value = ToSql(context, *expr_);
  std::string fits;
  const bool is_text = target_->kind == TargetKind::kBinary || target_->kind == TargetKind::kJson;
  if (target_->kind == TargetKind::kUnsigned && (type.min < 0 || type.max > Int128{target_->limit})) {
    fits = fmt::format("{} BETWEEN 0 AND {}", value, target_->limit);
  }
  if (is_text && type.bytes_max > target_->limit) fits = fmt::format("LENGTH({}) <= {}", value, target_->limit);
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

std::string TargetExpression::OwnSql(const SqlContext& context) const {
  std::string sql = ToSql(context, *expr_);
  bool is_time = target_->kind == TargetKind::kDateTime6 && expr_->type.kind != Kind::kNull;
  return is_time ? "CAST(" + sql + " AS CHAR CHARACTER SET utf8mb4)" : sql;
}

}  // namespace shardlift::mapping
