// Fills the two sources with the three families: 60% im, 25% push, 15% notice, the same rows for the same seed.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <span>

#include "base/status.h"
#include "mysql/session.h"

namespace shardlift::rehearse {

struct SeedOptions {
  std::uint64_t rows = 300'000;
  std::uint64_t seed = 1;
  std::uint32_t connections_per_source = 2;
  const std::atomic<bool>* stop = nullptr;
  std::function<void(std::uint64_t rows_done)> progress;  // called from one thread at a time
};

struct SeedReport {
  std::uint64_t im = 0;
  std::uint64_t push = 0;
  std::uint64_t notice = 0;
  std::uint64_t total() const { return im + push + notice; }
};

// Creates the schemas (they must not exist) and inserts the rows by multi-row INSERTs over several connections. Memory
// does not grow with the number of rows. The servers' commit durability is relaxed meanwhile and put back at the end.
base::Result<SeedReport> SeedSources(std::span<const mysql::Endpoint> sources, const SeedOptions& options);

}  // namespace shardlift::rehearse
