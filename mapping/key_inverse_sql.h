// The way back from the columns of a declared key to the legacy key, as SQL. Internal to mapping/.
//
// Only what SQL takes back exactly, for every row that there can be: a row whose values no legacy row gives is told by
// the conditions, never taken for another one's.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mapping/ast.h"
#include "mapping/column_reader.h"
#include "mysql/schema.h"

namespace shardlift::mapping {

// target column = factor * legacy column + offset, with a factor above 0: both ascend together.
struct Line {
  std::string column;  // quoted
  Int128 factor = 1;
  Int128 offset = 0;
};

// A legacy column as the target's columns tell it.
struct ToldColumn {
  std::string sql;  // an integer, or the column's own bytes
  std::optional<Line> line;
};

class KeyInverter {
 public:
  KeyInverter(const mysql::TableSchema& schema, const ContentCharsets& charsets)
      : schema_(schema), charsets_(charsets), told_(schema.columns.size()) {}

  // Takes back one column of the target: `quoted` holds integers from `least` to `most`, or `shown` shows its bytes.
  // nullptr, or why SQL does not take the expression back.
  const char* Integer(const Expr& expr, const std::string& quoted, Int128 least, Int128 most);
  const char* Bytes(const Expr& expr, const std::string& shown);

  // By legacy column; not told: no value.
  const std::vector<std::optional<ToldColumn>>& told() const { return told_; }
  // What is true of every row that a legacy row gives.
  const std::vector<std::string>& conditions() const { return conditions_; }

 private:
  struct Number {
    std::string sql;
    Int128 least;
    Int128 most;
    std::optional<Line> line;
  };
  const char* Undo(const Expr& expr, Number number);
  const char* UndoSum(const Expr& expr, Number number);
  const char* UndoProduct(const Expr& expr, Number number);
  const char* UndoComposed(const Expr& expr, Number number);
  const char* UndoConcat(const Expr& expr, const std::string& bytes);
  const char* Tell(std::size_t column, ToldColumn told);

  const mysql::TableSchema& schema_;
  const ContentCharsets& charsets_;
  std::vector<std::optional<ToldColumn>> told_;
  std::vector<std::string> conditions_;
};

std::string NumberText(Int128 number);
// The text, number or bytes of an expression that is a literal, casts aside; nothing for any other.
std::optional<std::string> LiteralBytes(const Expr& expr);

}  // namespace shardlift::mapping
