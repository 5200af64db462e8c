// Reading of `shardlift verify --json`, and its comparison with what was planted.
#pragma once

#include <string_view>
#include <vector>

#include "base/status.h"
#include "rehearse/rehearse.h"

namespace shardlift::rehearse {

// kCorrupt when the document is not a "shardlift.verify/1".
base::Result<VerifyOutcome> ParseVerify(std::string_view json);

// Marks every planted fault that a finding names with its key and expected kind. Returns the number of findings that
// belong to no planted fault or are of another kind than expected.
std::size_t MatchPlanted(const VerifyOutcome& outcome, std::vector<Planted>* planted);

}  // namespace shardlift::rehearse
