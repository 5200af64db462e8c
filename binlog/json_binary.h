// MySQL's binary JSON (the value of a JSON column in a row event) to the text the server prints for it.
//
// Format: sql-common/json_binary.h of the MySQL sources. Keys are printed in stored order, with ": " and ", ".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace shardlift::binlog {

// Appends to `out`. Fails with kCorrupt for bytes that are no JSON value, are nested deeper than a server allows, or
// print to more text than any honest value of that size (offsets that point at each other). No part of the value is in
// the message.
base::Status AppendJsonText(std::string_view binary, std::string& out);

// One value inside a document. Its bytes may go on behind it.
struct JsonItem {
  std::string_view key;  // of an object's member
  std::uint8_t type = 0;
  std::string_view data;
};
bool IsJsonObject(std::uint8_t type);
bool IsJsonArray(std::uint8_t type);
// The members of an object or the cells of an array, in stored order. `items` is replaced.
base::Status ReadJsonItems(const JsonItem& container, std::vector<JsonItem>& items);
// Appends the item's text; fails when `out` grows past `text_bytes_max`, or so does its depth from `depth` on.
base::Status AppendJsonItem(const JsonItem& item, int depth, std::size_t text_bytes_max, std::string& out);
void AppendJsonKey(std::string_view key, std::string& out);
std::size_t JsonTextBytesMax(std::size_t binary_bytes);

// A double as the server prints it inside JSON.
void AppendJsonDouble(double value, std::string& out);

}  // namespace shardlift::binlog
