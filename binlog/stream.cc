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
  explicit Impl(const StreamOptions& o) : options(o) {}

  base::Status Connect();
  base::Status CheckServer(DumpConnection& to);
  base::Status Begin(DumpConnection& to);
  base::Status Request(DumpConnection& to);
  base::Status Lost(base::Status reason);
  base::Status TryAgain(Clock::time_point until);
  base::Result<std::optional<CommitGroup>> Feed(std::string_view packet);
  void Passed(const CommitGroup* group);
  bool maria() const { return position.flavour() == mysql::Flavour::kMariaDb; }

  const StreamOptions options;
  std::unique_ptr<GroupReader> reader;
  LastGroup last;
  std::string server;  // whose binlog this is
  std::mutex mutex;    // guards the pointer `connection` against Stop
  std::unique_ptr<DumpConnection> connection;
  std::atomic<bool> stopping{false};

  std::deque<std::string> taken;  // packets out of the queue, not yet fed
  mysql::SourcePosition position;
  mysql::FilePosition place;
  bool by_file = false;     // a place in a file is what is asked for
  bool place_known = true;  // false before the first group when the server has to find the place
  base::Status failed;

  base::Status lost;  // ok: connected
  Clock::time_point lost_since;
  Clock::time_point next_try;
  std::chrono::milliseconds pause = kFirstPause;
  std::uint64_t reconnects = 0;
};

base::Status GroupStream::Impl::Connect() {
  SL_ASSIGN(std::unique_ptr<DumpConnection> opened, DumpConnection::Open(options));
  base::Status status = reader ? CheckServer(*opened) : Begin(*opened);
  if (status.ok()) status = Request(*opened);
  if (!status.ok()) return status.WithContext(options.endpoint.Text());
  const std::lock_guard lock(mutex);
  connection = std::move(opened);
  if (stopping) connection->Stop();
  return base::Ok();
}

// The first connection: what the server is decides how places are named.
base::Status GroupStream::Impl::Begin(DumpConnection& to) {
  const mysql::Flavour flavour = to.flavour();
  const auto* const stored = std::get_if<mysql::SourcePosition>(&options.start);
  const auto* const file = std::get_if<mysql::FilePosition>(&options.start);
  const mysql::Flavour wanted = stored != nullptr ? stored->flavour()
                                : file != nullptr ? flavour
                                                  : mysql::Flavour::kMariaDb;
  if (wanted != flavour) {
    return {base::Code::kRefused, fmt::format("the position to start at is of {}, the server is {}",
                                              mysql::FlavourName(wanted), mysql::FlavourName(flavour))};
  }
  server = to.server();
  by_file = flavour == mysql::Flavour::kMariaDb || file != nullptr;
  place_known = stored != nullptr || file != nullptr;
  if (stored != nullptr) position = *stored;
  if (flavour == mysql::Flavour::kMariaDb) {
    if (stored == nullptr) position = mysql::SourcePosition::FromFile(file != nullptr ? *file : mysql::FilePosition());
    place = position.file();
  } else if (file != nullptr) {
    place = *file;
  }
  GroupReaderOptions reader_options;
  reader_options.tables = options.tables;
  reader_options.describe = options.describe;
  reader_options.from_network = true;
  reader_options.spill = options.spill;
  reader = std::make_unique<GroupReader>(std::move(reader_options));
  return base::Ok();
}

// A later one: it must be the same server, and have executed all that was read.
base::Status GroupStream::Impl::CheckServer(DumpConnection& to) {
  if (server != to.server()) {
    return {base::Code::kRefused,
            fmt::format("another server answers: it was {}, it is {}; bring the first one back, or start a new copy",
                        server, to.server())};
  }
  if (maria()) return base::Ok();
  SL_ASSIGN(const mysql::GtidSet executed, to.Executed());
  if (executed.Contains(position.gtid_set())) return base::Ok();
  mysql::GtidSet missing = position.gtid_set();
  missing.Subtract(executed);
  return {base::Code::kRefused,
          fmt::format("the server has not executed {}, which was read from it before: it lost transactions (a crash "
                      "with sync_binlog other than 1, or a restored backup); start a new copy",
                      missing.ToText())};
}

// Where the stream stands; after a loss the last group once more.
base::Status GroupStream::Impl::Request(DumpConnection& to) {
  last.StartProof();
  if (by_file && place_known) {
    const mysql::FilePosition& from = last.proving() ? last.begin() : place;
    reader->Reconnected(from, to.checksum());
    return to.Start(from);
  }
  reader->Reconnected({}, to.checksum());
  if (maria()) return to.Start(std::get<mysql::MariaGtidSet>(options.start));
  mysql::GtidSet from = position.gtid_set();
  if (last.proving()) {
    if (last.gtid().number == 0) {
      return {base::Code::kRefused,
              "the last transaction before the connection was lost has no GTID, so that the place cannot be found "
              "again: set gtid_mode=ON, and start a new copy"};
    }
    mysql::GtidSet again;
    again.Add(last.gtid());
    from.Subtract(again);
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

// After each event that was fed. What is sent again after a reconnect lies behind the place.
void GroupStream::Impl::Passed(const CommitGroup* group) {
  if (!maria() && group != nullptr && group->gtid.number != 0) position.mutable_gtid_set().Add(group->gtid);
  if (group != nullptr) place_known = true;
  const mysql::FilePosition& boundary = reader->boundary();
  if (!place_known || reader->in_group() || boundary.file.empty() || !(boundary > place)) return;
  place = boundary;
  if (maria()) position = mysql::SourcePosition::FromFile(place);
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
    s.Passed(item.group ? &*item.group : nullptr);
    // A group of any size must not keep the caller longer than it asked for.
    if (!item.group && Clock::now() >= deadline) break;
  }
  return item;
}

const mysql::SourcePosition& GroupStream::position() const { return impl_->position; }
const mysql::FilePosition& GroupStream::file_position() const { return impl_->place; }

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
