// The target tables of a job file.
//
// Only for the .cc files of job/.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/status.h"
#include "job/config.h"

namespace shardlift::job {

// Adds one item of "targets". kUsage for a definition that is no CREATE TABLE of that name, and for a name that is
// taken.
base::Status AddTarget(const nlohmann::json& object, const std::string& file, const std::string& place,
                       JobConfig* config);
// kUsage when no mapping names one of the targets.
base::Status CheckTargetsUsed(const JobConfig& config);

}  // namespace shardlift::job
