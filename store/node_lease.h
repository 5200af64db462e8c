// NodeLease: a node id for new message ids, leased in table sl_id_node of the store's first shard.
//
// A lease reserves two things in one row: the node until `lease_until` (the server's clock), and the milliseconds that
// ids may be of, up to `ids_until_ms` (the holder's clock). Who takes the node over starts behind `ids_until_ms`, so
// that no (node, millisecond) ever has two holders, whatever the clocks of the machines say and however long a holder
// was paused. A holder ends by its own steady clock before the server's lease does.
//
//   SL_ASSIGN(auto lease, store::NodeLease::Take(session, {}));      // session: the first shard's database
//   ... lease->Next() from any thread ...
//   SL_TRY(lease->Renew(session));                                   // every third of lease_ms, from one thread
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/status.h"
#include "store/message_id.h"

namespace shardlift::mysql {
class Session;
}

namespace shardlift::store {

struct NodeLeaseOptions {
  std::int64_t lease_ms = 30'000;
  std::uint32_t nodes = kIdNodes;  // node ids 0 to nodes - 1
  // A larger difference between this machine's clock and the server's is refused.
  std::int64_t clock_difference_ms_max = 5'000;
  IdClock* clock = &IdClock::System();
};

class NodeLease {
 public:
  // A node that nobody has: one whose lease is over, else one never used. kRefused when all are taken.
  static base::Result<std::unique_ptr<NodeLease>> Take(mysql::Session& session, const NodeLeaseOptions& options);

  // kRefused when the lease was lost; then there are no ids any more. After any other error it may be tried again, and
  // ids are given until the time of the last renewal is over.
  base::Status Renew(mysql::Session& session);
  // Gives the node back at once; no ids any more.
  base::Status Release(mysql::Session& session);

  base::Result<std::uint64_t> Next() { return generator_.Next(); }
  std::uint32_t node() const { return generator_.node(); }

 private:
  struct Row;
  NodeLease(const Row& row, std::string holder, const NodeLeaseOptions& options);
  std::string IsMine() const;
  void Extend(std::int64_t until_ms, std::int64_t asked_at_steady_ms);

  NodeLeaseOptions options_;
  std::string holder_;
  std::uint64_t generation_;  // of the row: one more for each holder
  IdGenerator generator_;
  std::int64_t until_ms_ = 0;  // what the row says
};

}  // namespace shardlift::store
