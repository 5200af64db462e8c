// Values as target columns take them; what one would store as another is a bad value.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <iterator>
#include <limits>

#include "mapping/charset.h"
#include "mapping/datetime.h"
#include "mapping/target_column.h"

namespace shardlift::mapping {

using store::TargetKind;

namespace {

// TIMESTAMP on both servers. Later MariaDB versions go on to 2106.
constexpr std::string_view kTimestampMin = "1970-01-01 00:00:01";
constexpr std::string_view kTimestampMax = "2038-01-19 03:14:07";
constexpr Int128 kYearMin = 1901;
constexpr Int128 kYearMax = 2155;

}  // namespace

bool TargetExpression::EvalInteger(StringPool& pool, Val* out, const char** reason) const {
  if (!always_fits_) {
    const Int128 value = IntegerOf(expr_->type, *out);
    *reason = "a number out of the column's range";
    if (value < SmallestOf(*target_) || value > Int128{target_->limit}) return false;
  }
  if (!out->bytes.empty()) return true;
  std::string& text = pool.New();
  AppendInteger(expr_->type, *out, &text);
  out->bytes = text;
  return true;
}

// Four digits: of fewer a server makes another year.
bool TargetExpression::EvalYear(StringPool& pool, Val* out, const char** reason) const {
  const Int128 value = IntegerOf(expr_->type, *out);
  *reason = "a number that is no YEAR";
  if (value != 0 && (value < kYearMin || value > kYearMax)) return false;
  std::string& text = pool.New();
  text = fmt::format("{:04}", static_cast<unsigned>(value));
  out->bytes = text;
  return true;
}

bool TargetExpression::EvalReal(StringPool& pool, Val* out, const char** reason) const {
  const auto number = std::bit_cast<double>(out->bits);
  *reason = "a number below zero";
  if (target_->not_below_zero && std::signbit(number)) return false;
  *reason = "a number that FLOAT does not hold exactly";
  constexpr double kFloatMax = std::numeric_limits<float>::max();
  if (target_->kind == TargetKind::kFloat &&
      (std::abs(number) > kFloatMax || double{static_cast<float>(number)} != number)) {
    return false;
  }
  char digits[32];  // the shortest text of the same bits
  const auto end = std::to_chars(std::begin(digits), std::end(digits), number).ptr;
  out->bytes = pool.New().assign(std::begin(digits), end);
  return true;
}

bool TargetExpression::EvalTime(Val* out, const char** reason) const {
  const std::size_t wanted = kDateTimeBytes + (target_->fraction == 0 ? 0u : 1u + target_->fraction);
  if (out->bytes.size() > wanted) {
    *reason = "a time with more digits than the column holds";
    const std::size_t first = std::max<std::size_t>(wanted, kDateTimeBytes + 1);
    if (out->bytes.find_first_not_of('0', first) != std::string_view::npos) return false;
    out->bytes = out->bytes.substr(0, wanted);
  }
  if (!target_->is_timestamp) return true;
  *reason = "a time that TIMESTAMP does not have";
  return out->bytes >= kTimestampMin && out->bytes.substr(0, kDateTimeBytes) <= kTimestampMax;
}

bool TargetExpression::EvalText(StringPool& pool, const Val& value, const char** reason) const {
  std::string_view stored = value.bytes;
  *reason = "a character that the column's character set does not have";
  if (encoder_ != nullptr) {
    std::string& encoded = pool.New();
    if (!encoder_->Append(value.bytes, &encoded)) return false;
    stored = encoded;
  } else if (too_long_from_ != 0 && std::any_of(stored.begin(), stored.end(), [this](char c) {
               return static_cast<unsigned char>(c) >= too_long_from_;
             })) {
    return false;
  }
  *reason = "spaces at the end, which the column does not keep";
  if (target_->pads && stored.ends_with(' ')) return false;
  *reason = "more characters than the column takes";
  if (target_->characters_max > 0 && value.bytes.size() > target_->characters_max &&
      CountCharacters(value.bytes) > target_->characters_max) {
    return false;
  }
  *reason = "more bytes than the column takes";
  return stored.size() <= target_->limit;
}

bool TargetExpression::IsMember(std::string_view text) const {
  return std::find(target_->members.begin(), target_->members.end(), text) != target_->members.end();
}

bool TargetExpression::IsSetOfMembers(std::string_view text) const {
  auto from = target_->members.begin();
  while (!text.empty()) {
    const std::string_view one = text.substr(0, text.find(','));
    from = std::find(from, target_->members.end(), one);
    if (from++ == target_->members.end()) return false;
    if (one.size() == text.size()) return true;
    text.remove_prefix(one.size() + 1);
    if (text.empty()) return false;
  }
  return true;
}

// Of the kinds of columns that `message` has; the others' bad values no SQL tells yet.

}  // namespace shardlift::mapping
