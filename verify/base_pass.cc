#include "verify/base_pass.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "job/ledger.h"
#include "verify/pass_log.h"

namespace shardlift::verify {
namespace {

using base::Code;
using base::Result;
using base::Status;

constexpr std::size_t kBaseRunsLookedAt = 1000;

Status NoBase(const std::string& why) {
  return {Code::kRefused, fmt::format("--mode incremental has no pass to build on: {}; run a full pass (--mode full), "
                                      "incremental ones go on from there",
                                      why)};
}

// A number of the run's totals, or one of the members of an object there added up.
std::uint64_t TotalOf(const nlohmann::json& totals, const char* name) {
  const auto found = totals.find(name);
  if (found == totals.end()) return 0;
  if (found->is_number_unsigned()) return found->get<std::uint64_t>();
  std::uint64_t sum = 0;
  for (const auto& member : *found) sum += member.is_number_unsigned() ? member.get<std::uint64_t>() : 0;
  return sum;
}

// The last pass decides, even when one before it could be built on: what it found must not be forgotten.
Result<job::LedgerRun> FindBase(job::Ledger& ledger, const std::string& scope) {
  SL_ASSIGN(std::vector<job::LedgerRun> runs, ledger.LastRuns(kBaseRunsLookedAt));
  for (job::LedgerRun& run : runs) {
    if (run.command != kVerifyCommand || !run.complete || run.mode == VerifyModeName(VerifyMode::kSample)) continue;
    if (run.scope != scope) return NoBase("mappings, routing, servers or tables have changed since the last one");
    const nlohmann::json totals = nlohmann::json::parse(run.totals, nullptr, false);
    if (!totals.is_object() || TotalOf(totals, "not_verified") > 0 || run.exit_code.value_or(70) > 1) {
      return NoBase("the last one could not compare everything");
    }
    return std::move(run);
  }
  return NoBase("none has ended yet");
}

// What the pass found wrong is looked at again. All of it has to be known.
Status AddWrong(const job::Catalog& catalog, job::Ledger& ledger, const job::LedgerRun& base, TouchedOwners* touched) {
  std::uint64_t known = 0;
  SL_TRY(ledger.ForEachPart(base, [&](job::LedgerPart part) {
    for (const job::LedgerFinding& finding : part.findings) {
      for (std::size_t i = 0; i < catalog.tables.size(); ++i) {
        const job::CatalogTable& table = catalog.tables[i];
        if (table.ordinal != finding.table_ordinal || table.mapper->config().origin != finding.origin) continue;
        touched->tables[i].Add(finding.owner_key);
        ++known;
      }
    }
    return base::Ok();
  }));
  const nlohmann::json totals = nlohmann::json::parse(base.totals, nullptr, false);
  if (known == TotalOf(totals, "counts")) return base::Ok();
  return NoBase("the last one found wrong rows that cannot be looked at by their keys");
}

}  // namespace

Result<TouchedOwners> ReadTouchedSince(const job::JobConfig& config, const job::Catalog& catalog,
                                       const VerifyOptions& options, const std::string& scope, VerifyReport* report) {
  if (options.ledger == nullptr)
    return Status(Code::kUsage, "--mode incremental needs the ledger of the passes before");
  SL_ASSIGN(const job::LedgerRun base, FindBase(*options.ledger, scope));
  SL_ASSIGN(const std::vector<job::LedgerPosition> positions, options.ledger->Positions(base));
  SL_ASSIGN(TouchedOwners touched, ReadTouchedOwners(config, catalog, positions, options.stop));
  SL_TRY(AddWrong(catalog, *options.ledger, base, &touched));
  report->changes_read = touched.changes;
  report->since = RunTimeText(base.started);
  return touched;
}

}  // namespace shardlift::verify
