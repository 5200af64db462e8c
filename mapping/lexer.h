// Tokens of the mapping language. Internal to mapping/.
//
// Lexical rules are MySQL's with the default sql_mode: 'text' with '' and backslash escapes, `name`, x'6162' and
// 0x6162, 12, 1.5. Refused because their meaning depends on server settings or is not exact: "text", 1e3, || and &&,
// comments.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace shardlift::mapping {

enum class TokenKind : std::uint8_t { kEnd, kWord, kQuotedName, kInteger, kDecimal, kText, kBinary, kSymbol };

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::string text;       // kWord: as written; kText, kBinary, kQuotedName: the value; kSymbol: "<=>", "(", ...
  std::string upper;      // kWord: upper case, for key words and function names
  std::size_t place = 0;  // byte offset
};

// All tokens, a kEnd last. Fails with kUsage and a caret.
base::Result<std::vector<Token>> Tokenize(std::string_view expression);

}  // namespace shardlift::mapping
