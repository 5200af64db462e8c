// DECIMAL values of up to 38 digits: texts of the servers and their numbers times a power of ten. Internal to mapping/.
#pragma once

#include <string>
#include <string_view>

#include "mapping/ast.h"

namespace shardlift::mapping {

inline constexpr unsigned kDecimalDigitsMax = 38;  // of a number that is computed with
inline constexpr unsigned kDecimalScaleMax = 30;   // the servers'

// n up to kDecimalDigitsMax.
Int128 PowerOfTen(unsigned n);

// "-12.50" times 10^scale. False for other text than an optional -, digits, and perhaps a point with digits behind it,
// for more than kDecimalDigitsMax digits; digits behind `scale` are rounded, halves away from zero.
bool ParseDecimal(std::string_view text, unsigned scale, Int128* out);

// The servers' text.
void AppendDecimal(Int128 value, unsigned scale, std::string* out);

// From one scale to a smaller or equal one, halves away from zero.
Int128 RoundScale(Int128 value, unsigned from, unsigned to);

// x / y as the servers compute it: they cut the quotient behind a multiple of nine digits, then round to `scale`.
// y is not 0, the caller has checked QuotientFits.
Int128 Quotient(Int128 x, unsigned x_scale, Int128 y, unsigned y_scale, unsigned scale);
// False if a server, or this code, may not hold all digits of the quotient that count. Precisions in digits.
bool QuotientFits(unsigned x_precision, unsigned x_scale, unsigned y_precision, unsigned y_scale, unsigned scale);

}  // namespace shardlift::mapping
