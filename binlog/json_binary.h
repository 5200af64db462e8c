// MySQL's binary JSON (the value of a JSON column in a row event) to the text the server prints for it.
//
// Format: sql-common/json_binary.h of the MySQL sources. Keys are printed in stored order, with ": " and ", ".
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace shardlift::binlog {

// Appends to `out`. Fails with kCorrupt for bytes that are no JSON value, are nested deeper than a server allows, or
// print to more text than any honest value of that size (offsets that point at each other). No part of the value is in
// the message.
base::Status AppendJsonText(std::string_view binary, std::string& out);

// A double as the server prints it inside JSON.
void AppendJsonDouble(double value, std::string& out);

}  // namespace shardlift::binlog
