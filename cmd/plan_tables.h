// The legacy tables of a job as `plan` shows them. Reads sources and shards, writes nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "job/config.h"

namespace shardlift::cmd {

struct PlannedTable {
  std::string mapping;
  std::string source;
  std::string table;
  std::string target;                    // the table that its rows go to
  std::optional<std::uint32_t> ordinal;  // none: migrate will give one
  std::uint64_t rows_estimate = 0;       // the server's guess
  std::vector<std::string> key;
  std::string where;               // empty: all rows
  std::vector<std::string> notes;  // conversions that may lose something
};

// Fails as job::LoadCatalog does, but not for tables that have no ordinal yet or for shards without the store's tables.
base::Result<std::vector<PlannedTable>> PlanTables(const job::JobConfig& config);

}  // namespace shardlift::cmd
