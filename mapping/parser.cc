#include "mapping/parser.h"

#include <charconv>

#include "mapping/expression_error.h"
#include "mapping/parser_impl.h"

namespace shardlift::mapping {

using base::Status;

namespace {

constexpr int kDepthMax = 200;  // keeps hostile input from exhausting the stack
constexpr int kLevelMax = 5;

}  // namespace

const Token& Parser::Peek(std::size_t ahead) const { return tokens_[std::min(at_ + ahead, tokens_.size() - 1)]; }

bool Parser::AtWord(std::string_view word, std::size_t ahead) const {
  return Peek(ahead).kind == TokenKind::kWord && Peek(ahead).upper == word;
}

bool Parser::AtSymbol(std::string_view symbol, std::size_t ahead) const {
  return Peek(ahead).kind == TokenKind::kSymbol && Peek(ahead).text == symbol;
}

bool Parser::TakeWord(std::string_view word) {
  if (!AtWord(word)) return false;
  ++at_;
  return true;
}

bool Parser::TakeSymbol(std::string_view symbol) {
  if (!AtSymbol(symbol)) return false;
  ++at_;
  return true;
}

Status Parser::Error(std::size_t place, std::string_view message) const {
  return ExpressionError(text_, place, message);
}

Status Parser::Unexpected() const {
  const Token& token = Peek();
  if (token.kind == TokenKind::kEnd) return Error(token.place, "the expression ends too early");
  for (std::string_view word : {"REGEXP", "RLIKE", "COLLATE", "SELECT"}) {
    if (AtWord(word)) return Error(token.place, std::string(word) + " is not supported");
  }
  if (AtWord("INTERVAL")) return Error(token.place, "INTERVAL stands behind + or -, or in DATE_ADD and DATE_SUB");
  return Error(token.place, "unexpected " + (token.text.empty() ? "token" : token.text));
}

Status Parser::Expect(std::string_view symbol) {
  if (TakeSymbol(symbol)) return base::Ok();
  return Error(Peek().place, "expected " + std::string(symbol) + " here");
}

Status Parser::ExpectWord(std::string_view word) {
  if (TakeWord(word)) return base::Ok();
  return Error(Peek().place, "expected " + std::string(word) + " here");
}

ExprPtr Parser::Node(Op op, std::size_t place, ExprPtr a, ExprPtr b) {
  ExprPtr expr = NewExpr(op, place);
  expr->args.push_back(std::move(a));
  if (b) expr->args.push_back(std::move(b));
  return expr;
}

Parser::Parsed Parser::Run() {
  SL_ASSIGN(ExprPtr expr, Expression());
  if (Peek().kind != TokenKind::kEnd) return Unexpected();
  return expr;
}

Parser::Parsed Parser::Expression() {
  if (++depth_ > kDepthMax) return Error(Peek().place, "the expression is nested too deeply");
  SL_ASSIGN(ExprPtr left, Xor());
  while (AtWord("OR")) {
    std::size_t place = tokens_[at_++].place;
    SL_ASSIGN(ExprPtr right, Xor());
    left = Node(Op::kOr, place, std::move(left), std::move(right));
  }
  --depth_;
  return left;
}

Parser::Parsed Parser::Xor() {
  SL_ASSIGN(ExprPtr left, And());
  while (AtWord("XOR")) {
    std::size_t place = tokens_[at_++].place;
    SL_ASSIGN(ExprPtr right, And());
    left = Node(Op::kXor, place, std::move(left), std::move(right));
  }
  return left;
}

Parser::Parsed Parser::And() {
  SL_ASSIGN(ExprPtr left, Not());
  while (AtWord("AND")) {
    std::size_t place = tokens_[at_++].place;
    SL_ASSIGN(ExprPtr right, Not());
    left = Node(Op::kAnd, place, std::move(left), std::move(right));
  }
  return left;
}

Parser::Parsed Parser::Not() {
  if (!AtWord("NOT")) return Test();
  std::size_t place = tokens_[at_++].place;
  if (++depth_ > kDepthMax) return Error(place, "the expression is nested too deeply");
  SL_ASSIGN(ExprPtr operand, Not());
  --depth_;
  return Node(Op::kNot, place, std::move(operand));
}

// boolean_primary with IS [NOT] NULL | TRUE | FALSE and comparisons.
Parser::Parsed Parser::Test() {
  SL_ASSIGN(ExprPtr left, Predicate());
  while (true) {
    std::size_t place = Peek().place;
    if (TakeWord("IS")) {
      bool is_not = TakeWord("NOT");
      Op op = TakeWord("NULL")    ? Op::kIsNull
              : TakeWord("TRUE")  ? Op::kIsTrue
              : TakeWord("FALSE") ? Op::kIsFalse
                                  : Op::kNull;
      if (op == Op::kNull) return Error(Peek().place, "expected NULL, TRUE or FALSE here");
      left = Node(op, place, std::move(left));
      left->is_not = is_not;
      continue;
    }
    const Infix* infix = FindInfix(0);
    if (infix == nullptr) return left;
    ++at_;
    SL_ASSIGN(ExprPtr right, Predicate());
    left = Node(infix->op, place, std::move(left), std::move(right));
  }
}

Parser::Parsed Parser::Predicate() {
  SL_ASSIGN(ExprPtr left, Infixed(1));
  bool is_not = AtWord("NOT") && (AtWord("IN", 1) || AtWord("BETWEEN", 1) || AtWord("LIKE", 1));
  std::size_t place = Peek().place;
  if (is_not) ++at_;
  if (TakeWord("IN")) return In(std::move(left), place, is_not);
  if (TakeWord("BETWEEN")) return Between(std::move(left), place, is_not);
  if (TakeWord("LIKE")) return Like(std::move(left), place, is_not);
  return left;
}

Parser::Parsed Parser::In(ExprPtr left, std::size_t place, bool is_not) {
  ExprPtr in = Node(Op::kIn, place, std::move(left));
  in->is_not = is_not;
  SL_TRY(Expect("("));
  SL_TRY(List(in.get()));
  return in;
}

Parser::Parsed Parser::Between(ExprPtr left, std::size_t place, bool is_not) {
  ExprPtr between = Node(Op::kBetween, place, std::move(left));
  between->is_not = is_not;
  SL_ASSIGN(ExprPtr low, Infixed(1));
  SL_TRY(ExpectWord("AND"));
  SL_ASSIGN(ExprPtr high, Predicate());
  between->args.push_back(std::move(low));
  between->args.push_back(std::move(high));
  return between;
}

Parser::Parsed Parser::Like(ExprPtr left, std::size_t place, bool is_not) {
  SL_ASSIGN(ExprPtr pattern, Infixed(1));
  if (AtWord("ESCAPE")) return Error(Peek().place, "ESCAPE is not supported; the escape character is \\");
  ExprPtr like = Node(Op::kLike, place, std::move(left), std::move(pattern));
  like->is_not = is_not;
  return like;
}

const Parser::Infix* Parser::FindInfix(int level) const {
  static constexpr Infix kInfixes[] = {{"=", Op::kEqual, 0},
                                       {"<=>", Op::kNullSafeEqual, 0},
                                       {"<>", Op::kNotEqual, 0},
                                       {"!=", Op::kNotEqual, 0},
                                       {"<=", Op::kLessEqual, 0},
                                       {">=", Op::kGreaterEqual, 0},
                                       {"<", Op::kLess, 0},
                                       {">", Op::kGreater, 0},
                                       {"|", Op::kBitOr, 1},
                                       {"&", Op::kBitAnd, 2},
                                       {"<<", Op::kShiftLeft, 3},
                                       {">>", Op::kShiftRight, 3},
                                       {"+", Op::kAdd, 4},
                                       {"-", Op::kSubtract, 4},
                                       {"*", Op::kMultiply, kLevelMax},
                                       {"/", Op::kDivide, kLevelMax},
                                       {"%", Op::kModulo, kLevelMax},
                                       {"DIV", Op::kIntDivide, kLevelMax},
                                       {"MOD", Op::kModulo, kLevelMax},
                                       {"^", Op::kBitXor, kLevelMax + 1}};
  const Token& token = Peek();
  std::string_view text = token.kind == TokenKind::kSymbol ? std::string_view(token.text)
                          : token.kind == TokenKind::kWord ? std::string_view(token.upper)
                                                           : std::string_view();
  for (const Infix& infix : kInfixes) {
    if (infix.level == level && infix.symbol == text) return &infix;
  }
  return nullptr;
}

// Levels as MySQL has them: | then & then << >> then + - then * / DIV % then ^.
Parser::Parsed Parser::Infixed(int level) {
  if (level > kLevelMax + 1) return Unary();
  SL_ASSIGN(ExprPtr left, Infixed(level + 1));
  while (const Infix* infix = FindInfix(level)) {
    std::size_t place = tokens_[at_++].place;
    if ((infix->op == Op::kAdd || infix->op == Op::kSubtract) && TakeWord("INTERVAL")) {
      SL_ASSIGN(left, Interval(std::move(left), place, infix->op == Op::kSubtract));
      continue;
    }
    SL_ASSIGN(ExprPtr right, Infixed(level + 1));
    left = Node(infix->op, place, std::move(left), std::move(right));
  }
  return left;
}

Parser::Parsed Parser::Unary() {
  std::size_t place = Peek().place;
  while (TakeSymbol("+")) {
  }
  bool complement = AtSymbol("~");
  if (!complement && !AtSymbol("-")) return Primary();
  ++at_;
  if (++depth_ > kDepthMax) return Error(place, "the expression is nested too deeply");
  SL_ASSIGN(ExprPtr operand, Unary());
  --depth_;
  if (complement) return Node(Op::kBitNot, place, std::move(operand));
  if (operand->op == Op::kIntLiteral && !operand->is_negative) {
    if (operand->number > (1ull << 63)) return Error(place, "this number is below the smallest BIGINT");
    operand->is_negative = operand->number != 0;
    return operand;
  }
  return Node(Op::kNegate, place, std::move(operand));
}

Parser::Parsed Parser::Primary() {
  const Token& token = Peek();
  switch (token.kind) {
    case TokenKind::kInteger: return Integer();
    case TokenKind::kDecimal: return Literal(Op::kDecimalLiteral);
    case TokenKind::kText: return Literal(Op::kTextLiteral);
    case TokenKind::kBinary: return Literal(Op::kBinaryLiteral);
    case TokenKind::kQuotedName: return Literal(Op::kColumn);
    case TokenKind::kWord: return Word();
    default: break;
  }
  if (!TakeSymbol("(")) return Unexpected();
  SL_ASSIGN(ExprPtr inner, Expression());
  SL_TRY(Expect(")"));
  return inner;
}

Parser::Parsed Parser::Literal(Op op) {
  ExprPtr expr = NewExpr(op, Peek().place);
  expr->text = tokens_[at_++].text;
  if (op == Op::kTextLiteral && Peek().kind == TokenKind::kText) {
    return Error(Peek().place, "two texts side by side; use CONCAT");
  }
  return expr;
}

Parser::Parsed Parser::Integer() {
  const Token& token = Peek();
  ExprPtr expr = NewExpr(Op::kIntLiteral, token.place);
  const char* end = token.text.data() + token.text.size();
  if (std::from_chars(token.text.data(), end, expr->number).ec != std::errc()) {
    return Error(token.place, "this number is above the largest BIGINT UNSIGNED");
  }
  ++at_;
  return expr;
}

base::Result<ExprPtr> Parse(std::string_view expression) {
  SL_ASSIGN(std::vector<Token> tokens, Tokenize(expression));
  return Parser(expression, std::move(tokens)).Run();
}

}  // namespace shardlift::mapping
