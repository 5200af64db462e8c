// One target column of a mapping: its expression, brought to the column's type. Internal to mapping/.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "mapping/ast.h"
#include "mapping/eval.h"
#include "mapping/inverse.h"
#include "mapping/sql.h"
#include "mapping/typecheck.h"
#include "store/target_table.h"

namespace shardlift::mapping {

class TargetExpression {
 public:
  // Parses, checks and converts `context.text`; kUsage with a caret. Notes go to context.notes. `target` must outlive
  // the expression.
  static base::Result<TargetExpression> Compile(const TypeContext& context, const store::TargetColumn& target);

  // False for a bad value; evaluator.reason() or `reason` says why. The bytes are what the column holds.
  bool Eval(Evaluator& evaluator, StringPool& pool, Val* out, const char** reason) const;
  std::string Sql(const SqlContext& context) const;
  const Expr& expr() const { return *expr_; }

 private:
  TargetExpression(const store::TargetColumn& target, ExprPtr expr);

  bool EvalInteger(StringPool& pool, Val* out, const char** reason) const;
  bool EvalTime(Val* out, const char** reason) const;
  bool EvalText(StringPool& pool, const Val& value, const char** reason) const;
  bool IsMember(std::string_view text) const;
  bool IsSetOfMembers(std::string_view text) const;

  const store::TargetColumn* target_;
  ExprPtr expr_;
  std::string constant_;                           // the text of an integer literal; empty for anything else
  std::shared_ptr<const CharsetEncoder> encoder_;  // of a text column that is not UTF-8
};

}  // namespace shardlift::mapping
