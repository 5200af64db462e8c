#include "mapping/typecheck.h"

#include <algorithm>
#include <limits>

#include "mapping/charset.h"
#include "mapping/column_reader.h"
#include "mapping/datetime.h"
#include "mapping/decimal.h"
#include "mapping/expression_error.h"
#include "mapping/functions.h"

namespace shardlift::mapping {

using base::Status;

namespace {

bool IsComparison(Op op) { return op >= Op::kEqual && op <= Op::kNullSafeEqual; }
bool IsTemporal(Kind kind) { return kind == Kind::kDateTime || kind == Kind::kDate; }

void SetBool(Type* type, bool nullable) {
  SetInteger(type, false, 0, 1);
  type->is_bool = true;
  type->nullable = nullable;
}

std::uint64_t Digits(Int128 value) {
  std::uint64_t digits = value < 0 ? 2 : 1;
  for (; value <= -10 || value >= 10; value /= 10) ++digits;
  return digits;
}

std::uint64_t TextBytes(const Type& type) {
  switch (type.kind) {
    case Kind::kInt: return std::max(Digits(type.min), Digits(type.max));
    case Kind::kDateTime: return 20u + type.fraction;
    case Kind::kDate: return 10;
    case Kind::kTime: return 11u + type.fraction;
    default: return type.bytes_max;
  }
}

}  // namespace

ExprPtr Wrap(ExprPtr inner, Op op, Kind kind, std::uint64_t bytes_max) {
  ExprPtr outer = NewExpr(op, inner->place);
  outer->type = inner->type;
  outer->type.kind = kind;
  outer->type.is_bool = false;
  outer->type.bytes_max = bytes_max;
  outer->args.push_back(std::move(inner));
  return outer;
}

std::string_view KindName(Kind kind) {
  switch (kind) {
    case Kind::kNull: return "NULL";
    case Kind::kInt: return "a number";
    case Kind::kText: return "text";
    case Kind::kBinary: return "a binary string";
    case Kind::kDateTime: return "a DATETIME";
    case Kind::kDate: return "a DATE";
    case Kind::kTime: return "a TIME";
    case Kind::kDecimal: return "a DECIMAL";
    case Kind::kJson: return "JSON";
    case Kind::kReal: return "a FLOAT or DOUBLE";
  }
  return "";
}

bool IsString(Kind kind) { return kind == Kind::kText || kind == Kind::kBinary; }

std::uint64_t SaturatingAdd(std::uint64_t a, std::uint64_t b) {
  std::uint64_t sum = 0;
  return __builtin_add_overflow(a, b, &sum) ? std::numeric_limits<std::uint64_t>::max() : sum;
}

std::uint64_t SaturatingMultiply(std::uint64_t a, std::uint64_t b) {
  std::uint64_t product = 0;
  return __builtin_mul_overflow(a, b, &product) ? std::numeric_limits<std::uint64_t>::max() : product;
}

void SetInteger(Type* type, bool is_unsigned, Int128 min, Int128 max) {
  type->kind = Kind::kInt;
  type->is_unsigned = is_unsigned;
  Int128 low = is_unsigned ? 0 : kSignedMin;
  Int128 high = is_unsigned ? kUnsignedMax : kSignedMax;
  type->min = std::clamp(min, low, high);
  type->max = std::clamp(max, low, high);
}

void WrapToText(ExprPtr* slot) {
  if ((*slot)->type.kind == Kind::kText) return;
  std::uint64_t bytes = TextBytes((*slot)->type);
  *slot = Wrap(std::move(*slot), Op::kToText, Kind::kText, bytes);
}

void WrapToBinary(ExprPtr* slot) {
  if ((*slot)->type.kind == Kind::kBinary) return;
  WrapToText(slot);
  std::uint64_t bytes = (*slot)->type.bytes_max;
  *slot = Wrap(std::move(*slot), Op::kToBinary, Kind::kBinary, bytes);
}

Status TypeChecker::Error(const Expr& expr, std::string_view message) const {
  return ExpressionError(c_.text, expr.place, message);
}

void TypeChecker::Note(std::string note) const {
  if (std::find(c_.notes->begin(), c_.notes->end(), note) == c_.notes->end()) c_.notes->push_back(std::move(note));
}

Status TypeChecker::Check(ExprPtr* slot) {
  Expr* expr = slot->get();
  if (expr->op == Op::kCall) SL_TRY(Call(slot));
  if (expr->op == Op::kToBinary && expr->args[0]->op == Op::kToCharset) return ColumnBytes(slot);
  for (ExprPtr& arg : expr->args) {
    SL_TRY(Check(&arg));
    if (arg->type.kind == Kind::kReal && expr->op != Op::kIsNull) {
      const mysql::Column& column = c_.schema->columns[arg->column];
      return Error(*arg, "column " + column.name + " has type " + column.column_type +
                             ", which servers compute and print differently: it goes as it is into a column of that "
                             "type, and may be tested for NULL");
    }
  }
  if (IsComparison(expr->op) || expr->op == Op::kIn || expr->op == Op::kBetween) return Compare(expr);
  switch (expr->op) {
    case Op::kColumn: return Column(expr);
    case Op::kIntLiteral:
    case Op::kDecimalLiteral:
    case Op::kTextLiteral:
    case Op::kBinaryLiteral:
    case Op::kNull:
    case Op::kTrue:
    case Op::kFalse: return Leaf(expr);
    case Op::kNegate:
    case Op::kAdd:
    case Op::kSubtract:
    case Op::kMultiply:
    case Op::kDivide:
    case Op::kIntDivide:
    case Op::kModulo: return Arithmetic(expr);
    case Op::kBitAnd:
    case Op::kBitOr:
    case Op::kBitXor:
    case Op::kBitNot:
    case Op::kShiftLeft:
    case Op::kShiftRight: return Bits(expr);
    case Op::kAnd:
    case Op::kOr:
    case Op::kXor:
    case Op::kNot:
    case Op::kIsNull:
    case Op::kIsTrue:
    case Op::kIsFalse: return Logic(expr);
    case Op::kCase:
    case Op::kSimpleCase: return Case(expr);
    case Op::kCoalesce: return Coalesce(expr);
    case Op::kNullIf: return NullIf(expr);
    case Op::kToText:
    case Op::kToBinary:
    case Op::kToSigned:
    case Op::kToUnsigned:
    case Op::kToDecimal:
    case Op::kToDateTime:
    case Op::kToDate:
    case Op::kToCharset: return Cast(slot);
    default: return FunctionCall(slot);
  }
}

Status TypeChecker::Leaf(Expr* expr) {
  Type& type = expr->type;
  type.is_literal = true;
  switch (expr->op) {
    case Op::kIntLiteral: {
      Int128 value = expr->is_negative ? -Int128{expr->number} : Int128{expr->number};
      SetInteger(&type, value > kSignedMax, value, value);
      break;
    }
    case Op::kDecimalLiteral: return DecimalLiteral(expr);
    case Op::kTextLiteral:
    case Op::kBinaryLiteral:
      type.kind = expr->op == Op::kTextLiteral ? Kind::kText : Kind::kBinary;
      type.bytes_max = expr->text.size();
      break;
    case Op::kTrue:
    case Op::kFalse: SetBool(&type, false); break;
    default: type.kind = Kind::kNull; type.nullable = true;
  }
  return base::Ok();
}

// ".5" and "2." become the text that the servers print.
Status TypeChecker::DecimalLiteral(Expr* expr) {
  std::string& text = expr->text;
  std::size_t scale = text.size() - text.find('.') - 1;
  if (text.front() == '.') text.insert(0, "0");
  if (scale == 0) text.pop_back();
  text.erase(0,
             std::min(text.find_first_not_of('0'), text.find('.') == text.npos ? text.size() - 1 : text.find('.') - 1));
  if (scale > kDecimalScaleMax || text.size() > kDecimalDigitsMax)
    return Error(*expr, "this number has too many digits");
  SetDecimal(&expr->type, static_cast<unsigned>(text.size() - (scale > 0 ? 1 : 0)), static_cast<unsigned>(scale));
  expr->type.is_literal = true;
  return base::Ok();
}

Status TypeChecker::Column(Expr* expr) {
  int index = c_.schema->Find(expr->text);
  if (index < 0) return Error(*expr, "there is no column " + expr->text + " in " + c_.schema->name.Text());
  expr->column = static_cast<std::size_t>(index);
  (*c_.used)[expr->column] = true;
  const mysql::Column& column = c_.schema->columns[expr->column];
  const std::string_view content = c_.Content(expr->column);
  auto type = ColumnTypeOf(column, content);
  if (!type.ok()) return Error(*expr, type.status().message());
  expr->type = *type;
  const std::string charset = content.empty() ? column.charset : std::string(content);
  if (!content.empty() || (column.is_text() && !IsPassThrough(FindCharset(charset)))) {
    Note(column.name + ": " + charset + " bytes without a character are bad values (checked at run time)");
  }
  return base::Ok();
}

Status TypeChecker::Call(ExprPtr* slot) {
  Expr* expr = slot->get();
  if (std::string_view why = RefusedFunction(expr->text); !why.empty()) {
    return Error(*expr, expr->text + " " + std::string(why));
  }
  const Function* function = FindFunction(expr->text);
  if (function == nullptr) {
    std::string_view nearest = NearestFunction(expr->text);
    return Error(*expr, "unknown function " + expr->text +
                            (nearest.empty() ? std::string() : "; did you mean " + std::string(nearest) + "?"));
  }
  if (expr->args.size() < function->args_min || expr->args.size() > function->args_max) {
    return Error(*expr, expr->text + " does not take " + std::to_string(expr->args.size()) + " arguments");
  }
  expr->op = function->op;
  expr->text = function->name;
  return base::Ok();
}

void TypeChecker::NoteCollation(const Expr& expr) const {
  if (expr.op != Op::kColumn) return;
  const mysql::Column& column = c_.schema->columns[expr.column];
  if (column.collation.empty() || column.collation.ends_with("_bin")) return;
  Note(column.name + " is compared by its bytes, not by " + column.collation + ": case and trailing spaces count");
}

Status TypeChecker::Comparable(ExprPtr* a, ExprPtr* b) {
  Kind left = (*a)->type.kind;
  Kind right = (*b)->type.kind;
  if (left == Kind::kText) NoteCollation(**a);
  if (right == Kind::kText) NoteCollation(**b);
  if (left == Kind::kNull || right == Kind::kNull) return base::Ok();
  for (auto [time, text] : {std::pair{a, b}, std::pair{b, a}}) {
    if (!IsTemporal((*time)->type.kind) || (*text)->op != Op::kTextLiteral) continue;
    int digits = CanonicalFraction((*text)->text);
    if (digits < 0) return Error(**text, "write the time as 'YYYY-MM-DD' or 'YYYY-MM-DD hh:mm:ss[.ffffff]'");
    *text = Wrap(std::move(*text), Op::kToDateTime, Kind::kDateTime, 0);
    (*text)->type.fraction = static_cast<std::uint8_t>(digits);
    return base::Ok();
  }
  if (IsTemporal(left) && IsTemporal(right)) return base::Ok();
  if (left == right && (left == Kind::kInt || IsString(left))) return base::Ok();
  if (IsNumber(left) && IsNumber(right)) {
    const Type& x = (*a)->type;
    const Type& y = (*b)->type;
    unsigned whole = std::max(DecimalPrecision(x) - x.fraction, DecimalPrecision(y) - y.fraction);
    unsigned digits = whole + std::max(x.fraction, y.fraction);
    return digits <= kDecimalDigitsMax ? base::Ok() : TooManyDigits(**b, digits);
  }
  return Error(**b, "cannot compare " + std::string(KindName(left)) + " with " + std::string(KindName(right)) +
                        (left == right ? "" : "; write the CAST you mean"));
}

Status TypeChecker::Compare(Expr* expr) {
  for (std::size_t i = 1; i < expr->args.size(); ++i) SL_TRY(Comparable(&expr->args[0], &expr->args[i]));
  bool nullable = false;
  for (const ExprPtr& arg : expr->args) nullable = nullable || arg->type.nullable;
  SetBool(&expr->type, nullable && expr->op != Op::kNullSafeEqual);
  return base::Ok();
}

Status TypeChecker::Condition(ExprPtr* expr) {
  const Type& type = (*expr)->type;
  if (type.kind == Kind::kInt || type.kind == Kind::kNull) return base::Ok();
  return Error(**expr, "a condition is needed here, this is " + std::string(KindName(type.kind)));
}

Status TypeChecker::Logic(Expr* expr) {
  bool nullable = false;
  for (ExprPtr& arg : expr->args) {
    if (expr->op != Op::kIsNull) SL_TRY(Condition(&arg));
    nullable = nullable || arg->type.nullable;
  }
  bool never_null = expr->op == Op::kIsNull || expr->op == Op::kIsTrue || expr->op == Op::kIsFalse;
  SetBool(&expr->type, nullable && !never_null);
  return base::Ok();
}

Status Typecheck(const TypeContext& context, ExprPtr* expr) { return TypeChecker(context).Check(expr); }

Status TypecheckCondition(const TypeContext& context, ExprPtr* expr) {
  TypeChecker checker(context);
  SL_TRY(checker.Check(expr));
  return checker.Condition(expr);
}

}  // namespace shardlift::mapping
