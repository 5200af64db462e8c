// RunChecks: compares all tables of a job, several at a time.
//
// What is given to the worker threads are whole tables (client method), or parts of them (server method), the largest
// tables first.
#pragma once

#include <vector>

#include "base/status.h"
#include "verify/table_check.h"

namespace shardlift::verify {

// One result for each table of the catalog, findings in key order; those that are settled stay as they are. A failed
// Status: the run ended before its end.
base::Status RunChecks(const CheckContext& context, std::vector<TableResult>* results);

}  // namespace shardlift::verify
