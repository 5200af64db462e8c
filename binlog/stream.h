// GroupStream: the binlog of one live server as commit groups.
//
// A thread of its own reads packets from the connection into a queue bounded by queue_bytes_max and back-presses the
// server by not reading. Next() decodes on the caller's thread. Checksums are verified. A silent connection (no event,
// no heartbeat) fails after silent_deadline. The stream does not reconnect: on kEnvironment the caller opens a new one
// at the position it needs.
//
// Thread rules: Next and the accessors on one thread; Stop from any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/status.h"
#include "binlog/byte_store.h"
#include "binlog/group.h"
#include "mysql/position.h"
#include "mysql/session.h"

namespace shardlift::binlog {

struct StreamOptions {
  mysql::Endpoint endpoint;
  std::uint32_t server_id = 0;  // of this reader as a replica; must be unique among the source's replicas
  mysql::SourcePosition start;  // MySQL: GTIDs not to send; MariaDB: file and offset of a group boundary
  TableFilter tables;
  std::chrono::milliseconds heartbeat{1000};
  std::chrono::seconds silent_deadline{30};
  std::uint64_t queue_bytes_max = 16ull << 20;
  SpillOptions spill;  // where the rows of a large group go
};

struct StreamItem {
  std::optional<CommitGroup> group;  // nullopt: nothing within the timeout, or only the position moved
};

class GroupStream {
 public:
  static base::Result<std::unique_ptr<GroupStream>> Open(const StreamOptions& options);
  ~GroupStream();

  // Waits up to `timeout` for the next group. Returns an item without group on time-out (position() may have moved).
  // kEnvironment: connection lost or silent. kRefused: the server has purged the start, or the binlog cannot be
  // followed (wrong format, incident); kCorrupt: bytes that do not decode.
  base::Result<StreamItem> Next(std::chrono::milliseconds timeout);

  // Everything streamed so far, the last group returned by Next included: start plus the GTIDs passed, or the end of
  // the last event between groups. This is what "the stream has passed H" is asked of.
  const mysql::SourcePosition& position() const;
  // As position(), but never past an XA PREPARE that is not resolved yet: the position to store in a checkpoint.
  mysql::SourcePosition SafePosition() const;
  // Unix seconds of the server's clock in the last event or heartbeat; 0 before the first.
  std::uint32_t last_event_seconds() const;
  // True when the last thing the server said was a heartbeat, or the end of what it has: nothing is waiting.
  bool at_end() const;
  void Stop();

 private:
  struct Impl;
  explicit GroupStream(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace shardlift::binlog
