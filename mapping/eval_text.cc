// Functions of text, time, JSON and identity.
#include <limits>

#include "mapping/datetime.h"
#include "mapping/eval.h"
#include "mapping/json_check.h"

namespace shardlift::mapping {

namespace {

constexpr std::uint64_t kComposeIdMax = (1ull << 40) - 1;

std::uint64_t Length(const Type& type, std::string_view s) {
  return type.kind == Kind::kText ? CountCharacters(s) : s.size();
}

// Characters (bytes of binary strings) [begin, begin + count) of s.
std::string_view Slice(const Type& type, std::string_view s, std::uint64_t begin, std::uint64_t count) {
  if (type.kind == Kind::kBinary) return begin >= s.size() ? std::string_view() : s.substr(begin, count);
  s.remove_prefix(CharacterOffset(s, begin));
  return s.substr(0, CharacterOffset(s, count));
}

// An integer argument as the servers use it for positions and lengths: beyond 64 bits signed is just "very large".
std::int64_t Clamped(const Type& type, const Val& value) {
  if (type.is_unsigned && value.bits > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    return std::numeric_limits<std::int64_t>::max();
  }
  return static_cast<std::int64_t>(value.bits);
}

}  // namespace

bool Evaluator::EvalTextFunction(const Expr& expr, Val* out) {
  switch (expr.op) {
    case Op::kConcat: return EvalConcat(expr, out);
    case Op::kSubstring: return EvalSubstring(expr, out);
    case Op::kLeft:
    case Op::kRight: return EvalLeftRight(expr, out);
    case Op::kLower:
    case Op::kUpper: return EvalChangeCase(expr, out);
    case Op::kTrim:
    case Op::kLeftTrim:
    case Op::kRightTrim: return EvalTrim(expr, out);
    case Op::kReplace: return EvalReplace(expr, out);
    case Op::kHex: return EvalHex(expr, out);
    case Op::kUnhex: return EvalUnhex(expr, out);
    case Op::kLeftPad: return EvalLeftPad(expr, out);
    case Op::kCharLength:
    case Op::kLength: return EvalLength(expr, out);
    case Op::kFromUnixTime: return EvalFromUnixTime(expr, out);
    case Op::kConvertTz: return EvalConvertTz(expr, out);
    case Op::kJsonObject: return EvalJsonObject(expr, out);
    case Op::kComposeId: return EvalComposeId(expr, out);
    default: return Bad("an operator without a meaning");
  }
}

bool Evaluator::EvalConcat(const Expr& expr, Val* out) {
  if (expr.args.size() == 1) return Eval(*expr.args[0], out);
  std::string& text = pool_.New();
  bool null = false;
  for (const ExprPtr& arg : expr.args) {
    // Integers go straight into the result: the common case of composed keys.
    const Expr& part = arg->op == Op::kToText && arg->args[0]->type.kind == Kind::kInt ? *arg->args[0] : *arg;
    Val value;
    if (!Eval(part, &value)) return false;
    null = null || value.null;
    if (null) continue;
    if (part.type.kind == Kind::kInt) {
      AppendInteger(part.type, value, &text);
    } else {
      text.append(value.bytes);
    }
  }
  *out = null ? Val() : Val::Bytes(text);
  return true;
}

bool Evaluator::EvalSubstring(const Expr& expr, Val* out) {
  Val s;
  Val position;
  Val count = Val::Bits(static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()));
  if (!Eval(*expr.args[0], &s) || !Eval(*expr.args[1], &position)) return false;
  if (expr.args.size() == 3 && !Eval(*expr.args[2], &count)) return false;
  if (s.null || position.null || count.null) return *out = Val(), true;
  std::int64_t begin = Clamped(expr.args[1]->type, position);
  std::int64_t wanted =
      expr.args.size() == 3 ? Clamped(expr.args[2]->type, count) : static_cast<std::int64_t>(count.bits);
  auto length = static_cast<std::int64_t>(Length(expr.type, s.bytes));
  *out = Val::Bytes({});
  if (begin == 0 || wanted <= 0 || begin < -length || begin > length) return true;
  begin = begin > 0 ? begin - 1 : length + begin;
  *out = Val::Bytes(Slice(expr.type, s.bytes, static_cast<std::uint64_t>(begin), static_cast<std::uint64_t>(wanted)));
  return true;
}

bool Evaluator::EvalLeftRight(const Expr& expr, Val* out) {
  Val s;
  Val count;
  if (!Eval(*expr.args[0], &s) || !Eval(*expr.args[1], &count)) return false;
  if (s.null || count.null) return *out = Val(), true;
  std::int64_t wanted = Clamped(expr.args[1]->type, count);
  if (wanted <= 0) return *out = Val::Bytes({}), true;
  auto keep = static_cast<std::uint64_t>(wanted);
  std::uint64_t begin = 0;
  if (expr.op == Op::kRight) {
    std::uint64_t length = Length(expr.type, s.bytes);
    begin = length > keep ? length - keep : 0;
  }
  *out = Val::Bytes(Slice(expr.type, s.bytes, begin, keep));
  return true;
}

bool Evaluator::EvalChangeCase(const Expr& expr, Val* out) {
  Val s;
  if (!Eval(*expr.args[0], &s)) return false;
  if (s.null) return *out = s, true;
  char first = expr.op == Op::kLower ? 'A' : 'a';
  std::string& text = pool_.New();
  text.assign(s.bytes);
  bool ascii = true;
  for (char& c : text) {
    if (c >= first && c <= first + 25) c = static_cast<char>(c ^ 0x20);
    ascii = ascii && static_cast<unsigned char>(c) < 0x80;
  }
  if (!ascii && HasCasedNonAscii(s.bytes)) return Bad("a letter with case outside ASCII under LOWER or UPPER");
  *out = Val::Bytes(text);
  return true;
}

bool Evaluator::EvalTrim(const Expr& expr, Val* out) {
  if (!Eval(*expr.args[0], out)) return false;
  std::string_view& s = out->bytes;
  while (expr.op != Op::kRightTrim && !s.empty() && s.front() == ' ') s.remove_prefix(1);
  while (expr.op != Op::kLeftTrim && !s.empty() && s.back() == ' ') s.remove_suffix(1);
  return true;
}

bool Evaluator::EvalReplace(const Expr& expr, Val* out) {
  Val s;
  Val from;
  Val to;
  if (!Eval(*expr.args[0], &s) || !Eval(*expr.args[1], &from) || !Eval(*expr.args[2], &to)) return false;
  if (s.null || from.null || to.null) return *out = Val(), true;
  if (from.bytes.empty()) return *out = s, true;
  std::string& text = pool_.New();
  std::size_t at = 0;
  for (std::size_t hit = s.bytes.find(from.bytes); hit != std::string_view::npos; hit = s.bytes.find(from.bytes, at)) {
    text.append(s.bytes.substr(at, hit - at)).append(to.bytes);
    at = hit + from.bytes.size();
  }
  *out = Val::Bytes(text.append(s.bytes.substr(at)));
  return true;
}

bool Evaluator::EvalHex(const Expr& expr, Val* out) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  Val a;
  if (!Eval(*expr.args[0], &a)) return false;
  if (a.null) return *out = a, true;
  std::string& text = pool_.New();
  if (expr.args[0]->type.kind == Kind::kInt) {
    for (int shift = 60; shift >= 0; shift -= 4) {
      unsigned digit = static_cast<unsigned>(a.bits >> shift) & 15u;
      if (digit != 0 || !text.empty() || shift == 0) text.push_back(kDigits[digit]);
    }
  } else {
    for (char byte : a.bytes) {
      auto c = static_cast<unsigned char>(byte);
      text.push_back(kDigits[c >> 4]);
      text.push_back(kDigits[c & 15]);
    }
  }
  *out = Val::Bytes(text);
  return true;
}

// As the servers: an odd number of digits gets a zero in front, anything else than digits gives NULL.
bool Evaluator::EvalUnhex(const Expr& expr, Val* out) {
  Val a;
  if (!Eval(*expr.args[0], &a)) return false;
  if (a.null) return *out = a, true;
  std::string& bytes = pool_.New();
  int high = a.bytes.size() % 2 == 0 ? -1 : 0;
  for (char c : a.bytes) {
    int digit = HexDigit(c);
    if (digit < 0) return *out = Val(), true;
    if (high < 0) {
      high = digit;
    } else {
      bytes.push_back(static_cast<char>(high * 16 + digit));
      high = -1;
    }
  }
  *out = Val::Bytes(bytes);
  return true;
}

bool Evaluator::EvalLeftPad(const Expr& expr, Val* out) {
  Val s;
  if (!Eval(*expr.args[0], &s)) return false;
  if (s.null) return *out = s, true;
  std::uint64_t wanted = expr.args[1]->number;
  std::uint64_t length = Length(expr.type, s.bytes);
  if (length >= wanted) return *out = Val::Bytes(Slice(expr.type, s.bytes, 0, wanted)), true;
  std::string_view pad = expr.args[2]->text;
  std::uint64_t pad_length = Length(expr.type, pad);
  std::string& text = pool_.New();
  std::uint64_t missing = wanted - length;
  for (; missing >= pad_length; missing -= pad_length) text.append(pad);
  text.append(Slice(expr.type, pad, 0, missing)).append(s.bytes);
  *out = Val::Bytes(text);
  return true;
}

bool Evaluator::EvalLength(const Expr& expr, Val* out) {
  Val s;
  if (!Eval(*expr.args[0], &s)) return false;
  bool characters = expr.op == Op::kCharLength && expr.args[0]->type.kind == Kind::kText;
  if (s.null) return *out = s, true;
  *out = Val::Bits(characters ? CountCharacters(s.bytes) : s.bytes.size());
  return true;
}

bool Evaluator::EvalFromUnixTime(const Expr& expr, Val* out) {
  Val a;
  if (!Eval(*expr.args[0], &a)) return false;
  if (a.null) return *out = a, true;
  Int128 seconds = IntegerOf(expr.args[0]->type, a);
  std::string& text = pool_.New();
  text.resize(kDateTimeBytes);
  constexpr Int128 kSecondsMax = Int128{1} << 40;  // FormatSeconds knows the exact end
  if (seconds < 0 || seconds > kSecondsMax || !FormatSeconds(static_cast<std::int64_t>(seconds), text.data())) {
    return Bad("seconds outside 1970 to 9999 under FROM_UNIXTIME");
  }
  *out = Val::Bytes(text);
  return true;
}

bool Evaluator::EvalConvertTz(const Expr& expr, Val* out) {
  Val a;
  if (!Eval(*expr.args[0], &a)) return false;
  if (a.null) return *out = a, true;
  std::string& text = pool_.New();
  text.assign(a.bytes);
  if (!FormatSeconds(SecondsOf(a.bytes) + expr.seconds, text.data())) return Bad("a time outside the years 1 to 9999");
  *out = Val::Bytes(text);
  return true;
}

bool Evaluator::EvalJsonObject(const Expr& expr, Val* out) {
  std::string& text = pool_.New();
  text.push_back('{');
  for (std::size_t i = 0; i < expr.args.size(); i += 2) {
    if (i > 0) text.append(", ");
    AppendJsonString(expr.args[i]->text, json_upper_hex_, &text);
    text.append(": ");
    const Expr& arg = *expr.args[i + 1];
    Val value;
    if (!Eval(arg, &value)) return false;
    if (value.null) {
      text.append("null");
    } else if (arg.type.kind == Kind::kInt) {
      AppendInteger(arg.type, value, &text);
    } else if (arg.type.kind == Kind::kJson) {
      text.append(value.bytes);
    } else {
      AppendJsonString(value.bytes, json_upper_hex_, &text);
    }
  }
  *out = Val::Bytes(text.append("}"));
  return true;
}

bool Evaluator::EvalComposeId(const Expr& expr, Val* out) {
  Val a;
  if (!Eval(*expr.args[0], &a)) return false;
  if (a.null) return *out = a, true;
  // A negative number has its upper bits set and is refused by the same comparison.
  if (a.bits > kComposeIdMax) return Bad("an id that does not fit in 40 bits");
  *out = Val::Bits(expr.number | a.bits);
  return true;
}

}  // namespace shardlift::mapping
