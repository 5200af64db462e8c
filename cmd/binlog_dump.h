// What of the files `shardlift binlog dump` shows, and the two ways it shows it.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "binlog/file_reader.h"
#include "cmd/binlog.h"
#include "cmd/binlog_live_schema.h"
#include "cmd/line_writer.h"
#include "mysql/gtid_set.h"
#include "mysql/maria_gtid.h"

namespace shardlift::cmd {

// Transactions as --gtid names them, of either server.
class GtidFilter {
 public:
  // A MySQL GTID set, or MariaDB GTIDs ("0-1-100,0-1-101"). kUsage for anything else.
  static base::Result<GtidFilter> Parse(const std::vector<std::string>& texts);
  bool Match(const mysql::Gtid& gtid) const { return set_.Contains(gtid); }
  bool Match(const mysql::MariaGtid& gtid) const;

 private:
  mysql::GtidSet set_;
  std::vector<mysql::MariaGtid> maria_;
};

// From is included, to is not. Positions are those of an event's first byte.
struct DumpFilter {
  TablePatterns tables;
  std::optional<GtidFilter> gtids;
  std::uint64_t from_position = 0;
  std::uint64_t to_position = std::numeric_limits<std::uint64_t>::max();
  std::uint32_t from_time = 0;
  std::uint32_t to_time = std::numeric_limits<std::uint32_t>::max();

  bool MatchPlace(std::uint64_t offset, std::uint32_t seconds) const {
    return offset >= from_position && offset < to_position && seconds >= from_time && seconds < to_time;
  }
};

// The schemas of a source of a job file, which know the DDL in these files; null without a source.
base::Result<std::unique_ptr<LiveSchemas>> OpenLiveSchemas(const std::string& job, const std::string& source,
                                                           const std::vector<std::string>& paths);

// One file and what of it to show.
struct DumpFile {
  std::string path;
  DumpFilter filter;
};

// Each writes all of `files` in turn, up to the first damage. Ok, or why it ended: kCorrupt and kRefused with the
// place. One JSON object for each row change, as the events hold them. `live`, may be null: what the files do not say.
base::Status DumpChanges(const std::vector<DumpFile>& files, LiveSchemas* live, LineWriter& out);
// Why the file cannot be read to its end, as kCorrupt whatever it is; kEnvironment when reading failed. Ok: it was.
base::Status DamageOf(const binlog::FileReader& reader);

// The statements that do the committed transactions again; or, `flashback`, that undo them, last one first.
// kRefused where SQL would not be exact; then, for a flashback, nothing is written.
base::Status DumpSql(const std::vector<DumpFile>& files, bool flashback, LiveSchemas* live, LineWriter& out);

}  // namespace shardlift::cmd
