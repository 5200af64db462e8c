// The parsed form of a mapping expression: one tree, used by the evaluator and by the SQL writer.
//
// Parse() builds it without types; Typecheck() resolves names, fills `type` and inserts explicit conversions (kToText),
// so that the evaluator and the SQL writer each handle one meaning per node. Internal to mapping/.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace shardlift::mapping {

__extension__ using Int128 = __int128;

enum class Op : std::uint8_t {
  // Leaves.
  kColumn,      // text: the name; column: its index after Typecheck
  kIntLiteral,  // number; is_negative for what -n was folded to
  kDecimalLiteral,
  kTextLiteral,
  kBinaryLiteral,  // x'..'
  kNull,
  kTrue,
  kFalse,
  // As parsed; Typecheck replaces it by the op of the named function.
  kCall,
  // Operators.
  kNegate,
  kAdd,
  kSubtract,
  kMultiply,
  kDivide,
  kIntDivide,
  kModulo,
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kNullSafeEqual,
  kAnd,
  kOr,
  kNot,
  kIsNull,
  kIsTrue,
  kIsFalse,
  kIn,          // args[0] IN (args[1..])
  kBetween,     // args[0] BETWEEN args[1] AND args[2]
  kCase,        // when, then, ..., else; the else is always there after parsing
  kSimpleCase,  // operand, then as kCase
  kCoalesce,
  kNullIf,
  // Conversions.
  kToText,    // integer, decimal, temporal, JSON or binary (checked UTF-8) to text
  kToBinary,  // text or integer to its bytes
  kToSigned,
  kToUnsigned,  // from integers (modulo 2^64, as the servers do) or decimal-digit text
  kToDateTime,  // to type.fraction digits
  // Functions of text and binary.
  kConcat,
  kSubstring,
  kLeft,
  kRight,
  kLower,
  kUpper,
  kTrim,
  kLeftTrim,
  kRightTrim,
  kReplace,
  kHex,
  kUnhex,
  kLeftPad,
  kCharLength,
  kLength,
  // Time, JSON, identity.
  kFromUnixTime,
  kConvertTz,
  kJsonObject,
  kTableSuffix,
  kComposeId,
};

enum class Kind : std::uint8_t { kNull, kInt, kText, kBinary, kDateTime, kDate, kTime, kDecimal, kJson };

struct Type {
  Kind kind = Kind::kNull;
  bool is_unsigned = false;  // kInt: how 64 bits are read
  bool is_bool = false;      // kInt from a condition: 0 or 1
  bool is_literal = false;
  bool nullable = false;
  std::uint8_t fraction = 0;  // kDateTime, kTime: digits; kDecimal: scale
  Int128 min = 0;             // kInt: bounds that follow from column types
  Int128 max = 0;
  std::uint64_t bytes_max = 0;  // kText (UTF-8), kBinary, kJson, kDecimal: longest value
};

struct Expr {
  Op op = Op::kNull;
  Type type;
  std::size_t place = 0;  // byte offset in the expression's text, for the caret
  std::vector<std::unique_ptr<Expr>> args;
  std::string text;          // name, or literal bytes; kConvertTz: unused
  std::uint64_t number = 0;  // kIntLiteral: magnitude; kComposeId: the upper bits
  bool is_negative = false;  // kIntLiteral
  bool is_not = false;       // kIn, kBetween, kIsNull, kIsTrue, kIsFalse: NOT was written
  std::int64_t seconds = 0;  // kConvertTz: what is added
  std::size_t column = 0;    // kColumn
};
using ExprPtr = std::unique_ptr<Expr>;

inline ExprPtr NewExpr(Op op, std::size_t place) {
  auto expr = std::make_unique<Expr>();
  expr->op = op;
  expr->place = place;
  return expr;
}

}  // namespace shardlift::mapping
