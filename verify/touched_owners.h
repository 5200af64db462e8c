// Which owners the sources' binlogs have touched since a position: what an incremental pass compares.
//
// The streams are read only, without locks. An owner is touched by the old or the new image of a row. What cannot be
// told by owners (DDL, statement format, images without the key) makes the whole table touched; so does a table of
// which too many owners were touched to remember, within the least and the greatest of them.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/status.h"
#include "job/catalog.h"
#include "job/config.h"
#include "job/ledger.h"

namespace shardlift::verify {

inline constexpr std::uint64_t kTouchedBytesMax = 64ull << 20;  // of all tables

// The touched owners of one table.
class OwnerSet {
 public:
  void Add(std::string_view key);
  void AddAll() { all_ = true, Forget(); }
  // Gives the keys up and keeps what they span.
  void Spill();

  bool all() const { return all_; }
  bool spilled() const { return spilled_; }
  std::uint64_t bytes() const { return bytes_; }
  bool empty() const { return !all_ && !spilled_ && keys_.empty(); }
  const std::string& least() const { return least_; }
  const std::string& greatest() const { return greatest_; }
  // In ascending order; empty after Spill or AddAll.
  std::vector<std::string> Sorted() const;

 private:
  void Forget();
  bool all_ = false;
  bool spilled_ = false;
  std::unordered_set<std::string> keys_;
  std::uint64_t bytes_ = 0;
  std::string least_;
  std::string greatest_;
};

struct TouchedOwners {
  std::vector<OwnerSet> tables;  // as the catalog's
  std::uint64_t changes = 0;     // of rows
};

// Where a stream has to start to see all that is not visible yet. A source whose position cannot be read is left out.
std::vector<job::LedgerPosition> ReadStreamStarts(const job::JobConfig& config);

// Reads each source's binlog from there to what it holds now. kRefused, with the remedy, when the binlog there is gone,
// is another one, or cannot be followed.
base::Result<TouchedOwners> ReadTouchedOwners(const job::JobConfig& config, const job::Catalog& catalog,
                                              const std::vector<job::LedgerPosition>& since,
                                              const std::atomic<bool>* stop);

}  // namespace shardlift::verify
