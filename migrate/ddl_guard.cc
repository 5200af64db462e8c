#include "migrate/ddl_guard.h"

#include <algorithm>
#include <cctype>
#include <vector>

#include "mapping/table_mapper.h"

namespace shardlift::migrate {
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

// The pattern up to the dot between schema and table; dots inside braces belong to ranges.
std::string SchemaPart(const std::string& pattern) {
  int depth = 0;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '{') ++depth;
    if (pattern[i] == '}') --depth;
    if (pattern[i] == '.' && depth == 0) return pattern.substr(0, i);
  }
  return pattern;
}

bool Applies(const mapping::MappingConfig& mapping, std::string_view source) {
  return mapping.sources.empty() ||
         std::find(mapping.sources.begin(), mapping.sources.end(), source) != mapping.sources.end();
}

bool Matches(const job::JobConfig& config, std::string_view source, std::string_view schema, std::string_view table) {
  for (const mapping::MappingConfig& mapping : config.mappings) {
    if (!Applies(mapping, source)) continue;
    for (const std::string& pattern : mapping.match) {
      const base::Result<bool> matches = mapping::MatchesPattern(pattern, schema, table);
      if (matches.ok() && *matches) return true;
    }
  }
  return false;
}

}  // namespace

std::string FindMappedTable(const job::JobConfig& config, std::string_view source, std::string_view default_schema,
                            std::string_view sql) {
  const std::vector<Word> words = Words(sql);
  // Temporary tables of a session are dropped in the binlog too; they are never a mapped table.
  for (std::size_t i = 0; i < std::min<std::size_t>(words.size(), 4); ++i) {
    if (IsWord(words, i, "TEMPORARY")) return {};
  }
  const bool drops_schema = IsWord(words, 0, "DROP") && (IsWord(words, 1, "DATABASE") || IsWord(words, 1, "SCHEMA"));
  if (drops_schema) {
    const std::string& schema = words.back().text;
    for (const mapping::MappingConfig& mapping : config.mappings) {
      if (!Applies(mapping, source)) continue;
      for (const std::string& pattern : mapping.match) {
        const std::string schema_pattern = SchemaPart(pattern) + ".t";
        const base::Result<bool> matches = mapping::MatchesPattern(schema_pattern, schema, "t");
        if (matches.ok() && *matches) return schema + ".*";
      }
    }
    return {};
  }
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i + 1 < words.size() && words[i + 1].joined && Matches(config, source, words[i].text, words[i + 1].text)) {
      return words[i].text + "." + words[i + 1].text;
    }
    if (!words[i].joined && Matches(config, source, default_schema, words[i].text)) {
      return std::string(default_schema) + "." + words[i].text;
    }
  }
  return {};
}

}  // namespace shardlift::migrate
