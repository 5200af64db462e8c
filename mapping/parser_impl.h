// The parser's state and rules, shared by its two sources: parser.cc (operators), parser_calls.cc (calls and casts).
#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "mapping/ast.h"
#include "mapping/lexer.h"

namespace shardlift::mapping {

class Parser {
 public:
  using Parsed = base::Result<ExprPtr>;

  Parser(std::string_view text, std::vector<Token> tokens) : text_(text), tokens_(std::move(tokens)) {}
  Parsed Run();

 private:
  const Token& Peek(std::size_t ahead = 0) const;
  bool AtWord(std::string_view word, std::size_t ahead = 0) const;
  bool AtSymbol(std::string_view symbol, std::size_t ahead = 0) const;
  bool TakeWord(std::string_view word);
  bool TakeSymbol(std::string_view symbol);
  base::Status Error(std::size_t place, std::string_view message) const;
  base::Status Unexpected() const;
  base::Status Expect(std::string_view symbol);
  base::Status ExpectWord(std::string_view word);
  static ExprPtr Node(Op op, std::size_t place, ExprPtr a, ExprPtr b = nullptr);

  // parser.cc
  struct Infix {
    std::string_view symbol;
    Op op;
    int level;  // higher binds tighter
  };
  const Infix* FindInfix(int level) const;
  Parsed Expression();  // OR and all below
  Parsed Xor();
  Parsed And();
  Parsed Not();
  Parsed Test();
  Parsed Predicate();
  Parsed Infixed(int level);
  Parsed Unary();
  Parsed Primary();
  Parsed Literal(Op op);
  Parsed Integer();
  Parsed In(ExprPtr left, std::size_t place, bool is_not);
  Parsed Between(ExprPtr left, std::size_t place, bool is_not);
  Parsed Like(ExprPtr left, std::size_t place, bool is_not);

  // parser_calls.cc
  Parsed Word();
  Parsed Case();
  Parsed Call();
  Parsed Convert(std::size_t place);
  Parsed Cast(std::size_t place);
  base::Status CastType(Expr* cast);
  Parsed Trim(std::size_t place);
  Parsed DateAdd(std::size_t place, bool subtract);
  Parsed Interval(ExprPtr time, std::size_t place, bool subtract);  // behind the word INTERVAL
  base::Status List(Expr* into);
  // A number of one or two digits up to `max`, for types.
  base::Result<std::uint8_t> Digits(unsigned max, std::string_view what);

  std::string_view text_;
  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace shardlift::mapping
