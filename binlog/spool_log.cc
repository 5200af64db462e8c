#include "binlog/spool_log.h"

#include <fmt/format.h>

#include "binlog/compression.h"

namespace shardlift::binlog {
namespace {

base::Status CheckOptions(const SpoolOptions& options) {
  const auto wrong = [&](std::string_view what) {
    return base::Status(base::Code::kUsage, fmt::format("spool {}: {}", options.directory, what));
  };
  if (options.directory.empty()) return wrong("no directory");
  if (options.identity.empty() || options.identity.size() > kSpoolIdentityBytesMax) return wrong("no usable identity");
  if (options.block_bytes == 0 || options.block_bytes > kSpoolBlockBytesMax) {
    return wrong(fmt::format("blocks must have 1 to {} bytes", kSpoolBlockBytesMax));
  }
  if (options.segment_bytes == 0) return wrong("segments of no bytes");
  if (options.bytes_max != 0 && options.bytes_max < 2 * options.segment_bytes) {
    return wrong(fmt::format("at most {} bytes, but two segments take {}: allow more", options.bytes_max,
                             2 * options.segment_bytes));
  }
  return base::Ok();
}

base::Status OtherFlavour(const std::string& directory, mysql::Flavour spool, mysql::Flavour other) {
  return {base::Code::kRefused, fmt::format("spool {} is of a {} source, this is of {}; remove the spool to begin anew",
                                            directory, mysql::FlavourName(spool), mysql::FlavourName(other))};
}

}  // namespace

base::Result<std::unique_ptr<SpoolLog>> SpoolLog::Open(const SpoolOptions& options) {
  SL_TRY(CheckOptions(options));
  SL_ASSIGN(SpoolFile lock, LockSpool(options.directory, options.lock_wait));
  SL_ASSIGN(RecoveredSpool recovered, RecoverSpool(options.directory, options.identity));
  if (!recovered.segments.empty() && recovered.end.position.flavour() != options.start.flavour()) {
    return OtherFlavour(options.directory, recovered.end.position.flavour(), options.start.flavour());
  }
  std::unique_ptr<SpoolLog> log(new SpoolLog(options, std::move(lock), std::move(recovered)));
  SL_TRY(log->appender_.Open());
  return log;
}

SpoolLog::SpoolLog(const SpoolOptions& options, SpoolFile lock, RecoveredSpool recovered)
    : options_(options),
      lock_(std::move(lock)),
      cut_(recovered.cut),
      appender_(options, std::move(recovered)),
      bounds_({.start = {}, .from_network = true, .checksum_at_start = false}) {
  if (const auto& last = appender_.whole().last_group) last_.Restore(*last);
}

mysql::SourcePosition SpoolLog::position() const {
  const std::lock_guard lock(mutex_);
  return appender_.position();
}

mysql::SourcePosition SpoolLog::durable_position() const {
  const std::lock_guard lock(mutex_);
  return appender_.durable_position();
}

std::optional<GroupMark> SpoolLog::last_group() const {
  const std::lock_guard lock(mutex_);
  return appender_.whole().last_group;
}

base::Status SpoolLog::StartConnection(const mysql::FilePosition& start, bool checksum_at_start, bool proof) {
  const std::lock_guard lock(mutex_);
  SL_TRY(broken_);
  SL_TRY(appender_.DropUnfinished());
  bounds_.Reconnected(start, checksum_at_start);
  last_.Forget();
  if (proof) last_.StartProof();
  filter_ = PassedFilter();
  resending_ = true;
  resent_upto_ = appender_.position();
  failed_ = base::Ok();
  closed_ = false;
  heartbeat_ = false;
  return base::Ok();
}

base::Status SpoolLog::Full(std::uint64_t event_bytes) {
  const auto wanted = [&] { return appender_.bytes() + appender_.buffered_bytes() + event_bytes; };
  if (options_.bytes_max == 0 || wanted() <= options_.bytes_max) return base::Ok();
  SL_TRY(appender_.WriteWhole());  // compressed it is less
  if (wanted() <= options_.bytes_max) return base::Ok();
  refused_bytes_ = event_bytes;
  return {base::Code::kEnvironment,
          fmt::format("the spool is full: {} holds {} bytes of at most {}; it is trimmed as checkpoints move on. Allow "
                      "more if they do not, or if one transaction of the source is as large",
                      options_.directory, appender_.bytes(), options_.bytes_max)};
}

base::Status SpoolLog::Append(std::string_view bytes) {
  const std::lock_guard lock(mutex_);
  SL_TRY(broken_);
  SL_TRY(failed_);
  if (closed_) return {base::Code::kStopped, fmt::format("spool {} was closed", options_.directory)};
  if (bytes.size() > kEventBytesMax) return failed_ = Corrupt("a packet is larger than any event");
  SL_TRY(Full(bytes.size()));
  refused_bytes_ = 0;
  const auto event = bounds_.Next(bytes);
  if (!event.ok()) return failed_ = event.status();
  return failed_ = Store(*event, bytes);
}

base::Status SpoolLog::Store(const Event& event, std::string_view bytes) {
  if (event.header.timestamp_seconds != 0) source_seconds_ = event.header.timestamp_seconds;
  heartbeat_ = IsHeartbeat(event.header.type);
  if (heartbeat_) return base::Ok();
  const bool proving = last_.proving();
  if (proving) SL_TRY(last_.Prove(bytes, bounds_.format().checksum).status());
  SL_ASSIGN(const bool again, IsSentAgain(event));
  if (!proving && !again) last_.Note(bytes, bounds_.format().checksum);
  SL_TRY(Keep(event, bytes, again));
  if (bounds_.in_group()) return base::Ok();
  if (bounds_.ended_group() && !again) {
    last_.Ended(bounds_.gtid(), bounds_.group_begin(), {bounds_.event_file(), bounds_.event_end()});
    appender_.EndGroup(last_.mark());
  }
  appender_.EndBetweenGroups(bounds_.file(), bounds_.offset());
  if (reader_waits_ && appender_.has_whole()) {
    reader_waits_ = false;
    changed_.notify_all();
  }
  return base::Ok();
}

base::Status SpoolLog::Keep(const Event& event, std::string_view bytes, bool again) {
  const bool made_up = IsMadeUp(event.header);
  if (event.header.type == EventType::kFormatDescription) {
    if (bounds_.format().flavour != appender_.flavour()) {
      return OtherFlavour(options_.directory, appender_.flavour(), bounds_.format().flavour);
    }
    const std::string* const known = appender_.format_event();
    if ((made_up || again) && known != nullptr && *known == bytes) return base::Ok();
    return appender_.AddFormat(bytes, bounds_.event_file(), bounds_.event_begin(), made_up || again);
  }
  // The place of each event says what a made-up ROTATE says.
  if (again || (made_up && event.header.type == EventType::kRotate)) return base::Ok();
  return appender_.Add(bytes, bounds_.event_file(), bounds_.event_begin(), made_up);
}

// What has the same name or place as something in the spool may only come at the beginning of a connection.
base::Result<bool> SpoolLog::IsSentAgain(const Event& event) {
  if (resending_) {
    if (filter_.Passed(bounds_, event, resent_upto_)) return true;
    if (appender_.flavour() == mysql::Flavour::kMySql) {
      if (bounds_.began_group()) resending_ = false;
    } else if (!IsMadeUp(event.header)) {
      resending_ = false;
    }
    return false;
  }
  if (!appender_.Has(bounds_, event)) return false;
  const std::string name = appender_.flavour() == mysql::Flavour::kMySql
                               ? "GTID " + bounds_.gtid().ToText()
                               : PlaceText(bounds_.event_file(), bounds_.event_end());
  return base::Status(base::Code::kRefused,
                      fmt::format("the source sends {} a second time: its binlog was reset, or another server answers; "
                                  "start a new copy",
                                  name));
}

bool SpoolLog::full() const {
  const std::lock_guard lock(mutex_);
  return refused_bytes_ != 0;
}

base::Status SpoolLog::WaitForRoom(std::chrono::milliseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  std::unique_lock lock(mutex_);
  for (;;) {
    SL_TRY(broken_);
    if (closed_) return {base::Code::kStopped, fmt::format("spool {} was closed", options_.directory)};
    base::Status full = Full(refused_bytes_);
    if (full.ok() || std::chrono::steady_clock::now() >= deadline) return full;
    changed_.wait_until(lock, deadline);
  }
}

base::Status SpoolLog::Flush() {
  const std::lock_guard lock(mutex_);
  SL_TRY(broken_);
  return appender_.WriteWhole();
}

base::Status SpoolLog::Sync() {
  std::unique_lock lock(mutex_);
  SL_TRY(broken_);
  SL_TRY(appender_.WriteWhole());
  if (!appender_.needs_sync()) return base::Ok();
  const std::shared_ptr<SpoolFile> file = appender_.file();
  const std::uint64_t number = appender_.number();
  const std::uint64_t bytes = appender_.boundary_bytes();
  const mysql::SourcePosition position = appender_.written_position();
  lock.unlock();
  base::Status status = file->Sync();
  lock.lock();
  // The system may have forgotten what it could not write: a second attempt would prove nothing.
  if (!status.ok()) return broken_ = status;
  appender_.Synced(number, bytes, position);
  return base::Ok();
}

base::Status SpoolLog::Trim(const mysql::SourcePosition& position) {
  const std::lock_guard lock(mutex_);
  if (position.flavour() != appender_.flavour()) {
    return OtherFlavour(options_.directory, appender_.flavour(), position.flavour());
  }
  const base::Status status = appender_.Trim(position, reader_number_);
  changed_.notify_all();
  return status;
}

std::uint64_t SpoolLog::bytes() const {
  const std::lock_guard lock(mutex_);
  return appender_.bytes();
}

void SpoolLog::Close(base::Status reason) {
  const std::lock_guard lock(mutex_);
  if (reason.ok()) reason = {base::Code::kStopped, fmt::format("spool {} was closed", options_.directory)};
  if (!closed_) close_reason_ = std::move(reason);
  closed_ = true;
  changed_.notify_all();
}

base::Result<std::unique_ptr<SpoolReader>> SpoolLog::OpenReader(const mysql::SourcePosition& position) {
  std::unique_lock lock(mutex_);
  if (reader_number_ != kNoReader) {
    return base::Status(base::Code::kInternal, fmt::format("spool {} has a reader already", options_.directory));
  }
  if (position.flavour() != appender_.flavour()) {
    return OtherFlavour(options_.directory, appender_.flavour(), position.flavour());
  }
  const std::vector<SpoolSegmentInfo>& segments = appender_.segments();
  auto found = segments.rbegin();
  while (found != segments.rend() && !position.Contains(found->start)) ++found;
  if (found == segments.rend()) {
    return base::Status(
        base::Code::kRefused,
        fmt::format("spool {} begins at {}; {} lies before it. Remove the spool: a new one begins at the "
                    "job's checkpoint, as long as the source still has its binlog from there",
                    options_.directory, segments.front().start.ToText(), position.ToText()));
  }
  const std::uint64_t number = found->number;
  reader_number_ = number;
  reader_stopped_ = false;
  lock.unlock();
  std::unique_ptr<SpoolReader> reader(new SpoolReader(*this, position));
  SL_TRY(reader->Open(number));
  return reader;
}

base::Result<SpoolLog::More> SpoolLog::WaitForMore(std::uint64_t number, std::uint64_t* end,
                                                   std::chrono::steady_clock::time_point deadline) {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (reader_stopped_) return base::Status(base::Code::kStopped, "the reader of the spool was stopped");
    if (const std::uint64_t visible = appender_.VisibleBytes(number); visible > *end) {
      *end = visible;
      return More::kInSegment;
    }
    if (number != appender_.number()) return More::kNextSegment;
    SL_TRY(broken_);
    if (appender_.has_whole()) {
      SL_TRY(appender_.WriteWhole());
      continue;
    }
    if (closed_) return close_reason_;
    if (std::chrono::steady_clock::now() >= deadline) return More::kNothing;
    reader_waits_ = true;
    changed_.wait_until(lock, deadline);
  }
}

bool SpoolLog::AtEnd(std::uint64_t number, std::uint64_t end) const {
  const std::lock_guard lock(mutex_);
  return heartbeat_ && !bounds_.in_group() && !appender_.has_whole() && number == appender_.number() &&
         appender_.VisibleBytes(number) <= end;
}

std::uint32_t SpoolLog::source_seconds() const {
  const std::lock_guard lock(mutex_);
  return source_seconds_;
}

std::string SpoolLog::PathOf(std::uint64_t number) const { return SpoolSegmentPath(options_.directory, number); }

void SpoolLog::StopReader() {
  const std::lock_guard lock(mutex_);
  reader_stopped_ = true;
  changed_.notify_all();
}

void SpoolLog::ReaderIsAt(std::uint64_t number) {
  const std::lock_guard lock(mutex_);
  reader_number_ = number;
}

}  // namespace shardlift::binlog
