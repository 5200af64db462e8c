// MySQL GTID sets, tagged GTIDs (8.3 and later) included.
//
// Text form as the server prints it: "uuid:1-5:7,uuid:tag:1-3". Source: MySQL manual, "GTID Sets".
// Intervals are kept sorted, disjoint and not adjacent, half open [first, end).
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace shardlift::mysql {

using Uuid = std::array<std::uint8_t, 16>;
std::string UuidText(const Uuid& uuid);  // lower case, with dashes
base::Result<Uuid> ParseUuid(std::string_view text);

// One transaction's name.
struct Gtid {
  Uuid uuid{};
  std::string tag;           // empty: untagged; lower case, at most 32 characters
  std::uint64_t number = 0;  // from 1 to 2^63 - 2
  std::string ToText() const;
};

class GtidSet {
 public:
  struct Interval {
    std::uint64_t first;
    std::uint64_t end;  // not included
    bool operator==(const Interval&) const = default;
  };
  struct Source {
    Uuid uuid{};
    std::string tag;
    auto operator<=>(const Source&) const = default;
  };

  // Accepts white space and new lines as the server prints them. Fails with kUsage naming the bad place.
  static base::Result<GtidSet> Parse(std::string_view text);
  std::string ToText() const;

  void Add(const Gtid& gtid);
  void Add(const Source& source, Interval interval);
  void UnionWith(const GtidSet& other);
  void Subtract(const GtidSet& other);
  void IntersectWith(const GtidSet& other);
  bool Contains(const Gtid& gtid) const;
  bool Contains(const GtidSet& other) const;
  bool empty() const { return sources_.empty(); }
  std::uint64_t Count() const;
  bool operator==(const GtidSet&) const = default;

  const std::map<Source, std::vector<Interval>>& sources() const { return sources_; }
  // The body of COM_BINLOG_DUMP_GTID (sid count, then per sid its intervals; the tagged layout when any source has a
  // tag). The same bytes are in a PREVIOUS_GTIDS event; tests/mysql compares with what a server writes there.
  std::string EncodeForDump() const;

 private:
  std::map<Source, std::vector<Interval>> sources_;
};

}  // namespace shardlift::mysql
