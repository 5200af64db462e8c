// Checks beyond rows (docs/verification.md, "Beyond rows"): what a comparison row by row cannot see, or takes for
// granted. None of them goes through the digests or verdicts of that comparison.
//
// Memory is bounded: numbers by bucket of one mapping at a time, ordered streams that the servers sort, batches of
// keys. String keys are named by a hash only; it is keyed with the job's fingerprint, and SQL can find it again.
// Thread rules: one thread.
#pragma once

#include "base/status.h"
#include "job/catalog.h"
#include "job/config.h"
#include "store/router.h"
#include "verify/verify.h"

namespace shardlift::verify {

struct BeyondInput {
  const job::JobConfig& config;
  const job::Catalog& catalog;
  const store::Router& router;
  const VerifyOptions& options;
};

// Fills report->beyond; the report must hold the result for the rows. A check that fails is `not made` and says why; a
// failed Status: asked to stop.
base::Status CheckBeyondRows(const BeyondInput& input, VerifyReport* report);

}  // namespace shardlift::verify
