// The parsed form of a mapping expression: one tree, used by the evaluator and by the SQL writer.
//
// Parse() builds it without types; Typecheck() resolves names, fills `type` and inserts explicit conversions (kToText),
// so that the evaluator and the SQL writer each handle one meaning per node. Internal to mapping/.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

namespace shardlift::store {
class BucketRules;
}

namespace shardlift::mapping {

__extension__ using Int128 = __int128;

// What 64 bits hold.
inline constexpr Int128 kSignedMin = std::numeric_limits<std::int64_t>::min();
inline constexpr Int128 kSignedMax = std::numeric_limits<std::int64_t>::max();
inline constexpr Int128 kUnsignedMax = std::numeric_limits<std::uint64_t>::max();

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
  kBitAnd,
  kBitOr,
  kBitXor,
  kBitNot,
  kShiftLeft,
  kShiftRight,
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kNullSafeEqual,
  kAnd,
  kOr,
  kXor,
  kNot,
  kIsNull,
  kIsTrue,
  kIsFalse,
  kIn,          // args[0] IN (args[1..])
  kBetween,     // args[0] BETWEEN args[1] AND args[2]
  kLike,        // args[0] LIKE args[1], a literal
  kCase,        // when, then, ..., else; the else is always there after parsing
  kSimpleCase,  // operand, then as kCase
  kCoalesce,
  kNullIf,
  // Conversions.
  kToText,    // integer, decimal, temporal, JSON or binary (checked UTF-8) to text
  kToBinary,  // text or integer to its bytes
  kToSigned,
  kToUnsigned,  // from integers in its range, decimals or decimal-digit text
  kToDecimal,   // to type.precision and type.fraction digits; from integers, decimals, decimal-digit text
  kToDateTime,  // to type.fraction digits
  kToDate,
  kToCharset,    // as parsed: CONVERT(x USING text)
  kColumnBytes,  // the stored bytes of a text column
  // Functions of text and binary.
  kConcat,
  kConcatWs,
  kSubstring,
  kSubstringIndex,
  kLocate,
  kLeft,
  kRight,
  kLower,
  kUpper,
  kTrim,  // args[1], if there: what is taken away
  kLeftTrim,
  kRightTrim,
  kReplace,
  kHex,
  kUnhex,
  kLeftPad,
  kRightPad,
  kToBase64,
  kFromBase64,
  kCharLength,
  kLength,
  // Functions of numbers.
  kAbs,
  kFloor,
  kCeiling,
  kRound,
  kTruncate,
  kSign,
  kGreatest,
  kLeast,
  // Time, JSON, hashes, identity.
  kFromUnixTime,
  kUnixTimestamp,
  kConvertTz,
  kAddInterval,  // number: the IntervalUnit
  kTimePart,     // number: the TimePart
  kJsonObject,
  kJsonExtract,  // args[1..]: the steps of the path, text or integer literals
  kJsonUnquote,
  kCrc32,
  kSha2,    // number: the bits
  kBucket,  // args: account type, key and, where biz tags are pinned, the biz tag
  kTableSuffix,
  kComposeId,
};

enum class Kind : std::uint8_t { kNull, kInt, kText, kBinary, kDateTime, kDate, kTime, kDecimal, kJson, kReal };

struct Type {
  Kind kind = Kind::kNull;
  bool is_unsigned = false;  // kInt: how 64 bits are read
  bool is_bool = false;      // kInt from a condition: 0 or 1
  bool is_literal = false;
  bool nullable = false;
  std::uint8_t fraction = 0;   // kDateTime, kTime: digits; kDecimal: scale
  std::uint8_t precision = 0;  // kDecimal: digits in all
  Int128 min = 0;              // kInt: bounds that follow from column types
  Int128 max = 0;
  std::uint64_t bytes_max = 0;  // kText (UTF-8), kBinary, kJson, kDecimal: longest value; kReal: 4 or 8
};

enum class IntervalUnit : std::uint8_t { kMicrosecond, kSecond, kMinute, kHour, kDay, kWeek, kMonth, kQuarter, kYear };
enum class TimePart : std::uint8_t { kYear, kMonth, kDay, kHour, kMinute, kSecond, kMicrosecond };

struct ZonePair;  // zones.h

struct Expr {
  Op op = Op::kNull;
  Type type;
  std::size_t place = 0;  // byte offset in the expression's text, for the caret
  std::vector<std::unique_ptr<Expr>> args;
  std::string text;                           // name, or literal bytes
  std::uint64_t number = 0;                   // kIntLiteral: magnitude; kComposeId: the upper bits
  bool is_negative = false;                   // kIntLiteral; kAddInterval: it is taken away
  bool is_not = false;                        // kIn, kBetween, kLike, kIsNull, kIsTrue, kIsFalse: NOT was written
  std::int64_t seconds = 0;                   // kConvertTz with offsets: what is added
  std::shared_ptr<const ZonePair> zones;      // kConvertTz with names
  std::size_t column = 0;                     // kColumn
  const store::BucketRules* rules = nullptr;  // kBucket
};
using ExprPtr = std::unique_ptr<Expr>;

// k when a quotient of an integer and the literal 10^k has all its digits; -1: it may be rounded. After the type check.
inline int ExactQuotientDigits(const Expr& quotient) {
  const Expr& divisor = *quotient.args[1];
  if (quotient.args[0]->type.kind != Kind::kInt || divisor.op != Op::kIntLiteral || divisor.is_negative) return -1;
  std::uint64_t power = 1;
  for (int k = 0; k <= int{quotient.type.fraction}; ++k, power *= 10) {
    if (divisor.number == power) return k;
  }
  return -1;
}

inline ExprPtr NewExpr(Op op, std::size_t place) {
  auto expr = std::make_unique<Expr>();
  expr->op = op;
  expr->place = place;
  return expr;
}

}  // namespace shardlift::mapping
