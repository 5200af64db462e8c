// LastGroup: proof, on a new connection, that a server's binlog goes on where the reader was.
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
#include "mysql/gtid_set.h"
#include "mysql/position.h"

namespace shardlift::binlog {

// A group, and by what it is known again.
struct GroupMark {
  mysql::Gtid gtid;  // number 0: it has none
  mysql::FilePosition begin;
  mysql::FilePosition end;
  std::uint64_t events = 0;  // 0: it cannot be known again, as it begins with no GTID event
  std::uint64_t hash = 0;    // XXH3 of them, without lengths and checksums
};

class LastGroup {
 public:
  LastGroup();

  // Each whole event of the stream in order, and each group when it has ended. `checksum`: the event ends with one. At
  // least a header long.
  void Note(std::string_view event, bool checksum);
  void Ended(const mysql::Gtid& gtid, const mysql::FilePosition& begin, const mysql::FilePosition& end);
  // A group that is not whole is forgotten.
  void Forget() { open_ = false; }
  // As another LastGroup had it.
  void Restore(const GroupMark& mark) { mark_ = mark; }
  // False before the first group.
  bool known() const { return mark_.events > 0; }
  const GroupMark& mark() const { return mark_; }

  // What comes next is the last group again, if it is known.
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

  GroupMark mark_;
};

}  // namespace shardlift::binlog
