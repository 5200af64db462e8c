#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/progress.h"
#include "verify/findings_file.h"
#include "verify/verify.h"

namespace shardlift::verify {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kFindingsInText = 20;
constexpr const char* kClaim =
    "What this says: each row was compared once, as it was when it was read. It proves that both sides are equal only "
    "if the writes to the legacy tables had stopped before this pass began and migrate had caught up.";
constexpr const char* kLiveClaim =
    "What this says: every row that was compared and is no finding was right at some moment of the pass; each finding "
    "was wrong at a place of its source's binlog that its shards had reached. Equality of both sides at one moment is "
    "shown only by a pass without --live, after the writes have stopped.";

Json FindingJson(const Finding& finding) {
  Json out{{"kind", std::string(FindingKindName(finding.kind))},
           {"mapping", finding.mapping},
           {"origin", finding.origin},
           {"table_ordinal", finding.table_ordinal},
           {"source", finding.source},
           {"table", finding.table},
           {"owner_key", UpperHex(finding.owner_key)},
           {"shard", finding.shard},
           {"expected_shard", finding.expected_shard},
           {"shards", finding.shards},
           {"columns", finding.columns}};
  if (!finding.key_text.empty()) out["key"] = finding.key_text;
  if (!finding.dead_letter.empty()) out["dead_letter"] = finding.dead_letter;
  return out;
}

Json LiveJson(const VerifyReport& report) {
  Json open = Json::array();
  for (const OpenRow& row : report.live.open_rows) {
    Json out{{"source", row.source}, {"table", row.table}, {"owner_key", UpperHex(row.owner_key)}};
    if (!row.key_text.empty()) out["key"] = row.key_text;
    out["reason"] = row.reason;
    open.push_back(std::move(out));
  }
  return {{"suspects", report.live.suspects},
          {"right", report.live.right},
          {"open", report.live.open},
          {"open_rows", std::move(open)}};
}

std::vector<std::string> LiveNextSteps(const VerifyReport& report) {
  std::vector<std::string> steps;
  if (!report.not_verified.empty()) {
    steps.emplace_back("tables are listed under not_verified: follow the reason given there, then run verify again");
  }
  if (report.findings_total() > 0) {
    steps.emplace_back("find out what made these rows wrong, then run shardlift repair; writes may go on meanwhile");
  }
  if (report.live.open > 0) {
    steps.emplace_back("rows have no verdict: run verify --live again, best when fewer writes go on");
  }
  if (report.dead_letters > 0) {
    steps.emplace_back("rows were set aside in sl_dead_letter: correct them at the source or the mapping");
  }
  steps.emplace_back("before cut-over: stop the writes, run migrate --until-caught-up, then verify without --live");
  return steps;
}

std::vector<std::string> NextSteps(const VerifyReport& report) {
  if (report.is_live) return LiveNextSteps(report);
  std::vector<std::string> steps;
  if (!report.not_verified.empty()) {
    steps.emplace_back("tables are listed under not_verified: follow the reason given there, then run verify again");
  }
  if (report.dead_letters > 0) {
    steps.emplace_back(
        "rows were set aside in sl_dead_letter: correct them at the source or the mapping, run migrate, verify again");
  }
  if (report.findings_total() > 0) {
    steps.emplace_back(
        "if writes had not stopped or migrate had not caught up: run migrate --until-caught-up, then verify again");
    steps.emplace_back(
        "else the shards were changed by something other than migrate: do not cut over before each "
        "finding is explained");
  }
  if (report.clean()) {
    steps.emplace_back("keep the writes to the legacy tables stopped and point the applications at the shards");
  }
  return steps;
}

std::string KeyOf(const std::string& key_text, const std::string& owner_key) {
  if (!key_text.empty()) return "key (" + key_text + ")";
  return fmt::format("a key of {} bytes (shown by --json)", owner_key.size());
}

std::string FindingText(const Finding& finding) {
  const std::string table = finding.table.empty() ? fmt::format("origin {} table {} (no table of this job)",
                                                                finding.origin, finding.table_ordinal)
                                                  : finding.source + " " + finding.table;
  std::string line =
      fmt::format("  {:<12} {} {}", FindingKindName(finding.kind), table, KeyOf(finding.key_text, finding.owner_key));
  if (!finding.shard.empty()) line += fmt::format(", on shard {}", fmt::join(finding.shards, " and "));
  if (!finding.expected_shard.empty() && finding.expected_shard != finding.shard) {
    line += fmt::format(", belongs on {}", finding.expected_shard);
  }
  if (!finding.columns.empty()) line += fmt::format(", columns {}", fmt::join(finding.columns, ", "));
  if (!finding.dead_letter.empty()) line += fmt::format(", dead letter: {}", finding.dead_letter);
  return line + "\n";
}

std::string LiveText(const VerifyReport& report) {
  if (!report.is_live) return {};
  const LiveCounts& live = report.live;
  std::string text =
      fmt::format("{} rows looked wrong at first: {} are right, {} have no verdict\n", base::FormatCount(live.suspects),
                  base::FormatCount(live.right), base::FormatCount(live.open));
  for (std::size_t i = 0; i < live.open_rows.size() && i < kFindingsInText; ++i) {
    const OpenRow& row = live.open_rows[i];
    text += fmt::format("  not verified {} {} {}: {}\n", row.source, row.table, KeyOf(row.key_text, row.owner_key),
                        row.reason);
  }
  return text;
}

std::string DigestText(const VerifyReport& report) {
  if (report.method != VerifyMethod::kServer) return {};
  const DigestCounts& d = report.digests;
  std::string text = fmt::format("{} of {} parts settled by digest, {} ({} rows) row by row", d.parts - d.parts_by_rows,
                                 d.parts, d.parts_by_rows, base::FormatCount(d.rows_by_rows));
  if (d.rows_json_by_rows > 0) {
    text += fmt::format("; of {} rows the JSON columns row by row, since their servers write equal JSON differently",
                        base::FormatCount(d.rows_json_by_rows));
  }
  return text + "\n";
}

std::string BalanceText(const VerifyReport& report) {
  std::string text = fmt::format("{:<16}{:>14}{:>14}{:>14}{:>14}{:>14}\n", "mapping", "source rows", "left behind",
                                 "to move", "equal", "dead letters");
  for (const MappingBalance& b : report.per_mapping) {
    text += fmt::format("{:<16}{:>14}{:>14}{:>14}{:>14}{:>14}\n", b.mapping, base::FormatCount(b.source_rows),
                        base::FormatCount(b.left_behind), base::FormatCount(b.kept), base::FormatCount(b.equal),
                        base::FormatCount(b.dead_letters));
  }
  for (const ShardRows& shard : report.per_shard) {
    text += fmt::format("shard {}: {} rows\n", shard.shard, base::FormatCount(shard.rows));
  }
  return text;
}

}  // namespace

std::string ReportJson(const VerifyReport& report) {
  Json counts = Json::object();
  for (std::size_t kind = 0; kind < kFindingKinds; ++kind) {
    counts[std::string(FindingKindName(static_cast<FindingKind>(kind)))] = report.counts[kind];
  }
  Json findings = Json::array();
  for (const Finding& finding : report.findings) findings.push_back(FindingJson(finding));
  Json shards = Json::array();
  for (const ShardRows& s : report.per_shard) {
    shards.push_back({{"shard", s.shard}, {"rows", s.rows}, {"foreign_rows", s.foreign_rows}});
  }
  Json mappings = Json::array();
  for (const MappingBalance& b : report.per_mapping) {
    mappings.push_back({{"mapping", b.mapping},
                        {"source_rows", b.source_rows},
                        {"kept", b.kept},
                        {"left_behind", b.left_behind},
                        {"equal", b.equal},
                        {"dead_letters", b.dead_letters}});
  }
  Json not_verified = Json::array();
  for (const NotVerified& n : report.not_verified) {
    not_verified.push_back({{"source", n.source}, {"table", n.table}, {"reason", n.reason}});
  }
  Json out{{"schema", "shardlift.verify/1"},
           {"clean", report.clean()},
           {"claim", report.is_live ? kLiveClaim : kClaim},
           {"is_live", report.is_live},
           {"method", std::string(VerifyMethodName(report.method))},
           {"plan", std::string(VerifyPlanName(report.plan))},
           {"rows_compared", report.rows_compared},
           {"tables", report.tables},
           {"counts", counts},
           {"findings_total", report.findings_total()},
           {"findings", findings},
           {"dead_letters", report.dead_letters},
           {"per_shard", shards},
           {"per_mapping", mappings},
           {"not_verified", not_verified},
           {"notes", report.notes},
           {"seconds", report.seconds},
           {"next_steps", NextSteps(report)}};
  if (report.is_live) out["live"] = LiveJson(report);
  if (report.method == VerifyMethod::kServer) {
    out["digests"] = {{"parts", report.digests.parts},
                      {"parts_by_rows", report.digests.parts_by_rows},
                      {"rows_by_rows", report.digests.rows_by_rows},
                      {"rows_json_by_rows", report.digests.rows_json_by_rows}};
  }
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string ReportText(const VerifyReport& report) {
  std::string text = fmt::format("{} rows of {} tables compared in {:.1f} s\n", base::FormatCount(report.rows_compared),
                                 report.tables, report.seconds);
  text += DigestText(report);
  text += LiveText(report);
  text += BalanceText(report);
  for (std::size_t kind = 0; kind < kFindingKinds; ++kind) {
    if (report.counts[kind] == 0) continue;
    text += fmt::format("{}: {}\n", FindingKindName(static_cast<FindingKind>(kind)), report.counts[kind]);
  }
  for (std::size_t i = 0; i < report.findings.size() && i < kFindingsInText; ++i) {
    text += FindingText(report.findings[i]);
  }
  if (report.findings_total() > kFindingsInText) {
    text += fmt::format("  ... {} in all; --json lists more\n", report.findings_total());
  }
  for (const NotVerified& n : report.not_verified) {
    text += fmt::format("not verified: {} {}: {}\n", n.source, n.table, n.reason);
  }
  for (const std::string& note : report.notes) text += "note: " + note + "\n";
  const bool only_open = report.live.open > 0 && report.findings_total() + report.dead_letters == 0;
  if (!report.not_verified.empty() || only_open) {
    text += "result: NOT VERIFIED\n";
  } else if (report.clean()) {
    text += report.is_live ? "result: clean, every row was right when it was looked at\n"
                           : "result: clean, every row is in its place and equal\n";
  } else {
    text += fmt::format("result: {} findings, {} open dead letters\n", report.findings_total(), report.dead_letters);
  }
  text += std::string(report.is_live ? kLiveClaim : kClaim) + "\n";
  for (const std::string& step : NextSteps(report)) text += "next: " + step + "\n";
  return text;
}

}  // namespace shardlift::verify
