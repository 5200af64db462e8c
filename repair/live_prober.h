// LiveProber: settles suspects of a live verification through migrate's pipeline (docs/verification.md, "Live").
//
// It follows the sources and applies their changes as `migrate` does, with its locks, epochs and checkpoints. Suspects
// are read by name under the window rule and compared inside the lanes' transactions; nothing is written for them. An
// owner that changed meanwhile is looked at again, with growing pauses.
//
// Thread rules: as verify::Prober.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "migrate/follower.h"
#include "verify/prober.h"

namespace shardlift::repair {

struct LiveProberOptions {
  bool takeover = false;                    // end a migrate, repair or live verify of this job instead of refusing
  const std::atomic<bool>* stop = nullptr;  // ends every wait with kStopped
  int looks_max = 15;                       // at one owner
  std::chrono::milliseconds pause_first{10};
  std::chrono::milliseconds pause_max{1000};
  std::chrono::seconds look_deadline{30};  // for the source's stream and all lanes to get to the place of one look
  std::size_t owners_per_look = 200;
  std::uint64_t bytes_max = 8u << 20;  // of one look, on each side
};

class LiveProber final : public verify::Prober {
 public:
  explicit LiveProber(const LiveProberOptions& options) : options_(options) {}
  base::Status Start(const job::JobConfig& config, const job::Catalog& catalog, const store::Router& router) override;
  base::Result<std::vector<verify::ProbeResult>> Probe(const job::CatalogTable& table,
                                                       std::span<const std::string> owner_keys) override;
  base::Status Outcome() const override;
  base::Status Close() override;

 private:
  using Results = std::map<std::string, verify::ProbeResult>;  // by owner key; those without a verdict are kOpen
  base::Status LookAtAll(const job::CatalogTable& table, std::span<const std::string> owner_keys, Results* results);
  base::Status LookOnce(const job::CatalogTable& table, std::span<const std::string> owner_keys, Results* results);

  const LiveProberOptions options_;
  const job::JobConfig* config_ = nullptr;
  const store::Router* router_ = nullptr;
  std::unique_ptr<migrate::Follower> follower_;
};

}  // namespace shardlift::repair
