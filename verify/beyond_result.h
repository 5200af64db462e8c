// What the checks beyond rows found (verify/beyond.h). Values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace shardlift::verify {

enum class BeyondState : std::uint8_t {
  kClean,
  kFindings,
  kNotMade,  // it could not be made: the verdict is open
  kLeftOut,  // as asked
  kNothing,  // there was nothing to look at
};
std::string_view BeyondStateName(BeyondState state);  // "clean", "findings", "not_made", "left_out", "nothing_to_check"

struct BeyondCheck {
  std::string name;  // of BeyondCheckNames()
  BeyondState state = BeyondState::kNothing;
  std::uint64_t looked_at = 0;      // buckets, ids, conversations, rows: see docs/verification.md
  std::uint64_t findings = 0;       // complete
  std::vector<std::string> listed;  // the first of them, each named
  std::string reason;               // why it was not made, or what there was not
};

// Every check there is, in the order in which they are made; "balance" cannot be left out.
const std::vector<std::string>& BeyondCheckNames();

}  // namespace shardlift::verify
