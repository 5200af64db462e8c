#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "rehearse/rehearse.h"

namespace shardlift::rehearse {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kFindingsShown = 5;

std::string FaultsText(const Faults& faults) {
  std::string out;
  const auto add = [&](std::string_view word) { out.append(out.empty() ? "" : ",").append(word); };
  if (faults.kill) add("kill");
  if (faults.shard_kill) add("shard-kill");
  for (const PlantKind kind : faults.plants) add(fmt::format("plant:{}", PlantKindName(kind)));
  return out.empty() ? "none" : out;
}

std::string Verdict(const RehearseReport& report) {
  if (!report.failures.empty()) return "FAILED";
  if (!report.planted.empty()) return "FOUND every planted fault, and nothing else";
  return report.verify.findings.empty() ? "CLEAN: the shards equal the mapped sources" : "DIFFERENCES";
}

std::vector<std::string> NextSteps(const RehearseReport& report) {
  std::vector<std::string> steps;
  if (!report.failures.empty()) {
    steps.push_back(report.options.report_directory.empty()
                        ? fmt::format("run it again with --seed {} --report DIR to keep the logs", report.options.seed)
                        : "read migrate-*.log and verify.log in " + report.options.report_directory);
  } else if (!report.planted.empty()) {
    steps.emplace_back("nothing to do: exit code 1 is what a planted fault must give");
  } else {
    steps.emplace_back("shardlift plan -c JOB.json on the real servers");
  }
  if (!report.kept_directory.empty()) steps.push_back("remove " + report.kept_directory + " when done");
  return steps;
}

void AddRows(const RehearseReport& report, std::string* out) {
  *out += fmt::format("seeded     {} rows: im {}, push {}, notice {}\n",
                      report.seeded_im + report.seeded_push + report.seeded_notice, report.seeded_im,
                      report.seeded_push, report.seeded_notice);
  const WriterReport& w = report.writers;
  *out += fmt::format(
      "writers    {} row changes in {:.0f} s = {:.0f}/s ({} aimed at chunks in flight), {} large transactions of {} "
      "changes, "
      "{} rolled back, {} lock retries\n",
      w.changes, w.seconds, w.changes_per_second(), w.aimed_changes, w.big_transactions, w.big_changes, w.rolled_back,
      w.retries);
  std::string kinds;
  for (std::size_t i = 0; i < kWriteKinds; ++i) {
    if (w.transactions_by_kind[i] == 0) continue;
    kinds += fmt::format("{}{} {}", kinds.empty() ? "" : ", ", WriteKindName(static_cast<WriteKind>(i)),
                         w.transactions_by_kind[i]);
  }
  if (!kinds.empty()) *out += fmt::format("           transactions: {}\n", kinds);
  *out += fmt::format("migrate    {} runs, {} changes applied, {} restarts after an exit of its own\n",
                      report.migrate_runs, report.changes_applied, report.migrate_restarts);
}

void AddKills(const RehearseReport& report, std::string* out) {
  for (const KillRecord& kill : report.kills) {
    *out += fmt::format("kill -9    {:<20} phase {:<8} lag {:.0f} s, at {}\n", kill.point, kill.phase, kill.lag_seconds,
                        kill.detail);
  }
  for (const ShardKillRecord& kill : report.shard_kills) {
    *out += fmt::format("kill -9    {:<20} phase {:<8} down {:.1f} s, {}\n", kill.server, kill.phase, kill.down_seconds,
                        kill.recovery_seen ? "survived" : "NOT RECOVERED");
  }
}

void AddVerify(const RehearseReport& report, std::string* out) {
  if (!report.verify.done) {
    *out += "verify     not reached\n";
    return;
  }
  for (const MappingRows& rows : report.verify.mappings) {
    *out += fmt::format("rows       {:<8} {} at the source = {} moved + {} left behind; {} equal\n", rows.mapping,
                        rows.source_rows, rows.kept, rows.left_behind, rows.equal);
  }
  std::string shards;
  for (const auto& [shard, rows] : report.verify.shard_rows) {
    shards += fmt::format("{}{} {}", shards.empty() ? "" : ", ", shard, rows);
  }
  *out += fmt::format("shards     {}\n", shards);
  *out += fmt::format("verify     {} rows compared, {} differences\n", report.verify.rows_compared,
                      report.verify.findings.size());
  std::size_t shown = 0;
  for (const Finding& finding : report.verify.findings) {
    if (++shown > kFindingsShown) {
      *out += fmt::format("           ... and {} more\n", report.verify.findings.size() - kFindingsShown);
      break;
    }
    std::string columns;
    for (const std::string& column : finding.columns) columns += (columns.empty() ? " columns " : ",") + column;
    // A missing row is on no shard: say where it should be.
    const std::string place = finding.shard.empty() ? "expected on " + finding.expected_shard : "on " + finding.shard;
    *out += fmt::format("           {} {} origin {} table {} key {} {}{}\n", finding.kind, finding.table,
                        finding.origin, finding.table_ordinal, finding.owner_key, place, columns);
  }
  for (const Planted& planted : report.planted) {
    *out += fmt::format("planted    {:<6} origin {} table {} key {} on {}: {} as {}\n", PlantKindName(planted.kind),
                        planted.origin, planted.table_ordinal, planted.owner_key, planted.shard,
                        planted.found ? "found" : "NOT FOUND", ExpectedFinding(planted.kind));
  }
}

Json WritersJson(const WriterReport& w) {
  Json kinds = Json::object();
  for (std::size_t i = 0; i < kWriteKinds; ++i) {
    kinds[std::string(WriteKindName(static_cast<WriteKind>(i)))] = w.transactions_by_kind[i];
  }
  return {{"seconds", w.seconds},
          {"changes", w.changes},
          {"changes_per_second", w.changes_per_second()},
          {"transactions", w.transactions},
          {"aimed_changes", w.aimed_changes},
          {"retries", w.retries},
          {"clashes", w.clashes},
          {"rolled_back", w.rolled_back},
          {"big_transactions", w.big_transactions},
          {"big_changes", w.big_changes},
          {"transactions_by_kind", kinds}};
}

Json KillsJson(const RehearseReport& report) {
  Json kills = Json::array();
  for (const KillRecord& kill : report.kills) {
    kills.push_back({{"point", kill.point},
                     {"phase", kill.phase},
                     {"detail", kill.detail},
                     {"chunk", {{"table", kill.table}, {"after", kill.after}, {"rows", kill.chunk_rows}}},
                     {"lag_seconds", kill.lag_seconds},
                     {"rows_copied", kill.rows_copied},
                     {"changes_applied", kill.changes_applied}});
  }
  return kills;
}

Json VerifyJson(const VerifyOutcome& verify) {
  Json out = {{"done", verify.done}, {"rows_compared", verify.rows_compared}, {"counts", verify.counts}};
  out["findings"] = Json::array();
  for (const Finding& finding : verify.findings) {
    out["findings"].push_back({{"kind", finding.kind},
                               {"origin", finding.origin},
                               {"table_ordinal", finding.table_ordinal},
                               {"table", finding.table},
                               {"owner_key", finding.owner_key},
                               {"shard", finding.shard},
                               {"expected_shard", finding.expected_shard},
                               {"columns", finding.columns}});
  }
  out["per_shard"] = Json::array();
  for (const auto& [shard, rows] : verify.shard_rows) out["per_shard"].push_back({{"shard", shard}, {"rows", rows}});
  out["per_mapping"] = Json::array();
  for (const MappingRows& rows : verify.mappings) {
    out["per_mapping"].push_back({{"mapping", rows.mapping},
                                  {"source_rows", rows.source_rows},
                                  {"kept", rows.kept},
                                  {"left_behind", rows.left_behind},
                                  {"equal", rows.equal}});
  }
  return out;
}

}  // namespace

std::string ReportText(const RehearseReport& report) {
  std::string out = fmt::format("rehearsal  {}\n", Verdict(report));
  out += fmt::format("options    rows {}, seed {}, pairing {}, faults {}, {} writes/s\n", report.options.rows,
                     report.options.seed, report.options.pairing.name, FaultsText(report.options.faults),
                     report.options.writes_per_second);
  for (const ServerInfo& server : report.servers)
    out += fmt::format("server     {:<8} {}\n", server.name, server.version);
  AddRows(report, &out);
  AddKills(report, &out);
  AddVerify(report, &out);
  std::string phases;
  for (const PhaseTime& phase : report.phases) {
    phases += fmt::format("{}{} {:.1f} s", phases.empty() ? "" : ", ", phase.name, phase.seconds);
  }
  out += fmt::format("time       {:.1f} s: {}\n", report.seconds(), phases);
  for (const std::string& failure : report.failures) out += fmt::format("FAILURE    {}\n", failure);
  if (!report.failure_log.empty()) out += "last lines of its log:\n" + report.failure_log;
  if (!out.ends_with('\n')) out += '\n';
  for (const std::string& step : NextSteps(report)) out += fmt::format("next       {}\n", step);
  return out;
}

std::string ReportJson(const RehearseReport& report) {
  Json out = {{"schema", "shardlift.rehearse/1"},
              {"verdict", Verdict(report)},
              {"exit_code", report.exit_code},
              {"options",
               {{"rows", report.options.rows},
                {"seed", report.options.seed},
                {"pairing", report.options.pairing.name},
                {"faults", FaultsText(report.options.faults)},
                {"writes_per_second", report.options.writes_per_second},
                {"xa", report.options.xa}}}};
  out["servers"] = Json::array();
  for (const ServerInfo& server : report.servers) {
    out["servers"].push_back({{"name", server.name}, {"version", server.version}});
  }
  out["seeded"] = {{"im", report.seeded_im}, {"push", report.seeded_push}, {"notice", report.seeded_notice}};
  out["writers"] = WritersJson(report.writers);
  out["migrate"] = {{"runs", report.migrate_runs},
                    {"restarts", report.migrate_restarts},
                    {"changes_applied", report.changes_applied}};
  out["kills_wanted"] = report.kills_wanted;
  out["kills"] = KillsJson(report);
  out["shard_kills"] = Json::array();
  for (const ShardKillRecord& kill : report.shard_kills) {
    out["shard_kills"].push_back({{"server", kill.server},
                                  {"phase", kill.phase},
                                  {"down_seconds", kill.down_seconds},
                                  {"loss_seen", kill.loss_seen},
                                  {"recovery_seen", kill.recovery_seen}});
  }
  out["verify"] = VerifyJson(report.verify);
  out["planted"] = Json::array();
  for (const Planted& planted : report.planted) {
    out["planted"].push_back({{"kind", PlantKindName(planted.kind)},
                              {"expected", ExpectedFinding(planted.kind)},
                              {"origin", planted.origin},
                              {"table_ordinal", planted.table_ordinal},
                              {"owner_key", planted.owner_key},
                              {"shard", planted.shard},
                              {"found", planted.found}});
  }
  out["phases"] = Json::array();
  for (const PhaseTime& phase : report.phases) {
    out["phases"].push_back({{"name", phase.name}, {"seconds", phase.seconds}});
  }
  out["seconds"] = report.seconds();
  out["failures"] = report.failures;
  out["failure_log"] = report.failure_log;
  out["kept_directory"] = report.kept_directory;
  out["next_steps"] = NextSteps(report);
  return out.dump(2, ' ', false, Json::error_handler_t::replace);
}

}  // namespace shardlift::rehearse
