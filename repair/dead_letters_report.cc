#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/progress.h"
#include "repair/dead_letters.h"
#include "verify/findings_file.h"

namespace shardlift::repair {
namespace {

using LetterValue = nlohmann::ordered_json;

constexpr std::size_t kLettersInText = 20;

LetterValue LetterJson(const std::vector<std::string>& shards, const DeadLetterRow& letter) {
  LetterValue out{{"shard", shards[letter.shard]},
                  {"source", letter.source},
                  {"table", letter.table},
                  {"origin", letter.origin},
                  {"table_ordinal", letter.table_ordinal},
                  {"owner_key", verify::UpperHex(letter.owner_key)}};
  if (!letter.key_text.empty()) out["key"] = letter.key_text;
  out["reason"] = letter.reason;
  out["detail"] = letter.detail;
  out["position"] = letter.position;
  out["since"] = letter.since;
  return out;
}

LetterValue AllJson(const std::vector<std::string>& shards, const std::vector<DeadLetterRow>& letters) {
  LetterValue all = LetterValue::array();
  for (const DeadLetterRow& letter : letters) all.push_back(LetterJson(shards, letter));
  return all;
}

std::string LetterLine(const std::vector<std::string>& shards, const DeadLetterRow& letter) {
  const std::string table = letter.table.empty()
                                ? fmt::format("origin {} table {}", letter.origin, letter.table_ordinal)
                                : fmt::format("{} {}", letter.source, letter.table);
  const std::string key = letter.key_text.empty()
                              ? fmt::format("a key of {} bytes (shown by --json)", letter.owner_key.size())
                              : fmt::format("key ({})", letter.key_text);
  const std::string place = letter.position.empty() ? "met by the copy" : "at " + letter.position;
  return fmt::format("  {} {} {}: {}: {} (since {}, {})\n", shards[letter.shard], table, key, letter.reason,
                     letter.detail, letter.since, place);
}

std::string Dumped(const LetterValue& out) {
  return out.dump(2, ' ', false, LetterValue::error_handler_t::replace) + "\n";
}

std::vector<std::string> StepsOf(const LetterList& list) {
  if (list.total == 0) return {};
  return {"correct the rows at the source, or what they clash with; then run deadletter retry, or go on with migrate"};
}

std::vector<std::string> StepsOf(const RetryReport& report) {
  if (report.left == 0) return {"run verify"};
  return {"the rows listed are still set aside: correct them at the source, then retry; deadletter drop gives one up"};
}

std::vector<std::string> StepsOf(const DropReport& report) {
  if (report.dropped == 0) return {};
  return {"these rows are on no shard: verify names them as missing until they are gone from the source or repaired"};
}

}  // namespace

std::string LettersJson(const LetterList& list) {
  return Dumped({{"schema", "shardlift.deadletter/1"},
                 {"action", "list"},
                 {"total", list.total},
                 {"letters", AllJson(list.shards, list.letters)},
                 {"next_steps", StepsOf(list)}});
}

std::string LettersText(const LetterList& list) {
  std::string text = fmt::format("dead letters {}\n", base::FormatCount(list.total));
  for (const DeadLetterRow& letter : list.letters) text += LetterLine(list.shards, letter);
  if (list.letters.size() < list.total) text += "  ... more with a larger --limit\n";
  for (const std::string& step : StepsOf(list)) text += "next: " + step + "\n";
  return text;
}

std::string LettersJson(const RetryReport& report) {
  return Dumped({{"schema", "shardlift.deadletter/1"},
                 {"action", "retry"},
                 {"found", report.found},
                 {"settled", report.settled},
                 {"left", report.left},
                 {"letters", AllJson(report.shards, report.letters)},
                 {"next_steps", StepsOf(report)}});
}

std::string LettersText(const RetryReport& report) {
  using base::FormatCount;
  std::string text = fmt::format("rows set aside {}, settled {}, still set aside {}\n", FormatCount(report.found),
                                 FormatCount(report.settled), FormatCount(report.left));
  for (std::size_t i = 0; i < report.letters.size() && i < kLettersInText; ++i) {
    text += LetterLine(report.shards, report.letters[i]);
  }
  if (report.letters.size() > kLettersInText) text += "  ... more with --json\n";
  for (const std::string& step : StepsOf(report)) text += "next: " + step + "\n";
  return text;
}

std::string LettersJson(const DropReport& report) {
  return Dumped({{"schema", "shardlift.deadletter/1"},
                 {"action", "drop"},
                 {"dropped", report.dropped},
                 {"audit", {{"file", report.audit_path}, {"head", report.audit_head}}},
                 {"next_steps", StepsOf(report)}});
}

std::string LettersText(const DropReport& report) {
  std::string text = fmt::format("dead letters dropped {}\naudit {}, last hash {}\n", base::FormatCount(report.dropped),
                                 report.audit_path, report.audit_head);
  for (const std::string& step : StepsOf(report)) text += "next: " + step + "\n";
  return text;
}

}  // namespace shardlift::repair
