#include "mapping/lossy.h"

#include <algorithm>
#include <map>
#include <string_view>

namespace shardlift::mapping {
namespace {

// What gives several values one, by the name that people know.
const std::map<std::string_view, std::string_view>& LossyCalls() {
  static const std::map<std::string_view, std::string_view> calls = {
      {"LOWER", "LOWER drops upper case (counted)"},
      {"LCASE", "LCASE drops upper case (counted)"},
      {"UPPER", "UPPER drops lower case (counted)"},
      {"UCASE", "UCASE drops lower case (counted)"},
      {"SUBSTRING", "SUBSTRING keeps a part (counted)"},
      {"SUBSTR", "SUBSTR keeps a part (counted)"},
      {"MID", "MID keeps a part (counted)"},
      {"LEFT", "LEFT keeps a part (counted)"},
      {"RIGHT", "RIGHT keeps a part (counted)"},
      {"SUBSTRING_INDEX", "SUBSTRING_INDEX keeps a part (counted)"},
      {"JSON_EXTRACT", "JSON_EXTRACT keeps a part"},
      {"CRC32", "CRC32 may give two texts one"},
      {"BUCKET", "BUCKET gives many keys one"},
      {"ABS", "ABS drops the sign (counted)"},
      {"SIGN", "SIGN keeps the sign only"},
      {"ROUND", "ROUND drops digits (counted)"},
      {"TRUNCATE", "TRUNCATE drops digits (counted)"},
      {"FLOOR", "FLOOR drops digits (counted)"},
      {"CEILING", "CEILING drops digits (counted)"},
      {"CEIL", "CEIL drops digits (counted)"},
      {"DATE", "DATE drops the time of day (counted)"},
      {"LTRIM", "LTRIM drops spaces (counted)"},
      {"RTRIM", "RTRIM drops spaces (counted)"},
      {"LPAD", "LPAD cuts longer text (counted)"},
      {"RPAD", "RPAD cuts longer text (counted)"},
      {"REPLACE", "REPLACE may give two texts one"},
      {"CHAR_LENGTH", "CHAR_LENGTH keeps the length only"},
      {"LENGTH", "LENGTH keeps the length only"},
      {"GREATEST", "GREATEST keeps one of its values"},
      {"LEAST", "LEAST keeps one of its values"},
      {"IFNULL", "IFNULL gives NULL and a value one"},
      {"NULLIF", "NULLIF gives a value and NULL one"},
      {"COALESCE", "COALESCE gives NULL and a value one"},
  };
  return calls;
}

std::string_view LossyOperator(Op op) {
  switch (op) {
    case Op::kCase:
    case Op::kSimpleCase: return "CASE and IF may give several values one";
    case Op::kTrim:
    case Op::kLeftTrim:
    case Op::kRightTrim: return "TRIM drops spaces, or what it names (counted)";
    case Op::kAdd:
    case Op::kSubtract:
    case Op::kMultiply:
    case Op::kDivide:
    case Op::kIntDivide:
    case Op::kModulo:
    case Op::kBitAnd:
    case Op::kBitOr:
    case Op::kShiftLeft:
    case Op::kShiftRight: return "arithmetic may give several values one";
    default: return {};
  }
}

void AddFound(std::string_view text, std::vector<std::string>* list) {
  if (!text.empty() && std::find(list->begin(), list->end(), text) == list->end()) list->emplace_back(text);
}

bool HasColumn(const Expr& expr) {
  return expr.op == Op::kColumn ||
         std::any_of(expr.args.begin(), expr.args.end(), [](const ExprPtr& arg) { return HasColumn(*arg); });
}

}  // namespace

void FindLossy(const Expr& expr, std::vector<std::string>* found) {
  if (expr.op == Op::kCall) {
    const auto lossy = LossyCalls().find(expr.text);
    if (lossy != LossyCalls().end()) AddFound(lossy->second, found);
    const auto parts =
        std::count_if(expr.args.begin(), expr.args.end(), [](const ExprPtr& arg) { return HasColumn(*arg); });
    if (expr.text == "CONCAT" && parts > 1) AddFound("CONCAT does not tell where one column ends", found);
  }
  AddFound(LossyOperator(expr.op), found);
  for (const ExprPtr& arg : expr.args) FindLossy(*arg, found);
}

}  // namespace shardlift::mapping
