#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/progress.h"
#include "repair/repair.h"
#include "verify/findings_file.h"

namespace shardlift::repair {
namespace {

using ReportValue = nlohmann::ordered_json;
using base::FormatCount;

constexpr std::size_t kOpenInText = 20;

std::vector<std::string> NextStepsOf(const RepairReport& report) {
  std::vector<std::string> steps;
  const MappingRepair total = report.total();
  if (report.dry_run && report.over_limit) {
    steps.emplace_back(
        "the repair would refuse: find out what made so many rows wrong, then raise --max-share or "
        "--max-rows");
  } else if (report.dry_run && total.repaired > 0) {
    steps.emplace_back("run the same command without --dry-run");
  }
  if (!report.not_verified.empty()) {
    steps.emplace_back("tables are listed under not_verified: run verify --findings when writes have stopped");
  }
  if (total.refused + total.still_wrong > 0)
    steps.emplace_back("the rows under open are still wrong: see their reasons");
  if (!report.dry_run) steps.emplace_back("run verify: a repair looks at the rows it was given, and at no other");
  return steps;
}

ReportValue MappingJson(const MappingRepair& mapping, bool dry_run) {
  ReportValue wrong = ReportValue::object();
  for (std::size_t kind = 0; kind < verify::kFindingKinds; ++kind) {
    wrong[std::string(verify::FindingKindName(static_cast<verify::FindingKind>(kind)))] = mapping.wrong[kind];
  }
  return {{"mapping", mapping.mapping},
          {"found", mapping.found},
          {dry_run ? "would_change" : "repaired", mapping.repaired},
          {"right_meanwhile", mapping.right_meanwhile},
          {"refused", mapping.refused},
          {"still_wrong", mapping.still_wrong},
          {"wrong", wrong}};
}

std::string OpenText(const OpenOwner& owner) {
  const verify::Finding& f = owner.finding;
  const std::string table = f.table.empty() ? fmt::format("origin {} table {}", f.origin, f.table_ordinal)
                                            : fmt::format("{} {}", f.source, f.table);
  const std::string key = f.key_text.empty() ? fmt::format("a key of {} bytes (shown by --json)", f.owner_key.size())
                                             : fmt::format("key ({})", f.key_text);
  return fmt::format("  {} {} {} {}: {}\n", owner.refused ? "refused" : "still wrong", verify::FindingKindName(f.kind),
                     table, key, owner.reason);
}

}  // namespace

std::string DefaultAuditPath(const job::JobConfig& config) {
  return std::filesystem::path(config.path).replace_extension(".repair-audit.jsonl").string();
}

MappingRepair RepairReport::total() const {
  MappingRepair sum;
  for (const MappingRepair& one : per_mapping) {
    sum.found += one.found;
    sum.repaired += one.repaired;
    sum.right_meanwhile += one.right_meanwhile;
    sum.refused += one.refused;
    sum.still_wrong += one.still_wrong;
    for (std::size_t kind = 0; kind < sum.wrong.size(); ++kind) sum.wrong[kind] += one.wrong[kind];
  }
  return sum;
}

int RepairReport::exit_code() const {
  if (!not_verified.empty()) return base::ExitCodeOf(base::Status(base::Code::kRefused, "tables not verified"));
  const MappingRepair sum = total();
  const bool right = sum.refused + sum.still_wrong + (dry_run ? sum.repaired : 0) == 0;
  return right ? 0 : base::ExitCodeOf(base::Status(base::Code::kFindings, "rows are wrong"));
}

std::string RepairJson(const RepairReport& report) {
  ReportValue mappings = ReportValue::array();
  for (const MappingRepair& mapping : report.per_mapping) mappings.push_back(MappingJson(mapping, report.dry_run));
  ReportValue open = ReportValue::array();
  for (const OpenOwner& owner : report.open) {
    const verify::Finding& f = owner.finding;
    open.push_back({{"verdict", std::string(verify::FindingKindName(f.kind))},
                    {"outcome", owner.refused ? "refused" : "still_wrong"},
                    {"reason", owner.reason},
                    {"mapping", f.mapping},
                    {"source", f.source},
                    {"table", f.table},
                    {"origin", f.origin},
                    {"table_ordinal", f.table_ordinal},
                    {"owner_key", verify::UpperHex(f.owner_key)}});
  }
  ReportValue not_verified = ReportValue::array();
  for (const verify::NotVerified& table : report.not_verified) {
    not_verified.push_back({{"source", table.source}, {"table", table.table}, {"reason", table.reason}});
  }
  const ReportValue out{{"schema", "shardlift.repair/1"},
                        {"dry_run", report.dry_run},
                        {"run", report.run},
                        {"rows_compared", report.rows_compared},
                        {"per_mapping", mappings},
                        {"total", MappingJson(report.total(), report.dry_run)},
                        {"over_limit", report.over_limit},
                        {"open", open},
                        {"not_verified", not_verified},
                        {"audit", {{"file", report.audit_path}, {"head", report.audit_head}}},
                        {"images", report.images_path},
                        {"seconds", report.seconds},
                        {"next_steps", NextStepsOf(report)}};
  return out.dump(2, ' ', false, ReportValue::error_handler_t::replace) + "\n";
}

std::string RepairText(const RepairReport& report) {
  const MappingRepair total = report.total();
  std::string text = fmt::format("{} {} named rows in {:.1f} s\n", report.dry_run ? "looked at" : "repair of",
                                 FormatCount(total.found), report.seconds);
  text += fmt::format("{:<16}{:>10}{:>14}{:>18}{:>10}{:>14}\n", "mapping", "found",
                      report.dry_run ? "would change" : "repaired", "right meanwhile", "refused", "still wrong");
  for (const MappingRepair& m : report.per_mapping) {
    text += fmt::format("{:<16}{:>10}{:>14}{:>18}{:>10}{:>14}\n", m.mapping.empty() ? "(of no table)" : m.mapping,
                        FormatCount(m.found), FormatCount(m.repaired), FormatCount(m.right_meanwhile),
                        FormatCount(m.refused), FormatCount(m.still_wrong));
  }
  for (const MappingRepair& m : report.per_mapping) {
    for (std::size_t kind = 0; kind < verify::kFindingKinds; ++kind) {
      if (m.wrong[kind] == 0) continue;
      text += fmt::format("wrong before, {}: {} {}\n", m.mapping,
                          verify::FindingKindName(static_cast<verify::FindingKind>(kind)), m.wrong[kind]);
    }
  }
  for (std::size_t i = 0; i < report.open.size() && i < kOpenInText; ++i) text += OpenText(report.open[i]);
  if (report.open.size() > kOpenInText) text += "  ... more with --json\n";
  for (const verify::NotVerified& table : report.not_verified) {
    text += fmt::format("not verified: {} {}: {}\n", table.source, table.table, table.reason);
  }
  if (!report.audit_head.empty()) {
    text += fmt::format("audit {}, run {}, last hash {}\n", report.audit_path, report.run, report.audit_head);
  }
  if (!report.images_path.empty() && total.repaired > 0) {
    text += fmt::format("rows before and after, user data: {}; remove it when no repair is to be undone any more\n",
                        report.images_path);
  }
  for (const std::string& step : NextStepsOf(report)) text += "next: " + step + "\n";
  return text;
}

}  // namespace shardlift::repair
