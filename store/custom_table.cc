#include "store/custom_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <span>

#include "mysql/schema.h"
#include "mysql/session.h"
#include "store/live_schema.h"
#include "store/table_definitions.h"

namespace shardlift::store {
namespace {

using base::Code;
using base::Result;
using base::Status;

constexpr const char* kOwnColumns[] = {"bucket", "owner_origin", "owner_table", "owner_key"};
constexpr std::string_view kOwnerKeyName = "owner";

// The definitions of the columns and the key that are added, as `message` has them.
const ColumnDefinition& OwnColumn(std::string_view name) {
  const auto& columns = TableDefinitions().front().columns;
  return *std::find_if(columns.begin(), columns.end(), [&](const auto& column) { return column.name == name; });
}

const KeyDefinition& OwnerKey() {
  const auto& keys = TableDefinitions().front().keys;
  return *std::find_if(keys.begin(), keys.end(), [](const auto& key) { return key.name == kOwnerKeyName; });
}

// Reads the head of a statement word by word.
class Head {
 public:
  explicit Head(std::string_view sql) : rest_(sql) {}

  // The next word in upper case, an identifier in back-ticks with one of them in front, or one other character; empty
  // at the end.
  std::string Next() {
    SkipSpace();
    if (rest_.empty()) return {};
    if (rest_.front() == '`') return Quoted();
    std::size_t length = 0;
    while (length < rest_.size() && IsWord(rest_[length])) ++length;
    return Take(std::max<std::size_t>(length, 1));
  }
  std::string_view rest() const { return rest_; }

 private:
  static bool IsWord(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '$' ||
           static_cast<unsigned char>(c) >= 0x80;
  }
  std::string Take(std::size_t length) {
    std::string word(rest_.substr(0, length));
    rest_.remove_prefix(length);
    return word;
  }
  std::string Quoted() {
    std::string name = "`";
    for (rest_.remove_prefix(1); !rest_.empty(); rest_.remove_prefix(1)) {
      if (rest_.front() == '`') {
        rest_.remove_prefix(1);
        if (!rest_.starts_with('`')) break;
      }
      name.push_back(rest_.front());
    }
    return name;
  }
  void SkipSpace() {
    while (!rest_.empty()) {
      const bool line = rest_.starts_with("-- ") || rest_.starts_with('#');
      const bool block = rest_.starts_with("/*") && !rest_.starts_with("/*!") && !rest_.starts_with("/*M!");
      if (line || block) {
        const std::string_view end = line ? "\n" : "*/";
        const std::size_t at = rest_.find(end, 2);
        rest_.remove_prefix(at == std::string_view::npos ? rest_.size() : at + end.size());
      } else if (std::isspace(static_cast<unsigned char>(rest_.front())) != 0) {
        rest_.remove_prefix(1);
      } else {
        return;
      }
    }
  }
  std::string_view rest_;
};

std::string Upper(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

// The lines of SHOW CREATE TABLE behind the first, without the comma at their ends.
Result<std::vector<std::string>> DefinitionLines(mysql::Session& session, const std::string& quoted) {
  SL_ASSIGN(const auto shown, session.Query("SHOW CREATE TABLE " + quoted, "read the definition of a target table"));
  const std::string text = WithoutCounter(shown.rows.at(0).at(1).value_or(""));
  std::vector<std::string> lines;
  for (std::size_t at = text.find('\n'); at != std::string::npos;) {
    const std::size_t end = text.find('\n', at + 1);
    std::string line = text.substr(at + 1, end == std::string::npos ? end : end - at - 1);
    line.erase(0, line.find_first_not_of(' '));
    if (line.ends_with(',')) line.pop_back();
    lines.push_back(std::move(line));
    at = end;
  }
  return lines;
}

// "`name`" of a column's line, "KEY `name`" or another beginning of all other lines, "PRIMARY KEY" and ")" among them.
std::string SubjectOf(const std::string& line) {
  if (line.starts_with(')')) return ")";
  const std::size_t open = line.find('`');
  if (open == std::string::npos || line.starts_with("PRIMARY KEY")) return line.substr(0, line.find(" ("));
  return line.substr(0, line.find('`', open + 1) + 1);
}

// One line of a definition against the wanted one; either may be empty.
Difference LineDifference(const std::string& table, const std::string& have, const std::string& want) {
  const std::string& line = want.empty() ? have : want;
  const std::string subject = SubjectOf(line);
  const bool column = subject.starts_with('`');
  const bool unique = line.starts_with("UNIQUE") || line.starts_with("PRIMARY");
  const std::size_t open = subject.find('`');
  const std::string name = open == std::string::npos ? "" : subject.substr(open + 1, subject.size() - open - 2);
  const std::string drop = column                           ? "DROP COLUMN " + subject
                           : line.starts_with("PRIMARY")    ? "DROP PRIMARY KEY"
                           : line.starts_with("CONSTRAINT") ? "DROP CONSTRAINT " + subject.substr(open)
                           : open == std::string::npos      ? subject
                                                            : "DROP KEY " + subject.substr(open);
  if (subject == ")") {
    return {table, "", "it is" + have.substr(1) + ", wanted is" + want.substr(1), Remedy::kChange, want.substr(2)};
  }
  if (have.empty()) {
    const Remedy remedy = line.starts_with("KEY") ? Remedy::kAdd : Remedy::kChange;
    return {table, name, "this is missing: " + want, remedy, (column ? "ADD COLUMN " : "ADD ") + want};
  }
  if (want.empty()) {
    const bool harmless = !column && !unique && line.starts_with("KEY");
    return {table, name, "it is not part of the definition: " + have, harmless ? Remedy::kNone : Remedy::kDrop, drop};
  }
  return {table, name, "it is " + have + ", wanted is " + want, Remedy::kChange,
          column ? "MODIFY COLUMN " + want : drop + ", ADD " + want};
}

// The server's own spelling of both, so that nothing but a difference is one. False: it cannot compare this table.
Result<bool> CompareDefinitions(mysql::Session& session, std::string_view database, const CustomTable& table,
                                std::vector<Difference>* found) {
  constexpr unsigned kNoTemporaryPartitions = 1562;
  const std::string prefix = mysql::QuoteIdentifier(database) + ".";
  const std::string quoted = prefix + mysql::QuoteIdentifier(table.name);
  SL_ASSIGN(const std::vector<std::string> have, DefinitionLines(session, quoted));
  std::string sql = CreateCustomSql(table, prefix);
  sql.replace(sql.find("TABLE"), 0, "TEMPORARY ");  // hides the other one from this session until it is dropped
  const Status made = session.Execute(sql, "compare target table " + table.name);
  if (made.server_errno() == kNoTemporaryPartitions) return false;
  SL_TRY(made);
  const auto want = DefinitionLines(session, quoted);
  SL_TRY(session.Execute("DROP TEMPORARY TABLE " + quoted, "compare target table " + table.name));
  SL_TRY(want.status());
  const auto find = [](const std::vector<std::string>& lines, const std::string& subject) {
    const auto at = std::find_if(lines.begin(), lines.end(), [&](const auto& l) { return SubjectOf(l) == subject; });
    return at == lines.end() ? std::string() : *at;
  };
  for (const std::string& line : *want) {
    const std::string other = find(have, SubjectOf(line));
    if (other != line) found->push_back(LineDifference(table.name, other, line));
  }
  for (const std::string& line : have) {
    if (find(*want, SubjectOf(line)).empty()) found->push_back(LineDifference(table.name, line, ""));
  }
  return true;
}

bool HasKey(const LiveTable& live) {
  const auto have = live.keys.find(std::string(kOwnerKeyName));
  const KeyDefinition& want = OwnerKey();
  return have != live.keys.end() && have->second == LiveKey{true, {want.columns.begin(), want.columns.end()}, false};
}

void CompareOwnColumns(const std::string& table, const LiveTable& live, std::vector<Difference>* found) {
  for (const char* name : kOwnColumns) {
    const ColumnDefinition& want = OwnColumn(name);
    const auto& columns = live.columns;
    const auto have =
        std::find_if(columns.begin(), columns.end(), [&](const LiveColumn& column) { return column.name == name; });
    if (have == columns.end()) {
      found->push_back({table, name, "this column is missing: the rows that are there have no owner", Remedy::kChange,
                        "ADD COLUMN " + ColumnSql(want)});
    } else if (have->type != want.type || have->nullable) {
      found->push_back({table, name,
                        "it is " + have->type + (have->nullable ? " NULL" : "") + ", wanted is " + want.type +
                            " NOT NULL; a column of the table's own needs another name",
                        Remedy::kChange, "MODIFY COLUMN " + ColumnSql(want)});
    }
  }
  if (!HasKey(live)) {
    found->push_back({table, std::string(kOwnerKeyName), "the unique key owner on the owner columns is missing",
                      Remedy::kChange, "ADD " + KeySql(OwnerKey())});
  }
}

}  // namespace

std::string WithoutCounter(std::string definition) {
  constexpr std::string_view kCounter = " AUTO_INCREMENT=";
  const std::size_t options = definition.rfind("\n)");
  const std::size_t at = definition.find(kCounter, options == std::string::npos ? 0 : options);
  if (at == std::string::npos) return definition;
  const std::size_t end = definition.find_first_not_of("0123456789", at + kCounter.size());
  return definition.erase(at, end == std::string::npos ? end : end - at);
}

bool IsStoreTable(std::string_view name) {
  const auto tables = TableDefinitions();
  return std::any_of(tables.begin(), tables.end(), [&](const TableDefinition& table) { return table.name == name; });
}

Result<std::string> CreateTableBody(std::string_view sql, std::string_view name) {
  const std::string form = fmt::format("; write CREATE TABLE {} (...)", name);
  Head head(sql);
  if (Upper(head.Next()) != "CREATE" || Upper(head.Next()) != "TABLE") {
    return Status(Code::kUsage, "this is not one CREATE TABLE" + form);
  }
  std::string word = head.Next();
  if (Upper(word) == "IF") {
    head.Next();
    head.Next();
    word = head.Next();
  }
  if (word != name && word != "`" + std::string(name)) {
    return Status(Code::kUsage, "it creates another table than " + std::string(name) + form);
  }
  if (head.Next() != "(" || Upper(Head(head.rest()).Next()) == "LIKE") {
    return Status(Code::kUsage, "the columns do not follow the table's name" + form);
  }
  std::string body(head.rest());
  while (!body.empty() && (body.back() == ';' || std::isspace(static_cast<unsigned char>(body.back())) != 0)) {
    body.pop_back();
  }
  return body;
}

std::string CreateCustomSql(const CustomTable& table, std::string_view prefix) {
  std::string sql = fmt::format("CREATE TABLE IF NOT EXISTS {}{} (\n", prefix, mysql::QuoteIdentifier(table.name));
  if (!table.key.empty()) return sql + table.body;
  for (const char* name : kOwnColumns) sql += "  " + ColumnSql(OwnColumn(name)) + ",\n";
  return sql + "  " + KeySql(OwnerKey()) + "," + (table.body.starts_with('\n') ? "" : "\n  ") + table.body;
}

Result<std::vector<Difference>> CompareCustom(mysql::Session& session, std::string_view database,
                                              const CustomTable& table) {
  SL_ASSIGN(const LiveTables tables, ReadLiveTables(session, database));
  std::vector<Difference> found;
  const auto live = tables.find(table.name);
  if (live == tables.end()) {
    found.push_back({table.name, "", "this table is missing", Remedy::kCreate,
                     CreateCustomSql(table, mysql::QuoteIdentifier(database) + ".")});
    return found;
  }
  if (!table.body.empty()) {
    SL_ASSIGN(const bool compared, CompareDefinitions(session, database, table, &found));
    if (compared) return found;
  }
  if (table.key.empty()) CompareOwnColumns(table.name, live->second, &found);
  if (live->second.engine != "InnoDB") {
    found.push_back({table.name, "", "its engine is " + live->second.engine + ", wanted is InnoDB", Remedy::kChange,
                     "ENGINE=InnoDB"});
  }
  return found;
}

}  // namespace shardlift::store
