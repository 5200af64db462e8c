#include "cmd/verify_continuous.h"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "base/log.h"
#include "cmd/support.h"

namespace shardlift::cmd {
namespace {

using base::Code;
using verify::VerifyMode;

constexpr std::size_t kContinuousRunsLookedAt = 1000;
constexpr auto kPauseStep = std::chrono::milliseconds(100);

std::int64_t UnixSeconds() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

// When the last complete full pass began; 0: never.
std::int64_t LastFull(job::Ledger& ledger) {
  const auto runs = ledger.LastRuns(kContinuousRunsLookedAt);
  if (!runs.ok()) return 0;
  for (const job::LedgerRun& run : *runs) {
    if (run.complete && run.mode == verify::VerifyModeName(VerifyMode::kFull)) return run.started;
  }
  return 0;
}

std::string OneLine(const std::string& document) {
  return nlohmann::ordered_json::parse(document, nullptr, false).dump(-1) + "\n";
}

}  // namespace

int RunContinuously(const ContinuousOptions& options, job::Ledger& ledger,
                    const std::function<base::Result<verify::VerifyReport>(VerifyMode)>& pass) {
  int worst = 0;
  const auto ends = [&] {
    return options.stop->load() || (options.until && std::chrono::steady_clock::now() >= *options.until);
  };
  while (!ends()) {
    const bool full = UnixSeconds() - LastFull(ledger) >= options.full_every.count();
    auto report = pass(full ? VerifyMode::kFull : VerifyMode::kIncremental);
    if (!full && !report.ok() && report.status().code() == Code::kRefused) {
      base::LogWarning("no incremental pass is possible; a full one follows", {{"reason", report.status().message()}});
      report = pass(VerifyMode::kFull);
    }
    if (report.ok()) {
      worst = std::max(worst, report->exit_code());
      const int written = Finish(options.json ? OneLine(verify::ReportJson(*report)) : verify::ReportText(*report), 0);
      if (written != 0) return written;  // nobody reads the results
    } else if (report.status().code() != Code::kStopped) {
      worst = std::max(worst, Fail(report.status(), ""));
      if (report.status().code() != Code::kEnvironment) return worst;
    }
    const auto next = std::chrono::steady_clock::now() + options.pause;
    while (!ends() && std::chrono::steady_clock::now() < next) std::this_thread::sleep_for(kPauseStep);
  }
  return worst;
}

}  // namespace shardlift::cmd
