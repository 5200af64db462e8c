#include "binlog/kept_connection.h"

#include <fmt/format.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "binlog/compression.h"
#include "binlog/event.h"

namespace shardlift::binlog {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto kFirstPause = 100ms;
constexpr std::chrono::milliseconds kLongestPause = 4s;

base::Status Stopped() { return {base::Code::kStopped, "the binlog stream was stopped"}; }

}  // namespace

base::Status CheckExecuted(DumpConnection& server, const mysql::GtidSet& read) {
  SL_ASSIGN(const mysql::GtidSet executed, server.Executed());
  if (executed.Contains(read)) return base::Ok();
  mysql::GtidSet missing = read;
  missing.Subtract(executed);
  return {base::Code::kRefused,
          fmt::format("the server has not executed {}, which was read from it before: it lost transactions (a crash "
                      "with sync_binlog other than 1, or a restored backup); start a new copy",
                      missing.ToText())};
}

base::Result<std::unique_ptr<KeptConnection>> KeptConnection::Open(KeptOptions options) {
  std::unique_ptr<KeptConnection> kept(new KeptConnection(std::move(options)));
  SL_TRY(kept->Connect());
  return kept;
}

KeptConnection::~KeptConnection() { Stop(); }

base::Status KeptConnection::Connect() {
  SL_ASSIGN(std::unique_ptr<DumpConnection> opened, DumpConnection::Open(options_));
  if (!server_.empty() && server_ != opened->server()) {
    return {base::Code::kRefused,
            fmt::format("another server answers: it was {}, it is {}; bring the first one back, or start a new copy",
                        server_, opened->server())};
  }
  SL_TRY(options_.request(*opened));
  server_ = opened->server();
  const std::lock_guard lock(mutex_);
  connection_ = std::move(opened);
  if (stopping_) connection_->Stop();
  return base::Ok();
}

void KeptConnection::SetLost(base::Status reason) {
  const std::lock_guard lock(mutex_);
  lost_ = std::move(reason);
}

// The connection has ended. Not ok when that cannot be helped.
base::Status KeptConnection::Lose(base::Status reason) {
  std::unique_ptr<DumpConnection> ended;
  {
    const std::lock_guard lock(mutex_);
    ended = std::move(connection_);
  }
  if (stopping_) return Stopped();
  if (reason.code() != base::Code::kEnvironment || options_.reconnect_for == 0s) return reason;
  SetLost(std::move(reason));
  lost_since_ = Clock::now();
  pause_ = kFirstPause;
  next_try_ = lost_since_ + pause_;
  return base::Ok();
}

// One attempt when it is time for one, else waits for that or `until`.
base::Status KeptConnection::TryAgain(Clock::time_point until) {
  if (const auto now = Clock::now(); now < next_try_) {
    std::this_thread::sleep_for(std::min<Clock::duration>(std::min(until, next_try_) - now, 50ms));
    return base::Ok();
  }
  base::Status status = Connect();
  if (status.ok()) {
    ++reconnects_;
    SetLost(base::Ok());
    return base::Ok();
  }
  if (status.code() != base::Code::kEnvironment) return status;
  SetLost(status);
  if (Clock::now() - lost_since_ >= options_.reconnect_for) {
    return status.WithContext(fmt::format("gave up after {} s", options_.reconnect_for.count()));
  }
  pause_ = std::min(pause_ * 2, kLongestPause);
  next_try_ = Clock::now() + pause_;
  return base::Ok();
}

base::Result<std::optional<std::string_view>> KeptConnection::Next(Clock::time_point deadline) {
  for (;;) {
    if (stopping_) return Stopped();
    if (!taken_.empty()) {
      current_ = std::move(taken_.front());
      taken_.pop_front();
      if (current_.empty() || current_.front() != '\0') return Corrupt("a packet of the binlog stream is no event");
      if (current_.size() <= kEventHeaderBytes) return Corrupt("an event of the binlog stream ends inside its header");
      return std::optional(std::string_view(current_).substr(1));
    }
    if (!connection_) {
      SL_TRY(TryAgain(deadline));
    } else if (!connection_->packets().PopAll(taken_, deadline)) {
      if (connection_->packets().closed()) SL_TRY(Lose(connection_->packets().reason()));
    }
    if (taken_.empty() && Clock::now() >= deadline) return std::optional<std::string_view>();
  }
}

bool KeptConnection::drained() const { return connection_ && taken_.empty() && connection_->packets().empty(); }

base::Status KeptConnection::lost() const {
  const std::lock_guard lock(mutex_);
  return lost_;
}

void KeptConnection::Stop() {
  stopping_ = true;
  const std::lock_guard lock(mutex_);
  if (connection_) connection_->Stop();
}

}  // namespace shardlift::binlog
