#include <fmt/format.h>

#include <algorithm>
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

constexpr const char* kLiveSampleClaim =
    "What this says: of the parts that were drawn every row that is no finding was right at some moment of the pass. "
    "It "
    "says nothing about the other rows.";

constexpr const char* kSampleClaim =
    "What this says: the rows of the parts that were drawn were compared once, each as it was when it was read. It "
    "says "
    "nothing about the other rows.";
constexpr const char* kIncrementalClaim =
    "What this says: the rows that the sources' binlogs have touched since the pass before, and those that it found "
    "wrong, were compared once, each as it was when it was read. It is blind to changes that the binlogs do not have, "
    "and to rows that changed in the shards alone: a full pass sees those.";

const char* ClaimOf(const VerifyReport& report) {
  if (report.is_live) return report.is_partial() ? kLiveSampleClaim : kLiveClaim;
  switch (report.mode) {
    case VerifyMode::kSample: return kSampleClaim;
    case VerifyMode::kIncremental: return kIncrementalClaim;
    case VerifyMode::kFull: break;
  }
  return kClaim;
}

double ShareOfRows(const VerifyReport& report) {
  const auto compared = static_cast<double>(report.rows_compared);
  return compared == 0
             ? 0
             : std::min(1.0, compared / static_cast<double>(std::max<std::uint64_t>(1, report.rows_estimated)));
}

std::string CoverageText(const VerifyReport& report) {
  switch (report.mode) {
    case VerifyMode::kSample:
      return fmt::format("mode sample, seed {}: about {:.1f} % of {} rows\n", report.seed, 100 * ShareOfRows(report),
                         base::FormatCount(report.rows_estimated));
    case VerifyMode::kIncremental:
      return fmt::format("mode incremental: {} row changes since {}\n", base::FormatCount(report.changes_read),
                         report.since);
    case VerifyMode::kFull: break;
  }
  return {};
}

Json CoverageJson(const VerifyReport& report) {
  if (report.mode == VerifyMode::kSample) {
    return {{"seed", report.seed}, {"rows_estimated", report.rows_estimated}, {"share", ShareOfRows(report)}};
  }
  return {{"since", report.since}, {"changes_read", report.changes_read}};
}

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
  if (report.HasBeyond(BeyondState::kNotMade)) {
    steps.emplace_back("a check beyond rows could not be made: remove the reason that is given with it");
  }
  if (report.HasBeyond(BeyondState::kFindings)) {
    steps.emplace_back(
        "checks beyond rows found something: rows are made right by repair, derived tables by store rebuild");
  }
  if (report.certificate && !report.certificate->issued) {
    steps.emplace_back("the certificate was refused: remove each reason that is named, then run verify again");
  }
  if (report.clean() && report.is_partial()) {
    steps.emplace_back("before the cut-over: stop the writes, let migrate catch up and run a full pass");
  } else if (report.clean()) {
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

Json BeyondJson(const VerifyReport& report) {
  Json out = Json::array();
  for (const BeyondCheck& check : report.beyond) {
    out.push_back({{"check", check.name},
                   {"state", std::string(BeyondStateName(check.state))},
                   {"looked_at", check.looked_at},
                   {"findings", check.findings},
                   {"listed", check.listed},
                   {"reason", check.reason}});
  }
  return out;
}

std::string BeyondText(const VerifyReport& report) {
  std::string text = report.beyond.empty() ? "" : "beyond rows:\n";
  for (const BeyondCheck& check : report.beyond) {
    text += fmt::format("  {:<14} {}", check.name, BeyondStateName(check.state));
    if (check.findings > 0) text += fmt::format(", {}", check.findings);
    if (!check.reason.empty()) text += ": " + check.reason;
    text += "\n";
    for (std::size_t i = 0; i < check.listed.size() && i < kFindingsInText; ++i)
      text += "    " + check.listed[i] + "\n";
    if (check.findings > kFindingsInText) text += fmt::format("    ... {} in all\n", check.findings);
  }
  return text;
}

Json CertificateJson(const CertificateOutcome& certificate) {
  Json out{{"issued", certificate.issued}, {"file", certificate.path}};
  if (certificate.issued) {
    out["sha256"] = certificate.sha256;
    out["key_fingerprint"] = certificate.key_fingerprint;
  } else {
    out["refused"] = certificate.refused;
  }
  return out;
}

std::string CertificateLines(const CertificateOutcome& certificate) {
  if (certificate.issued) {
    return fmt::format("certificate: {}, SHA-256 {}, signed by key {}\n", certificate.path, certificate.sha256,
                       certificate.key_fingerprint);
  }
  std::string text = "certificate: REFUSED\n";
  for (const std::string& reason : certificate.refused) text += "  " + reason + "\n";
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
  if (report.is_partial()) return {};
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
                        {"findings", b.findings},
                        {"dead_letters", b.dead_letters}});
  }
  Json not_verified = Json::array();
  for (const NotVerified& n : report.not_verified) {
    not_verified.push_back({{"source", n.source}, {"table", n.table}, {"reason", n.reason}});
  }
  Json out{{"schema", "shardlift.verify/1"},
           {"clean", report.clean()},
           {"mode", std::string(VerifyModeName(report.mode))},
           {"claim", ClaimOf(report)},
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
           {"beyond_rows", BeyondJson(report)},
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
  if (report.is_partial()) out["coverage"] = CoverageJson(report);
  if (report.certificate) out["certificate"] = CertificateJson(*report.certificate);
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string ReportText(const VerifyReport& report) {
  std::string text = fmt::format("{} rows of {} tables compared in {:.1f} s\n", base::FormatCount(report.rows_compared),
                                 report.tables, report.seconds);
  text += CoverageText(report);
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
  text += BeyondText(report);
  for (const std::string& note : report.notes) text += "note: " + note + "\n";
  const bool has_findings =
      report.findings_total() + report.dead_letters > 0 || report.HasBeyond(BeyondState::kFindings);
  if (!report.not_verified.empty() || report.HasBeyond(BeyondState::kNotMade) ||
      (report.live.open > 0 && !has_findings)) {
    text += "result: NOT VERIFIED\n";
  } else if (report.clean()) {
    text += report.is_live        ? "result: clean, every row that was compared was right when it was looked at\n"
            : report.is_partial() ? "result: clean, every row that was looked at is in its place and equal\n"
                                  : "result: clean, every row is in its place and equal\n";
  } else {
    text += fmt::format("result: {} findings, {} open dead letters{}\n", report.findings_total(), report.dead_letters,
                        report.HasBeyond(BeyondState::kFindings) ? ", and findings beyond rows" : "");
  }
  if (report.certificate) text += CertificateLines(*report.certificate);
  if (!report.certificate || !report.certificate->issued) text += std::string(ClaimOf(report)) + "\n";
  for (const std::string& step : NextSteps(report)) text += "next: " + step + "\n";
  return text;
}

}  // namespace shardlift::verify
