#include "mapping/good_value_sql.h"

#include <fmt/format.h>

#include <algorithm>

#include "mapping/charset.h"
#include "mapping/decimal.h"
#include "mapping/expression_error.h"
#include "mapping/typecheck.h"

namespace shardlift::mapping {
namespace {

using base::Result;

constexpr std::uint64_t kIdMax = (1ull << 40) - 1;  // of COMPOSE_ID
constexpr std::string_view kAlways;

std::string NumberSql(Int128 number) {
  if (number < 0) return number == kSignedMin ? "(-9223372036854775807 - 1)" : fmt::format("(-{})", NumberSql(-number));
  return fmt::format("{}", static_cast<std::uint64_t>(number));
}

bool Within(const Type& type, Int128 low, Int128 high) { return type.min >= low && type.max <= high; }

class GoodWriter {
 public:
  GoodWriter(const SqlContext& context, std::string_view text) : c_(context), text_(text) {}

  Result<std::string> Good(const Expr& expr) const {
    switch (expr.op) {
      case Op::kAnd:
      case Op::kOr:
      case Op::kCoalesce: return Until(expr);
      case Op::kCase:
      case Op::kSimpleCase: return Case(expr);
      case Op::kIn: return In(expr);
      default: break;
    }
    std::string args;
    for (const ExprPtr& arg : expr.args) {
      SL_ASSIGN(const std::string good, Good(*arg));
      args = BothGood(args, good);
    }
    SL_ASSIGN(const std::string own, Own(expr));
    return BothGood(args, own);
  }

 private:
  std::string Sql(const Expr& expr) const { return ToSql(c_, expr); }
  std::string Arg(const Expr& expr) const { return Sql(*expr.args[0]); }

  base::Status CannotTell(const Expr& expr) const {
    return ExpressionError(text_, expr.place,
                           "no SQL can tell the bad values of this, so verify could not know of a replacement; guard "
                           "it with CASE, or leave the column out of \"bad_values\"");
  }

  // NULL arguments are no bad values; a NULL that the function itself makes is one.
  std::string IfKnown(const Expr& expr, const std::string& condition) const {
    std::string nulls;
    for (const ExprPtr& arg : expr.args) {
      if (arg->type.nullable) nulls += (nulls.empty() ? "" : " OR ") + Sql(*arg) + " IS NULL";
    }
    if (nulls.empty()) return "COALESCE(" + condition + ", 0)";
    return fmt::format("(CASE WHEN {} THEN 1 ELSE COALESCE({}, 0) END)", nulls, condition);
  }
  static std::string OrNull(const std::string& condition) { return "COALESCE(" + condition + ", 1)"; }

  // What the operation itself refuses, its arguments being good.
  Result<std::string> Own(const Expr& expr) const {
    switch (expr.op) {
      case Op::kColumn: return Column(expr);
      case Op::kToText:
        if (expr.args[0]->type.kind != Kind::kBinary) return std::string(kAlways);
        return IfKnown(expr, IsUtf8Sql(Arg(expr)));
      case Op::kToSigned:
      case Op::kToUnsigned: return ToInteger(expr);
      case Op::kToDecimal: return ToDecimal(expr);
      case Op::kToDate:
      case Op::kToDateTime: return ToTime(expr);
      case Op::kNegate:
      case Op::kAdd:
      case Op::kSubtract:
      case Op::kMultiply:
      case Op::kIntDivide:
      case Op::kModulo: return Arithmetic(expr);
      case Op::kAbs:
        if (expr.type.kind == Kind::kDecimal || expr.args[0]->type.min > kSignedMin) return std::string(kAlways);
        return CannotTell(expr);
      case Op::kRound: {
        const Type& from = expr.args[0]->type;
        const bool room = from.precision - from.fraction + 1 + expr.type.fraction <= int{kDecimalDigitsMax};
        if (from.kind == Kind::kInt || room) return std::string(kAlways);
        return CannotTell(expr);
      }
      case Op::kFromUnixTime:
        return OrNull(
            fmt::format("ROUND({0}, {1}) >= 0 AND ROUND({0}, {1}) < 253402300800", Arg(expr), expr.type.fraction));
      case Op::kUnixTimestamp: return OrNull(Arg(expr) + " >= TIMESTAMP'1970-01-01 00:00:00'");
      case Op::kConvertTz:
        if (expr.zones != nullptr) return CannotTell(expr);
        return IfKnown(expr, "YEAR(" + Sql(expr) + ") BETWEEN 1 AND 9999");
      case Op::kAddInterval: return IfKnown(expr, "YEAR(" + Sql(expr) + ") BETWEEN 1 AND 9999");
      case Op::kComposeId: return Range(expr, 0, kIdMax);
      case Op::kBucket: return Range(expr, 0, 0xFFFFFFFFu);
      case Op::kSubstringIndex:
        if (expr.args[2]->op == Op::kIntLiteral && !expr.args[2]->is_negative) return std::string(kAlways);
        return CannotTell(expr);
      case Op::kLocate:
        if (expr.args.size() == 2) return std::string(kAlways);
        return CannotTell(expr);
      case Op::kLower:
      case Op::kUpper:
      case Op::kJsonExtract:
      case Op::kJsonUnquote: return CannotTell(expr);
      default: return std::string(kAlways);
    }
  }

  // The first argument, an integer, between bounds.
  Result<std::string> Range(const Expr& expr, Int128 low, Int128 high) const {
    if (Within(expr.args[0]->type, low, high)) return std::string(kAlways);
    return OrNull(fmt::format("{} BETWEEN {} AND {}", Arg(expr), NumberSql(low), NumberSql(high)));
  }

  Result<std::string> Column(const Expr& expr) const {
    const mysql::Column& column = c_.schema->columns[expr.column];
    const std::string name = mysql::QuoteIdentifier(column.name);
    std::string condition;
    switch (expr.type.kind) {
      case Kind::kDate:
      case Kind::kDateTime:  // the day is a real one, of the years that count
        condition =
            fmt::format("YEAR({0}) > 0 AND CAST(FROM_DAYS(TO_DAYS({0})) AS CHAR) = LEFT(CAST({0} AS CHAR), 10)", name);
        break;
      case Kind::kText: {
        const std::string_view content = c_.Content(expr.column);
        const Charset charset = FindCharset(content.empty() ? std::string_view(column.charset) : content);
        if (content.empty() && (!column.is_text() || IsPassThrough(charset))) return std::string(kAlways);
        if (charset == Charset::kLatin1) return std::string(kAlways);
        const std::string bytes = "CAST(" + name + " AS BINARY)";
        if (IsPassThrough(charset)) {
          condition = IsUtf8Sql(bytes);
        } else {
          // A code that is none becomes '?'; the byte of '?' is part of no longer code in any of these character sets.
          condition = SameQuestionMarks(bytes, Sql(expr));
        }
        break;
      }
      default: return std::string(kAlways);
    }
    if (!expr.type.nullable) return "COALESCE(" + condition + ", 0)";
    return fmt::format("(CASE WHEN {} IS NULL THEN 1 ELSE COALESCE({}, 0) END)", name, condition);
  }

  // Converted to what they are already, other bytes change or become NULL; MariaDB lets surrogates pass.
  std::string IsUtf8Sql(const std::string& bytes) const {
    const std::string same = fmt::format("CAST(CONVERT({0} USING utf8mb4) AS BINARY) = {0}", bytes);
    if (c_.flavour != mysql::Flavour::kMariaDb) return same;
    return fmt::format("{} AND NOT {} REGEXP _binary x'ED5BA02DBF5D'", same, bytes);  // ED[A0-BF]
  }

  static std::string SameQuestionMarks(const std::string& bytes, const std::string& text) {
    const auto count = [](const std::string& sql) {
      return fmt::format("LENGTH({0}) - LENGTH(REPLACE({0}, _binary'?', _binary''))", sql);
    };
    return fmt::format("({}) = ({})", count(bytes), count("CAST(" + text + " AS BINARY)"));
  }

  Result<std::string> ToInteger(const Expr& expr) const {
    const bool is_unsigned = expr.op == Op::kToUnsigned;
    const Int128 low = is_unsigned ? 0 : kSignedMin;
    const Int128 high = is_unsigned ? kUnsignedMax : kSignedMax;
    const Type& from = expr.args[0]->type;
    if (from.kind == Kind::kInt) return Range(expr, low, high);
    const std::string bounds = fmt::format("BETWEEN {} AND {}", NumberSql(low), NumberSql(high));
    if (from.kind == Kind::kDecimal) return OrNull(fmt::format("ROUND({}) {}", Arg(expr), bounds));
    return OrNull(fmt::format("{0} REGEXP '^{1}[0-9]+\\\\z' AND CAST({0} AS DECIMAL(65,0)) {2}", Arg(expr),
                              is_unsigned ? "" : "-?", bounds));
  }

  Result<std::string> ToDecimal(const Expr& expr) const {
    const Type& from = expr.args[0]->type;
    if (from.kind == Kind::kText) return CannotTell(expr);
    const unsigned whole = DecimalPrecision(from) - from.fraction;
    const unsigned room = expr.type.precision - expr.type.fraction;
    if (whole < room || (whole == room && from.fraction <= expr.type.fraction)) return std::string(kAlways);
    const std::string end = "1" + std::string(expr.type.precision - expr.type.fraction, '0');
    return OrNull(fmt::format("ABS(ROUND(CAST({} AS DECIMAL(65,{})), {})) < {}", Arg(expr), from.fraction,
                              expr.type.fraction, end));
  }

  // From text: its form, and a day that there is.
  Result<std::string> ToTime(const Expr& expr) const {
    const Expr& from = *expr.args[0];
    if (from.type.kind != Kind::kText || from.op == Op::kTextLiteral) return std::string(kAlways);
    const unsigned digits = expr.op == Op::kToDate ? 6 : expr.type.fraction;
    const std::string fraction = digits == 0 ? "" : fmt::format("([.][0-9]{{1,{}}})?", digits);
    return OrNull(
        fmt::format("(CASE WHEN {0} REGEXP '^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}( [0-9]{{2}}:[0-9]{{2}}:"
                    "[0-9]{{2}}{1})?\\\\z' THEN COALESCE(YEAR(CAST({0} AS DATETIME(6))) > 0 AND "
                    "MONTH(CAST({0} AS DATETIME(6))) > 0 AND DAY(CAST({0} AS DATETIME(6))) > 0, 0) "
                    "WHEN {0} IS NULL THEN 1 ELSE 0 END)",
                    Sql(from), fraction));
  }

  // Of integers: the result may leave 64 bits. DECIMALs were given room when they were compiled.
  Result<std::string> Arithmetic(const Expr& expr) const {
    const Type& a = expr.args[0]->type;
    const Type& b = expr.args.back()->type;
    if (a.kind == Kind::kDecimal || b.kind == Kind::kDecimal) return std::string(kAlways);
    if (expr.op == Op::kNegate || expr.op == Op::kIntDivide || expr.op == Op::kModulo) {
      const bool always = expr.op == Op::kNegate ? a.min > kSignedMin : a.min >= 0 && b.min >= 0;
      if (!always) return CannotTell(expr);
      return std::string(kAlways);
    }
    const Int128 low = expr.type.is_unsigned ? 0 : kSignedMin;
    const Int128 high = expr.type.is_unsigned ? kUnsignedMax : kSignedMax;
    Int128 least = 0;
    Int128 most = 0;
    if (Bounds(expr.op, a, b, &least, &most) && least >= low && most <= high) return std::string(kAlways);
    const char* const symbol = expr.op == Op::kAdd ? "+" : expr.op == Op::kSubtract ? "-" : "*";
    return OrNull(fmt::format("CAST({} AS DECIMAL(65,0)) {} CAST({} AS DECIMAL(65,0)) BETWEEN {} AND {}", Arg(expr),
                              symbol, Sql(*expr.args[1]), NumberSql(low), NumberSql(high)));
  }

  // AND and OR stop at the value that decides, COALESCE at the first that is not NULL.
  Result<std::string> Until(const Expr& expr) const {
    std::string good;
    for (std::size_t i = expr.args.size(); i-- > 0;) {
      const Expr& arg = *expr.args[i];
      SL_ASSIGN(const std::string here, Good(arg));
      if (!good.empty()) {
        const std::string value = Sql(arg);
        const std::string decided = expr.op == Op::kCoalesce ? value + " IS NOT NULL"
                                    : expr.op == Op::kOr     ? value + " IS TRUE"
                                                             : value + " IS FALSE";
        good = fmt::format("(CASE WHEN {} THEN 1 ELSE {} END)", decided, good);
      }
      good = BothGood(here, good);
    }
    return good;
  }

  Result<std::string> In(const Expr& expr) const {
    SL_ASSIGN(std::string good, Good(*expr.args[0]));
    for (std::size_t i = 1; i < expr.args.size(); ++i) {
      SL_ASSIGN(const std::string here, Good(*expr.args[i]));
      if (!here.empty()) return CannotTell(*expr.args[i]);
    }
    return good;
  }

  Result<std::string> Case(const Expr& expr) const {
    const bool simple = expr.op == Op::kSimpleCase;
    std::string operand;
    if (simple) {
      SL_ASSIGN(operand, Good(*expr.args[0]));
    }
    std::string branches;
    bool any = false;
    std::size_t i = simple ? 1 : 0;
    for (; i + 1 < expr.args.size(); i += 2) {
      SL_ASSIGN(const std::string when, Good(*expr.args[i]));
      SL_ASSIGN(const std::string then, Good(*expr.args[i + 1]));
      any = any || !when.empty() || !then.empty();
      if (!when.empty()) branches += " WHEN NOT " + when + " THEN 0";
      const std::string holds = simple ? EqualSql(c_, *expr.args[0], *expr.args[i]) : Sql(*expr.args[i]);
      branches += fmt::format(" WHEN {} THEN {}", holds, then.empty() ? "1" : then);
    }
    SL_ASSIGN(const std::string otherwise, Good(*expr.args[i]));
    if (!any && otherwise.empty()) return operand;
    return BothGood(operand, fmt::format("(CASE{} ELSE {} END)", branches, otherwise.empty() ? "1" : otherwise));
  }

  // False when Int128 does not hold them.
  static bool Bounds(Op op, const Type& a, const Type& b, Int128* least, Int128* most) {
    *least = op == Op::kAdd ? a.min + b.min : a.min - b.max;
    *most = op == Op::kAdd ? a.max + b.max : a.max - b.min;
    if (op != Op::kMultiply) return true;
    Int128 corners[4];
    std::size_t i = 0;
    for (const Int128 x : {a.min, a.max}) {
      for (const Int128 y : {b.min, b.max}) {
        if (__builtin_mul_overflow(x, y, &corners[i++])) return false;
      }
    }
    *least = *std::min_element(corners, corners + i);
    *most = *std::max_element(corners, corners + i);
    return true;
  }

  const SqlContext& c_;
  std::string_view text_;
};

}  // namespace

Result<std::string> GoodValueSql(const SqlContext& context, std::string_view text, const Expr& expr) {
  return GoodWriter(context, text).Good(expr);
}

std::string BothGood(const std::string& first, const std::string& second) {
  if (first.empty()) return second;
  if (second.empty()) return first;
  return fmt::format("(CASE WHEN {} THEN {} ELSE 0 END)", first, second);
}

}  // namespace shardlift::mapping
