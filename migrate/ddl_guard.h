// Finds mapped tables in statements that the binlog carries as text (DDL, DML in statement format).
#pragma once

#include <string>
#include <string_view>

#include "job/config.h"

namespace shardlift::migrate {

// The first table named in `sql` (as table, schema.table, with or without back-ticks) that a mapping of `source`
// matches; for DROP DATABASE also the schema of such a table. Empty if there is none. Errs on the side of finding one:
// words of the statement that are not tables are tried too.
std::string FindMappedTable(const job::JobConfig& config, std::string_view source, std::string_view default_schema,
                            std::string_view sql);

}  // namespace shardlift::migrate
