// The table of the property test: every column type and character set that expressions read, with random rows.
#pragma once

#include <random>
#include <string>
#include <vector>

namespace shardlift::mapping::testing {

struct Cell {
  std::string sql;       // a literal
  bool special = false;  // NULL, or a boundary of its type
};

struct MatrixColumn {
  const char* name;
  const char* ddl;
  // The groups that templates ask for, one letter each:
  //   i integers   n small integers   f counts of 0 to 70   c DECIMAL   t text   b binary strings   d DATETIME   a DATE
  //   j JSON       g digits as text   h hexadecimal         k base 64   m times as text   q JSON as text   p parts with
  //   ':' s seconds    S seconds with milliseconds   D DATETIME with six digits   z DATETIME of 1970 to 2037   l latin1
  const char* groups;
  std::string (*plain)(std::mt19937_64& random);
  std::vector<std::string> boundaries;  // literals
};

const std::vector<MatrixColumn>& MatrixColumns();

// CREATE TABLE of `table` with an INT key `id` and all columns, nullable.
std::string MatrixDdl(const std::string& table);
// NULL in a tenth of the cells, boundaries in a quarter.
std::vector<Cell> MatrixRow(std::mt19937_64& random);

}  // namespace shardlift::mapping::testing
