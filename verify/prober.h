// Prober: settles rows that looked wrong in a pass while applications write (docs/verification.md, "Live").
//
// The pass reads the two sides at different moments, so a row that moves looks wrong. The prober looks at both sides of
// the same owners as of one place of their source's change stream, where nothing moves.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "job/catalog.h"
#include "job/config.h"
#include "store/router.h"
#include "verify/verify.h"

namespace shardlift::verify {

enum class ProbeState : std::uint8_t {
  kRight,  // one equal row in its place, or no row on either side
  kWrong,
  kOpen,  // no verdict
};

struct ProbeResult {
  ProbeState state = ProbeState::kOpen;
  bool has_source = false;  // of a verdict: the source has the row
  Finding finding;          // of kWrong
  std::string reason;       // of kOpen
};

// Thread rules: Start and Close by one thread, before and after all else; Probe and Outcome from any.
class Prober {
 public:
  Prober() = default;
  Prober(const Prober&) = delete;
  Prober& operator=(const Prober&) = delete;
  virtual ~Prober() = default;
  // Before the pass reads anything. The references must live until Close. kRefused when another process has the job or
  // its copy is not done.
  virtual base::Status Start(const job::JobConfig& config, const job::Catalog& catalog,
                             const store::Router& router) = 0;
  // One result for each owner key, in their order. Blocks; a failed Status ends the pass.
  virtual base::Result<std::vector<ProbeResult>> Probe(const job::CatalogTable& table,
                                                       std::span<const std::string> owner_keys) = 0;
  // Not ok once nothing can be settled any more.
  virtual base::Status Outcome() const = 0;
  virtual base::Status Close() = 0;
};

}  // namespace shardlift::verify
