// One target column of a mapping: its expression, brought to the column's type. Internal to mapping/.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/status.h"
#include "mapping/ast.h"
#include "mapping/eval.h"
#include "mapping/inverse.h"
#include "mapping/sql.h"
#include "mapping/typecheck.h"
#include "store/target_table.h"

namespace shardlift::mapping {

// Of an integer column.
inline Int128 SmallestOf(const store::TargetColumn& column) {
  return column.kind == store::TargetKind::kSigned ? -Int128{column.least} : Int128{column.least};
}

class TargetExpression {
 public:
  // Parses, checks and converts `context.text`; kUsage with a caret. Notes go to context.notes. `target` must outlive
  // the expression.
  static base::Result<TargetExpression> Compile(const TypeContext& context, const store::TargetColumn& target);
  // Gives the column an expression (`context.text`) for where this one's value is a bad one. kUsage when that one may
  // have a bad value itself, or when no SQL can tell the bad values of this one (`own_text`, for the caret).
  base::Status SetReplacement(const TypeContext& context, std::string_view own_text);

  // False for a bad value; evaluator.reason() or `reason` says why. The bytes are what the column holds.
  bool Eval(Evaluator& evaluator, StringPool& pool, Val* out, const char** reason, bool* replaced) const;
  // True if no row can change the value.
  bool IsConstant() const;
  std::string Sql(const SqlContext& context) const;
  // BytePieces of the same.
  std::vector<std::string> Pieces(const SqlContext& context) const;
  const Expr& expr() const { return *expr_; }
  bool has_replacement() const { return replacement_ != nullptr; }

 private:
  TargetExpression(const store::TargetColumn& target, ExprPtr expr);

  bool EvalOwn(Evaluator& evaluator, StringPool& pool, Val* out, const char** reason) const;
  bool EvalInteger(StringPool& pool, Val* out, const char** reason) const;
  bool EvalYear(StringPool& pool, Val* out, const char** reason) const;
  bool EvalReal(StringPool& pool, Val* out, const char** reason) const;
  bool EvalTime(Val* out, const char** reason) const;
  bool EvalText(StringPool& pool, const Val& value, const char** reason) const;
  bool IsMember(std::string_view text) const;
  bool IsSetOfMembers(std::string_view text) const;
  std::string OwnSql(const SqlContext& context) const;
  // The condition in SQL that this one's value is no bad value; empty when it never is.
  base::Result<std::string> GoodSql(const SqlContext& context, std::string_view text) const;

  const store::TargetColumn* target_;
  ExprPtr expr_;
  bool is_json_by_form_;             // what is computed need not be looked at
  bool always_fits_;                 // an integer that is
  unsigned char too_long_from_ = 0;  // first bytes of characters that a text column's set does not have; 0: none
  std::shared_ptr<const CharsetEncoder> encoder_;  // of a text column that is not UTF-8
  std::unique_ptr<TargetExpression> replacement_;
};

}  // namespace shardlift::mapping
