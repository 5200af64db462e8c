// The pass that an incremental one builds on: the last one that looked at everything, or built on one that did.
#pragma once

#include <string>

#include "base/status.h"
#include "job/catalog.h"
#include "job/config.h"
#include "verify/touched_owners.h"
#include "verify/verify.h"

namespace shardlift::verify {

// The owners that the sources have touched since the last pass of this `scope` (verify/pass_log.h), and those that it
// found wrong. Sets `report`'s since and changes_read. kRefused, with the remedy, when there is no pass to build on.
base::Result<TouchedOwners> ReadTouchedSince(const job::JobConfig& config, const job::Catalog& catalog,
                                             const VerifyOptions& options, const std::string& scope,
                                             VerifyReport* report);

}  // namespace shardlift::verify
