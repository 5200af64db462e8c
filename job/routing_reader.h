// The "routing" object of a job file.
//
// Only for the .cc files of job/.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/status.h"
#include "job/config.h"

namespace shardlift::job {

// `object` stands in `file`. kUsage names file and path, or file and line of a list of accounts. config->shards must be
// read already.
base::Status ReadRouting(const nlohmann::json& object, const std::string& file, JobConfig* config);

}  // namespace shardlift::job
