// Patience: how long a lost server is tried again (apply.retry_seconds, from the first attempt that failed), with
// growing pauses in between.
// Thread rules: one thread at a time.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string_view>
#include <thread>

#include "base/status.h"

namespace shardlift::migrate {

class Patience {
 public:
  explicit Patience(std::uint32_t seconds) : seconds_(seconds) {}

  // Pauses before the next attempt. False when the time is up.
  bool Wait() {
    const auto now = std::chrono::steady_clock::now();
    if (attempts_++ == 0) since_ = now;
    if (now - since_ >= std::chrono::seconds(seconds_)) return false;
    std::this_thread::sleep_for(pause_);
    pause_ = std::min<std::chrono::milliseconds>(pause_ * 2, std::chrono::seconds(2));
    return true;
  }
  // The last failure, with what was done about it. `what`: "shard", "source".
  base::Status GiveUp(base::Status last, std::string_view what) const {
    return last.WithContext(
        fmt::format("gave up after {} s (apply.retry_seconds); run again when the {} is back", seconds_, what));
  }

 private:
  const std::uint32_t seconds_;
  std::uint32_t attempts_ = 0;
  std::chrono::steady_clock::time_point since_;
  std::chrono::milliseconds pause_{100};
};

}  // namespace shardlift::migrate
