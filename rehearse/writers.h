// Writers: applications that keep writing to the legacy sources during a rehearsal.
//
// Threads with a connection each, rate-limited, on all three families: see WriteKind. One more thread per source runs a
// transaction of big_transaction_rows changes now and then. A third of the transactions aim at the keys a chunk reader
// is reading. Lock waits and deadlocks are retried; a clash on a key rolls the transaction back and is counted.
//
// Thread rules: AimAt, Snapshot and Failure from any thread; Stop once. Endpoints are copied, `tables` owned inside.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/status.h"
#include "mysql/session.h"
#include "rehearse/write_op.h"

namespace shardlift::rehearse {

struct WriterOptions {
  std::uint64_t seed = 1;
  std::uint32_t changes_per_second = 600;  // over all threads; big transactions come on top
  std::uint32_t threads_per_source = 3;
  std::uint32_t big_transaction_rows = 10'000;
  std::uint32_t big_transaction_every_seconds = 15;
  bool xa = false;
};

struct WriterReport {
  double seconds = 0;
  std::uint64_t changes = 0;        // committed row changes without the big transactions
  std::uint64_t transactions = 0;   // committed
  std::uint64_t aimed_changes = 0;  // of `changes`, those aimed at a chunk in flight
  std::uint64_t retries = 0;        // after a deadlock or a lock wait
  std::uint64_t clashes = 0;        // transactions given up because a key was taken
  std::uint64_t rolled_back = 0;    // transactions rolled back on purpose
  std::uint64_t big_transactions = 0;
  std::uint64_t big_changes = 0;
  std::array<std::uint64_t, kWriteKinds> transactions_by_kind{};
  double changes_per_second() const { return seconds > 0 ? static_cast<double>(changes) / seconds : 0; }
};

class Writers {
 public:
  // The sources must have been seeded.
  static base::Result<std::unique_ptr<Writers>> Start(std::span<const mysql::Endpoint> sources,
                                                      const WriterOptions& options);
  ~Writers();

  // The chunk being read right now: "im_0.msg_03" after key "1234" or "7,55" (empty: from the start). Unknown tables
  // are ignored.
  void AimAt(std::string_view table, std::string_view after, std::uint64_t rows);
  WriterReport Snapshot() const;
  base::Status Failure() const;  // the first thread that could not go on, ok while all run
  base::Result<WriterReport> Stop();

 private:
  struct Impl;
  explicit Writers(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace shardlift::rehearse
