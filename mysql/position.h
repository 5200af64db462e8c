// Where a reader of a source's binlog stands.
//
// MySQL: a GTID set. MariaDB: file and offset of one binlog incarnation (design 5.4); GTIDs there are for fail-over
// only. SourcePosition hides which of the two it is; positions of different flavours are never compared (SL_CHECK).
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"
#include "mysql/gtid_set.h"

namespace shardlift::mysql {

enum class Flavour : std::uint8_t { kMySql, kMariaDb };
std::string_view FlavourName(Flavour flavour);  // "MySQL", "MariaDB"

struct FilePosition {
  std::string file;  // "mysqld-bin.000003"
  std::uint64_t offset = 0;
  // The number after the last dot; 0 if the name has none. Numbers may have more than 6 digits.
  std::uint64_t file_number() const;
  std::strong_ordering operator<=>(const FilePosition& other) const;  // by (file_number, offset)
  bool operator==(const FilePosition& other) const { return (*this <=> other) == 0; }
};

class SourcePosition {
 public:
  SourcePosition() = default;  // empty MySQL set
  static SourcePosition FromGtidSet(GtidSet set);
  static SourcePosition FromFile(FilePosition position);

  Flavour flavour() const { return flavour_; }
  const GtidSet& gtid_set() const { return set_; }
  const FilePosition& file() const { return file_; }

  // True if everything `other` has passed, this has passed too.
  bool Contains(const SourcePosition& other) const;
  // Union / later of the two, and intersection / earlier of the two.
  void MergeWith(const SourcePosition& other);
  void IntersectWith(const SourcePosition& other);

  // "mysql:<gtid set>" or "mariadb:<file>:<offset>"; stored in checkpoints, printed in messages.
  std::string ToText() const;
  static base::Result<SourcePosition> Parse(std::string_view text);
  bool operator==(const SourcePosition& other) const;

  GtidSet& mutable_gtid_set() { return set_; }

 private:
  Flavour flavour_ = Flavour::kMySql;
  GtidSet set_;
  FilePosition file_;
};

class Session;
// The position a reader of this session is sure to see: @@gtid_executed, or on MariaDB the global
// Binlog_snapshot_file/_position. Must be called with no snapshot open in the session (facts: inside one it is not
// safe).
base::Result<SourcePosition> ReadVisibleLowerBound(Session& session);
// A position not before anything visible now: @@gtid_executed, or SHOW MASTER STATUS.
base::Result<SourcePosition> ReadUpperBound(Session& session);

}  // namespace shardlift::mysql
