#include "cmd/plan_mapping.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "job/routing.h"
#include "job/targets.h"
#include "mysql/schema.h"
#include "mysql/session.h"

namespace shardlift::cmd {
namespace {

using base::Result;

// Two tables have one explanation when all that is printed of it is equal.
std::string Signature(const mapping::MappingExplanation& e) {
  std::string text;
  for (const auto& column : e.columns) {
    text += fmt::format("{};{};{};{}\n", column.target, fmt::join(column.sources, ","), fmt::join(column.risks, ","),
                        fmt::join(column.conversions, ","));
  }
  for (const auto& source : e.sources)
    text += fmt::format("{};{};{}\n", source.column, source.column_type, source.fate);
  for (const auto& part : e.key) text += fmt::format("{};{}\n", part.column, part.column_type);
  return text + fmt::format("{}\n{}\n", fmt::join(e.owner_argument, "\n"), fmt::join(e.problems, "\n"));
}

constexpr std::size_t kExpandedMax = 100'000;  // tables that one pattern may stand for to be looked for one by one
constexpr std::size_t kMissingShown = 20;

// The texts between braces: "a,b" or "00..15". Checked by mapping::MatchesPattern already.
std::vector<std::string> Choices(std::string_view inner) {
  std::vector<std::string> choices;
  const std::size_t dots = inner.find("..");
  if (dots == std::string_view::npos) {
    for (std::size_t begin = 0; begin <= inner.size();) {
      const std::size_t comma = std::min(inner.find(',', begin), inner.size());
      choices.emplace_back(inner.substr(begin, comma - begin));
      begin = comma + 1;
    }
    return choices;
  }
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::from_chars(inner.data(), inner.data() + dots, first);
  std::from_chars(inner.data() + dots + 2, inner.data() + inner.size(), last);
  for (std::uint64_t n = first; n <= last && choices.size() <= kExpandedMax; ++n) {
    choices.push_back(fmt::format("{:0{}}", n, dots));
  }
  return choices;
}

// All names that the pattern stands for; none when it has * or ?, or stands for too many.
std::vector<std::string> Expand(std::string_view pattern) {
  std::vector<std::string> names{""};
  for (std::size_t at = 0; at < pattern.size(); ++at) {
    const char c = pattern[at];
    if (c == '*' || c == '?') return {};
    std::vector<std::string> choices{std::string(1, c)};
    if (c == '{') {
      const std::size_t close = pattern.find('}', at);
      choices = Choices(pattern.substr(at + 1, close - at - 1));
      at = close;
    }
    if (names.size() * choices.size() > kExpandedMax) return {};
    std::vector<std::string> longer;
    for (const std::string& name : names) {
      for (const std::string& choice : choices) longer.push_back(name + choice);
    }
    names = std::move(longer);
  }
  return names;
}

class Collector {
 public:
  Collector(const job::JobConfig& config, std::shared_ptr<const store::BucketRules> rules)
      : config_(config), rules_(std::move(rules)) {}

  Result<MappingReport> Run() {
    SL_ASSIGN(targets_, job::LoadTargets(config_));
    for (const job::SourceConfig& source : config_.sources) SL_TRY(Source(source));
    for (const mapping::MappingConfig& mapping : config_.mappings) {
      for (const std::string& pattern : mapping.match) {
        const auto matched = matched_.find({mapping.name, pattern});
        if (matched != matched_.end()) {
          Gap(mapping, pattern, matched->second);
          continue;
        }
        report_.problems.push_back(fmt::format("mapping {} ({}): match \"{}\" matches no table that the user may see",
                                               mapping.name, mapping.place, pattern));
      }
    }
    return std::move(report_);
  }

 private:
  base::Status Source(const job::SourceConfig& source) {
    SL_ASSIGN(const auto session, mysql::Session::Open(source.endpoint, mysql::SessionOptions()));
    SL_ASSIGN(const std::vector<mysql::TableName> tables, mysql::ListTables(*session));
    for (const mapping::MappingConfig& mapping : config_.mappings) {
      if (!mapping.ReadsFrom(source.endpoint.name)) continue;
      for (const mysql::TableName& table : tables) SL_TRY(Table(source, *session, mapping, table));
    }
    return base::Ok();
  }

  base::Status Table(const job::SourceConfig& source, mysql::Session& session, const mapping::MappingConfig& mapping,
                     const mysql::TableName& table) {
    bool matches = false;
    for (const std::string& pattern : mapping.match) {
      SL_ASSIGN(const bool here, mapping::MatchesPattern(pattern, table.schema, table.table));
      if (!here) continue;
      matches = true;
      matched_[{mapping.name, pattern}].insert(table.Text());
    }
    if (!matches) return base::Ok();
    mapping::TableContext context;
    SL_ASSIGN(context.schema, mysql::ReadTableSchema(session, table));
    context.flavour = session.flavour();
    context.rules = rules_;
    context.target = targets_.at(mapping.target);
    context.table_ordinal = 1;  // no part of the explanation depends on it
    Add(mapping, source.endpoint.name + ": " + table.Text(), mapping::Explain(mapping, context));
    return base::Ok();
  }

  void Gap(const mapping::MappingConfig& mapping, const std::string& pattern, const std::set<std::string>& matched) {
    PatternGap gap{mapping.name, pattern, 0, {}};
    for (std::string& name : Expand(pattern)) {
      ++gap.tables;
      if (!matched.contains(name)) gap.missing.push_back(std::move(name));
    }
    if (!gap.missing.empty()) report_.gaps.push_back(std::move(gap));
  }

  void Add(const mapping::MappingConfig& mapping, std::string table, mapping::MappingExplanation explanation) {
    const std::string key = mapping.name + "\n" + Signature(explanation);
    const auto [found, is_new] = group_of_.emplace(key, report_.groups.size());
    if (is_new) report_.groups.push_back({mapping.name, mapping.target, {}, mapping.where, std::move(explanation)});
    report_.groups[found->second].tables.push_back(std::move(table));
  }

  const job::JobConfig& config_;
  const std::shared_ptr<const store::BucketRules> rules_;
  job::Targets targets_;
  std::map<std::pair<std::string, std::string>, std::set<std::string>> matched_;  // (mapping, pattern): tables
  std::map<std::string, std::size_t> group_of_;
  MappingReport report_;
};

void AppendColumns(const mapping::MappingExplanation& e, std::string* text) {
  for (const auto& column : e.columns) {
    *text +=
        fmt::format("  {:<14} <- {}{}\n", column.target, column.expression, column.is_default ? "  (default)" : "");
    if (!column.sources.empty()) *text += fmt::format("  {:<17} from {}\n", "", fmt::join(column.sources, ", "));
    for (const std::string& risk : column.risks) *text += fmt::format("  {:<17} risk: {}\n", "", risk);
    for (const std::string& lossy : column.conversions) *text += fmt::format("  {:<17} lossy: {}\n", "", lossy);
  }
}

std::string ColumnsWith(const mapping::MappingExplanation& e, std::string_view fate) {
  std::string list;
  for (const auto& source : e.sources) {
    if (source.fate == fate) list += (list.empty() ? "" : ", ") + source.column + " " + source.column_type;
  }
  return list;
}

void AppendSources(const mapping::MappingExplanation& e, std::string* text) {
  struct Line {
    const char* fate;
    const char* words;
  };
  constexpr Line kLines[] = {{"key", "in the owner key, unchanged"},
                             {"whole", "unchanged in a target column"},
                             {"part", "only in expressions"},
                             {"ignored", "ignored: their values are not moved"},
                             {"generated", "generated by the source and not used"},
                             {"unmapped", "NOT MAPPED"}};
  *text += "  source columns\n";
  for (const Line& line : kLines) {
    const std::string list = ColumnsWith(e, line.fate);
    if (!list.empty()) *text += fmt::format("    {}: {}\n", line.words, list);
  }
}

}  // namespace

bool MappingReport::usable() const {
  return problems.empty() && std::all_of(groups.begin(), groups.end(), [](const ExplainedTables& group) {
           return group.explanation.problems.empty();
         });
}

Result<MappingReport> ExplainMappings(const job::JobConfig& config) {
  SL_ASSIGN(const store::Router router, job::MakeRouter(config.routing));
  return Collector(config, router.shared_rules()).Run();
}

std::string MappingText(const MappingReport& report) {
  std::string text;
  for (const ExplainedTables& group : report.groups) {
    const mapping::MappingExplanation& e = group.explanation;
    text += fmt::format("mapping {}: {} {}{}\n", group.mapping, group.tables.size(),
                        group.tables.size() == 1 ? "table" : "tables of one form",
                        group.target == store::MessageTarget()->name ? "" : " into " + group.target);
    for (const std::string& table : group.tables) text += fmt::format("    {}\n", table);
    AppendColumns(e, &text);
    AppendSources(e, &text);
    text += "  owner\n";
    for (const auto& part : e.key) {
      text +=
          fmt::format("    {} {}: {} (at most {} bytes)\n", part.column, part.column_type, part.bytes, part.bytes_max);
    }
    for (const std::string& step : e.owner_argument) text += fmt::format("    - {}\n", step);
    if (!e.way_back.empty()) text += fmt::format("  way back: {}\n", e.way_back);
    for (const std::string& problem : e.problems) text += fmt::format("  PROBLEM: {}\n", problem);
  }
  for (const PatternGap& gap : report.gaps) {
    const std::size_t shown = std::min(gap.missing.size(), kMissingShown);
    text += fmt::format("note: mapping {}: \"{}\" stands for {} tables, of which {} are on no source: {}{}\n",
                        gap.mapping, gap.pattern, gap.tables, gap.missing.size(),
                        fmt::join(gap.missing.begin(), gap.missing.begin() + static_cast<std::ptrdiff_t>(shown), ", "),
                        shown < gap.missing.size() ? ", ..." : "");
  }
  for (const std::string& problem : report.problems) text += fmt::format("PROBLEM: {}\n", problem);
  return text;
}

}  // namespace shardlift::cmd
