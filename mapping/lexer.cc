#include "mapping/lexer.h"

#include "mapping/charset.h"
#include "mapping/expression_error.h"

namespace shardlift::mapping {

using base::Status;

Status ExpressionError(std::string_view expression, std::size_t place, std::string_view message) {
  place = std::min(place, expression.size());
  std::size_t begin = place == 0 ? 0 : expression.rfind('\n', place - 1);
  begin = begin == std::string_view::npos || place == 0 ? 0 : begin + 1;
  std::size_t end = expression.find('\n', place);
  std::string_view line = expression.substr(begin, end == std::string_view::npos ? end : end - begin);
  std::size_t column = CountCharacters(expression.substr(begin, place - begin));
  std::string text(message);
  text.append("\n  ").append(line).append("\n  ").append(column, ' ').append("^");
  return Status(base::Code::kUsage, std::move(text));
}

namespace {

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsWordStart(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$' ||
         static_cast<unsigned char>(c) >= 0x80;
}
bool IsWord(char c) { return IsWordStart(c) || IsDigit(c); }

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  base::Result<std::vector<Token>> Run() {
    while (true) {
      while (at_ < text_.size() && IsSpace(text_[at_])) ++at_;
      Token token;
      token.place = at_;
      if (at_ < text_.size()) SL_TRY(Next(&token));
      tokens_.push_back(std::move(token));
      if (tokens_.back().kind == TokenKind::kEnd) return std::move(tokens_);
    }
  }

 private:
  char Peek(std::size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }
  Status Error(std::size_t place, std::string_view message) const { return ExpressionError(text_, place, message); }

  Status Next(Token* token) {
    char c = Peek();
    if ((c == 'x' || c == 'X') && Peek(1) == '\'') return QuotedHex(token);
    if (c == '0' && (Peek(1) == 'x' || Peek(1) == 'X')) return PrefixedHex(token);
    if (IsWordStart(c)) return Word(token);
    if (IsDigit(c) || (c == '.' && IsDigit(Peek(1)))) return Number(token);
    if (c == '\'') return Text(token);
    if (c == '`') return QuotedName(token);
    if (c == '"') return Error(at_, "use single quotes for text: the meaning of double quotes depends on sql_mode");
    return Symbol(token);
  }

  Status Word(Token* token) {
    token->kind = TokenKind::kWord;
    while (IsWord(Peek())) token->text.push_back(text_[at_++]);
    token->upper = token->text;
    for (char& c : token->upper) {
      if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    }
    if (Peek() == '\'') return Error(token->place, "text with a prefix is not supported; write plain 'text'");
    return base::Ok();
  }

  Status Number(Token* token) {
    token->kind = TokenKind::kInteger;
    while (IsDigit(Peek())) token->text.push_back(text_[at_++]);
    if (Peek() == '.') {
      token->kind = TokenKind::kDecimal;
      token->text.push_back(text_[at_++]);
      while (IsDigit(Peek())) token->text.push_back(text_[at_++]);
    }
    if (Peek() == 'e' || Peek() == 'E') return Error(token->place, "floating-point literals are not supported");
    if (IsWord(Peek())) return Error(token->place, "a name may not start with a digit; quote it with back-ticks");
    return base::Ok();
  }

  Status Text(Token* token) {
    token->kind = TokenKind::kText;
    ++at_;
    while (true) {
      if (at_ >= text_.size()) return Error(token->place, "this text has no closing quote");
      char c = text_[at_++];
      if (c == '\'') {
        if (Peek() != '\'') break;
        ++at_;
      } else if (c == '\\') {
        if (at_ >= text_.size()) return Error(token->place, "this text has no closing quote");
        c = Unescape(token);
        if (c == '\0' && text_[at_ - 1] != '0') continue;  // \% and \_ were appended whole
      }
      token->text.push_back(c);
    }
    if (!IsUtf8(token->text)) return Error(token->place, "this text is not valid UTF-8; write bytes as x'...'");
    return base::Ok();
  }

  // MySQL's escapes; any other character stands for itself.
  char Unescape(Token* token) {
    char c = text_[at_++];
    switch (c) {
      case '0': return '\0';
      case 'n': return '\n';
      case 't': return '\t';
      case 'r': return '\r';
      case 'b': return '\b';
      case 'Z': return '\x1a';
      case '%':
      case '_': token->text.append({'\\', c}); return '\0';
      default: return c;
    }
  }

  Status QuotedName(Token* token) {
    token->kind = TokenKind::kQuotedName;
    ++at_;
    while (true) {
      if (at_ >= text_.size()) return Error(token->place, "this name has no closing back-tick");
      char c = text_[at_++];
      if (c == '`') {
        if (Peek() != '`') break;
        ++at_;
      }
      token->text.push_back(c);
    }
    if (token->text.empty()) return Error(token->place, "this name is empty");
    return base::Ok();
  }

  Status QuotedHex(Token* token) {
    at_ += 2;
    std::string digits;
    while (at_ < text_.size() && Peek() != '\'') digits.push_back(text_[at_++]);
    if (at_ >= text_.size()) return Error(token->place, "this hexadecimal literal has no closing quote");
    ++at_;
    if (digits.size() % 2 != 0) return Error(token->place, "a hexadecimal literal needs an even number of digits");
    return Hex(digits, token);
  }

  Status PrefixedHex(Token* token) {
    at_ += 2;
    std::string digits;
    while (IsWord(Peek())) digits.push_back(text_[at_++]);
    if (digits.empty() || digits.size() % 2 != 0) {
      return Error(token->place, "a hexadecimal literal needs an even number of digits");
    }
    return Hex(digits, token);
  }

  Status Hex(std::string_view digits, Token* token) {
    token->kind = TokenKind::kBinary;
    for (std::size_t i = 0; i < digits.size(); i += 2) {
      int high = HexDigit(digits[i]);
      int low = HexDigit(digits[i + 1]);
      if (high < 0 || low < 0) return Error(token->place, "this is not a hexadecimal literal");
      token->text.push_back(static_cast<char>(high * 16 + low));
    }
    return base::Ok();
  }

  Status Symbol(Token* token) {
    token->kind = TokenKind::kSymbol;
    static constexpr std::string_view kSymbols[] = {"<=>", "<<", ">>", "<=", ">=", "<>", "!=", "=", "<", ">", "+",
                                                    "-",   "*",  "/",  "%",  "(",  ")",  ",",  "&", "|", "^", "~"};
    std::string_view rest = text_.substr(at_);
    if (rest.starts_with("--") || rest.starts_with("/*") || rest.starts_with("#")) {
      return Error(at_, rest.starts_with("--") ? "write - (-x) with parentheses: -- starts a comment in MySQL"
                                               : "comments are not supported inside expressions");
    }
    if (rest.starts_with("||")) return Error(at_, "|| depends on sql_mode; write OR or CONCAT");
    if (rest.starts_with("&&")) return Error(at_, "write AND");
    if (rest.starts_with(":=") || rest.starts_with("@")) return Error(at_, "variables are not supported");
    for (std::string_view symbol : kSymbols) {
      if (!rest.starts_with(symbol)) continue;
      token->text = symbol;
      at_ += symbol.size();
      return base::Ok();
    }
    return Error(at_, "this character has no meaning here");
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::vector<Token> tokens_;
};

}  // namespace

base::Result<std::vector<Token>> Tokenize(std::string_view expression) { return Lexer(expression).Run(); }

}  // namespace shardlift::mapping
