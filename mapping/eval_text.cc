// Functions of text.
#include <limits>

#include "mapping/eval.h"

namespace shardlift::mapping {

namespace {

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

// Bytes of the character at `at`; of binary strings always one.
std::size_t CharacterBytes(const Type& type, std::string_view s, std::size_t at) {
  return type.kind == Kind::kText ? CharacterOffset(s.substr(at), 1) : 1;
}

// Position of the n-th occurrence from the left; npos if there are fewer.
std::size_t NthFromLeft(std::string_view s, std::string_view part, std::uint64_t n) {
  std::size_t hit = s.find(part);
  for (; n > 1 && hit != std::string_view::npos; --n) hit = s.find(part, hit + part.size());
  return hit;
}

std::size_t NthFromRight(std::string_view s, std::string_view part, std::uint64_t n) {
  std::size_t hit = s.rfind(part);
  for (; n > 1 && hit != std::string_view::npos; --n) {
    if (hit < part.size()) return std::string_view::npos;
    hit = s.rfind(part, hit - part.size());
  }
  return hit;
}

// "::" in ":::" is found at another place from the left than from the right.
bool OverlapsItself(std::string_view part) {
  for (std::size_t length = 1; length < part.size(); ++length) {
    if (part.starts_with(part.substr(part.size() - length))) return true;
  }
  return false;
}

// % any characters, _ one, a backslash before a character that one. Backtracks to the last % only, which is enough.
bool IsLike(const Type& type, std::string_view s, std::string_view pattern) {
  std::size_t at = 0;
  std::size_t p = 0;
  std::size_t retry_at = 0;
  std::size_t retry_p = std::string_view::npos;
  while (at < s.size()) {
    if (p < pattern.size() && pattern[p] == '%') {
      retry_p = ++p;
      retry_at = at;
      continue;
    }
    std::size_t next = p;
    bool matches = false;
    if (p < pattern.size() && pattern[p] == '_') {
      at += CharacterBytes(type, s, at);
      matches = true;
      next = p + 1;
    } else if (p < pattern.size()) {
      if (pattern[next] == '\\') ++next;
      matches = pattern[next++] == s[at];
      at += matches ? 1 : 0;
    }
    if (matches) {
      p = next;
    } else if (retry_p == std::string_view::npos) {
      return false;
    } else {
      retry_at += CharacterBytes(type, s, retry_at);
      at = retry_at;
      p = retry_p;
    }
  }
  while (p < pattern.size() && pattern[p] == '%') ++p;
  return p == pattern.size();
}

}  // namespace

bool Evaluator::EvalTextFunction(const Expr& expr, Val* out) {
  switch (expr.op) {
    case Op::kConcat: return EvalConcat(expr, out);
    case Op::kConcatWs: return EvalConcatWs(expr, out);
    case Op::kSubstring: return EvalSubstring(expr, out);
    case Op::kSubstringIndex: return EvalSubstringIndex(expr, out);
    case Op::kLocate: return EvalLocate(expr, out);
    case Op::kLike: return EvalLike(expr, out);
    case Op::kLeft:
    case Op::kRight: return EvalLeftRight(expr, out);
    case Op::kLower:
    case Op::kUpper: return EvalChangeCase(expr, out);
    case Op::kTrim:
    case Op::kLeftTrim:
    case Op::kRightTrim: return EvalTrim(expr, out);
    case Op::kReplace: return EvalReplace(expr, out);
    case Op::kLeftPad:
    case Op::kRightPad: return EvalPad(expr, out);
    case Op::kCharLength:
    case Op::kLength: return EvalLength(expr, out);
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

bool Evaluator::EvalConcatWs(const Expr& expr, Val* out) {
  Val separator;
  if (!Eval(*expr.args[0], &separator)) return false;
  std::string& text = pool_.New();
  bool first = true;
  for (std::size_t i = 1; i < expr.args.size(); ++i) {
    Val value;
    if (!Eval(*expr.args[i], &value)) return false;
    if (value.null || separator.null) continue;
    if (!first) text.append(separator.bytes);
    text.append(value.bytes);
    first = false;
  }
  *out = separator.null ? Val() : Val::Bytes(text);
  return true;
}

bool Evaluator::EvalSubstringIndex(const Expr& expr, Val* out) {
  Val s;
  Val part;
  Val count;
  if (!Eval(*expr.args[0], &s) || !Eval(*expr.args[1], &part) || !Eval(*expr.args[2], &count)) return false;
  if (s.null || part.null || count.null) return *out = Val(), true;
  std::int64_t wanted = Clamped(expr.args[2]->type, count);
  *out = Val::Bytes({});
  if (wanted == 0 || part.bytes.empty()) return NoteLoss(!s.bytes.empty()), true;
  *out = s;
  if (wanted < 0 && OverlapsItself(part.bytes)) {
    return Bad("SUBSTRING_INDEX from the end with a separator that overlaps itself");
  }
  auto n = wanted < 0 ? 0 - static_cast<std::uint64_t>(wanted) : static_cast<std::uint64_t>(wanted);
  if (n > s.bytes.size()) return true;
  std::size_t hit = wanted > 0 ? NthFromLeft(s.bytes, part.bytes, n) : NthFromRight(s.bytes, part.bytes, n);
  if (hit == std::string_view::npos) return true;
  out->bytes = wanted > 0 ? s.bytes.substr(0, hit) : s.bytes.substr(hit + part.bytes.size());
  NoteLoss(true);
  return true;
}

bool Evaluator::EvalLocate(const Expr& expr, Val* out) {
  Val part;
  Val s;
  Val from = Val::Bits(1);
  if (!Eval(*expr.args[0], &part) || !Eval(*expr.args[1], &s)) return false;
  if (expr.args.size() > 2 && !Eval(*expr.args[2], &from)) return false;
  if (part.null || s.null || from.null) return *out = Val(), true;
  const Type& type = expr.args[1]->type;
  // MariaDB answers with a position in bytes.
  if (part.bytes.empty() && expr.args.size() > 2) return Bad("LOCATE of nothing behind a position");
  std::int64_t begin = expr.args.size() > 2 ? Clamped(expr.args[2]->type, from) : 1;
  *out = Val::Bits(0);
  auto length = static_cast<std::int64_t>(Length(type, s.bytes));
  if (begin < 1 || begin > length + 1) return true;
  std::size_t skipped =
      s.bytes.size() - Slice(type, s.bytes, static_cast<std::uint64_t>(begin - 1), s.bytes.size()).size();
  std::size_t hit = s.bytes.find(part.bytes, skipped);
  if (hit != std::string_view::npos) *out = Val::Bits(Length(type, s.bytes.substr(0, hit)) + 1);
  return true;
}

bool Evaluator::EvalLike(const Expr& expr, Val* out) {
  Val s;
  if (!Eval(*expr.args[0], &s)) return false;
  if (s.null) return *out = s, true;
  *out = Val::Bool(IsLike(expr.args[0]->type, s.bytes, expr.args[1]->text) != expr.is_not);
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
  if (begin == 0 || wanted <= 0 || begin < -length || begin > length) return NoteLoss(length > 0), true;
  begin = begin > 0 ? begin - 1 : length + begin;
  *out = Val::Bytes(Slice(expr.type, s.bytes, static_cast<std::uint64_t>(begin), static_cast<std::uint64_t>(wanted)));
  NoteLoss(out->bytes.size() < s.bytes.size());
  return true;
}

bool Evaluator::EvalLeftRight(const Expr& expr, Val* out) {
  Val s;
  Val count;
  if (!Eval(*expr.args[0], &s) || !Eval(*expr.args[1], &count)) return false;
  if (s.null || count.null) return *out = Val(), true;
  std::int64_t wanted = Clamped(expr.args[1]->type, count);
  if (wanted <= 0) return NoteLoss(!s.bytes.empty()), *out = Val::Bytes({}), true;
  auto keep = static_cast<std::uint64_t>(wanted);
  std::uint64_t begin = 0;
  if (expr.op == Op::kRight) {
    std::uint64_t length = Length(expr.type, s.bytes);
    begin = length > keep ? length - keep : 0;
  }
  *out = Val::Bytes(Slice(expr.type, s.bytes, begin, keep));
  NoteLoss(out->bytes.size() < s.bytes.size());
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
  NoteLoss(text != s.bytes);
  *out = Val::Bytes(text);
  return true;
}

bool Evaluator::EvalTrim(const Expr& expr, Val* out) {
  Val part = Val::Bytes(" ");
  if (!Eval(*expr.args[0], out)) return false;
  if (expr.args.size() > 1 && !Eval(*expr.args[1], &part)) return false;
  if (out->null || part.null) return *out = Val(), true;
  std::string_view& s = out->bytes;
  if (part.bytes.empty()) return true;
  const std::size_t size = s.size();
  while (expr.op != Op::kRightTrim && s.starts_with(part.bytes)) s.remove_prefix(part.bytes.size());
  while (expr.op != Op::kLeftTrim && s.ends_with(part.bytes)) s.remove_suffix(part.bytes.size());
  NoteLoss(s.size() < size);
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

bool Evaluator::EvalPad(const Expr& expr, Val* out) {
  Val s;
  if (!Eval(*expr.args[0], &s)) return false;
  if (s.null) return *out = s, true;
  std::uint64_t wanted = expr.args[1]->number;
  std::uint64_t length = Length(expr.type, s.bytes);
  NoteLoss(length > wanted);
  if (length >= wanted) return *out = Val::Bytes(Slice(expr.type, s.bytes, 0, wanted)), true;
  std::string_view pad = expr.args[2]->text;
  std::uint64_t pad_length = Length(expr.type, pad);
  std::string& text = pool_.New();
  if (expr.op == Op::kRightPad) text.append(s.bytes);
  std::uint64_t missing = wanted - length;
  for (; missing >= pad_length; missing -= pad_length) text.append(pad);
  text.append(Slice(expr.type, pad, 0, missing));
  if (expr.op == Op::kLeftPad) text.append(s.bytes);
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

}  // namespace shardlift::mapping
