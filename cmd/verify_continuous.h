// verify --continuous: passes one after the other, incremental ones between full ones.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <optional>

#include "base/status.h"
#include "job/ledger.h"
#include "verify/verify.h"

namespace shardlift::cmd {

struct ContinuousOptions {
  std::chrono::seconds pause{600};             // between two passes
  std::chrono::seconds full_every{24 * 3600};  // from one full pass's begin to the next
  bool json = false;                           // a line for each pass; else its text
  const std::atomic<bool>* stop = nullptr;
  std::optional<std::chrono::steady_clock::time_point> until;
};

// Ends when asked to, or with the time; the exit code of the worst pass. A pass that fails because of its environment
// is tried again after the pause. `ledger` tells of passes before.
int RunContinuously(const ContinuousOptions& options, job::Ledger& ledger,
                    const std::function<base::Result<verify::VerifyReport>(verify::VerifyMode)>& pass);

}  // namespace shardlift::cmd
