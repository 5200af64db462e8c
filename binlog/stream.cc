#include "binlog/stream.h"

#include <fmt/format.h>
#include <signal.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "base/check.h"
#include "binlog/group_reader.h"

namespace shardlift::binlog {
namespace {

using Clock = std::chrono::steady_clock;

constexpr unsigned kErrorReadingBinlog = 1236;

// Bounded hand-over of packets from the reader thread. Bytes are counted, so that one huge event passes alone.
class PacketQueue {
 public:
  explicit PacketQueue(std::uint64_t bytes_max) : bytes_max_(bytes_max) {}

  // Blocks while full. False once the queue is closed.
  bool Push(std::string packet) {
    std::unique_lock lock(mutex_);
    room_.wait(lock, [&] { return closed_ || bytes_ < bytes_max_; });
    if (closed_) return false;
    bytes_ += packet.size();
    packets_.push_back(std::move(packet));
    if (packets_.size() == 1) filled_.notify_one();
    return true;
  }

  // Swaps out all that waits; waits until `deadline` for the first. False when nothing came.
  bool PopAll(std::deque<std::string>& out, Clock::time_point deadline) {
    std::unique_lock lock(mutex_);
    filled_.wait_until(lock, deadline, [&] { return !packets_.empty() || closed_; });
    if (packets_.empty()) return false;
    out.swap(packets_);
    bytes_ = 0;
    room_.notify_one();
    return true;
  }

  // No more pushes; what is in the queue can still be taken. Keeps the first reason.
  void Close(base::Status reason) {
    const std::lock_guard lock(mutex_);
    if (!closed_) reason_ = std::move(reason);
    closed_ = true;
    filled_.notify_all();
    room_.notify_all();
  }

  bool closed() const {
    const std::lock_guard lock(mutex_);
    return closed_;
  }
  bool empty() const {
    const std::lock_guard lock(mutex_);
    return packets_.empty();
  }
  base::Status reason() const {
    const std::lock_guard lock(mutex_);
    return reason_;
  }

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

// What the server will do with events: checksums as they lie in the binlog, heartbeats when it is idle.
base::Result<bool> Announce(mysql::Session& session, const StreamOptions& options) {
  SL_ASSIGN(const mysql::Rows checksum, session.Query("SELECT @@global.binlog_checksum", "read binlog_checksum"));
  SL_ASSIGN(const std::string algorithm, checksum.Single());
  const long long heartbeat_ns = std::chrono::duration_cast<std::chrono::nanoseconds>(options.heartbeat).count();
  std::string sql = fmt::format("SET @master_binlog_checksum = @@global.binlog_checksum, @master_heartbeat_period = {}",
                                heartbeat_ns);
  if (session.flavour() == mysql::Flavour::kMySql) {
    sql += fmt::format(", @source_binlog_checksum = @@global.binlog_checksum, @source_heartbeat_period = {}",
                       heartbeat_ns);
  } else {
    sql += ", @mariadb_slave_capability = 4";  // understands GTID events
  }
  SL_TRY(session.Execute(sql, "announce the binlog reader"));
  return algorithm != "NONE";
}

base::Status Explain(base::Status status) {
  if (status.server_errno() != kErrorReadingBinlog) return status;
  base::Status refused(
      base::Code::kRefused,
      fmt::format(
          "{}: the server will not send its binlog from here. Either the start was purged (start a new copy, and "
          "keep binlogs longer than the copy takes), or another reader uses the same server id (give this one its "
          "own), or an event is larger than max_allowed_packet",
          status.message()));
  refused.WithServerErrno(kErrorReadingBinlog);
  return refused;
}

}  // namespace

struct GroupStream::Impl {
  explicit Impl(const StreamOptions& options) : queue(options.queue_bytes_max) {}

  void ReadPackets();
  base::Result<std::optional<CommitGroup>> Feed(std::string_view packet);
  void Passed(const CommitGroup& group);

  mysql::Flavour flavour = mysql::Flavour::kMySql;
  std::unique_ptr<mysql::Session> session;
  std::unique_ptr<GroupReader> reader;
  PacketQueue queue;
  std::thread thread;
  std::atomic<bool> stopping{false};

  std::deque<std::string> taken;  // packets out of the queue, not yet fed
  mysql::SourcePosition position;
  base::Status failed;
};

void GroupStream::Impl::ReadPackets() {
  // The TLS layer may answer the server after Stop has shut the socket; that must not end the process.
  sigset_t pipe;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
  for (;;) {
    base::Result<std::string_view> packet = session->ReadPacket();
    if (!packet.ok()) {
      queue.Close(Explain(packet.status()));
      return;
    }
    if (packet->size() > kEventBytesMax) {
      queue.Close({base::Code::kEnvironment, "the binlog connection was lost, or sent a packet larger than any event"});
      return;
    }
    if (!queue.Push(std::string(*packet))) return;
  }
}

base::Result<std::optional<CommitGroup>> GroupStream::Impl::Feed(std::string_view packet) {
  if (packet.empty() || packet.front() != '\0') return Corrupt("a packet of the binlog stream is no event");
  return reader->Feed(packet.substr(1));
}

void GroupStream::Impl::Passed(const CommitGroup& group) {
  if (flavour == mysql::Flavour::kMySql && group.gtid.number != 0) position.mutable_gtid_set().Add(group.gtid);
}

GroupStream::GroupStream(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

GroupStream::~GroupStream() {
  Stop();
  if (impl_->thread.joinable()) impl_->thread.join();
}

base::Result<std::unique_ptr<GroupStream>> GroupStream::Open(const StreamOptions& options) {
  auto impl = std::make_unique<Impl>(options);
  mysql::SessionOptions session_options;
  session_options.read_timeout = options.silent_deadline;
  SL_ASSIGN(impl->session, mysql::Session::Open(options.endpoint, session_options));
  mysql::Session& session = *impl->session;
  impl->flavour = session.flavour();
  if (options.start.flavour() != impl->flavour) {
    return base::Status(base::Code::kRefused,
                        fmt::format("{}: the stored position is of {}, the server is {}", options.endpoint.Text(),
                                    mysql::FlavourName(options.start.flavour()), mysql::FlavourName(impl->flavour)));
  }
  impl->position = options.start;
  SL_ASSIGN(const bool checksum, Announce(session, options));
  GroupReaderOptions reader;
  reader.tables = options.tables;
  reader.from_network = true;
  reader.checksum_at_start = checksum;
  reader.spill = options.spill;
  if (impl->flavour == mysql::Flavour::kMySql) {
    SL_TRY(session.StartBinlogDumpGtid(options.start.gtid_set(), options.server_id));
  } else {
    reader.start = options.start.file();
    SL_TRY(session.StartBinlogDump(options.start.file(), options.server_id));
  }
  impl->reader = std::make_unique<GroupReader>(std::move(reader));
  impl->thread = std::thread([state = impl.get()] { state->ReadPackets(); });
  return std::unique_ptr<GroupStream>(new GroupStream(std::move(impl)));
}

base::Result<StreamItem> GroupStream::Next(std::chrono::milliseconds timeout) {
  const Clock::time_point deadline = Clock::now() + timeout;
  if (!impl_->failed.ok()) return impl_->failed;
  StreamItem item;
  while (!item.group) {
    if (impl_->stopping) return base::Status(base::Code::kStopped, "the binlog stream was stopped");
    if (impl_->taken.empty() && !impl_->queue.PopAll(impl_->taken, deadline)) {
      if (!impl_->queue.closed()) return item;
      impl_->failed = impl_->queue.reason();
      return impl_->failed;
    }
    base::Result<std::optional<CommitGroup>> fed = impl_->Feed(impl_->taken.front());
    impl_->taken.pop_front();
    if (!fed.ok()) {
      impl_->failed = fed.status();
      return impl_->failed.WithContext(impl_->session->endpoint().Text());
    }
    item.group = std::move(*fed);
    if (item.group) impl_->Passed(*item.group);
    if (impl_->flavour == mysql::Flavour::kMariaDb && !impl_->reader->in_group() &&
        !impl_->reader->boundary().file.empty()) {
      impl_->position = mysql::SourcePosition::FromFile(impl_->reader->boundary());
    }
    // A group of any size must not keep the caller longer than it asked for.
    if (!item.group && Clock::now() >= deadline) break;
  }
  return item;
}

const mysql::SourcePosition& GroupStream::position() const { return impl_->position; }

mysql::SourcePosition GroupStream::SafePosition() const {
  mysql::SourcePosition safe = impl_->position;
  if (impl_->flavour == mysql::Flavour::kMariaDb) {
    if (auto begin = impl_->reader->OldestPrepareBegin()) return mysql::SourcePosition::FromFile(std::move(*begin));
    return safe;
  }
  mysql::GtidSet prepared;
  for (const mysql::Gtid& gtid : impl_->reader->PreparedGtids()) prepared.Add(gtid);
  if (!prepared.empty()) safe.mutable_gtid_set().Subtract(prepared);
  return safe;
}

std::uint32_t GroupStream::last_event_seconds() const { return impl_->reader->last_event_seconds(); }

bool GroupStream::at_end() const {
  return impl_->taken.empty() && impl_->reader->last_was_heartbeat() && !impl_->reader->in_group() &&
         impl_->queue.empty();
}

void GroupStream::Stop() {
  impl_->stopping = true;
  impl_->queue.Close({base::Code::kStopped, "the binlog stream was stopped"});
  impl_->session->Shutdown();
}

}  // namespace shardlift::binlog
