#include "mapping/parser.h"

#include <array>
#include <charconv>

#include "mapping/expression_error.h"
#include "mapping/functions.h"
#include "mapping/lexer.h"

namespace shardlift::mapping {

namespace {

using base::Status;
using ParsedExpr = base::Result<ExprPtr>;

constexpr int kDepthMax = 200;  // keeps hostile input from exhausting the stack

// Words that cannot be column names without back-ticks.
constexpr std::array<std::string_view, 26> kKeyWords = {
    "AND",   "OR",   "NOT",  "XOR",    "IS",       "IN",     "BETWEEN", "CASE",   "WHEN",
    "THEN",  "ELSE", "END",  "DIV",    "MOD",      "LIKE",   "NULL",    "TRUE",   "FALSE",
    "USING", "AS",   "FROM", "REGEXP", "INTERVAL", "SELECT", "RLIKE",   "COLLATE"};

struct Infix {
  std::string_view symbol;
  Op op;
};
constexpr Infix kComparisons[] = {{"=", Op::kEqual},     {"<=>", Op::kNullSafeEqual}, {"<>", Op::kNotEqual},
                                  {"!=", Op::kNotEqual}, {"<=", Op::kLessEqual},      {">=", Op::kGreaterEqual},
                                  {"<", Op::kLess},      {">", Op::kGreater}};
constexpr Infix kSums[] = {{"+", Op::kAdd}, {"-", Op::kSubtract}};
constexpr Infix kProducts[] = {
    {"*", Op::kMultiply}, {"/", Op::kDivide}, {"%", Op::kModulo}, {"DIV", Op::kIntDivide}, {"MOD", Op::kModulo}};

class Parser {
 public:
  Parser(std::string_view text, std::vector<Token> tokens) : text_(text), tokens_(std::move(tokens)) {}

  ParsedExpr Run() {
    SL_ASSIGN(ExprPtr expr, ParseOr());
    if (Peek().kind != TokenKind::kEnd) return Unexpected();
    return expr;
  }

 private:
  const Token& Peek(std::size_t ahead = 0) const { return tokens_[std::min(at_ + ahead, tokens_.size() - 1)]; }
  bool AtWord(std::string_view word, std::size_t ahead = 0) const {
    return Peek(ahead).kind == TokenKind::kWord && Peek(ahead).upper == word;
  }
  bool AtSymbol(std::string_view symbol, std::size_t ahead = 0) const {
    return Peek(ahead).kind == TokenKind::kSymbol && Peek(ahead).text == symbol;
  }
  bool TakeWord(std::string_view word) {
    if (!AtWord(word)) return false;
    ++at_;
    return true;
  }
  bool TakeSymbol(std::string_view symbol) {
    if (!AtSymbol(symbol)) return false;
    ++at_;
    return true;
  }
  Status Error(std::size_t place, std::string_view message) const { return ExpressionError(text_, place, message); }
  Status Unexpected() const {
    const Token& token = Peek();
    if (token.kind == TokenKind::kEnd) return Error(token.place, "the expression ends too early");
    for (std::string_view word : {"LIKE", "REGEXP", "RLIKE", "XOR", "COLLATE", "INTERVAL"}) {
      if (AtWord(word)) return Error(token.place, std::string(word) + " is not supported");
    }
    return Error(token.place, "unexpected " + (token.text.empty() ? "token" : token.text));
  }
  Status Expect(std::string_view symbol) {
    if (TakeSymbol(symbol)) return base::Ok();
    return Error(Peek().place, "expected " + std::string(symbol) + " here");
  }
  Status ExpectWord(std::string_view word) {
    if (TakeWord(word)) return base::Ok();
    return Error(Peek().place, "expected " + std::string(word) + " here");
  }

  static ExprPtr Node(Op op, std::size_t place, ExprPtr a, ExprPtr b = nullptr) {
    ExprPtr expr = NewExpr(op, place);
    expr->args.push_back(std::move(a));
    if (b) expr->args.push_back(std::move(b));
    return expr;
  }

  ParsedExpr ParseOr() {
    if (++depth_ > kDepthMax) return Error(Peek().place, "the expression is nested too deeply");
    SL_ASSIGN(ExprPtr left, ParseAnd());
    while (AtWord("OR")) {
      std::size_t place = tokens_[at_++].place;
      SL_ASSIGN(ExprPtr right, ParseAnd());
      left = Node(Op::kOr, place, std::move(left), std::move(right));
    }
    --depth_;
    return left;
  }

  ParsedExpr ParseAnd() {
    SL_ASSIGN(ExprPtr left, ParseNot());
    while (AtWord("AND")) {
      std::size_t place = tokens_[at_++].place;
      SL_ASSIGN(ExprPtr right, ParseNot());
      left = Node(Op::kAnd, place, std::move(left), std::move(right));
    }
    return left;
  }

  ParsedExpr ParseNot() {
    if (!AtWord("NOT")) return ParseTest();
    std::size_t place = tokens_[at_++].place;
    if (++depth_ > kDepthMax) return Error(place, "the expression is nested too deeply");
    SL_ASSIGN(ExprPtr operand, ParseNot());
    --depth_;
    return Node(Op::kNot, place, std::move(operand));
  }

  // boolean_primary with IS [NOT] NULL | TRUE | FALSE and comparisons.
  ParsedExpr ParseTest() {
    SL_ASSIGN(ExprPtr left, ParsePredicate());
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
      const Infix* infix = FindInfix(kComparisons);
      if (infix == nullptr) return left;
      ++at_;
      SL_ASSIGN(ExprPtr right, ParsePredicate());
      left = Node(infix->op, place, std::move(left), std::move(right));
    }
  }

  ParsedExpr ParsePredicate() {
    SL_ASSIGN(ExprPtr left, ParseInfix(kSums, 0));
    bool is_not = AtWord("NOT") && (AtWord("IN", 1) || AtWord("BETWEEN", 1));
    std::size_t place = Peek().place;
    if (is_not) ++at_;
    if (TakeWord("IN")) {
      ExprPtr in = Node(Op::kIn, place, std::move(left));
      in->is_not = is_not;
      SL_TRY(Expect("("));
      SL_TRY(ParseList(in.get()));
      return in;
    }
    if (TakeWord("BETWEEN")) {
      ExprPtr between = Node(Op::kBetween, place, std::move(left));
      between->is_not = is_not;
      SL_ASSIGN(ExprPtr low, ParseInfix(kSums, 0));
      SL_TRY(ExpectWord("AND"));
      SL_ASSIGN(ExprPtr high, ParsePredicate());
      between->args.push_back(std::move(low));
      between->args.push_back(std::move(high));
      return between;
    }
    return left;
  }

  template <std::size_t N>
  const Infix* FindInfix(const Infix (&table)[N]) const {
    const Token& token = Peek();
    std::string_view text = token.kind == TokenKind::kSymbol ? std::string_view(token.text)
                            : token.kind == TokenKind::kWord ? std::string_view(token.upper)
                                                             : std::string_view();
    for (const Infix& infix : table) {
      if (infix.symbol == text) return &infix;
    }
    return nullptr;
  }

  // level 0: sums of level 1: products of unary expressions.
  template <std::size_t N>
  ParsedExpr ParseInfix(const Infix (&table)[N], int level) {
    ParsedExpr first = level == 0 ? ParseInfix(kProducts, 1) : ParseUnary();
    SL_ASSIGN(ExprPtr left, std::move(first));
    while (const Infix* infix = FindInfix(table)) {
      std::size_t place = tokens_[at_++].place;
      ParsedExpr next = level == 0 ? ParseInfix(kProducts, 1) : ParseUnary();
      SL_ASSIGN(ExprPtr right, std::move(next));
      left = Node(infix->op, place, std::move(left), std::move(right));
    }
    return left;
  }

  ParsedExpr ParseUnary() {
    std::size_t place = Peek().place;
    while (TakeSymbol("+")) {
    }
    if (!TakeSymbol("-")) return ParsePrimary();
    if (++depth_ > kDepthMax) return Error(place, "the expression is nested too deeply");
    SL_ASSIGN(ExprPtr operand, ParseUnary());
    --depth_;
    if (operand->op == Op::kIntLiteral && !operand->is_negative) {
      if (operand->number > (1ull << 63)) return Error(place, "this number is below the smallest BIGINT");
      operand->is_negative = operand->number != 0;
      return operand;
    }
    return Node(Op::kNegate, place, std::move(operand));
  }

  ParsedExpr ParsePrimary() {
    const Token& token = Peek();
    switch (token.kind) {
      case TokenKind::kInteger: return ParseInteger();
      case TokenKind::kDecimal: return Literal(Op::kDecimalLiteral);
      case TokenKind::kText: return Literal(Op::kTextLiteral);
      case TokenKind::kBinary: return Literal(Op::kBinaryLiteral);
      case TokenKind::kQuotedName: return Literal(Op::kColumn);
      case TokenKind::kWord: return ParseWord();
      default: break;
    }
    if (!TakeSymbol("(")) return Unexpected();
    SL_ASSIGN(ExprPtr inner, ParseOr());
    SL_TRY(Expect(")"));
    return inner;
  }

  ParsedExpr Literal(Op op) {
    ExprPtr expr = NewExpr(op, Peek().place);
    expr->text = tokens_[at_++].text;
    if (op == Op::kTextLiteral && Peek().kind == TokenKind::kText) {
      return Error(Peek().place, "two texts side by side; use CONCAT");
    }
    return expr;
  }

  ParsedExpr ParseInteger() {
    const Token& token = Peek();
    ExprPtr expr = NewExpr(Op::kIntLiteral, token.place);
    const char* end = token.text.data() + token.text.size();
    if (std::from_chars(token.text.data(), end, expr->number).ec != std::errc()) {
      return Error(token.place, "this number is above the largest BIGINT UNSIGNED");
    }
    ++at_;
    return expr;
  }

  ParsedExpr ParseWord() {
    const Token& token = Peek();
    if (token.upper == "CASE") return ParseCase();
    for (auto [word, op] : {std::pair{"NULL", Op::kNull}, {"TRUE", Op::kTrue}, {"FALSE", Op::kFalse}}) {
      if (token.upper != word) continue;
      ++at_;
      return NewExpr(op, token.place);
    }
    if (AtSymbol("(", 1)) return ParseCall();
    if (std::string_view why = RefusedFunction(token.upper); !why.empty() && token.upper.starts_with("CURRENT_")) {
      return Error(token.place, token.upper + " " + std::string(why));
    }
    for (std::string_view word : kKeyWords) {
      if (token.upper == word) return Unexpected();
    }
    return Literal(Op::kColumn);
  }

  ParsedExpr ParseCase() {
    ExprPtr expr = NewExpr(Op::kCase, tokens_[at_++].place);
    if (!AtWord("WHEN")) {
      expr->op = Op::kSimpleCase;
      SL_ASSIGN(ExprPtr operand, ParseOr());
      expr->args.push_back(std::move(operand));
    }
    if (!AtWord("WHEN")) return Error(Peek().place, "expected WHEN here");
    while (TakeWord("WHEN")) {
      SL_ASSIGN(ExprPtr when, ParseOr());
      SL_TRY(ExpectWord("THEN"));
      SL_ASSIGN(ExprPtr then, ParseOr());
      expr->args.push_back(std::move(when));
      expr->args.push_back(std::move(then));
    }
    ExprPtr otherwise = NewExpr(Op::kNull, Peek().place);
    if (TakeWord("ELSE")) {
      SL_ASSIGN(otherwise, ParseOr());
    }
    expr->args.push_back(std::move(otherwise));
    SL_TRY(ExpectWord("END"));
    return expr;
  }

  Status ParseList(Expr* into) {
    do {
      SL_ASSIGN(ExprPtr arg, ParseOr());
      into->args.push_back(std::move(arg));
    } while (TakeSymbol(","));
    return Expect(")");
  }

  ParsedExpr ParseCall() {
    const Token& name = tokens_[at_];
    at_ += 2;
    if (name.upper == "CAST") return ParseCast(name.place);
    if (name.upper == "CONVERT") return ParseConvert(name.place);
    ExprPtr expr = NewExpr(Op::kCall, name.place);
    expr->text = name.upper;
    if (name.upper == "IF") expr->op = Op::kCase;
    if (name.upper == "TRIM" && (AtWord("BOTH") || AtWord("LEADING") || AtWord("TRAILING"))) {
      return Error(Peek().place, "only TRIM(x), LTRIM(x) and RTRIM(x) are supported");
    }
    if (!TakeSymbol(")")) SL_TRY(ParseList(expr.get()));
    if (expr->op == Op::kCase && expr->args.size() != 3) return Error(name.place, "IF takes three arguments");
    return expr;
  }

  ParsedExpr ParseConvert(std::size_t place) {
    SL_ASSIGN(ExprPtr operand, ParseOr());
    if (!TakeWord("USING")) return Error(Peek().place, "write CONVERT(x USING utf8mb4), or CAST(x AS type)");
    if (!AtWord("UTF8MB4")) return Error(Peek().place, "only USING utf8mb4 is supported");
    ++at_;
    SL_TRY(Expect(")"));
    return Node(Op::kToText, place, std::move(operand));
  }

  ParsedExpr ParseCast(std::size_t place) {
    SL_ASSIGN(ExprPtr operand, ParseOr());
    SL_TRY(ExpectWord("AS"));
    std::size_t type_place = Peek().place;
    ExprPtr cast = Node(Op::kToText, place, std::move(operand));
    if (TakeWord("CHAR")) {
      if (AtSymbol("(")) return Error(Peek().place, "CHAR(n) would cut the value; use LEFT(CAST(x AS CHAR), n)");
    } else if (TakeWord("BINARY")) {
      cast->op = Op::kToBinary;
      if (AtSymbol("(")) return Error(Peek().place, "BINARY(n) would cut or pad the value; write BINARY");
    } else if (TakeWord("UNSIGNED") || TakeWord("SIGNED")) {
      cast->op = tokens_[at_ - 1].upper == "SIGNED" ? Op::kToSigned : Op::kToUnsigned;
      TakeWord("INTEGER");
    } else if (TakeWord("DATETIME")) {
      cast->op = Op::kToDateTime;
      if (TakeSymbol("(")) {
        const Token& digits = Peek();
        if (digits.kind != TokenKind::kInteger || digits.text.size() != 1 || digits.text[0] > '6') {
          return Error(digits.place, "DATETIME takes 0 to 6 fractional digits");
        }
        cast->type.fraction = static_cast<std::uint8_t>(digits.text[0] - '0');
        ++at_;
        SL_TRY(Expect(")"));
      }
    } else {
      return Error(type_place, "CAST knows CHAR, BINARY, SIGNED, UNSIGNED and DATETIME(n)");
    }
    SL_TRY(Expect(")"));
    return cast;
  }

  std::string_view text_;
  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace

base::Result<ExprPtr> Parse(std::string_view expression) {
  SL_ASSIGN(std::vector<Token> tokens, Tokenize(expression));
  return Parser(expression, std::move(tokens)).Run();
}

}  // namespace shardlift::mapping
