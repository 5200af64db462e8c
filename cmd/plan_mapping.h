// `plan --explain-mapping`: what each mapping does to the tables it matches. Reads sources, writes nothing.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "job/config.h"
#include "mapping/explain.h"

namespace shardlift::cmd {

// Tables of one mapping whose explanation is the same.
struct ExplainedTables {
  std::string mapping;
  std::string target;
  std::vector<std::string> tables;  // "source: schema.table", in order
  std::string where;
  mapping::MappingExplanation explanation;
};

// A match pattern of numbers and lists only says which tables there should be.
struct PatternGap {
  std::string mapping;
  std::string pattern;
  std::size_t tables = 0;            // that the pattern stands for
  std::vector<std::string> missing;  // those that no source has
};

struct MappingReport {
  std::vector<ExplainedTables> groups;
  std::vector<PatternGap> gaps;       // to be looked at; the mapping is usable
  std::vector<std::string> problems;  // of the match patterns
  bool usable() const;                // nothing makes a mapping unusable
};

// Unlike the plan itself it does not stop at the first table that cannot be mapped.
base::Result<MappingReport> ExplainMappings(const job::JobConfig& config);

std::string MappingText(const MappingReport& report);

}  // namespace shardlift::cmd
