// The files that make up one job: the job file and what it includes.
//
// Only for the .cc files of job/.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace shardlift::job {

struct JobPart {
  std::string path;
  std::shared_ptr<const nlohmann::json> document;  // an object whose keys are known ones
};

// The job file first, then the included ones in the order of "include", globs in sorted order. kUsage names the file:
// unknown keys, an include inside an included file, a key that only one file may have and two do.
base::Result<std::vector<JobPart>> ReadJobParts(const std::string& path);

// The part that has this key; nullptr: none has it.
const JobPart* PartWith(const std::vector<JobPart>& parts, std::string_view key);

// Relative names of files stand relative to the file that names them.
std::string Beside(const std::string& file, const std::string& name);
// The files that a name or glob (* ? []) in `file` means, sorted; kUsage when no file matches a glob.
base::Result<std::vector<std::string>> FilesOf(const std::string& file, const std::string& name);

}  // namespace shardlift::job
