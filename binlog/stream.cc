#include "binlog/stream.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <mutex>
#include <thread>

#include "binlog/continuity.h"
#include "binlog/group_reader.h"

namespace shardlift::binlog {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto kFirstPause = 100ms;
constexpr std::chrono::milliseconds kLongestPause = 4s;

}  // namespace

struct GroupStream::Impl {
  explicit Impl(const StreamOptions& o) : options(o), position(o.start) {}

  base::Status Connect();
  base::Status Request(DumpConnection& to);
  base::Status Lost(base::Status reason);
  base::Status TryAgain(Clock::time_point until);
  base::Result<std::optional<CommitGroup>> Feed(std::string_view packet);
  void Passed(const CommitGroup& group);

  const StreamOptions options;
  std::unique_ptr<GroupReader> reader;
  LastGroup last;
  std::string server;  // whose binlog this is
  std::mutex mutex;    // guards the pointer `connection` against Stop
  std::unique_ptr<DumpConnection> connection;
  std::atomic<bool> stopping{false};

  std::deque<std::string> taken;  // packets out of the queue, not yet fed
  mysql::SourcePosition position;
  base::Status failed;

  base::Status lost;  // ok: connected
  Clock::time_point lost_since;
  Clock::time_point next_try;
  std::chrono::milliseconds pause = kFirstPause;
  std::uint64_t reconnects = 0;
};

base::Status GroupStream::Impl::Connect() {
  SL_ASSIGN(std::unique_ptr<DumpConnection> opened, DumpConnection::Open(options));
  const std::string place = options.endpoint.Text();
  if (position.flavour() != opened->flavour()) {
    return {base::Code::kRefused,
            fmt::format("{}: the stored position is of {}, the server is {}", place,
                        mysql::FlavourName(position.flavour()), mysql::FlavourName(opened->flavour()))};
  }
  if (server.empty()) server = opened->server();
  if (server != opened->server()) {
    return {
        base::Code::kRefused,
        fmt::format("{}: another server answers: it was {}, it is {}; bring the first one back, or start a new copy",
                    place, server, opened->server())};
  }
  SL_TRY(Request(*opened).WithContext(place));
  const std::lock_guard lock(mutex);
  connection = std::move(opened);
  if (stopping) connection->Stop();
  return base::Ok();
}

// After a loss the last group is asked for again.
base::Status GroupStream::Impl::Request(DumpConnection& to) {
  mysql::SourcePosition from = position;
  if (from.flavour() == mysql::Flavour::kMySql) {
    SL_ASSIGN(const mysql::GtidSet executed, to.Executed());
    if (!executed.Contains(from.gtid_set())) {
      mysql::GtidSet missing = from.gtid_set();
      missing.Subtract(executed);
      return {
          base::Code::kRefused,
          fmt::format("the server has not executed {}, which was read from it before: it lost transactions (a crash "
                      "with sync_binlog other than 1, or a restored backup); start a new copy",
                      missing.ToText())};
    }
  }
  last.StartProof();
  if (last.proving()) {
    if (from.flavour() == mysql::Flavour::kMySql) {
      if (last.gtid().number == 0) {
        return {base::Code::kRefused,
                "the last transaction before the connection was lost has no GTID, so that the place cannot be found "
                "again: set gtid_mode=ON, and start a new copy"};
      }
      mysql::GtidSet again;
      again.Add(last.gtid());
      from.mutable_gtid_set().Subtract(again);
    } else {
      from = mysql::SourcePosition::FromFile(last.begin());
    }
  }
  const mysql::FilePosition start = from.flavour() == mysql::Flavour::kMySql ? mysql::FilePosition() : from.file();
  if (!reader) {
    GroupReaderOptions reader_options;
    reader_options.tables = options.tables;
    reader_options.describe = options.describe;
    reader_options.from_network = true;
    reader_options.checksum_at_start = to.checksum();
    reader_options.spill = options.spill;
    reader_options.start = start;
    reader = std::make_unique<GroupReader>(std::move(reader_options));
  } else {
    reader->Reconnected(start, to.checksum());
  }
  return to.Start(from);
}

// The connection has ended. Not ok when that cannot be helped.
base::Status GroupStream::Impl::Lost(base::Status reason) {
  {
    const std::lock_guard lock(mutex);
    connection.reset();
  }
  if (stopping || reason.code() != base::Code::kEnvironment || options.reconnect_for == 0s) return reason;
  lost = std::move(reason);
  lost_since = Clock::now();
  pause = kFirstPause;
  next_try = lost_since + pause;
  return base::Ok();
}

// One attempt when it is time for one, else waits for that or `until`.
base::Status GroupStream::Impl::TryAgain(Clock::time_point until) {
  if (const auto now = Clock::now(); now < next_try) {
    std::this_thread::sleep_for(std::min<Clock::duration>(std::min(until, next_try) - now, 50ms));
    return base::Ok();
  }
  base::Status status = Connect();
  if (status.ok()) {
    lost = base::Ok();
    ++reconnects;
    return base::Ok();
  }
  if (status.code() != base::Code::kEnvironment) return status;
  lost = status;
  if (Clock::now() - lost_since >= options.reconnect_for) {
    return status.WithContext(fmt::format("gave up after {} s", options.reconnect_for.count()));
  }
  pause = std::min(pause * 2, kLongestPause);
  next_try = Clock::now() + pause;
  return base::Ok();
}

base::Result<std::optional<CommitGroup>> GroupStream::Impl::Feed(std::string_view packet) {
  if (packet.empty() || packet.front() != '\0') return Corrupt("a packet of the binlog stream is no event");
  const std::string_view event = packet.substr(1);
  if (event.size() < kEventHeaderBytes) return Corrupt("an event of the binlog stream ends inside its header");
  const bool checksum = reader->format().checksum;
  if (last.proving()) {
    SL_ASSIGN(const LastGroup::Seen seen, last.Prove(event, checksum));
    if (seen == LastGroup::Seen::kProven) reader->SkippedTo(last.end());
    if (seen != LastGroup::Seen::kOutside) return std::optional<CommitGroup>();
  } else {
    last.Note(event, checksum);
  }
  SL_ASSIGN(std::optional<CommitGroup> group, reader->Feed(event));
  if (group) last.Ended(*group);
  return group;
}

void GroupStream::Impl::Passed(const CommitGroup& group) {
  if (position.flavour() == mysql::Flavour::kMySql && group.gtid.number != 0) {
    position.mutable_gtid_set().Add(group.gtid);
  }
}

GroupStream::GroupStream(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

GroupStream::~GroupStream() { Stop(); }

base::Result<std::unique_ptr<GroupStream>> GroupStream::Open(const StreamOptions& options) {
  auto impl = std::make_unique<Impl>(options);
  SL_TRY(impl->Connect());
  return std::unique_ptr<GroupStream>(new GroupStream(std::move(impl)));
}

base::Result<StreamItem> GroupStream::Next(std::chrono::milliseconds timeout) {
  const Clock::time_point deadline = Clock::now() + timeout;
  Impl& s = *impl_;
  const auto fail = [&](base::Status status) { return s.failed = std::move(status); };
  if (!s.failed.ok()) return s.failed;
  StreamItem item;
  while (!item.group) {
    if (s.stopping) return base::Status(base::Code::kStopped, "the binlog stream was stopped");
    if (!s.connection && s.taken.empty()) {
      if (base::Status status = s.TryAgain(deadline); !status.ok()) return fail(std::move(status));
      if (Clock::now() >= deadline) return item;
      continue;
    }
    if (s.taken.empty() && !s.connection->packets().PopAll(s.taken, deadline)) {
      if (!s.connection->packets().closed()) return item;
      if (base::Status status = s.Lost(s.connection->packets().reason()); !status.ok()) return fail(std::move(status));
      continue;
    }
    base::Result<std::optional<CommitGroup>> fed = s.Feed(s.taken.front());
    s.taken.pop_front();
    if (!fed.ok()) return fail(fed.status().WithContext(s.options.endpoint.Text()));
    item.group = std::move(*fed);
    if (item.group) s.Passed(*item.group);
    // What is sent again after a reconnect lies behind the position.
    if (const mysql::FilePosition& boundary = s.reader->boundary(); s.position.flavour() == mysql::Flavour::kMariaDb &&
                                                                    !s.reader->in_group() && !boundary.file.empty() &&
                                                                    boundary > s.position.file()) {
      s.position = mysql::SourcePosition::FromFile(boundary);
    }
    // A group of any size must not keep the caller longer than it asked for.
    if (!item.group && Clock::now() >= deadline) break;
  }
  return item;
}

const mysql::SourcePosition& GroupStream::position() const { return impl_->position; }

mysql::SourcePosition GroupStream::SafePosition() const {
  mysql::SourcePosition safe = impl_->position;
  if (safe.flavour() == mysql::Flavour::kMariaDb) {
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
  return impl_->connection && impl_->taken.empty() && !impl_->last.proving() && impl_->reader->last_was_heartbeat() &&
         !impl_->reader->in_group() && impl_->connection->packets().empty();
}

base::Status GroupStream::lost() const { return impl_->lost; }
std::uint64_t GroupStream::reconnects() const { return impl_->reconnects; }

void GroupStream::Stop() {
  impl_->stopping = true;
  const std::lock_guard lock(impl_->mutex);
  if (impl_->connection) impl_->connection->Stop();
}

}  // namespace shardlift::binlog
