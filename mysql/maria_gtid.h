// MariaDB GTIDs, "domain-server-number", and positions in terms of them.
//
// A position names the last transaction of each replication domain: "0-1-100,7-2-30". Within a domain numbers grow in
// binlog order (gtid_strict_mode), so a position stands for all transactions of its domains up to those numbers; the
// server that wrote one does not count. Source: MariaDB documentation, "Global Transaction ID".
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace shardlift::mysql {

struct MariaGtid {
  std::uint32_t domain_id = 0;
  std::uint32_t server_id = 0;
  std::uint64_t number = 0;
  std::string ToText() const;
  // "0-1-100", in decimal. Fails with kUsage.
  static base::Result<MariaGtid> Parse(std::string_view text);
  bool operator==(const MariaGtid&) const = default;
};

class MariaGtidSet {
 public:
  // Transactions `first` to `last` of a domain, both included.
  struct Range {
    std::uint32_t domain_id = 0;
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    bool operator==(const Range&) const = default;
  };

  // GTIDs separated by commas, of each domain one at most; empty text is the empty position. Fails with kUsage naming
  // the bad place.
  static base::Result<MariaGtidSet> Parse(std::string_view text);
  std::string ToText() const;  // by domain

  // Moves its domain forward; never back.
  void Add(const MariaGtid& gtid);
  void UnionWith(const MariaGtidSet& other);
  void IntersectWith(const MariaGtidSet& other);
  bool Contains(const MariaGtid& gtid) const;
  bool Contains(const MariaGtidSet& other) const;
  // What is in this and not in `other`, by domain.
  std::vector<Range> Subtract(const MariaGtidSet& other) const;
  bool empty() const { return last_.empty(); }
  bool operator==(const MariaGtidSet&) const = default;

 private:
  std::map<std::uint32_t, MariaGtid> last_;  // by domain
};

}  // namespace shardlift::mysql
