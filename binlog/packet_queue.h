// PacketQueue: bounded hand-over of packets from the thread that reads the connection to the one that decodes.
// Thread rules: Push on one thread, PopAll on another, the rest on any.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>

#include "base/status.h"

namespace shardlift::binlog {

class PacketQueue {
 public:
  using Clock = std::chrono::steady_clock;

  // Bytes are counted, so that one huge event passes alone.
  explicit PacketQueue(std::uint64_t bytes_max) : bytes_max_(bytes_max) {}

  // Blocks while full. False once the queue is closed.
  bool Push(std::string packet);
  // Swaps out all that waits; waits until `deadline` for the first. False when nothing came.
  bool PopAll(std::deque<std::string>& out, Clock::time_point deadline);
  // No more pushes; what is in the queue can still be taken. Keeps the first reason.
  void Close(base::Status reason);
  bool closed() const;
  bool empty() const;
  base::Status reason() const;

 private:
  mutable std::mutex mutex_;
  std::condition_variable filled_;
  std::condition_variable room_;
  std::deque<std::string> packets_;
  std::uint64_t bytes_ = 0;
  const std::uint64_t bytes_max_;
  bool closed_ = false;
  base::Status reason_;
};

}  // namespace shardlift::binlog
