// LastGroup: proof, after a reconnect, that a server's binlog goes on where the reader was.
//
// A server that crashed with sync_binlog other than 1 comes back without its last transactions and gives their GTIDs,
// or their places in the file, to new ones. So the last whole group is asked for again and must be the same, byte for
// byte (checksums apart: their kind may have been switched). Groups begin with a GTID event on both flavours.
//
// Thread rules: one thread at a time.
#pragma once

#include <xxhash.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "base/status.h"
#include "binlog/group.h"

namespace shardlift::binlog {

class LastGroup {
 public:
  LastGroup();

  // Each whole event of the stream in order, before it is decoded, and each group when it has ended. `checksum`: the
  // event ends with one. At least a header long.
  void Note(std::string_view event, bool checksum);
  void Ended(const CommitGroup& group);
  // False before the first group.
  bool known() const { return events_ > 0; }
  const mysql::Gtid& gtid() const { return gtid_; }
  const mysql::FilePosition& begin() const { return begin_; }
  const mysql::FilePosition& end() const { return end_; }

  // The connection was lost: what comes next is the last group again.
  void StartProof();
  bool proving() const { return proving_; }
  enum class Seen : std::uint8_t { kOutside, kInside, kProven };
  // What an event of the new connection is: none of the group's (to be decoded as ever), one of it (to be passed over),
  // or its last one, and the group is the same. kRefused: it is another group.
  base::Result<Seen> Prove(std::string_view event, bool checksum);

 private:
  struct FreeState {
    void operator()(XXH3_state_t* state) const { XXH3_freeState(state); }
  };
  void Begin();
  void Add(std::string_view event, bool checksum);

  std::unique_ptr<XXH3_state_t, FreeState> state_;
  bool open_ = false;  // the group being read: its first event was seen
  std::uint64_t open_events_ = 0;
  bool proving_ = false;

  std::uint64_t events_ = 0;
  std::uint64_t hash_ = 0;
  mysql::Gtid gtid_;
  mysql::FilePosition begin_;
  mysql::FilePosition end_;
};

}  // namespace shardlift::binlog
