// What a mapping does to one legacy table, for people: which source columns go where, what may be lost on the way, and
// why no two legacy rows can become one. Finds all problems, where TableMapper::Compile stops at the first.
#pragma once

#include <string>
#include <vector>

#include "mapping/config.h"
#include "mapping/table_mapper.h"

namespace shardlift::mapping {

struct ColumnExplanation {
  std::string target;                    // "where" for the condition
  std::string expression;                // as the mapping has it
  bool is_default = false;               // the mapping does not name the column
  std::vector<std::string> sources;      // source columns that the expression reads, in table order
  std::vector<std::string> risks;        // of types, character sets, NULLs, time zones: rows or meaning may suffer
  std::vector<std::string> conversions;  // parts of the expression that give several values one
};

struct SourceExplanation {
  std::string column;
  std::string column_type;
  // "key", "whole" (some target column holds it unchanged), "part" (in expressions that may lose something), "ignored",
  // "generated", or "unmapped", which is a problem.
  std::string fate;
};

struct KeyPart {
  std::string column;
  std::string column_type;
  std::string bytes;  // how it is encoded
  std::size_t bytes_max = 0;
};

struct MappingExplanation {
  std::vector<ColumnExplanation> columns;  // in the target's order; `where` last
  std::vector<SourceExplanation> sources;  // in table order
  std::vector<KeyPart> key;
  std::vector<std::string> owner_argument;  // the steps of the proof; empty when it does not hold
  std::string way_back;                     // which columns can be computed back, and why others can not
  std::vector<std::string> problems;        // each makes the mapping unusable for this table
};

MappingExplanation Explain(const MappingConfig& config, const TableContext& context);

}  // namespace shardlift::mapping
