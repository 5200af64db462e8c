#include "binlog/packet_queue.h"

namespace shardlift::binlog {

bool PacketQueue::Push(std::string packet) {
  std::unique_lock lock(mutex_);
  room_.wait(lock, [&] { return closed_ || bytes_ < bytes_max_; });
  if (closed_) return false;
  bytes_ += packet.size();
  packets_.push_back(std::move(packet));
  if (packets_.size() == 1) filled_.notify_one();
  return true;
}

bool PacketQueue::PopAll(std::deque<std::string>& out, Clock::time_point deadline) {
  std::unique_lock lock(mutex_);
  filled_.wait_until(lock, deadline, [&] { return !packets_.empty() || closed_; });
  if (packets_.empty()) return false;
  out.swap(packets_);
  bytes_ = 0;
  room_.notify_one();
  return true;
}

void PacketQueue::Close(base::Status reason) {
  const std::lock_guard lock(mutex_);
  if (!closed_) reason_ = std::move(reason);
  closed_ = true;
  filled_.notify_all();
  room_.notify_all();
}

bool PacketQueue::closed() const {
  const std::lock_guard lock(mutex_);
  return closed_;
}

bool PacketQueue::empty() const {
  const std::lock_guard lock(mutex_);
  return packets_.empty();
}

base::Status PacketQueue::reason() const {
  const std::lock_guard lock(mutex_);
  return reason_;
}

}  // namespace shardlift::binlog
