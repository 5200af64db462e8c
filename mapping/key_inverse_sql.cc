#include "mapping/key_inverse_sql.h"

#include <fmt/format.h>

#include <algorithm>

#include "mapping/decimal.h"
#include "mapping/inverse.h"
#include "mysql/session.h"

namespace shardlift::mapping {
namespace {

constexpr std::uint64_t kIdMask = (1ull << 40) - 1;
constexpr Int128 kLineMax = Int128{1} << 62;  // a bound is factor * 64 bits + offset: no more than 127 bits

const Expr& WithoutCasts(const Expr& expr) {
  const Expr* inner = &expr;
  while (inner->op == Op::kToText || inner->op == Op::kToBinary) inner = inner->args[0].get();
  return *inner;
}

// Arithmetic that leaves no 64 bits behind, whatever a row holds.
std::string Wide(const std::string& sql) { return fmt::format("CAST({} AS DECIMAL(30))", sql); }

Int128 LiteralValue(const Expr& literal) {
  return literal.is_negative ? -Int128{literal.number} : Int128{literal.number};
}

bool IsNumberLiteral(const Expr& expr) { return expr.op == Op::kIntLiteral; }

std::string BytesBehind(const std::string& bytes, std::size_t prefix, std::size_t suffix) {
  return fmt::format("SUBSTRING({0}, {1}, CAST(LENGTH({0}) AS SIGNED) - {2})", bytes, prefix + 1, prefix + suffix);
}

}  // namespace

std::string NumberText(Int128 number) {
  std::string text;
  AppendDecimal(number, 0, &text);
  return text;
}

std::optional<std::string> LiteralBytes(const Expr& expr) {
  const Expr& bare = WithoutCasts(expr);
  switch (bare.op) {
    case Op::kIntLiteral: return NumberText(LiteralValue(bare));
    case Op::kTextLiteral:
    case Op::kBinaryLiteral: return bare.text;
    default: return std::nullopt;
  }
}

const char* KeyInverter::Integer(const Expr& expr, const std::string& quoted, Int128 least, Int128 most) {
  return Undo(expr, {quoted, least, most, Line{quoted, 1, 0}});
}

const char* KeyInverter::Tell(std::size_t column, ToldColumn told) {
  std::optional<ToldColumn>& known = told_[column];
  if (known) conditions_.push_back(fmt::format("{} = {}", known->sql, told.sql));
  if (!known || !known->line) known = std::move(told);
  return nullptr;
}

const char* KeyInverter::Undo(const Expr& expr, Number number) {
  if (const char* why = WhyOneWay(expr); why != nullptr) return why;
  switch (expr.op) {
    case Op::kColumn: {
      const mysql::Column& column = schema_.columns[expr.column];
      if (!column.is_integer()) return "the column holds no integers";
      const Int128 least = column.is_unsigned ? Int128{0} : kSignedMin;
      const Int128 most = column.is_unsigned ? kUnsignedMax : kSignedMax;
      if (number.least < least || number.most > most) {
        conditions_.push_back(fmt::format("{} BETWEEN {} AND {}", number.sql, NumberText(least), NumberText(most)));
      }
      return Tell(expr.column, {number.sql, number.line});
    }
    case Op::kToSigned:
    case Op::kToUnsigned: return Undo(*expr.args[0], std::move(number));  // others than integers are one-way
    case Op::kComposeId: return UndoComposed(expr, std::move(number));
    case Op::kAdd:
    case Op::kSubtract: return UndoSum(expr, std::move(number));
    case Op::kMultiply: return UndoProduct(expr, std::move(number));
    default: return "SQL does not take this back";
  }
}

const char* KeyInverter::UndoComposed(const Expr& expr, Number number) {
  if (!number.line || number.sql != number.line->column) return "COMPOSE_ID stands inside another expression";
  const Int128 base{expr.number};
  conditions_.push_back(
      fmt::format("{} BETWEEN {} AND {}", number.sql, NumberText(base), NumberText(base + Int128{kIdMask})));
  number.line->offset = base;
  number.sql = fmt::format("({} & {})", number.sql, kIdMask);
  number.least = 0;
  number.most = Int128{kIdMask};
  return Undo(*expr.args[0], std::move(number));
}

const char* KeyInverter::UndoSum(const Expr& expr, Number number) {
  const Expr& first = *expr.args[0];
  const Expr& second = *expr.args[1];
  const std::string wide = Wide(number.sql);
  if (!IsNumberLiteral(first) && !IsNumberLiteral(second)) {
    if (expr.op != Op::kAdd || first.op != Op::kMultiply) return "a sum does not tell its parts";
    // x * c + y with y below c (WhyOneWay).
    if (first.type.min < 0) return "the part that is multiplied may be below zero";
    const Int128 unit = LiteralValue(*first.args[1]);
    const std::string rest = fmt::format("({} % {})", wide, NumberText(unit));
    if (number.least < 0) conditions_.push_back(number.sql + " >= 0");
    const Int128 most = std::max(number.most, Int128{0});
    if (const char* why = Undo(first, {fmt::format("({} - {})", wide, rest), 0, most, {}}); why != nullptr) return why;
    return Undo(second, {rest, 0, unit - 1, {}});
  }
  if (IsNumberLiteral(first) && expr.op == Op::kSubtract) {
    const Int128 from = LiteralValue(first);
    return Undo(second,
                {fmt::format("({} - {})", NumberText(from), wide), from - number.most, from - number.least, {}});
  }
  const bool literal_first = IsNumberLiteral(first);
  const Int128 literal = LiteralValue(literal_first ? first : second);
  const Int128 added = expr.op == Op::kAdd ? literal : -literal;
  number.sql = added < 0 ? fmt::format("({} + {})", wide, NumberText(-added))
                         : fmt::format("({} - {})", wide, NumberText(added));
  number.least -= added;
  number.most -= added;
  if (number.line) {
    number.line->offset += number.line->factor * added;
    if (number.line->offset > kLineMax || number.line->offset < -kLineMax) number.line.reset();
  }
  return Undo(literal_first ? second : first, std::move(number));
}

const char* KeyInverter::UndoProduct(const Expr& expr, Number number) {
  const bool literal_first = IsNumberLiteral(*expr.args[0]);
  const Expr& literal = *expr.args[literal_first ? 0 : 1];
  if (!IsNumberLiteral(literal)) return "a product with a fraction";
  const Int128 factor = LiteralValue(literal);
  if (factor <= 0) return "the factor is not above zero";
  const std::string wide = Wide(number.sql);
  conditions_.push_back(fmt::format("{} % {} = 0", wide, NumberText(factor)));
  number.sql = fmt::format("CAST({} / {} AS DECIMAL(30))", wide, NumberText(factor));
  number.least = number.least / factor - 1;
  number.most = number.most / factor + 1;
  if (number.line) {
    if (number.line->factor > kLineMax / factor) {
      number.line.reset();
    } else {
      number.line->factor *= factor;
    }
  }
  return Undo(*expr.args[literal_first ? 1 : 0], std::move(number));
}

const char* KeyInverter::Bytes(const Expr& expr, const std::string& shown) {
  if (const char* why = WhyOneWay(expr); why != nullptr) return why;
  switch (expr.op) {
    case Op::kColumnBytes: return Tell(expr.column, {shown, {}});
    case Op::kColumn: {
      const mysql::Column& column = schema_.columns[expr.column];
      if (column.is_binary() && charsets_.At(expr.column).empty()) return Tell(expr.column, {shown, {}});
      const bool utf8 = column.charset.starts_with("utf8") || column.charset == "ascii";
      if (!column.is_text() || !utf8 || !charsets_.At(expr.column).empty()) {
        return "the bytes of the legacy key are not those of its text in UTF-8; write CAST(CONVERT(column USING its "
               "character set) AS BINARY) into a VARBINARY column";
      }
      return Tell(expr.column, {shown, {}});
    }
    case Op::kToText:
    case Op::kToBinary: {
      const Expr& arg = *expr.args[0];
      if (arg.type.kind == Kind::kText || arg.type.kind == Kind::kBinary) return Bytes(arg, shown);
      if (arg.type.kind != Kind::kInt) return "SQL does not take this back";
      const bool is_unsigned = arg.type.min >= 0;
      const std::string number = fmt::format("CAST({} AS {})", shown, is_unsigned ? "UNSIGNED" : "SIGNED");
      conditions_.push_back(fmt::format("CAST({} AS CHAR) = {}", number, shown));
      return Undo(arg, {number, is_unsigned ? Int128{0} : kSignedMin, is_unsigned ? kUnsignedMax : kSignedMax, {}});
    }
    case Op::kConcat: return UndoConcat(expr, shown);
    case Op::kHex: {
      if (expr.args[0]->type.kind == Kind::kInt) return "SQL does not take this back";
      const std::string bytes = fmt::format("UNHEX({})", shown);
      conditions_.push_back(fmt::format("HEX({}) = {}", bytes, shown));
      return Bytes(*expr.args[0], bytes);
    }
    default: return "SQL does not take this back";
  }
}

const char* KeyInverter::UndoConcat(const Expr& expr, const std::string& bytes) {
  std::string prefix;
  std::string suffix;
  const Expr* part = nullptr;
  for (const ExprPtr& arg : expr.args) {
    const auto literal = LiteralBytes(*arg);
    if (!literal && part != nullptr) return "CONCAT has more than one part that is no literal";
    if (!literal) part = arg.get();
    if (literal) (part == nullptr ? prefix : suffix) += *literal;
  }
  if (part == nullptr) return "it is the same for every row";
  const std::size_t around = prefix.size() + suffix.size();
  conditions_.push_back(fmt::format("LENGTH({}) >= {}", bytes, around));
  if (!prefix.empty()) {
    conditions_.push_back(fmt::format("LEFT({}, {}) = {}", bytes, prefix.size(), mysql::HexLiteral(prefix)));
  }
  if (!suffix.empty()) {
    conditions_.push_back(fmt::format("RIGHT({}, {}) = {}", bytes, suffix.size(), mysql::HexLiteral(suffix)));
  }
  return Bytes(*part, BytesBehind(bytes, prefix.size(), suffix.size()));
}

}  // namespace shardlift::mapping
