// LargestTransactions: the ones that take most room in a binlog file. For `binlog stat`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "binlog/event_scan.h"
#include "binlog/group_bounds.h"

namespace shardlift::cmd {

struct LargeTransaction {
  std::uint64_t position = 0;  // where it begins in the file
  std::uint64_t bytes = 0;     // in the file: compressed ones count as they lie there
  std::uint64_t rows = 0;      // as its events hold them
  std::uint32_t time = 0;      // unix seconds, of its last event that has a time
  std::string gtid;            // empty: it has none
};

class LargestTransactions {
 public:
  explicit LargestTransactions(std::size_t kept) : kept_(kept), bounds_({}) {}

  // Each event of the file in order, not those inside payloads; then its rows.
  void Note(const std::string& file, const binlog::ScannedEvent& event);
  void AddRows(std::uint64_t rows) { open_.rows += rows; }
  // The largest first. Of equal ones the first in the file. Ends the transaction that is open.
  std::vector<LargeTransaction> Take();

 private:
  void Close();

  const std::size_t kept_;
  binlog::GroupBounds bounds_;
  bool lost_ = false;  // the file breaks the rules of groups: what follows cannot be told apart
  bool is_open_ = false;
  LargeTransaction open_;
  mysql::Gtid gtid_;  // of the open one
  std::optional<mysql::MariaGtid> maria_gtid_;
  std::vector<LargeTransaction> largest_;
};

}  // namespace shardlift::cmd
