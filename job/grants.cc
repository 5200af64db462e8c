#include "job/grants.h"

#include <algorithm>

namespace shardlift::job {
namespace {

// SQL LIKE with % and _ and the escape character \\.
bool Like(std::string_view text, std::string_view pattern) {
  if (pattern.empty()) return text.empty();
  if (pattern.front() == '%') {
    for (std::size_t skip = 0; skip <= text.size(); ++skip) {
      if (Like(text.substr(skip), pattern.substr(1))) return true;
    }
    return false;
  }
  if (text.empty()) return false;
  if (pattern.front() == '\\' && pattern.size() > 1) {
    return pattern[1] == text.front() && Like(text.substr(1), pattern.substr(2));
  }
  return (pattern.front() == '_' || pattern.front() == text.front()) && Like(text.substr(1), pattern.substr(1));
}

// "SELECT (`a`, `b`), INSERT": a privilege on columns is not one on the table, so it keeps its list and matches
// nothing.
std::vector<std::string> SplitPrivileges(std::string_view text) {
  std::vector<std::string> items(1);
  int depth = 0;
  for (const char c : text) {
    depth += c == '(' ? 1 : c == ')' ? -1 : 0;
    if (c == ',' && depth == 0) {
      items.emplace_back();
    } else if (c != ' ' || !items.back().empty()) {
      items.back().push_back(c);
    }
  }
  return items;
}

// The identifier in back-ticks at the start of `text`; false if there is none. Moves past it.
bool TakeIdentifier(std::string_view* text, std::string* name) {
  if (!text->starts_with('`')) return false;
  for (std::size_t i = 1; i < text->size(); ++i) {
    if ((*text)[i] == '`') {
      if (i + 1 == text->size() || (*text)[i + 1] != '`') {
        text->remove_prefix(i + 1);
        return true;
      }
      ++i;
    }
    name->push_back((*text)[i]);
  }
  return false;
}

}  // namespace

base::Result<Grants> Grants::Read(mysql::Session& session) {
  SL_ASSIGN(auto rows, session.Query("SHOW GRANTS", "read the user's privileges"));
  std::vector<std::string> lines;
  lines.reserve(rows.rows.size());
  for (const auto& row : rows.rows) lines.push_back(row[0].value_or(""));
  return FromLines(lines);
}

Grants Grants::FromLines(const std::vector<std::string>& lines) {
  constexpr std::string_view kGrant = "GRANT ";
  constexpr std::string_view kOn = " ON ";
  Grants grants;
  for (const std::string& text : lines) {
    if (!text.starts_with(kGrant)) continue;
    const std::size_t on = text.find(kOn);
    if (on == std::string::npos) {
      grants.has_roles_ = true;
      continue;
    }
    Line line;
    line.privileges = SplitPrivileges(std::string_view(text).substr(kGrant.size(), on - kGrant.size()));
    std::string_view scope = std::string_view(text).substr(on + kOn.size());
    line.global = scope.starts_with("*.* ");
    std::string database;
    if (TakeIdentifier(&scope, &database) && scope.starts_with(".* ")) line.database = database;
    grants.lines_.push_back(std::move(line));
  }
  return grants;
}

bool Grants::Has(const Line& line, std::string_view privilege) const {
  return std::any_of(line.privileges.begin(), line.privileges.end(),
                     [&](const std::string& p) { return p == privilege || p == "ALL PRIVILEGES" || p == "ALL"; });
}

bool Grants::HasGlobal(std::string_view privilege) const {
  return has_roles_ ||
         std::any_of(lines_.begin(), lines_.end(), [&](const Line& l) { return l.global && Has(l, privilege); });
}

bool Grants::HasOnDatabase(std::string_view privilege, std::string_view database) const {
  return HasGlobal(privilege) || std::any_of(lines_.begin(), lines_.end(), [&](const Line& l) {
           return !l.database.empty() && Like(database, l.database) && Has(l, privilege);
         });
}

}  // namespace shardlift::job
