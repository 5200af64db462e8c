#include "tests/mapping/function_docs.h"

#include <fmt/format.h>

#include <string_view>
#include <utility>
#include <vector>

#include "mapping/functions.h"

namespace shardlift::mapping::testing {

namespace {

constexpr std::pair<FunctionGroup, std::string_view> kGroups[] = {{FunctionGroup::kNumbers, "Numbers"},
                                                                  {FunctionGroup::kLogic, "Comparison and logic"},
                                                                  {FunctionGroup::kBranches, "Branches"},
                                                                  {FunctionGroup::kCasts, "Casts"},
                                                                  {FunctionGroup::kText, "Text and binary strings"},
                                                                  {FunctionGroup::kTime, "Time"},
                                                                  {FunctionGroup::kJson, "JSON"},
                                                                  {FunctionGroup::kHashes, "Hashes"},
                                                                  {FunctionGroup::kIdentity, "Identity"}};

// For a cell of a table.
std::string Escaped(std::string_view text) {
  std::string cell;
  for (char c : text) {
    if (c == '|') cell.push_back('\\');
    cell.push_back(c);
  }
  return cell;
}

std::string Code(std::string_view text) { return text.empty() ? "" : "`" + Escaped(text) + "`"; }

std::string Row(const Function& function) {
  std::string meaning = Escaped(function.meaning);
  if (function.difference == "as =") {
    meaning += fmt::format("{}compares as = does", meaning.empty() ? "" : "; ");
  } else if (!function.difference.empty()) {
    meaning += fmt::format("{}*{}*", meaning.empty() ? "" : ". ", Escaped(function.difference));
  }
  return fmt::format("| {} | {} | {} | {} |\n", Code(function.syntax), meaning, Code(function.example),
                     Code(function.result));
}

}  // namespace

std::string FunctionDocs() {
  std::string docs;
  for (auto [group, title] : kGroups) {
    docs += fmt::format("### {}\n\n| | | Example | Result |\n|---|---|---|---|\n", title);
    for (auto table : {Operators(), Functions()}) {
      for (const Function& function : table) {
        if (function.group == group && !function.syntax.empty()) docs += Row(function);
      }
    }
    docs += "\n";
  }
  docs += "### Other names\n\n";
  for (const Alias& alias : Aliases()) docs += fmt::format("- {} is {}\n", alias.name, alias.function);
  docs += "\n### Refused\n\n";
  std::vector<std::pair<std::string_view, std::string>> reasons;
  for (const Refusal& refusal : Refusals()) {
    if (reasons.empty() || reasons.back().first != refusal.reason) reasons.emplace_back(refusal.reason, "");
    reasons.back().second += (reasons.back().second.empty() ? "" : ", ") + std::string(refusal.name);
  }
  for (const auto& [reason, names] : reasons) docs += fmt::format("- {}: {}.\n", names, reason);
  return docs;
}

}  // namespace shardlift::mapping::testing
