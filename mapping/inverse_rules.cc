// Which expressions tell their arguments.
#include <algorithm>

#include "mapping/inverse.h"
#include "mapping/typecheck.h"

namespace shardlift::mapping {

namespace {

bool IsLiteral(const Expr& expr) {
  switch (expr.op) {
    case Op::kIntLiteral:
    case Op::kDecimalLiteral:
    case Op::kTextLiteral:
    case Op::kBinaryLiteral:
    case Op::kNull:
    case Op::kTrue:
    case Op::kFalse: return true;
    case Op::kToText:
    case Op::kToBinary: return IsLiteral(*expr.args[0]);
    default: return false;
  }
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// x * c + y with y from 0 to c - 1, as keys of two columns are packed.
bool IsPacked(const Expr& sum) {
  const Expr& high = *sum.args[0];
  const Type& low = sum.args[1]->type;
  return high.op == Op::kMultiply && high.args[1]->op == Op::kIntLiteral && !high.args[1]->is_negative &&
         low.min >= 0 && low.max < Int128{high.args[1]->number};
}

// An integer times a literal such as 0.001.
bool IsScaled(const Expr& product) {
  const Expr& a = *product.args[0];
  const Expr& b = *product.args[1];
  const Expr& literal = a.op == Op::kDecimalLiteral ? a : b;
  const Expr& other = &literal == &a ? b : a;
  return literal.op == Op::kDecimalLiteral && other.type.kind == Kind::kInt &&
         literal.text.find_first_of("123456789") != std::string::npos;
}

const char* WhyNumbers(const Expr& expr) {
  if (expr.op == Op::kDivide) return ExactQuotientDigits(expr) >= 0 ? nullptr : "a quotient is rounded";
  if (expr.op == Op::kMultiply && IsScaled(expr)) return nullptr;
  if (expr.type.kind != Kind::kInt) return "arithmetic on DECIMAL rounds";
  for (const ExprPtr& arg : expr.args) {
    if (arg->type.kind != Kind::kInt) return "arithmetic on DECIMAL rounds";
  }
  bool literal = IsLiteral(*expr.args.back()) || IsLiteral(*expr.args[0]);
  switch (expr.op) {
    case Op::kNegate: return nullptr;
    case Op::kMultiply:
      for (const ExprPtr& arg : expr.args) {
        if (arg->op == Op::kIntLiteral && arg->number != 0) return nullptr;
      }
      return "a product does not tell its factors";
    case Op::kAdd:
      if (!literal && IsPacked(expr) && !expr.type.nullable) return nullptr;
      return literal ? nullptr : "a sum does not tell its parts";
    default: return literal ? nullptr : "a difference does not tell its parts";
  }
}

const char* WhyCast(const Expr& expr) {
  const Type& from = expr.args[0]->type;
  switch (expr.op) {
    case Op::kToSigned:
    case Op::kToUnsigned:
      return from.kind == Kind::kInt ? nullptr : "as a number, text loses leading zeros and a DECIMAL its fraction";
    case Op::kToDecimal:
      return from.kind != Kind::kText && from.fraction <= expr.type.fraction
                 ? nullptr
                 : "as a DECIMAL, text loses leading zeros and numbers may lose digits";
    case Op::kToDateTime: return from.kind != Kind::kText ? nullptr : "the form of the text is lost";
    case Op::kToDate: return from.kind == Kind::kDate ? nullptr : "the time of day is lost";
    default: return nullptr;
  }
}

// Texts of free length must not stand side by side, nor next to where an integer could go on.
const char* WhyConcat(const Expr& expr) {
  constexpr const char* kRunTogether = "its parts run into each other";
  std::size_t free_parts = 0;
  std::size_t variables = 0;
  bool nullable = false;
  for (std::size_t i = 0; i < expr.args.size(); ++i) {
    const Expr& part = *expr.args[i];
    if (IsLiteral(part)) continue;
    ++variables;
    nullable = nullable || part.type.nullable;
    const Expr* inner = &part;
    while (inner->op == Op::kToText || inner->op == Op::kToBinary) inner = inner->args[0].get();
    if (inner->type.kind != Kind::kInt) {
      ++free_parts;
      continue;
    }
    auto neighbour_goes_on = [&](std::size_t at, bool front) {
      const Expr* other = expr.args[at].get();
      while (other->op == Op::kToText || other->op == Op::kToBinary) other = other->args[0].get();
      if (other->op != Op::kTextLiteral && other->op != Op::kBinaryLiteral) return true;
      if (other->text.empty()) return true;
      char c = front ? other->text.front() : other->text.back();
      return IsDigit(c) || c == '-';
    };
    if (i + 1 < expr.args.size() && neighbour_goes_on(i + 1, true)) return kRunTogether;
    if (i > 0 && neighbour_goes_on(i - 1, false)) return kRunTogether;
  }
  if (free_parts > 1) return kRunTogether;
  return nullable && variables > 1 ? "NULL does not tell which part was NULL" : nullptr;
}

const char* WhyCase(const Expr& expr) {
  for (std::size_t i = 1; i + 1 < expr.args.size(); i += 2) {
    if (!IsLiteral(*expr.args[i]) || !IsLiteral(*expr.args[i + 1])) return "a CASE of more than literals";
    if (expr.args[i + 1]->op == Op::kNull) return "several values give NULL";
    for (std::size_t j = i + 2; j + 1 < expr.args.size(); j += 2) {
      const Expr& a = *expr.args[i + 1];
      const Expr& b = *expr.args[j + 1];
      if (a.text == b.text && a.number == b.number && a.is_negative == b.is_negative) {
        return "several values give the same result";
      }
    }
  }
  return expr.args.back()->op == Op::kNull ? nullptr : "the ELSE stands for more than one value";
}

}  // namespace

const char* WhyOneWay(const Expr& expr) {
  switch (expr.op) {
    case Op::kColumn:
    case Op::kColumnBytes:
    case Op::kToText:
    case Op::kToBinary:
    case Op::kComposeId:
    case Op::kFromUnixTime:
    case Op::kUnixTimestamp:
    case Op::kHex:
    case Op::kToBase64:
    case Op::kBitNot:
    case Op::kJsonObject: return nullptr;
    case Op::kToSigned:
    case Op::kToUnsigned:
    case Op::kToDecimal:
    case Op::kToDateTime:
    case Op::kToDate: return WhyCast(expr);
    case Op::kNegate:
    case Op::kAdd:
    case Op::kSubtract:
    case Op::kMultiply:
    case Op::kDivide: return WhyNumbers(expr);
    case Op::kConcat: return WhyConcat(expr);
    case Op::kSimpleCase: return WhyCase(expr);
    case Op::kConvertTz: return expr.zones == nullptr ? nullptr : "a time zone may have a local time twice";
    case Op::kAddInterval:
      if (!IsLiteral(*expr.args[1])) return "the length of the interval is lost";
      if (static_cast<IntervalUnit>(expr.number) == IntervalUnit::kMicrosecond)
        return "microseconds are not taken back";
      return static_cast<IntervalUnit>(expr.number) < IntervalUnit::kMonth ? nullptr : "months differ in length";
    case Op::kLower:
    case Op::kUpper: return "upper and lower case are lost";
    case Op::kCoalesce: return "NULL and what stands for it look the same";
    case Op::kCase:
    case Op::kNullIf: return "a condition chooses between values";
    case Op::kCrc32:
    case Op::kSha2:
    case Op::kBucket: return "a hash does not tell what it was made of";
    case Op::kTrim:
    case Op::kLeftTrim:
    case Op::kRightTrim: return "what was trimmed is lost";
    case Op::kSubstring:
    case Op::kSubstringIndex:
    case Op::kLeft:
    case Op::kRight:
    case Op::kTimePart:
    case Op::kJsonExtract: return "a part does not tell the whole";
    default: return "the value of this expression does not tell its parts";
  }
}

}  // namespace shardlift::mapping
