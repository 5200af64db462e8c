// GroupStream: the binlog of one live server as commit groups.
//
// A thread of its own reads packets from the connection into a queue bounded by queue_bytes_max and back-presses the
// server by not reading. With a spool (binlog/spool_writer.h) another one takes them to disk at once, however far the
// decoder is behind. Next() decodes on the caller's thread. Checksums are verified. A connection that ends or is
// silent (no event, no heartbeat) for silent_deadline is lost: the stream opens a new one, proves that the binlog goes
// on where it was (binlog/continuity.h) and that the server still has executed all that was streamed, and goes on; no
// group is given out twice. It gives up after reconnect_for. With a spool that proof is also asked for at the start,
// as the spool is from an earlier run.
//
// Thread rules: Next and the accessors on one thread; Stop from any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "base/status.h"
#include "binlog/byte_store.h"
#include "binlog/dump_connection.h"
#include "binlog/group_reader.h"
#include "binlog/spool_options.h"
#include "mysql/maria_gtid.h"
#include "mysql/position.h"

namespace shardlift::binlog {

// Where a stream begins. SourcePosition: MySQL what is not in the set, MariaDB file and offset of a group boundary.
// FilePosition: the same place on either server. MariaGtidSet: after these transactions; the server finds the place.
using StreamStart = std::variant<mysql::SourcePosition, mysql::FilePosition, mysql::MariaGtidSet>;

struct StreamOptions : DumpOptions {
  StreamStart start;
  TableFilter tables;
  // As in GroupReaderOptions.
  std::function<bool(std::string_view schema, std::string_view table)> describe;
  KnownSchema known_schema;
  std::function<void(const DescribedTable& table)> on_described;
  SpillOptions spill;                     // where the rows of a large group go
  std::chrono::seconds reconnect_for{0};  // how long a lost server is tried again; 0: not at all
  // Where the raw binlog is kept until Trim; identity and start are filled in. The stream must then start at a
  // SourcePosition. A spool that is full is waited for as long as a lost server.
  std::optional<SpoolOptions> spool;
  bool spool_anew = false;  // what is in it is of no use any more: it is removed
};

struct StreamItem {
  std::optional<CommitGroup> group;  // nullopt: nothing within the timeout, or only the position moved
};

class GroupStream {
 public:
  static base::Result<std::unique_ptr<GroupStream>> Open(const StreamOptions& options);
  ~GroupStream();

  // Waits up to `timeout` for the next group. Returns an item without group on time-out (position() may have moved).
  // While the connection is lost there are items without group; Next may take as long as a login. kEnvironment: lost
  // for longer than reconnect_for. kRefused: the server has purged the start, is another one, or lost what was
  // streamed, or the binlog cannot be followed (wrong format, incident); kCorrupt: bytes that do not decode.
  base::Result<StreamItem> Next(std::chrono::milliseconds timeout);

  // Everything streamed so far, the last group returned by Next included: start plus the GTIDs passed, or the end of
  // the last event between groups. This is what "the stream has passed H" is asked of.
  // Began at a place in a file on MySQL: the GTIDs since. Began after MariaDB's GTIDs: empty before the first group.
  const mysql::SourcePosition& position() const;
  // The same as a place in the server's binlog; the file is empty as long as it is not known.
  const mysql::FilePosition& file_position() const;
  // As position(), but never past an XA PREPARE that is not resolved yet: the position to store in a checkpoint.
  mysql::SourcePosition SafePosition() const;
  // Where the oldest XA PREPARE that is not resolved yet begins, on either server.
  std::optional<mysql::FilePosition> OldestPrepareBegin() const;
  // Unix seconds of the server's clock in the last event or heartbeat; 0 before the first.
  std::uint32_t last_event_seconds() const;
  // True when the last thing the server said was a heartbeat, or the end of what it has: nothing is waiting.
  bool at_end() const;
  // Why the connection is lost at present; ok while there is one.
  base::Status lost() const;
  // How often the stream went on after it had been lost.
  std::uint64_t reconnects() const;
  // With a spool: what lies behind the checkpoint is needed no more. Never ahead of SafePosition().
  base::Status Trim(const mysql::SourcePosition& checkpoint);
  std::uint64_t spool_bytes() const;  // on disk
  void Stop();

 private:
  struct Impl;
  explicit GroupStream(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace shardlift::binlog
