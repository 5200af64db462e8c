#include "mapping/inverse.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include "mapping/datetime.h"
#include "mapping/decimal.h"
#include "mapping/encodings.h"
#include "mapping/json_path.h"
#include "mapping/shown_charset.h"

namespace shardlift::mapping {

namespace {

constexpr std::uint32_t kTwice = 0xFFFFFFFF;
constexpr Int128 kTwoTo64 = Int128{1} << 64;
constexpr std::uint64_t kLegacyIdMask = (1ull << 40) - 1;

const Expr& Bare(const Expr& expr) {
  const Expr* inner = &expr;
  while (inner->op == Op::kToText || inner->op == Op::kToBinary) inner = inner->args[0].get();
  return *inner;
}

bool IsLiteral(const Expr& expr) {
  Op op = Bare(expr).op;
  return op == Op::kTextLiteral || op == Op::kBinaryLiteral || op == Op::kIntLiteral || op == Op::kDecimalLiteral;
}

Int128 LiteralNumber(const Expr& expr) { return expr.is_negative ? -Int128{expr.number} : Int128{expr.number}; }

std::string LiteralText(const Expr& expr) {
  const Expr& bare = Bare(expr);
  if (bare.op != Op::kIntLiteral) return bare.text;
  std::string text;
  AppendDecimal(LiteralNumber(bare), 0, &text);
  return text;
}

// 64 bits read the way `type` does.
Int128 Rewrapped(const Type& type, Int128 number) {
  if (type.is_unsigned && number < 0) return number + kTwoTo64;
  if (!type.is_unsigned && number > std::numeric_limits<std::int64_t>::max()) return number - kTwoTo64;
  return number;
}

// Takes away from a time what its expression added.
bool MoveBack(const Expr& expr, std::string* text) {
  static constexpr std::int64_t kUnitSeconds[] = {0, 1, 60, 3600, 86400, 7 * 86400};
  Int128 added = expr.seconds;
  if (expr.op == Op::kAddInterval) {
    added = LiteralNumber(*expr.args[1]) * kUnitSeconds[expr.number];
    if (expr.is_negative) added = -added;
  }
  constexpr Int128 kSecondsMax = Int128{1} << 40;
  if (added > kSecondsMax || added < -kSecondsMax) return false;
  const bool is_date = text->size() == kDateBytes;
  if (is_date) text->append(" 00:00:00");
  if (!FormatSeconds(SecondsOf(*text) - static_cast<std::int64_t>(added), text->data())) return false;
  if (is_date) text->resize(kDateBytes);
  return true;
}

bool ParseInteger(std::string_view text, Int128* number) { return TakeInteger(&text, number) && text.empty(); }

}  // namespace

bool TakeInteger(std::string_view* text, Int128* number) {
  std::size_t at = text->starts_with('-') ? 1 : 0;
  std::size_t end = at;
  while (end < text->size() && (*text)[end] >= '0' && (*text)[end] <= '9') ++end;
  if (end == at || !ParseDecimal(text->substr(0, end), 0, number)) return false;
  text->remove_prefix(end);
  return true;
}

CharsetEncoder::CharsetEncoder(std::string_view charset) {
  Charset known = FindCharset(charset);
  same_ = known == Charset::kUtf8 || known == Charset::kAscii || charset.empty();
  if (same_) return;
  const CharsetTable* table = FindCharsetTable(charset);
  for (std::uint32_t code = 0; code < 0x10000; ++code) {
    std::string bytes;
    if (code > 0xFF) bytes.push_back(static_cast<char>(code >> 8));
    bytes.push_back(static_cast<char>(code));
    std::string utf8;
    bool ok = table != nullptr ? AppendTableText(*table, bytes, &utf8) : AppendUtf8(known, bytes, &utf8);
    if (!ok || CountCharacters(utf8) != 1) continue;
    auto [found, inserted] = codes_.emplace(utf8, code);
    if (!inserted) found->second = kTwice;
  }
}

bool CharsetEncoder::Append(std::string_view utf8, std::string* out) const {
  if (same_) {
    out->append(utf8);
    return true;
  }
  while (!utf8.empty()) {
    std::size_t length = CharacterOffset(utf8, 1);
    auto found = codes_.find(std::string(utf8.substr(0, length)));
    if (found == codes_.end() || found->second == kTwice) return false;
    if (found->second > 0xFF) out->push_back(static_cast<char>(found->second >> 8));
    out->push_back(static_cast<char>(found->second));
    utf8.remove_prefix(length);
  }
  return true;
}

Undoer::Undoer(const mysql::TableSchema& schema, const ContentCharsets& charsets) : schema_(schema) {
  for (std::size_t i = 0; i < schema.columns.size(); ++i) {
    const mysql::Column& column = schema.columns[i];
    const std::string_view own = column.is_text() ? std::string_view(column.charset) : std::string_view();
    encoders_.emplace_back(charsets.At(i).empty() ? own : charsets.At(i));
  }
}

bool Undoer::Undo(const Expr& expr, const Known& value, StringPool& pool, std::vector<Column>* columns) const {
  if (WhyOneWay(expr) != nullptr) return true;
  switch (expr.op) {
    case Op::kColumn: return UndoColumn(expr, value, &(*columns)[expr.column]);
    case Op::kColumnBytes: {
      Column& column = (*columns)[expr.column];
      column.known = true;
      column.null = value.null;
      column.text = value.bytes;
      return true;
    }
    case Op::kComposeId:
    case Op::kBitNot:
    case Op::kToSigned:
    case Op::kToUnsigned:
    case Op::kNegate:
    case Op::kAdd:
    case Op::kSubtract:
    case Op::kMultiply:
      if (expr.type.kind == Kind::kDecimal) return UndoScale(expr, value, pool, columns);
      return UndoNumber(expr, value, pool, columns);
    case Op::kDivide: return UndoScale(expr, value, pool, columns);
    case Op::kFromUnixTime:
    case Op::kUnixTimestamp:
    case Op::kToDateTime:
    case Op::kToDate:
    case Op::kConvertTz:
    case Op::kAddInterval: return UndoTime(expr, value, pool, columns);
    case Op::kConcat: return UndoConcat(expr, value, pool, columns);
    case Op::kSimpleCase: return UndoCase(expr, value, pool, columns);
    case Op::kJsonObject: return UndoJson(expr, value, pool, columns);
    default: return UndoText(expr, value, pool, columns);
  }
}

bool Undoer::UndoColumn(const Expr& expr, const Known& value, Column* column) const {
  const mysql::Column& described = schema_.columns[expr.column];
  column->known = true;
  column->null = value.null;
  column->text.clear();
  if (value.null) return true;
  if (expr.type.kind == Kind::kInt) {
    AppendDecimal(value.number, 0, &column->text);
    return true;
  }
  if (described.type == mysql::ColumnType::kEnum) {
    auto found = std::find(described.members.begin(), described.members.end(), value.bytes);
    column->text = std::to_string(found == described.members.end() ? 0 : found - described.members.begin() + 1);
    return found != described.members.end() || value.bytes.empty();
  }
  if (described.type == mysql::ColumnType::kSet) {
    std::uint64_t mask = 0;
    for (std::string_view rest = value.bytes; !rest.empty();) {
      std::string_view member = rest.substr(0, rest.find(','));
      auto found = std::find(described.members.begin(), described.members.end(), member);
      if (found == described.members.end()) return false;
      mask |= 1ull << (found - described.members.begin());
      rest.remove_prefix(std::min(rest.size(), member.size() + 1));
    }
    column->text = std::to_string(mask);
    return true;
  }
  return encoders_[expr.column].Append(value.bytes, &column->text);
}

bool Undoer::UndoNumber(const Expr& expr, Known value, StringPool& pool, std::vector<Column>* columns) const {
  const Expr& first = *expr.args[0];
  if (value.null) {
    for (const ExprPtr& arg : expr.args) {
      if (!IsLiteral(*arg) && !Undo(*arg, value, pool, columns)) return false;
    }
    return true;
  }
  switch (expr.op) {
    case Op::kComposeId: value.number &= Int128{kLegacyIdMask}; break;
    case Op::kBitNot: value.number = Rewrapped(first.type, ~value.number & (kTwoTo64 - 1)); break;
    case Op::kNegate: value.number = -value.number; break;
    case Op::kToSigned:
    case Op::kToUnsigned:
      if (value.number < first.type.min || value.number > first.type.max) return false;
      break;
    default: {
      const Expr& second = *expr.args[1];
      if (!IsLiteral(first) && !IsLiteral(second)) {  // packed
        const Int128 unit = LiteralNumber(*first.args[1]);
        Known high{false, value.number / unit * unit, {}};
        Known low{false, value.number % unit, {}};
        if (low.number < 0) low.number += unit, high.number -= unit;
        return Undo(first, high, pool, columns) && Undo(second, low, pool, columns);
      }
      const Expr& inner = IsLiteral(first) ? second : first;
      const Int128 literal = LiteralNumber(IsLiteral(first) ? first : second);
      if (expr.op == Op::kMultiply) {
        if (value.number % literal != 0) return false;
        value.number /= literal;
      } else if (expr.op == Op::kAdd) {
        value.number -= literal;
      } else {
        value.number = IsLiteral(first) ? literal - value.number : value.number + literal;
      }
      return Undo(inner, value, pool, columns);
    }
  }
  return Undo(first, value, pool, columns);
}

// An integer times a literal with a point, or divided by a power of ten.
bool Undoer::UndoScale(const Expr& expr, Known value, StringPool& pool, std::vector<Column>* columns) const {
  const bool second = expr.op == Op::kMultiply && expr.args[0]->op == Op::kDecimalLiteral;
  if (!value.null) {
    const unsigned digits = expr.type.fraction;
    Int128 unit = 0;
    if (!ParseDecimal(value.bytes, digits, &value.number)) return false;
    if (expr.op == Op::kDivide) {
      unit = PowerOfTen(digits - static_cast<unsigned>(ExactQuotientDigits(expr)));
    } else {
      const Expr& literal = *expr.args[second ? 0 : 1];
      if (!ParseDecimal(literal.text, literal.type.fraction, &unit)) return false;
    }
    if (value.number % unit != 0) return false;
    value.number /= unit;
  }
  return Undo(*expr.args[second ? 1 : 0], value, pool, columns);
}

bool Undoer::UndoText(const Expr& expr, Known value, StringPool& pool, std::vector<Column>* columns) const {
  const Expr& arg = *expr.args[0];
  if (value.null) return Undo(arg, value, pool, columns);
  if (expr.op == Op::kHex && arg.type.kind == Kind::kInt) {
    std::uint64_t bits = 0;
    const char* end = value.bytes.data() + value.bytes.size();
    if (std::from_chars(value.bytes.data(), end, bits, 16).ptr != end) return false;
    value.number = Rewrapped(arg.type, Int128{bits});
    return Undo(arg, value, pool, columns);
  }
  if (expr.op == Op::kHex || expr.op == Op::kToBase64) {
    std::string& bytes = pool.New();
    if (!(expr.op == Op::kHex ? AppendUnhexed(value.bytes, &bytes) : AppendFromBase64(value.bytes, &bytes)))
      return false;
    value.bytes = bytes;
  } else if (expr.op == Op::kToDecimal) {
    // A wider DECIMAL: the digits behind the point that were added are zeros.
    Int128 number = 0;
    if (!ParseDecimal(value.bytes, arg.type.fraction, &number)) return false;
    std::string& text = pool.New();
    AppendDecimal(number, arg.type.fraction, &text);
    value.bytes = text;
    value.number = number;
  } else if (arg.type.kind == Kind::kInt) {
    if (!ParseInteger(value.bytes, &value.number)) return false;
  }
  return Undo(arg, value, pool, columns);
}

bool Undoer::UndoConcat(const Expr& expr, Known value, StringPool& pool, std::vector<Column>* columns) const {
  std::string_view rest = value.bytes;
  const Expr* free_part = nullptr;
  std::vector<const Expr*> behind;  // from the last one to the first behind the free part
  for (const ExprPtr& part : expr.args) {
    if (free_part != nullptr) {
      behind.insert(behind.begin(), part.get());
    } else if (IsLiteral(*part)) {
      const std::string text = LiteralText(*part);
      if (!value.null && !rest.starts_with(text)) return false;
      if (!value.null) rest.remove_prefix(text.size());
    } else if (Bare(*part).type.kind == Kind::kInt) {
      Known number{value.null, 0, {}};
      if (!value.null && !TakeInteger(&rest, &number.number)) return false;
      if (!Undo(Bare(*part), number, pool, columns)) return false;
    } else {
      free_part = part.get();
    }
  }
  for (const Expr* part : behind) {
    if (value.null) break;
    if (IsLiteral(*part)) {
      const std::string text = LiteralText(*part);
      if (!rest.ends_with(text)) return false;
      rest.remove_suffix(text.size());
      continue;
    }
    std::size_t digits = rest.size() - (rest.find_last_not_of("0123456789") + 1);
    if (digits < rest.size() && rest[rest.size() - digits - 1] == '-') ++digits;
    Known number;
    if (!ParseInteger(rest.substr(rest.size() - digits), &number.number)) return false;
    rest.remove_suffix(digits);
    if (!Undo(Bare(*part), number, pool, columns)) return false;
  }
  if (free_part == nullptr) return value.null || rest.empty();
  return Undo(*free_part, {value.null, 0, rest}, pool, columns);
}

bool Undoer::UndoCase(const Expr& expr, Known value, StringPool& pool, std::vector<Column>* columns) const {
  if (value.null) return true;  // of the values without a WHEN, which one is lost
  for (std::size_t i = 1; i + 1 < expr.args.size(); i += 2) {
    const Expr& then = *expr.args[i + 1];
    bool same =
        expr.type.kind == Kind::kInt ? value.number == LiteralNumber(Bare(then)) : value.bytes == LiteralText(then);
    if (!same) continue;
    const Expr& when = Bare(*expr.args[i]);
    return Undo(*expr.args[0], {false, LiteralNumber(when), when.text}, pool, columns);
  }
  return false;
}

bool Undoer::UndoJson(const Expr& expr, Known value, StringPool& pool, std::vector<Column>* columns) const {
  for (std::size_t i = 0; i < expr.args.size(); i += 2) {
    const Expr& arg = *expr.args[i + 1];
    std::string_view found;
    std::vector<ExprPtr> step;
    step.push_back(NewExpr(Op::kTextLiteral, 0));
    step.back()->text = expr.args[i]->text;
    if (FindInJson(value.bytes, step, &found) != JsonStep::kFound) return false;
    Known member{found == "null", 0, found};
    if (!member.null && arg.type.kind == Kind::kInt && !ParseInteger(found, &member.number)) return false;
    if (!member.null && arg.type.kind == Kind::kText) {
      std::string& text = pool.New();
      if (found.size() < 2 || !AppendUnquoted(found, &text)) return false;
      member.bytes = text;
    }
    if (arg.type.kind == Kind::kJson && arg.type.nullable && member.null) continue;  // NULL or JSON's null
    if (!Undo(arg, member, pool, columns)) return false;
  }
  return true;
}

bool Undoer::UndoTime(const Expr& expr, Known value, StringPool& pool, std::vector<Column>* columns) const {
  const Expr& arg = *expr.args[0];
  if (value.null) return Undo(arg, value, pool, columns);
  std::string& text = pool.New();
  if (expr.op == Op::kFromUnixTime) {
    const Int128 seconds = SecondsOf(value.bytes);
    const unsigned digits = expr.type.fraction;
    value.number = seconds;
    if (digits > 0) {
      Int128 behind = 0;
      if (!ParseDecimal(value.bytes.substr(kDateTimeBytes + 1), 0, &behind)) return false;
      AppendDecimal(seconds * PowerOfTen(digits) + behind, digits, &text);
      value.bytes = text;
    }
    return Undo(arg, value, pool, columns);
  }
  if (expr.op == Op::kUnixTimestamp) {
    Int128 number = value.number;
    const unsigned digits = expr.type.kind == Kind::kInt ? 0 : expr.type.fraction;
    if (digits > 0 && !ParseDecimal(value.bytes, digits, &number)) return false;
    text.resize(kDateTimeBytes);
    if (!FormatSeconds(static_cast<std::int64_t>(number / PowerOfTen(digits)), text.data())) return false;
    if (digits > 0) text.append(value.bytes.substr(value.bytes.find('.')));
  } else {
    text.assign(value.bytes);
  }
  if (expr.op == Op::kConvertTz || expr.op == Op::kAddInterval) {
    if (!MoveBack(expr, &text)) return false;
    return Undo(arg, {false, 0, text}, pool, columns);
  }
  // Fewer digits, or a date only: what goes was added as zeros.
  if (arg.type.kind == Kind::kDate) text.resize(kDateBytes);
  const unsigned digits = arg.type.fraction;
  if (arg.type.kind == Kind::kDateTime) text.resize(kDateTimeBytes + (digits == 0 ? 0 : 1 + digits));
  return Undo(arg, {false, 0, text}, pool, columns);
}

}  // namespace shardlift::mapping
