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
// The position a reader of this session is sure to see: everything up to it is visible to a read view opened after this
// call. Must be called with no snapshot open in the session.
//
// MySQL: @@gtid_executed. MariaDB has no variable that can be trusted: Binlog_snapshot_file/_position is set ahead of
// visibility by a log rotation and by binlog checkpoint events, and can stay at a wrong offset after one. So the write
// position is read first, then the transactions that are between prepare and engine commit at that moment (SHOW ENGINE
// INNODB STATUS, privilege PROCESS); when none of them is left, all of the position is visible. Prepared XA
// transactions that nobody is committing are not waited for (design 5.1 holds their rows back). While commits hang
// (semi-sync) a session's later calls return the last proven position at once; a first call waits up to 10 s, then
// fails with kEnvironment. Transactional engines other than InnoDB are not covered.
base::Result<SourcePosition> ReadVisibleLowerBound(Session& session);
// A position not before anything visible now: @@gtid_executed, or SHOW MASTER STATUS.
base::Result<SourcePosition> ReadUpperBound(Session& session);

}  // namespace shardlift::mysql
