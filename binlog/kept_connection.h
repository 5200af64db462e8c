// KeptConnection: the events of one server's binlog, over as many connections as it takes.
//
// A lost connection is opened again within a patience, and to the same server only. That the binlog goes on where it
// was is for `request` to see to.
// Thread rules: Open and Next on one thread at a time; the rest from any.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "binlog/dump_connection.h"

namespace shardlift::binlog {

struct KeptOptions : DumpOptions {
  std::chrono::seconds reconnect_for{0};  // how long a lost server is tried again; 0: not at all
  // Asks a new connection, the first one too, for what has to come next. On the thread of Open and Next.
  std::function<base::Status(DumpConnection& to)> request;
};

// kRefused: the server has not executed all of `read`, which it has sent or executed before. MySQL only.
base::Status CheckExecuted(DumpConnection& server, const mysql::GtidSet& read);

class KeptConnection {
 public:
  // Makes the first connection.
  static base::Result<std::unique_ptr<KeptConnection>> Open(KeptOptions options);
  ~KeptConnection();

  // The next whole event, at least a header long; the view lives until the next call. nullopt: nothing until
  // `deadline`; it may take as long as a login while the connection is lost. kEnvironment: lost for longer than
  // reconnect_for. kRefused: what `request` says, or another server answers. kStopped: after Stop.
  base::Result<std::optional<std::string_view>> Next(std::chrono::steady_clock::time_point deadline);
  // Nothing that has come waits to be taken. On the thread of Next.
  bool drained() const;

  // Why the connection is lost at present; ok while there is one.
  base::Status lost() const;
  // How often a lost connection was replaced. Counted before the new one's first event.
  std::uint64_t reconnects() const { return reconnects_.load(); }
  void Stop();

 private:
  explicit KeptConnection(KeptOptions options) : options_(std::move(options)) {}
  base::Status Connect();
  base::Status Lose(base::Status reason);
  base::Status TryAgain(std::chrono::steady_clock::time_point until);
  void SetLost(base::Status reason);

  const KeptOptions options_;
  std::string server_;  // whose binlog this is
  std::deque<std::string> taken_;
  std::string current_;
  std::chrono::steady_clock::time_point lost_since_;
  std::chrono::steady_clock::time_point next_try_;
  std::chrono::milliseconds pause_{0};
  std::atomic<std::uint64_t> reconnects_{0};
  std::atomic<bool> stopping_{false};

  mutable std::mutex mutex_;  // the pointer against Stop, and lost_
  std::unique_ptr<DumpConnection> connection_;
  base::Status lost_;
};

}  // namespace shardlift::binlog
