// DECIMAL columns: the packed form of row events (9 digits in 4 bytes) to the server's text.
#pragma once

#include <string_view>

#include "binlog/cursor.h"
#include "binlog/digits.h"

namespace shardlift::binlog {

inline constexpr unsigned kDecimalPrecisionMax = 65;
inline constexpr unsigned kDecimalScaleMax = 38;  // MySQL allows 30, MariaDB 38

// Bytes of a packed value; 0 for a precision and scale no server has.
std::size_t DecimalBytes(unsigned precision, unsigned scale);

// Writes the text of one value and returns its size; 0 for digits that are none. `out` has DecimalTextBytes, of which
// also those behind the text may be written. `stored` has DecimalBytes, which must not be 0.
constexpr std::size_t DecimalTextBytes(unsigned precision) { return precision + 3 + kDigitsWritten; }
inline constexpr std::size_t kDecimalTextBytesMax = DecimalTextBytes(kDecimalPrecisionMax);
std::size_t WriteDecimal(const char* stored, unsigned precision, unsigned scale, char* out);
// The same of what comes next. Fails the cursor also for a precision and scale no server has.
std::string_view ReadDecimal(Cursor& in, unsigned precision, unsigned scale, char* out);

}  // namespace shardlift::binlog
