#include "binlog/statement_names.h"

#include <algorithm>
#include <cctype>

namespace shardlift::binlog {
namespace {

struct Word {
  std::string text;
  bool joined = false;  // a '.' stands between the previous word and this one
};

bool IsWordChar(char c) {
  const auto u = static_cast<unsigned char>(c);
  return std::isalnum(u) != 0 || c == '_' || c == '$' || u >= 0x80;
}

// The quoted text from `*i` (at the opening quote) on; doubled quotes are one.
std::string TakeQuoted(std::string_view sql, std::size_t* i) {
  const char quote = sql[*i];
  std::string text;
  for (++*i; *i < sql.size(); ++*i) {
    if (sql[*i] != quote) {
      text += sql[*i];
    } else if (*i + 1 < sql.size() && sql[*i + 1] == quote) {
      text += quote;
      ++*i;
    } else {
      break;
    }
  }
  ++*i;
  return text;
}

std::vector<Word> Words(std::string_view sql) {
  std::vector<Word> words;
  bool dot = false;
  for (std::size_t i = 0; i < sql.size();) {
    if (sql[i] == '`' || sql[i] == '"') {
      words.push_back({TakeQuoted(sql, &i), dot});
      dot = false;
    } else if (sql[i] == '\'') {
      TakeQuoted(sql, &i);
      dot = false;
    } else if (IsWordChar(sql[i])) {
      const std::size_t first = i;
      while (i < sql.size() && IsWordChar(sql[i])) ++i;
      words.push_back({std::string(sql.substr(first, i - first)), dot});
      dot = false;
    } else {
      if (sql[i] == '.') dot = true;
      ++i;
    }
  }
  return words;
}

bool IsWord(const std::vector<Word>& words, std::size_t i, std::string_view upper) {
  if (i >= words.size() || words[i].text.size() != upper.size()) return false;
  return std::equal(upper.begin(), upper.end(), words[i].text.begin(),
                    [](char a, char b) { return a == std::toupper(static_cast<unsigned char>(b)); });
}

}  // namespace

StatementNames NamesIn(std::string_view default_schema, std::string_view sql) {
  StatementNames names;
  const std::vector<Word> words = Words(sql);
  for (std::size_t i = 0; i < std::min<std::size_t>(words.size(), 4); ++i) {
    if (IsWord(words, i, "TEMPORARY")) names.temporary = true;
  }
  if (IsWord(words, 0, "DROP") && (IsWord(words, 1, "DATABASE") || IsWord(words, 1, "SCHEMA"))) {
    names.dropped_schema = words.back().text;
    return names;
  }
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i + 1 < words.size() && words[i + 1].joined) names.tables.push_back({words[i].text, words[i + 1].text});
    if (!words[i].joined) names.tables.push_back({std::string(default_schema), words[i].text});
  }
  return names;
}

}  // namespace shardlift::binlog
