// Evaluator: the value of a typed expression for one legacy row. Internal to mapping/.
//
// Must agree with the SQL text of sql.h for every row that has no bad value (invariant I4). Thread rules: an Evaluator
// is one row's worth of state on one thread; it borrows everything.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

#include "mapping/ast.h"
#include "mapping/column_reader.h"
#include "mysql/value.h"

namespace shardlift::mapping {

class Evaluator {
 public:
  // `json_upper_hex`: how the source's flavour prints control characters in JSON strings.
  Evaluator(std::span<const mysql::Value> row, std::span<const ColumnReader> readers, StringPool& pool,
            bool json_upper_hex)
      : row_(row), readers_(readers), pool_(pool), json_upper_hex_(json_upper_hex) {}

  // False for a bad value: reason() says why.
  bool Eval(const Expr& expr, Val* out) {
    return expr.op == Op::kColumn ? EvalColumn(expr, out) : EvalOperation(expr, out);
  }
  // True, false or NULL of a condition.
  bool EvalCondition(const Expr& expr, Val* out);

  const char* reason() const { return reason_; }
  // The column whose absence from the row image was the reason; -1 if that was not it.
  int absent_column() const { return absent_column_; }
  // Whether any operation since the last call left away a part of its argument: letters' case, digits, characters, the
  // time of day (FindLossy names these as counted).
  bool TakeLossy() { return std::exchange(lossy_, false); }

 private:
  bool EvalOperation(const Expr& expr, Val* out);
  bool EvalFunction(const Expr& expr, Val* out);
  bool Bad(const char* reason) {
    reason_ = reason;
    return false;
  }
  // Notes what an operation that keeps a part of its argument left away.
  void NoteLoss(bool lost) { lossy_ = lossy_ || lost; }
  bool EvalColumn(const Expr& expr, Val* out) {
    const mysql::Value& value = row_[expr.column];
    if (value.is_absent()) return Absent(expr);
    const char* const reason = readers_[expr.column].Read(value, pool_, out);
    return reason == nullptr || Bad(reason);
  }
  bool Absent(const Expr& column);
  bool EvalXor(const Expr& expr, Val* out);

  // eval_numbers.cc
  bool EvalArithmetic(const Expr& expr, Val* out);
  bool EvalDecimal(const Expr& expr, Val* out);
  bool EvalBits(const Expr& expr, Val* out);
  bool EvalNumberFunction(const Expr& expr, Val* out);
  bool EvalExtreme(const Expr& expr, Val* out);
  bool EvalToDecimal(const Expr& expr, Val* out);
  // The number of an argument times 10^scale; false for a bad value. *null is set for NULL.
  bool EvalScaled(const Expr& expr, unsigned scale, Int128* number, bool* null);
  // The same of a value that is not NULL.
  bool Scale(const Type& type, const Val& value, unsigned scale, Int128* number);
  bool PutDecimal(const Type& type, Int128 value, Val* out);
  bool PutInteger(const Type& type, Int128 value, Val* out);
  bool EvalToSigned(const Expr& expr, Val* out);

  // eval.cc
  bool EvalComparison(const Expr& expr, Val* out);
  bool EvalIn(const Expr& expr, Val* out);
  bool EvalBetween(const Expr& expr, Val* out);
  bool EvalLogic(const Expr& expr, Val* out);
  bool EvalTest(const Expr& expr, Val* out);
  bool EvalCase(const Expr& expr, Val* out);
  bool EvalSimpleCase(const Expr& expr, Val* out);
  bool EvalCoalesce(const Expr& expr, Val* out);
  bool EvalNullIf(const Expr& expr, Val* out);
  bool EvalToText(const Expr& expr, Val* out);
  bool EvalColumnBytes(const Expr& expr, Val* out);

  // eval_text.cc
  bool EvalTextFunction(const Expr& expr, Val* out);
  bool EvalConcat(const Expr& expr, Val* out);
  bool EvalConcatWs(const Expr& expr, Val* out);
  bool EvalSubstringIndex(const Expr& expr, Val* out);
  bool EvalLocate(const Expr& expr, Val* out);
  bool EvalLike(const Expr& expr, Val* out);
  bool EvalSubstring(const Expr& expr, Val* out);
  bool EvalLeftRight(const Expr& expr, Val* out);
  bool EvalChangeCase(const Expr& expr, Val* out);
  bool EvalTrim(const Expr& expr, Val* out);
  bool EvalReplace(const Expr& expr, Val* out);
  bool EvalPad(const Expr& expr, Val* out);
  bool EvalLength(const Expr& expr, Val* out);

  // eval_encoding.cc
  bool EvalEncoding(const Expr& expr, Val* out);
  bool EvalHex(const Expr& expr, Val* out);
  bool EvalUnhex(const Expr& expr, Val* out);
  bool EvalBase64(const Expr& expr, Val* out);
  bool EvalHash(const Expr& expr, Val* out);
  bool EvalBucket(const Expr& expr, Val* out);
  bool EvalComposeId(const Expr& expr, Val* out);
  bool EvalJsonObject(const Expr& expr, Val* out);
  bool EvalJsonExtract(const Expr& expr, Val* out);
  bool EvalJsonUnquote(const Expr& expr, Val* out);

  // eval_time.cc
  bool EvalTime(const Expr& expr, Val* out);
  bool EvalToDateTime(const Expr& expr, Val* out);
  bool EvalToDate(const Expr& expr, Val* out);
  // The fraction is filled up with zeros to `shown_digits`.
  bool EvalFromUnixTime(const Expr& expr, unsigned shown_digits, Val* out);
  bool EvalUnixTimestamp(const Expr& expr, Val* out);
  bool EvalConvertTz(const Expr& expr, Val* out);
  bool EvalAddInterval(const Expr& expr, Val* out);
  bool EvalTimePart(const Expr& expr, Val* out);

  std::span<const mysql::Value> row_;
  std::span<const ColumnReader> readers_;
  StringPool& pool_;
  bool json_upper_hex_;
  const char* reason_ = "";
  int absent_column_ = -1;
  bool lossy_ = false;
};

// The integer a Val of this type stands for.
Int128 IntegerOf(const Type& type, const Val& value);
// -1, 0, 1 by number, bytes or time; both not NULL and comparable by their types.
int CompareValues(const Type& a_type, const Val& a, const Type& b_type, const Val& b);
// Decimal text of an integer.
void AppendInteger(const Type& type, const Val& value, std::string* out);

}  // namespace shardlift::mapping
