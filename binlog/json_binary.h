// MySQL's binary JSON (the value of a JSON column in a row event) to the text the server prints for it.
//
// Format: sql-common/json_binary.h of the MySQL sources. Keys are printed in stored order, with ": " and ", ".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "binlog/arena.h"

namespace shardlift::binlog {

// kSql: an expression that makes the same value: JSON_OBJECT(...), JSON_ARRAY(...), CAST(... AS JSON). Text alone would
// lose what is not of JSON's own types: decimals and temporal values.
enum class JsonForm : std::uint8_t { kText, kSql };

// Appends to `out`. kRefused for a value that SQL cannot make. Fails with kCorrupt for bytes that are no JSON value,
// are nested deeper than a server allows, or print to more text than any honest value of that size (offsets that point
// at each other). No part of the value is in the message.
base::Status AppendJson(std::string_view binary, JsonForm form, std::string& out);
inline base::Status AppendJsonText(std::string_view binary, std::string& out) {
  return AppendJson(binary, JsonForm::kText, out);
}
// The same into the arena. `scratch` is for long documents.
base::Status PrintJson(std::string_view binary, JsonForm form, Arena& arena, std::string& scratch,
                       std::string_view& text);

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
struct JsonPrint {
  int depth = 0;                   // of the item
  std::size_t text_bytes_max = 0;  // what `out` may grow to
  JsonForm form = JsonForm::kText;
};
base::Status AppendJsonItem(const JsonItem& item, const JsonPrint& how, std::string& out);
void AppendJsonKey(std::string_view key, JsonForm form, std::string& out);
inline std::string_view JsonOpening(bool object, JsonForm form) {
  if (form == JsonForm::kText) return object ? "{" : "[";
  return object ? "JSON_OBJECT(" : "JSON_ARRAY(";
}
inline std::string_view JsonClosing(bool object, JsonForm form) {
  return form == JsonForm::kSql ? ")" : object ? "}" : "]";
}
// Around a whole document, by the type of its root.
std::string_view JsonRootOpening(std::uint8_t type, JsonForm form);
std::string_view JsonRootClosing(std::uint8_t type, JsonForm form);
std::size_t JsonTextBytesMax(std::size_t binary_bytes);

// A double as the server prints it inside JSON: at most kJsonDoubleBytesMax. Returns the end.
inline constexpr std::size_t kJsonDoubleBytesMax = 40;
char* WriteJsonDouble(double value, char* out);

}  // namespace shardlift::binlog
