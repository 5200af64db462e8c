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
#include "mysql/schema.h"

namespace shardlift::mapping {

struct TypeContext {
  std::string_view text;  // of the expression, for carets
  const mysql::TableSchema* schema = nullptr;
  std::uint32_t origin = 0;
  std::uint32_t table_ordinal = 0;
  std::vector<bool>* used = nullptr;          // by column: set when the expression names it
  std::vector<std::string>* notes = nullptr;  // what is checked at run time or may lose something
};

// Resolves names, types every node, replaces kCall, inserts conversions. kUsage with a caret.
base::Status Typecheck(const TypeContext& context, ExprPtr* expr);
// The same for a condition: integers and conditions only.
base::Status TypecheckCondition(const TypeContext& context, ExprPtr* expr);

// The type of a column; kUsage text without caret when values of the column cannot be used in expressions.
base::Result<Type> ColumnTypeOf(const mysql::Column& column);

// For messages: "a number", "text", ...
std::string_view KindName(Kind kind);

// Parts of the checker, in two files.
class TypeChecker {
 public:
  explicit TypeChecker(const TypeContext& context) : c_(context) {}
  base::Status Check(ExprPtr* expr);
  base::Status Condition(ExprPtr* expr);  // after Check

 private:
  base::Status Error(const Expr& expr, std::string_view message) const;
  void Note(std::string note) const;

  base::Status Leaf(Expr* expr);
  base::Status Column(Expr* expr);
  base::Status Call(ExprPtr* expr);
  base::Status Arithmetic(Expr* expr);
  base::Status Comparable(ExprPtr* a, ExprPtr* b);
  base::Status Compare(Expr* expr);
  base::Status Logic(Expr* expr);
  base::Status Case(Expr* expr);
  base::Status Coalesce(Expr* expr);
  base::Status NullIf(Expr* expr);
  // Gives all of `values` (slots of expr's args) one type and returns it.
  base::Status Unify(const Expr& expr, const std::vector<ExprPtr*>& values, Type* out);
  base::Status UnifyIntegers(const Expr& expr, const std::vector<ExprPtr*>& values, Type* out);
  base::Status Cast(ExprPtr* expr);
  base::Status CastToDateTime(Expr* expr);

  // typecheck_functions.cc
  base::Status FunctionCall(ExprPtr* expr);
  base::Status Concat(Expr* expr);
  base::Status StringFunction(Expr* expr);
  base::Status SubstringLike(Expr* expr);
  base::Status LeftPad(Expr* expr);
  base::Status HexFunction(Expr* expr);
  base::Status FromUnixTime(Expr* expr);
  base::Status ConvertTz(Expr* expr);
  base::Status JsonObject(Expr* expr);
  base::Status TableSuffix(Expr* expr);
  base::Status ComposeId(Expr* expr);
  base::Status NeedString(const Expr& expr) const;
  base::Status NeedInteger(const Expr& expr) const;

  const TypeContext& c_;
};

ExprPtr Wrap(ExprPtr inner, Op op, Kind kind, std::uint64_t bytes_max);
// Wraps *slot into a conversion node unless it already is of that kind.
void WrapToText(ExprPtr* slot);
void WrapToBinary(ExprPtr* slot);
bool IsString(Kind kind);                                               // text or binary
void SetInteger(Type* type, bool is_unsigned, Int128 min, Int128 max);  // clamps the bounds to 64 bits
std::uint64_t SaturatingAdd(std::uint64_t a, std::uint64_t b);
std::uint64_t SaturatingMultiply(std::uint64_t a, std::uint64_t b);

}  // namespace shardlift::mapping
