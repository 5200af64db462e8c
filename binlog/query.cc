#include "binlog/query.h"

#include <fmt/format.h>

#include <array>
#include <charconv>

#include "binlog/cursor.h"

namespace shardlift::binlog {
namespace {

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
bool IsSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool IsWord(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$' ||
         (static_cast<unsigned char>(c) & 0x80) != 0;
}

class Scanner {
 public:
  explicit Scanner(std::string_view sql) : rest_(sql) {}

  // The next bare word in lower case, empty if something else comes next. Comments are skipped; what is inside
  // /*! */ and /*M! */ counts as part of the statement.
  std::string Word() {
    SkipBlank();
    std::string word;
    while (!rest_.empty() && IsWord(rest_.front())) {
      word += Lower(rest_.front());
      rest_.remove_prefix(1);
    }
    return word;
  }

  // A bare or back-ticked identifier in lower case.
  std::string Identifier() {
    SkipBlank();
    if (rest_.empty() || (rest_.front() != '`' && rest_.front() != '"')) return Word();
    const char quote = rest_.front();
    rest_.remove_prefix(1);
    std::string name;
    while (!rest_.empty()) {
      const char c = rest_.front();
      rest_.remove_prefix(1);
      if (c == quote) {
        if (rest_.empty() || rest_.front() != quote) break;
        rest_.remove_prefix(1);
      }
      name += Lower(c);
    }
    return name;
  }

  // X'..', 0x.. or a quoted string as bytes; nullopt if none comes next.
  std::optional<std::string> StringLiteral() {
    SkipBlank();
    if (rest_.size() >= 2 && Lower(rest_[0]) == 'x' && rest_[1] == '\'') {
      rest_.remove_prefix(2);
      const std::size_t end = rest_.find('\'');
      if (end == std::string_view::npos) return std::nullopt;
      const std::string_view hex = rest_.substr(0, end);
      rest_.remove_prefix(end + 1);
      return FromHex(hex);
    }
    if (rest_.size() >= 2 && rest_[0] == '0' && Lower(rest_[1]) == 'x') {
      rest_.remove_prefix(2);
      std::size_t end = 0;
      while (end < rest_.size() && IsWord(rest_[end])) ++end;
      const std::string_view hex = rest_.substr(0, end);
      rest_.remove_prefix(end);
      return FromHex(hex);
    }
    if (rest_.empty() || (rest_.front() != '\'' && rest_.front() != '"')) return std::nullopt;
    return Quoted();
  }

  bool Comma() { return Skip(','); }
  bool Equals() { return Skip('='); }

  void SkipBlank() {
    for (;;) {
      while (!rest_.empty() && IsSpace(rest_.front())) rest_.remove_prefix(1);
      if (rest_.starts_with("/*!") || rest_.starts_with("/*M!")) {
        rest_.remove_prefix(rest_.find('!') + 1);
        while (!rest_.empty() && rest_.front() >= '0' && rest_.front() <= '9') rest_.remove_prefix(1);
      } else if (rest_.starts_with("/*")) {
        CutAfter("*/");
      } else if (rest_.starts_with("*/")) {  // the end of an executable comment
        rest_.remove_prefix(2);
      } else if (rest_.starts_with("#") || rest_.starts_with("-- ") || rest_.starts_with("--\t") ||
                 rest_.starts_with("--\n")) {
        CutAfter("\n");
      } else {
        return;
      }
    }
  }

  bool AtParenthesis() {
    SkipBlank();
    return !rest_.empty() && rest_.front() == '(';
  }

  // Moves behind the next bare `word` outside of quotes and parentheses; false if there is none.
  bool SkipPast(std::string_view word) {
    int depth = 0;
    for (SkipBlank(); !rest_.empty(); SkipBlank()) {
      const char c = rest_.front();
      if (IsWord(c)) {
        if (Word() == word && depth == 0) return true;
      } else if (c == '\'' || c == '"') {
        Quoted();
      } else if (c == '`') {
        Identifier();
      } else {
        if (c == '(') ++depth;
        if (c == ')') --depth;
        rest_.remove_prefix(1);
      }
    }
    return false;
  }

 private:
  bool Skip(char c) {
    SkipBlank();
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }

  void CutAfter(std::string_view mark) {
    const std::size_t at = rest_.find(mark, mark.size() == 2 ? 2 : 0);
    rest_.remove_prefix(at == std::string_view::npos ? rest_.size() : at + mark.size());
  }

  static std::optional<std::string> FromHex(std::string_view hex) {
    if (hex.size() % 2 != 0) return std::nullopt;
    std::string bytes;
    for (std::size_t i = 0; i < hex.size(); i += 2) {
      unsigned value = 0;
      const auto [end, error] = std::from_chars(hex.data() + i, hex.data() + i + 2, value, 16);
      if (error != std::errc() || end != hex.data() + i + 2) return std::nullopt;
      bytes += static_cast<char>(value);
    }
    return bytes;
  }

  std::string Quoted() {
    const char quote = rest_.front();
    rest_.remove_prefix(1);
    std::string text;
    while (!rest_.empty()) {
      char c = rest_.front();
      rest_.remove_prefix(1);
      if (c == quote) {
        if (rest_.empty() || rest_.front() != quote) break;
        rest_.remove_prefix(1);
      } else if (c == '\\' && !rest_.empty()) {
        c = rest_.front();
        rest_.remove_prefix(1);
      }
      text += c;
    }
    return text;
  }

  std::string_view rest_;
};

// xid: gtrid [, bqual [, formatID]]
std::optional<std::string> ReadXid(Scanner& in) {
  const std::optional<std::string> gtrid = in.StringLiteral();
  if (!gtrid) return std::nullopt;
  std::string bqual;
  std::uint32_t format_id = 1;
  if (in.Comma()) {
    std::optional<std::string> second = in.StringLiteral();
    if (!second) return std::nullopt;
    bqual = std::move(*second);
    if (in.Comma()) {
      const std::string number = in.Word();
      const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), format_id);
      if (error != std::errc() || end != number.data() + number.size()) return std::nullopt;
    }
  }
  return CanonicalXid(format_id, *gtrid, bqual);
}

Query ClassifyXa(Scanner& in) {
  Query query;
  const std::string verb = in.Word();
  if (verb == "start" || verb == "begin") {
    query.kind = QueryKind::kXaStart;
  } else if (verb == "end") {
    query.kind = QueryKind::kXaEnd;
  } else if (verb == "prepare") {
    query.kind = QueryKind::kXaPrepare;
  } else if (verb == "commit") {
    query.kind = QueryKind::kXaCommit;
  } else if (verb == "rollback") {
    query.kind = QueryKind::kXaRollback;
  } else {
    return query;
  }
  query.name = ReadXid(in).value_or("");
  if (query.kind == QueryKind::kXaCommit && in.Word() == "one") query.kind = QueryKind::kXaCommitOnePhase;
  return query;
}

Query ClassifyRollback(Scanner& in) {
  Query query{QueryKind::kRollback, {}};
  std::string word = in.Word();
  if (word == "work") word = in.Word();
  if (word != "to") return query;
  query.kind = QueryKind::kRollbackToSavepoint;
  Scanner after = in;
  query.name = in.Identifier();
  // The word SAVEPOINT is optional, and may itself be a name.
  if (query.name == "savepoint") {
    after.Word();
    if (const std::string name = after.Identifier(); !name.empty()) query.name = name;
  }
  return query;
}

template <std::size_t N>
bool OneOf(std::string_view word, const std::array<std::string_view, N>& words) {
  for (const std::string_view each : words) {
    if (word == each) return true;
  }
  return false;
}

constexpr std::array<std::string_view, 4> kDdlVerbs = {"alter", "rename", "truncate", "import"};
// SELECT, CALL, DO and WITH are logged only for what they change.
constexpr std::array<std::string_view, 12> kDmlVerbs = {"insert", "update", "delete", "replace", "load",  "call",
                                                        "select", "do",     "with",   "handler", "table", "values"};

// After CREATE or DROP. Nobody else sees a temporary table, and its rows are never in the binlog.
bool OfTemporary(Scanner& in) {
  std::string word = in.Word();
  if (word == "or" && in.Word() == "replace") word = in.Word();
  return word == "temporary";
}

// ANALYZE [FORMAT = JSON] <statement> of MariaDB runs the statement; ANALYZE TABLE changes no row.
QueryKind ClassifyAnalyze(Scanner& in) {
  std::string word = in.Word();
  if (word == "format" && in.Equals()) {
    in.Word();
    word = in.Word();
  }
  return OneOf(word, kDmlVerbs) && word != "table" ? QueryKind::kDml : QueryKind::kOther;
}

}  // namespace

std::string CanonicalXid(std::uint32_t format_id, std::string_view gtrid, std::string_view bqual) {
  std::string text = fmt::format("{}:", format_id);
  for (const char c : gtrid) text += fmt::format("{:02x}", static_cast<unsigned char>(c));
  text += ':';
  for (const char c : bqual) text += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return text;
}

Query ClassifyQuery(std::string_view sql) {
  Scanner in(sql);
  if (in.AtParenthesis()) return {QueryKind::kDml, {}};
  std::string verb = in.Word();
  // MariaDB puts session variables around one statement.
  while (verb == "set" && in.Word() == "statement") {
    if (!in.SkipPast("for")) return {QueryKind::kOther, {}};
    verb = in.Word();
  }
  if (verb == "begin") return {in.Word() == "not" ? QueryKind::kDml : QueryKind::kBegin, {}};
  if (verb == "commit") return {QueryKind::kCommit, {}};
  if (verb == "start") return {in.Word() == "transaction" ? QueryKind::kBegin : QueryKind::kOther, {}};
  if (verb == "rollback") return ClassifyRollback(in);
  if (verb == "savepoint") return {QueryKind::kSavepoint, in.Identifier()};
  if (verb == "release") {
    if (in.Word() != "savepoint") return {QueryKind::kOther, {}};
    return {QueryKind::kReleaseSavepoint, in.Identifier()};
  }
  if (verb == "xa") return ClassifyXa(in);
  if (verb == "create" || verb == "drop") return {OfTemporary(in) ? QueryKind::kOther : QueryKind::kDdl, {}};
  if (verb == "analyze") return {ClassifyAnalyze(in), {}};
  if (OneOf(verb, kDdlVerbs)) return {QueryKind::kDdl, {}};
  if (OneOf(verb, kDmlVerbs)) return {QueryKind::kDml, {}};
  return {QueryKind::kOther, {}};
}

base::Result<QueryEvent> ParseQueryEvent(const Event& event, const Format& format) {
  // EXECUTE_LOAD_QUERY goes on with the file's id, where its name stands in the text, and what to do with duplicates.
  constexpr std::size_t kLoadHeader = 26;
  const std::size_t usual = event.header.type == EventType::kExecuteLoadQuery ? kLoadHeader : 13;
  const std::size_t post_header = format.PostHeaderBytes(event.header.type, usual);
  constexpr std::size_t kHeaderBeforeV4 = 11;  // no status variables yet
  Cursor in(event.body);
  in.Skip(8);  // connection id, execution time
  const std::uint8_t schema_bytes = in.U8();
  in.Skip(2);  // error code
  if (post_header != kHeaderBeforeV4) {
    const std::uint16_t status_bytes = in.U16();
    if (post_header < 13) in.Fail();
    in.Skip(post_header - (post_header < 13 ? post_header : 13));
    in.Skip(status_bytes);
  }
  QueryEvent query;
  query.default_schema = in.Bytes(schema_bytes);
  if (in.U8() != 0) in.Fail();
  query.sql = in.Rest();
  if (!in.ok()) return Corrupt(fmt::format("{} cut short", EventTypeName(event.header.type)));
  return query;
}

}  // namespace shardlift::binlog
