#include "store/message_id.h"

#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <thread>

namespace shardlift::store {

using base::Code;
using base::Status;

namespace {

constexpr std::uint64_t kNewBit = 1ull << 63;
constexpr unsigned kOrdinalBits = 16;
constexpr unsigned kLegacyBits = 40;
constexpr std::uint32_t kOriginMax = 127;
static_assert(1 + kIdTimeBits + kIdNodeBits + kIdSequenceBits == 64);
static_assert(1 + 7 + kOrdinalBits + kLegacyBits == 64 && kOriginMax < (1u << 7));

constexpr std::uint64_t Low(std::uint64_t value, unsigned bits) { return value & ((1ull << bits) - 1); }

constexpr std::uint64_t kLastSequence = (1u << kIdSequenceBits) - 1;

void Raise(std::atomic<std::int64_t>* value, std::int64_t to) {
  std::int64_t now = value->load();
  while (now < to && !value->compare_exchange_weak(now, to)) {
  }
}

class SystemClock final : public IdClock {
 public:
  std::int64_t UnixMs() override { return Read(CLOCK_REALTIME); }
  std::int64_t SteadyMs() override { return Read(CLOCK_BOOTTIME); }
  void SleepMs(std::int64_t ms) override { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); }

 private:
  static std::int64_t Read(clockid_t id) {
    timespec now{};
    SL_CHECK(clock_gettime(id, &now) == 0);
    return now.tv_sec * std::int64_t{1000} + now.tv_nsec / 1'000'000;
  }
};

}  // namespace

IdClock& IdClock::System() {
  static SystemClock clock;
  return clock;
}

MessageIdParts PartsOf(std::uint64_t id) {
  MessageIdParts parts;
  parts.is_new = (id & kNewBit) != 0;
  if (parts.is_new) {
    parts.unix_ms = kIdEpochMs + static_cast<std::int64_t>(Low(id >> (kIdNodeBits + kIdSequenceBits), kIdTimeBits));
    parts.node = static_cast<std::uint32_t>(Low(id >> kIdSequenceBits, kIdNodeBits));
    parts.sequence = static_cast<std::uint32_t>(Low(id, kIdSequenceBits));
  } else {
    parts.origin = static_cast<std::uint32_t>(id >> (kOrdinalBits + kLegacyBits));
    parts.table_ordinal = static_cast<std::uint32_t>(Low(id >> kLegacyBits, kOrdinalBits));
    parts.legacy_id = Low(id, kLegacyBits);
  }
  return parts;
}

std::optional<std::uint64_t> ComposeHistoryId(std::uint32_t origin, std::uint32_t table_ordinal,
                                              std::uint64_t legacy_id) {
  if (origin < 1 || origin > kOriginMax || table_ordinal >> kOrdinalBits != 0 || legacy_id >> kLegacyBits != 0) {
    return std::nullopt;
  }
  return std::uint64_t{origin} << (kOrdinalBits + kLegacyBits) | std::uint64_t{table_ordinal} << kLegacyBits |
         legacy_id;
}

IdGenerator::IdGenerator(std::uint32_t node, std::int64_t after_unix_ms, IdClock& clock)
    : node_(node),
      clock_(clock),
      last_(static_cast<std::uint64_t>(std::max<std::int64_t>(after_unix_ms - kIdEpochMs, 0)) << kIdSequenceBits |
            kLastSequence) {
  SL_CHECK(node < kIdNodes);
}

void IdGenerator::Extend(std::int64_t until_unix_ms, std::int64_t until_steady_ms) {
  Raise(&until_ms_, until_unix_ms - kIdEpochMs);
  Raise(&until_steady_ms_, until_steady_ms);
}

void IdGenerator::End() { ended_ = true; }

std::int64_t IdGenerator::last_unix_ms() const {
  return kIdEpochMs + static_cast<std::int64_t>(last_.load() >> kIdSequenceBits);
}

Status IdGenerator::CheckLease() const {
  if (!ended_ && clock_.SteadyMs() < until_steady_ms_) return base::Ok();
  return Status(Code::kRefused,
                fmt::format("the lease of node id {} is over, so that another process may have it; take "
                            "a new lease, and renew it in time",
                            node_));
}

Status IdGenerator::WaitFor(std::int64_t ms, std::int64_t now) {
  const std::int64_t back = ms - now;
  if (back > kClockBackMsMax) {
    return Status(
        Code::kRefused,
        fmt::format("the clock is {} ms behind the last id of node id {}; ids wait for it up to {} ms only: let "
                    "the clock be set forward, or wait",
                    back, node_, kClockBackMsMax));
  }
  clock_.SleepMs(back);
  return base::Ok();
}

base::Result<std::uint64_t> IdGenerator::Next() {
  for (;;) {
    SL_TRY(CheckLease());
    const std::int64_t now = clock_.UnixMs() - kIdEpochMs;
    std::uint64_t last = last_.load();
    const auto last_ms = static_cast<std::int64_t>(last >> kIdSequenceBits);
    if (now < last_ms) {
      SL_TRY(WaitFor(last_ms, now));
      continue;
    }
    if (now == last_ms && Low(last, kIdSequenceBits) == kLastSequence) {
      clock_.SleepMs(1);
      continue;
    }
    if (now >> kIdTimeBits != 0) return Status(Code::kRefused, "message ids end in 2093; see docs/formats.md");
    if (now > until_ms_) {
      return Status(Code::kRefused,
                    fmt::format("the clock is past what is reserved for node id {}; renew the lease", node_));
    }
    const std::uint64_t next = now == last_ms ? last + 1 : static_cast<std::uint64_t>(now) << kIdSequenceBits;
    if (!last_.compare_exchange_weak(last, next)) continue;
    // The id would still be ours after a pause, for its millisecond is; but who was paused so long must hear of it.
    SL_TRY(CheckLease());
    return kNewBit | (next >> kIdSequenceBits) << (kIdNodeBits + kIdSequenceBits) |
           std::uint64_t{node_} << kIdSequenceBits | Low(next, kIdSequenceBits);
  }
}

}  // namespace shardlift::store
