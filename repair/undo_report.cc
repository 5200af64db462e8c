#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/progress.h"
#include "repair/undo.h"
#include "verify/findings_file.h"

namespace shardlift::repair {
namespace {

using UndoValue = nlohmann::ordered_json;

constexpr std::size_t kLeftInText = 20;

std::vector<std::string> NextStepsOfUndo(const UndoReport& report) {
  std::vector<std::string> steps;
  if (report.dry_run && report.restored > 0) steps.emplace_back("run the same command without --dry-run");
  if (report.left > 0) steps.emplace_back("the rows listed stay as they are: see their reasons");
  if (!report.dry_run) steps.emplace_back("run verify: what the repair mended is wrong again");
  return steps;
}

std::string LeftText(const LeftOwner& owner) {
  const std::string table = owner.table.empty() ? fmt::format("origin {} table {}", owner.origin, owner.table_ordinal)
                                                : fmt::format("{} {}", owner.source, owner.table);
  const std::string key = owner.key_text.empty()
                              ? fmt::format("a key of {} bytes (shown by --json)", owner.owner_key.size())
                              : fmt::format("key ({})", owner.key_text);
  return fmt::format("  left as it is {} {}: {}\n", table, key, owner.reason);
}

}  // namespace

std::string UndoJson(const UndoReport& report) {
  UndoValue left = UndoValue::array();
  for (const LeftOwner& owner : report.listed) {
    left.push_back({{"source", owner.source},
                    {"table", owner.table},
                    {"origin", owner.origin},
                    {"table_ordinal", owner.table_ordinal},
                    {"owner_key", verify::UpperHex(owner.owner_key)},
                    {"reason", owner.reason}});
  }
  const UndoValue out{{"schema", "shardlift.repair-undo/1"},
                      {"dry_run", report.dry_run},
                      {"run", report.run},
                      {"undoes", report.undoes},
                      {"rows", report.owners},
                      {report.dry_run ? "would_restore" : "restored", report.restored},
                      {"as_before", report.as_before},
                      {"left", report.left},
                      {"listed", left},
                      {"audit", {{"file", report.audit_path}, {"head", report.audit_head}}},
                      {"seconds", report.seconds},
                      {"next_steps", NextStepsOfUndo(report)}};
  return out.dump(2, ' ', false, UndoValue::error_handler_t::replace) + "\n";
}

std::string UndoText(const UndoReport& report) {
  using base::FormatCount;
  std::string text = fmt::format("{} repair {}: {} rows in {:.1f} s\n", report.dry_run ? "looked at" : "undid",
                                 report.undoes, FormatCount(report.owners), report.seconds);
  text += fmt::format("{} {}, as before already {}, left as they are {}\n",
                      report.dry_run ? "would be restored" : "restored", FormatCount(report.restored),
                      FormatCount(report.as_before), FormatCount(report.left));
  for (std::size_t i = 0; i < report.listed.size() && i < kLeftInText; ++i) text += LeftText(report.listed[i]);
  if (report.left > kLeftInText) text += "  ... more with --json\n";
  if (!report.audit_head.empty()) {
    text += fmt::format("audit {}, run {}, last hash {}\n", report.audit_path, report.run, report.audit_head);
  }
  for (const std::string& step : NextStepsOfUndo(report)) text += "next: " + step + "\n";
  return text;
}

}  // namespace shardlift::repair
