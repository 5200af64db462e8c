// SpoolReader: the events of a spool, in order, from a position on; then those that are appended.
//
// Gives whole groups only: what it gave is never taken back. What it reads is checked: blocks, events, groups, and that
// segments follow each other.
//
// Memory: one block, or one event where that is larger. Thread rules: Next on one thread, Stop from any. Must not
// outlive its SpoolWriter.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>

#include "base/status.h"
#include "binlog/spool_scan.h"

namespace shardlift::binlog {

class SpoolLog;

// Which events of a stream lie behind a position: groups by their GTID on MySQL, events by their place on MariaDB. On
// MySQL events between groups never do.
class PassedFilter {
 public:
  // `event` is the last that `bounds` has seen. Each event in order.
  bool Passed(const GroupBounds& bounds, const Event& event, const mysql::SourcePosition& position);

 private:
  bool passing_ = false;  // MySQL: the group is behind it
  bool beyond_ = false;   // MariaDB: an event was not
};

class SpoolReader {
 public:
  ~SpoolReader();

  // Waits up to `timeout` for the next event; nullptr: nothing yet. The event's views live until the next call.
  // kCorrupt: damage, with file, offset and remedy. The reason of Close, or kStopped after Stop.
  // Format descriptions come also where a group is in the position already, and again where a segment begins.
  base::Result<const SpoolEvent*> Next(std::chrono::milliseconds timeout);
  // Nothing is waiting, and the last thing that the source sent was a heartbeat.
  bool at_end() const;
  // Unix seconds of the source's clock in its last event or heartbeat that has come; 0 before the first.
  std::uint32_t source_seconds() const;
  void Stop();

 private:
  friend class SpoolLog;
  SpoolReader(SpoolLog& log, mysql::SourcePosition from);
  base::Status Open(std::uint64_t number);

  SpoolLog& log_;
  const mysql::SourcePosition from_;
  SpoolScan scan_;
  PassedFilter filter_;
  std::uint64_t number_ = 0;
  std::uint64_t end_ = 0;  // of what may be read of the segment
  base::Status failed_;
};

}  // namespace shardlift::binlog
