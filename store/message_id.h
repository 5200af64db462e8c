// Message ids: 64 bits, unsigned (docs/formats.md has the layout and why the two kinds cannot meet).
//
//   new messages   bit 63 set:   41 bits milliseconds since 2024-01-01 UTC, 10 bits node, 12 bits sequence
//   history        bit 63 clear: 7 bits origin, 16 bits table ordinal, 40 bits legacy id (COMPOSE_ID of the mappings)
//
// Two generators never give the same id as long as no two have the same node for the same millisecond; that is what a
// lease of the node (store/node_lease.h) sees to. Ids are not the order of messages: (sent_at, msg_id) is.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "base/status.h"

namespace shardlift::store {

inline constexpr std::int64_t kIdEpochMs = 1704067200000;  // 2024-01-01 00:00:00 UTC
inline constexpr unsigned kIdTimeBits = 41;                // until 2093-09-06
inline constexpr unsigned kIdNodeBits = 10;
inline constexpr unsigned kIdSequenceBits = 12;
inline constexpr std::uint32_t kIdNodes = 1u << kIdNodeBits;

struct MessageIdParts {
  bool is_new = false;
  // of new messages
  std::int64_t unix_ms = 0;
  std::uint32_t node = 0;
  std::uint32_t sequence = 0;
  // of history
  std::uint32_t origin = 0;
  std::uint32_t table_ordinal = 0;
  std::uint64_t legacy_id = 0;
};
MessageIdParts PartsOf(std::uint64_t message_id);

// Nothing when a part does not fit its bits: origin 1 to 127, ordinal up to 65535, id below 2^40.
std::optional<std::uint64_t> ComposeHistoryId(std::uint32_t origin, std::uint32_t table_ordinal,
                                              std::uint64_t legacy_id);

// Where a generator takes its time from; tests have their own.
class IdClock {
 public:
  virtual ~IdClock() = default;
  virtual std::int64_t UnixMs() = 0;
  // Never set back, and goes on while the process, or the machine, is suspended.
  virtual std::int64_t SteadyMs() = 0;
  virtual void SleepMs(std::int64_t ms) = 0;
  static IdClock& System();
};

// Ids of one node, for a span of time that is extended again and again. Thread rules: all calls from any thread.
class IdGenerator {
 public:
  // When the clock goes back by no more, a call waits until it has caught up; else it is refused.
  static constexpr std::int64_t kClockBackMsMax = 50;

  // The first id is of a later millisecond than `after_unix_ms`. No id before the first Extend.
  IdGenerator(std::uint32_t node, std::int64_t after_unix_ms, IdClock& clock);

  // Ids may now be of milliseconds up to `until_unix_ms`, and be given while SteadyMs() is below `until_steady_ms`.
  // Never shortens.
  void Extend(std::int64_t until_unix_ms, std::int64_t until_steady_ms);
  void End();  // for good

  // At most 4096 in a millisecond; the next call waits for the next one. kRefused when the lease is over, when the
  // clock went back too far, and from 2093 on.
  base::Result<std::uint64_t> Next();

  std::uint32_t node() const { return node_; }
  std::int64_t last_unix_ms() const;  // of the last id given

 private:
  base::Status CheckLease() const;
  base::Status WaitFor(std::int64_t ms, std::int64_t now);

  const std::uint32_t node_;
  IdClock& clock_;
  std::atomic<std::uint64_t> last_;  // milliseconds since the epoch, then the sequence: the last id without its node
  std::atomic<std::int64_t> until_ms_{0};
  std::atomic<std::int64_t> until_steady_ms_{0};
  std::atomic<bool> ended_{false};
};

}  // namespace shardlift::store
