// StreamInput: where a GroupStream's events come from. Straight from the server, or through the spool.
//
// Thread rules: as GroupStream.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

#include "base/status.h"
#include "binlog/dump_connection.h"
#include "binlog/group_reader.h"
#include "binlog/stream.h"
#include "mysql/position.h"

namespace shardlift::binlog {

// How far a stream has come.
struct StreamState {
  mysql::SourcePosition position;
  mysql::FilePosition place;            // the same in the server's binlog; no file: not known
  bool by_file = false;                 // a place in a file is what is asked for
  bool place_known = true;              // false before the first group when the server has to find the place
  std::unique_ptr<GroupReader> reader;  // made by Begin

  bool maria() const { return position.flavour() == mysql::Flavour::kMariaDb; }
  // The first connection: what the server is decides how places are named. kRefused: the start is of another flavour.
  base::Status Begin(const StreamOptions& options, const DumpConnection& to);
  // After each event; `group` ended with it. What is sent again after a reconnect lies behind the place.
  void Passed(const CommitGroup* group);
};

base::Status NoGtidToGoOnFrom();

class StreamInput {
 public:
  virtual ~StreamInput() = default;
  // The first connection.
  virtual base::Status Open() = 0;
  struct Fed {
    bool event = false;  // false: nothing until the deadline
    std::optional<CommitGroup> group;
  };
  // Gives the next event to the reader.
  virtual base::Result<Fed> Feed(std::chrono::steady_clock::time_point deadline) = 0;
  // The server has said that it has no more for now, and all of that was fed.
  virtual bool at_end() const = 0;
  virtual base::Status lost() const = 0;
  virtual std::uint64_t reconnects() const = 0;
  virtual base::Status Trim(const mysql::SourcePosition& checkpoint) = 0;
  virtual std::uint64_t spool_bytes() const = 0;
  virtual void Stop() = 0;
};

// The references must outlive them.
std::unique_ptr<StreamInput> NewDirectInput(const StreamOptions& options, StreamState& state);
std::unique_ptr<StreamInput> NewSpooledInput(const StreamOptions& options, StreamState& state);

}  // namespace shardlift::binlog
