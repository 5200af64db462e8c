// The differences of a JSON value in a PARTIAL_UPDATE_ROWS event (binlog_row_value_options=PARTIAL_JSON).
//
// A difference is an operation, a path and, but for a removal, a value in the binary form. Source: MySQL's
// sql-common/json_diff.cc describes the same steps.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"
#include "binlog/json_binary.h"

namespace shardlift::binlog {

// Appends the text (or SQL) that the server has for `before` (binary form) after all `differences` were applied in
// turn. kCorrupt, without any part of the value, when one of them does not fit.
base::Status AppendJsonAfterDifferences(std::string_view before, std::string_view differences, JsonForm form,
                                        std::string& out);

}  // namespace shardlift::binlog
