// SpoolWriter: keeps the raw binlog of one source in local files, so that the source may purge it before it is decoded.
//
//   SL_ASSIGN(auto spool, SpoolWriter::Open(options));
//   request the binlog from spool->position();  spool->StartConnection(...);
//   network thread:   for each packet: spool->Append(event);        now and then: spool->Sync()
//   decoding thread:  SL_ASSIGN(auto reader, spool->OpenReader(checkpoint));  reader->Next(timeout) ...
//   when checkpoints moved: spool->Trim(safe position)
//
// What Sync returned Ok for, that is everything up to the position() before the call, outlives kill -9 and power loss.
// Of the rest, whole groups are kept as far as they reached the disk. Opening a spool cuts off its torn end, says so
// (cut(), and a log line), and finds position() again. Damage that is no torn end is kCorrupt and stays: file, offset,
// what, remedy.
// Memory: one block. Errors hold no user data.
//
// Thread rules: all calls from any thread; Append, Flush and StartConnection in the order of the stream. One
// SpoolWriter for each directory, on the whole machine. Readers must not outlive it.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "binlog/continuity.h"
#include "binlog/spool_directory.h"
#include "binlog/spool_options.h"

namespace shardlift::binlog {

class SpoolLog;
class SpoolReader;

class SpoolWriter {
 public:
  static base::Result<std::unique_ptr<SpoolWriter>> Open(const SpoolOptions& options);
  // Syncs what is whole, as far as that works.
  ~SpoolWriter();

  // What had to be cut off at the end when the spool was opened.
  const std::optional<SpoolCut>& cut() const;
  // Where the source has to go on: everything before it is in the spool. Between two groups.
  mysql::SourcePosition position() const;
  mysql::SourcePosition durable_position() const;  // the same of what is on disk for good
  // The last group before position(). nullopt: none in the last two segments.
  std::optional<GroupMark> last_group() const;

  // A new connection was made: the next event stands at `start` (MySQL: empty, the server tells). Forgets a group that
  // is not whole. What is sent again of the spool's end is passed over. `proof`: the source was asked for last_group()
  // again, and what it sends must be the same; else Append is kRefused.
  base::Status StartConnection(const mysql::FilePosition& start, bool checksum_at_start, bool proof);
  // One whole event, as the server sent it. Made-up ROTATE events and heartbeats are seen, not kept.
  //   kEnvironment and full() (bytes_max): nothing has changed; WaitForRoom, then append the same event again.
  //   Any other failure stays until StartConnection: stream again from position(). Disk full, short writes: the spool
  //   itself is whole, up to position(). kCorrupt, kRefused: the event, or its place.
  base::Status Append(std::string_view event);
  bool full() const;
  // Ok: Trim has made room since the spool was full. kEnvironment: not within `timeout`. kStopped: closed.
  base::Status WaitForRoom(std::chrono::milliseconds timeout);
  // Hands whole groups to the file system. Not needed for the reader, who takes them from memory when it waits.
  base::Status Flush();
  // Flush, and on disk for good. Waits for the disk, without keeping Append and the reader waiting. A failure of the
  // disk itself is final: open the spool anew.
  base::Status Sync();

  // Removes the segments that lie wholly behind `position`; never the last one, nor what the reader has not passed.
  base::Status Trim(const mysql::SourcePosition& position);
  // On disk, of all segments.
  std::uint64_t bytes() const;

  // No more events for now: the reader gets what is there, then `reason`. Until StartConnection.
  void Close(base::Status reason);

  // From the first group that is not in `position`; one reader at a time. kRefused: what follows `position` is no
  // longer in the spool.
  base::Result<std::unique_ptr<SpoolReader>> OpenReader(const mysql::SourcePosition& position);

 private:
  explicit SpoolWriter(std::unique_ptr<SpoolLog> log);
  std::unique_ptr<SpoolLog> log_;
};

// Removes a spool that nobody uses. Ok when there is none.
base::Status RemoveSpool(const std::string& directory);

}  // namespace shardlift::binlog
