// Names, CASE, calls and casts.
#include <array>

#include "mapping/decimal.h"
#include "mapping/functions.h"
#include "mapping/parser_impl.h"

namespace shardlift::mapping {

using base::Status;

namespace {

// Words that cannot be column names without back-ticks.
constexpr std::array<std::string_view, 26> kKeyWords = {
    "AND",   "OR",   "NOT",  "XOR",    "IS",       "IN",     "BETWEEN", "CASE",   "WHEN",
    "THEN",  "ELSE", "END",  "DIV",    "MOD",      "LIKE",   "NULL",    "TRUE",   "FALSE",
    "USING", "AS",   "FROM", "REGEXP", "INTERVAL", "SELECT", "RLIKE",   "COLLATE"};

struct NamedUnit {
  std::string_view name;
  IntervalUnit unit;
};
constexpr NamedUnit kUnits[] = {{"MICROSECOND", IntervalUnit::kMicrosecond},
                                {"SECOND", IntervalUnit::kSecond},
                                {"MINUTE", IntervalUnit::kMinute},
                                {"HOUR", IntervalUnit::kHour},
                                {"DAY", IntervalUnit::kDay},
                                {"WEEK", IntervalUnit::kWeek},
                                {"MONTH", IntervalUnit::kMonth},
                                {"QUARTER", IntervalUnit::kQuarter},
                                {"YEAR", IntervalUnit::kYear}};

}  // namespace

Parser::Parsed Parser::Word() {
  const Token& token = Peek();
  if (token.upper == "CASE") return Case();
  for (auto [word, op] : {std::pair{"NULL", Op::kNull}, {"TRUE", Op::kTrue}, {"FALSE", Op::kFalse}}) {
    if (token.upper != word) continue;
    ++at_;
    return NewExpr(op, token.place);
  }
  if (AtSymbol("(", 1)) return Call();
  if (std::string_view why = RefusedFunction(token.upper); !why.empty() && token.upper.starts_with("CURRENT_")) {
    return Error(token.place, token.upper + " " + std::string(why));
  }
  for (std::string_view word : kKeyWords) {
    if (token.upper == word) return Unexpected();
  }
  return Literal(Op::kColumn);
}

Parser::Parsed Parser::Case() {
  ExprPtr expr = NewExpr(Op::kCase, tokens_[at_++].place);
  if (!AtWord("WHEN")) {
    expr->op = Op::kSimpleCase;
    SL_ASSIGN(ExprPtr operand, Expression());
    expr->args.push_back(std::move(operand));
  }
  if (!AtWord("WHEN")) return Error(Peek().place, "expected WHEN here");
  while (TakeWord("WHEN")) {
    SL_ASSIGN(ExprPtr when, Expression());
    SL_TRY(ExpectWord("THEN"));
    SL_ASSIGN(ExprPtr then, Expression());
    expr->args.push_back(std::move(when));
    expr->args.push_back(std::move(then));
  }
  ExprPtr otherwise = NewExpr(Op::kNull, Peek().place);
  if (TakeWord("ELSE")) {
    SL_ASSIGN(otherwise, Expression());
  }
  expr->args.push_back(std::move(otherwise));
  SL_TRY(ExpectWord("END"));
  return expr;
}

Status Parser::List(Expr* into) {
  do {
    SL_ASSIGN(ExprPtr arg, Expression());
    into->args.push_back(std::move(arg));
  } while (TakeSymbol(","));
  return Expect(")");
}

Parser::Parsed Parser::Call() {
  const Token& name = tokens_[at_];
  at_ += 2;
  if (name.upper == "CAST") return Cast(name.place);
  if (name.upper == "CONVERT") return Convert(name.place);
  if (name.upper == "TRIM") return Trim(name.place);
  if (name.upper == "DATE_ADD" || name.upper == "DATE_SUB") return DateAdd(name.place, name.upper == "DATE_SUB");
  ExprPtr expr = NewExpr(Op::kCall, name.place);
  expr->text = name.upper;
  if (name.upper == "IF") expr->op = Op::kCase;
  if (!TakeSymbol(")")) SL_TRY(List(expr.get()));
  if (expr->op == Op::kCase && expr->args.size() != 3) return Error(name.place, "IF takes three arguments");
  return expr;
}

// TRIM(s), TRIM(part FROM s), TRIM(LEADING [part] FROM s).
Parser::Parsed Parser::Trim(std::size_t place) {
  Op op = TakeWord("LEADING") ? Op::kLeftTrim : TakeWord("TRAILING") ? Op::kRightTrim : Op::kTrim;
  bool has_side = op != Op::kTrim || TakeWord("BOTH");
  ExprPtr part;
  ExprPtr whole;
  if (!AtWord("FROM")) {
    SL_ASSIGN(part, Expression());
  }
  if (TakeWord("FROM")) {
    SL_ASSIGN(whole, Expression());
  } else if (has_side) {
    return Error(Peek().place, "expected FROM here");
  } else {
    std::swap(part, whole);
  }
  SL_TRY(Expect(")"));
  return Node(op, place, std::move(whole), std::move(part));
}

Parser::Parsed Parser::DateAdd(std::size_t place, bool subtract) {
  SL_ASSIGN(ExprPtr time, Expression());
  SL_TRY(Expect(","));
  SL_TRY(ExpectWord("INTERVAL"));
  SL_ASSIGN(ExprPtr sum, Interval(std::move(time), place, subtract));
  SL_TRY(Expect(")"));
  return sum;
}

Parser::Parsed Parser::Interval(ExprPtr time, std::size_t place, bool subtract) {
  SL_ASSIGN(ExprPtr amount, Expression());
  for (const NamedUnit& unit : kUnits) {
    if (!TakeWord(unit.name)) continue;
    ExprPtr sum = Node(Op::kAddInterval, place, std::move(time), std::move(amount));
    sum->number = static_cast<std::uint64_t>(unit.unit);
    sum->text = unit.name;
    sum->is_negative = subtract;
    return sum;
  }
  return Error(Peek().place, "expected MICROSECOND, SECOND, MINUTE, HOUR, DAY, WEEK, MONTH, QUARTER or YEAR here");
}

Parser::Parsed Parser::Convert(std::size_t place) {
  SL_ASSIGN(ExprPtr operand, Expression());
  if (!TakeWord("USING")) return Error(Peek().place, "write CONVERT(x USING utf8mb4), or CAST(x AS type)");
  if (Peek().kind != TokenKind::kWord) return Error(Peek().place, "the name of a character set is needed here");
  ExprPtr convert = Node(Op::kToText, place, std::move(operand));
  if (!AtWord("UTF8MB4")) {
    convert->op = Op::kToCharset;
    for (char c : Peek().upper) convert->text.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c ^ 0x20) : c);
  }
  ++at_;
  SL_TRY(Expect(")"));
  return convert;
}

base::Result<std::uint8_t> Parser::Digits(unsigned max, std::string_view what) {
  const Token& digits = Peek();
  unsigned value = 0;
  if (digits.kind == TokenKind::kInteger && digits.text.size() <= 2) {
    for (char c : digits.text) value = value * 10 + static_cast<unsigned>(c - '0');
    if (value <= max) {
      ++at_;
      return static_cast<std::uint8_t>(value);
    }
  }
  return Error(digits.place, std::string(what) + " 0 to " + std::to_string(max) + " digits");
}

Status Parser::CastType(Expr* cast) {
  std::size_t place = Peek().place;
  if (TakeWord("CHAR")) {
    if (AtSymbol("(")) return Error(Peek().place, "CHAR(n) would cut the value; use LEFT(CAST(x AS CHAR), n)");
  } else if (TakeWord("BINARY")) {
    cast->op = Op::kToBinary;
    if (AtSymbol("(")) return Error(Peek().place, "BINARY(n) would cut or pad the value; write BINARY");
  } else if (TakeWord("UNSIGNED") || TakeWord("SIGNED")) {
    cast->op = tokens_[at_ - 1].upper == "SIGNED" ? Op::kToSigned : Op::kToUnsigned;
    TakeWord("INTEGER");
  } else if (TakeWord("DATETIME")) {
    cast->op = Op::kToDateTime;
    if (!TakeSymbol("(")) return base::Ok();
    SL_ASSIGN(cast->type.fraction, Digits(6, "DATETIME takes"));
    return Expect(")");
  } else if (TakeWord("DATE")) {
    cast->op = Op::kToDate;
  } else if (TakeWord("DECIMAL")) {
    cast->op = Op::kToDecimal;
    if (!TakeSymbol("(")) return Error(Peek().place, "write DECIMAL(digits, digits behind the point)");
    SL_ASSIGN(cast->type.precision, Digits(kDecimalDigitsMax, "DECIMAL takes"));
    if (TakeSymbol(",")) {
      SL_ASSIGN(cast->type.fraction, Digits(kDecimalScaleMax, "DECIMAL takes behind the point"));
    }
    if (cast->type.precision == 0 || cast->type.fraction > cast->type.precision) {
      return Error(place, "this DECIMAL has fewer digits in all than behind the point");
    }
    return Expect(")");
  } else {
    return Error(place, "CAST knows CHAR, BINARY, SIGNED, UNSIGNED, DECIMAL(p, s), DATE and DATETIME(n)");
  }
  return base::Ok();
}

Parser::Parsed Parser::Cast(std::size_t place) {
  SL_ASSIGN(ExprPtr operand, Expression());
  SL_TRY(ExpectWord("AS"));
  ExprPtr cast = Node(Op::kToText, place, std::move(operand));
  SL_TRY(CastType(cast.get()));
  SL_TRY(Expect(")"));
  return cast;
}

}  // namespace shardlift::mapping
