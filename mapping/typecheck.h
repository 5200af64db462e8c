// Types of a parsed expression against one legacy table. Internal to mapping/.
//
// Nothing is converted by guess: what MySQL would cast silently (text to number, number to text outside CONCAT, text
// to time outside a comparison with a literal) is an error that names the cast to write.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "mapping/ast.h"
#include "mapping/column_reader.h"
#include "mysql/position.h"
#include "mysql/schema.h"
#include "store/router.h"

namespace shardlift::mapping {

struct TypeContext {
  std::string_view text;  // of the expression, for carets
  const mysql::TableSchema* schema = nullptr;
  std::uint32_t origin = 0;
  std::uint32_t table_ordinal = 0;
  std::vector<bool>* used = nullptr;          // by column: set when the expression names it
  std::vector<std::string>* notes = nullptr;  // what is checked at run time or may lose something
  const store::BucketRules* rules = nullptr;  // for BUCKET; must outlive the expression
  mysql::Flavour flavour = mysql::Flavour::kMySql;
  const ContentCharsets* charsets = nullptr;  // none: every column holds what it says
  std::string_view Content(std::size_t column) const {
    return charsets == nullptr ? std::string_view() : charsets->At(column);
  }
};

// Resolves names, types every node, replaces kCall, inserts conversions. kUsage with a caret.
base::Status Typecheck(const TypeContext& context, ExprPtr* expr);
// The same for a condition: integers and conditions only.
base::Status TypecheckCondition(const TypeContext& context, ExprPtr* expr);

// The type of a column; kUsage text without caret when values of the column cannot be used in expressions.
// `content`: the character set that its bytes are in, "" for its own.
base::Result<Type> ColumnTypeOf(const mysql::Column& column, std::string_view content = {});

// For messages: "a number", "text", ...
std::string_view KindName(Kind kind);

// Parts of the checker, in several files.
class TypeChecker {
 public:
  explicit TypeChecker(const TypeContext& context) : c_(context) {}
  base::Status Check(ExprPtr* expr);
  base::Status Condition(ExprPtr* expr);  // after Check

 private:
  base::Status Error(const Expr& expr, std::string_view message) const;
  void Note(std::string note) const;

  base::Status Leaf(Expr* expr);
  base::Status DecimalLiteral(Expr* expr);
  base::Status Column(Expr* expr);
  base::Status Call(ExprPtr* expr);
  void NoteCollation(const Expr& expr) const;
  base::Status Comparable(ExprPtr* a, ExprPtr* b);
  base::Status Compare(Expr* expr);
  base::Status Logic(Expr* expr);
  base::Status Case(Expr* expr);
  base::Status Coalesce(Expr* expr);
  base::Status NullIf(Expr* expr);
  // Gives all of `values` (slots of expr's args) one type and returns it.
  base::Status Unify(const Expr& expr, const std::vector<ExprPtr*>& values, Type* out);
  base::Status UnifyIntegers(const Expr& expr, const std::vector<ExprPtr*>& values, Type* out);
  base::Status UnifyDecimals(const Expr& expr, const std::vector<ExprPtr*>& values, Type* out);

  // typecheck_casts.cc
  base::Status Cast(ExprPtr* slot);
  base::Status CastToText(ExprPtr* slot);
  base::Status CastToInteger(Expr* expr);
  base::Status CastToDecimal(Expr* expr);
  base::Status CastToDateTime(Expr* expr);
  base::Status CastToDate(Expr* expr);
  base::Status ColumnBytes(ExprPtr* slot);

  // typecheck_numbers.cc
  base::Status Arithmetic(Expr* expr);
  base::Status DecimalArithmetic(Expr* expr);
  base::Status Bits(Expr* expr);
  base::Status NumberFunction(Expr* expr);
  base::Status Extreme(Expr* expr);
  base::Status NeedNumber(const Expr& expr) const;
  base::Status TooManyDigits(const Expr& expr, unsigned digits) const;

  // typecheck_functions.cc
  base::Status FunctionCall(ExprPtr* expr);
  base::Status Concat(Expr* expr);
  base::Status StringFunction(Expr* expr);
  base::Status SubstringLike(Expr* expr);
  base::Status ConcatWs(Expr* expr);
  base::Status Like(Expr* expr);
  base::Status Locate(Expr* expr);
  base::Status Pad(Expr* expr);
  base::Status HexFunction(Expr* expr);
  base::Status Encoding(Expr* expr);
  base::Status Hash(Expr* expr);
  base::Status Bucket(ExprPtr* slot);
  base::Status TableSuffix(Expr* expr);
  base::Status ComposeId(Expr* expr);
  base::Status NeedString(const Expr& expr) const;
  base::Status NeedSameStrings(const Expr& expr) const;  // all args text, or all binary strings
  base::Status NeedInteger(const Expr& expr) const;

  // typecheck_time.cc
  base::Status FromUnixTime(Expr* expr);
  base::Status UnixTimestamp(Expr* expr);
  base::Status ConvertTz(Expr* expr);
  base::Status AddInterval(Expr* expr);
  base::Status PartOfTime(Expr* expr);
  base::Status JsonObject(Expr* expr);
  base::Status JsonExtract(Expr* expr);
  base::Status JsonUnquote(Expr* expr);
  base::Status NeedJson(const Expr& expr) const;

  const TypeContext& c_;
};

ExprPtr Wrap(ExprPtr inner, Op op, Kind kind, std::uint64_t bytes_max);
// Wraps *slot into a conversion node unless it already is of that kind.
void WrapToText(ExprPtr* slot);
void WrapToBinary(ExprPtr* slot);
bool IsString(Kind kind);                     // text or binary
bool IsNumber(Kind kind);                     // integer or DECIMAL
unsigned DecimalPrecision(const Type& type);  // of a number, as DECIMAL
void SetDecimal(Type* type, unsigned precision, unsigned scale);
void SetInteger(Type* type, bool is_unsigned, Int128 min, Int128 max);  // clamps the bounds to 64 bits
std::uint64_t SaturatingAdd(std::uint64_t a, std::uint64_t b);
std::uint64_t SaturatingMultiply(std::uint64_t a, std::uint64_t b);

}  // namespace shardlift::mapping
