#include "mapping/functions.h"

#include <algorithm>
#include <array>
#include <vector>

namespace shardlift::mapping {

namespace {

constexpr std::size_t kMany = 1000;

// IF, CAST and CONVERT have their own grammar and are known to the parser.
constexpr Function kFunctions[] = {
    {"CHAR_LENGTH", Op::kCharLength, 1, 1},
    {"CHARACTER_LENGTH", Op::kCharLength, 1, 1},
    {"COALESCE", Op::kCoalesce, 1, kMany},
    {"COMPOSE_ID", Op::kComposeId, 1, 1},
    {"CONCAT", Op::kConcat, 1, kMany},
    {"CONVERT_TZ", Op::kConvertTz, 3, 3},
    {"FROM_UNIXTIME", Op::kFromUnixTime, 1, 1},
    {"HEX", Op::kHex, 1, 1},
    {"IFNULL", Op::kCoalesce, 2, 2},
    {"JSON_OBJECT", Op::kJsonObject, 0, kMany},
    {"LCASE", Op::kLower, 1, 1},
    {"LEFT", Op::kLeft, 2, 2},
    {"LENGTH", Op::kLength, 1, 1},
    {"LOWER", Op::kLower, 1, 1},
    {"LPAD", Op::kLeftPad, 3, 3},
    {"LTRIM", Op::kLeftTrim, 1, 1},
    {"MOD", Op::kModulo, 2, 2},
    {"NULLIF", Op::kNullIf, 2, 2},
    {"REPLACE", Op::kReplace, 3, 3},
    {"RIGHT", Op::kRight, 2, 2},
    {"RTRIM", Op::kRightTrim, 1, 1},
    {"SUBSTR", Op::kSubstring, 2, 3},
    {"SUBSTRING", Op::kSubstring, 2, 3},
    {"TABLE_SUFFIX", Op::kTableSuffix, 0, 0},
    {"TRIM", Op::kTrim, 1, 1},
    {"UCASE", Op::kUpper, 1, 1},
    {"UNHEX", Op::kUnhex, 1, 1},
    {"UPPER", Op::kUpper, 1, 1},
};

constexpr std::string_view kVolatile[] = {"BENCHMARK",    "CONNECTION_ID",  "CURDATE",        "CURRENT_DATE",
                                          "CURRENT_ROLE", "CURRENT_TIME",   "CURRENT_USER",   "CURRENT_TIMESTAMP",
                                          "CURTIME",      "DATABASE",       "FOUND_ROWS",     "GET_LOCK",
                                          "IS_FREE_LOCK", "IS_USED_LOCK",   "LAST_INSERT_ID", "LOAD_FILE",
                                          "LOCALTIME",    "LOCALTIMESTAMP", "NEXTVAL",        "NOW",
                                          "RAND",         "RANDOM_BYTES",   "RELEASE_LOCK",   "ROW_COUNT",
                                          "SCHEMA",       "SESSION_USER",   "SLEEP",          "SYSDATE",
                                          "SYSTEM_USER",  "SYS_GUID",       "UNIX_TIMESTAMP", "USER",
                                          "UTC_DATE",     "UTC_TIME",       "UTC_TIMESTAMP",  "UUID",
                                          "UUID_SHORT",   "VERSION"};

std::size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      std::size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

}  // namespace

const Function* FindFunction(std::string_view upper) {
  for (const Function& function : kFunctions) {
    if (function.name == upper) return &function;
  }
  return nullptr;
}

std::string_view RefusedFunction(std::string_view upper) {
  for (std::string_view name : kVolatile) {
    if (name == upper) return "depends on more than the row, so a check could not repeat it; it is refused";
  }
  return {};
}

std::string_view NearestFunction(std::string_view upper) {
  std::string_view best;
  std::size_t best_distance = 3;
  for (const Function& function : kFunctions) {
    std::size_t distance = EditDistance(upper, function.name);
    if (distance < best_distance) {
      best_distance = distance;
      best = function.name;
    }
  }
  return best;
}

}  // namespace shardlift::mapping
