// What the value of an expression tells of the columns in it. Internal to mapping/.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "mapping/ast.h"
#include "mapping/column_reader.h"
#include "mysql/schema.h"

namespace shardlift::mapping {

// A value on its way back. Which member counts follows from the node's type.
struct Known {
  bool null = false;
  Int128 number = 0;       // kInt
  std::string_view bytes;  // all other kinds
};

// nullptr if the arguments that are no literals follow from the value; else why they do not.
const char* WhyOneWay(const Expr& expr);

// UTF-8 into the character set of a column; only characters that have exactly one code there.
class CharsetEncoder {
 public:
  // `charset` is one that mappings read.
  explicit CharsetEncoder(std::string_view charset);
  // False for a character that the set does not have, or has twice.
  bool Append(std::string_view utf8, std::string* out) const;

 private:
  bool same_ = false;
  std::unordered_map<std::string, std::uint32_t> codes_;  // by UTF-8; kTwice where there is no single one
};

// Carries values back into columns.
class Undoer {
 public:
  Undoer(const mysql::TableSchema& schema, const ContentCharsets& charsets);

  // What the column selects (mysql::SelectItem), for those that `expr`'s value tells; others stay as they are. False
  // when the value is none that the expression gives for any row.
  struct Column {
    bool known = false;
    bool null = false;
    std::string text;
  };
  bool Undo(const Expr& expr, const Known& value, StringPool& pool, std::vector<Column>* columns) const;

 private:
  bool UndoColumn(const Expr& expr, const Known& value, Column* column) const;
  bool UndoNumber(const Expr& expr, Known value, StringPool& pool, std::vector<Column>* columns) const;
  bool UndoTime(const Expr& expr, Known value, StringPool& pool, std::vector<Column>* columns) const;
  bool UndoScale(const Expr& expr, Known value, StringPool& pool, std::vector<Column>* columns) const;
  bool UndoText(const Expr& expr, Known value, StringPool& pool, std::vector<Column>* columns) const;
  bool UndoConcat(const Expr& expr, Known value, StringPool& pool, std::vector<Column>* columns) const;
  bool UndoCase(const Expr& expr, Known value, StringPool& pool, std::vector<Column>* columns) const;
  bool UndoJson(const Expr& expr, Known value, StringPool& pool, std::vector<Column>* columns) const;

  const mysql::TableSchema& schema_;
  std::vector<CharsetEncoder> encoders_;  // one a column
};

// The integer at the front, taken away; false if there is none.
bool TakeInteger(std::string_view* text, Int128* number);

}  // namespace shardlift::mapping
