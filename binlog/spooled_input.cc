// Events through the spool: one thread fills it from the server, the stream decodes what is in it.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "base/log.h"
#include "binlog/kept_connection.h"
#include "binlog/spool_reader.h"
#include "binlog/spool_writer.h"
#include "binlog/stream_input.h"

namespace shardlift::binlog {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto kSyncEvery = 1s;
constexpr auto kLookEvery = 200ms;

class SpooledInput : public StreamInput {
 public:
  SpooledInput(const StreamOptions& options, StreamState& state) : options_(options), state_(state) {}
  ~SpooledInput() override {
    if (kept_) Stop();
    if (thread_.joinable()) thread_.join();
  }

  base::Status Open() override;
  base::Result<Fed> Feed(Clock::time_point deadline) override;
  bool at_end() const override { return kept_->lost().ok() && reader_->at_end() && !state_.reader->in_group(); }
  base::Status lost() const override { return kept_->lost(); }
  std::uint64_t reconnects() const override { return kept_->reconnects(); }
  base::Status Trim(const mysql::SourcePosition& checkpoint) override { return spool_->Trim(checkpoint); }
  std::uint64_t spool_bytes() const override { return spool_->bytes(); }
  void Stop() override {
    stopping_ = true;
    kept_->Stop();
    reader_->Stop();
  }

 private:
  base::Status OpenSpool(const DumpConnection& to);
  base::Status Request(DumpConnection& to);
  void Fill();
  base::Status FillUntilFailure();
  base::Status Append(std::string_view event);

  const StreamOptions& options_;
  StreamState& state_;
  std::unique_ptr<SpoolWriter> spool_;
  std::unique_ptr<SpoolReader> reader_;
  std::unique_ptr<KeptConnection> kept_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

base::Status SpooledInput::Open() {
  if (!std::holds_alternative<mysql::SourcePosition>(options_.start)) {
    return {base::Code::kUsage, "a stream with a spool begins at a stored position"};
  }
  KeptOptions kept;
  static_cast<DumpOptions&>(kept) = options_;
  kept.reconnect_for = options_.reconnect_for;
  kept.request = [this](DumpConnection& to) { return Request(to); };
  SL_ASSIGN(kept_, KeptConnection::Open(std::move(kept)));
  thread_ = std::thread([this] { Fill(); });
  return base::Ok();
}

// What a spool holds is only kept when the stream's start lies in it: else it is of a time before other runs, elsewhere
// or with other checkpoints, and what it lacks only the source can give.
base::Status SpooledInput::OpenSpool(const DumpConnection& to) {
  SpoolOptions options = *options_.spool;
  options.identity = to.server();
  options.start = state_.position;
  if (options_.spool_anew) SL_TRY(RemoveSpool(options.directory));
  for (bool anew = false;; anew = true) {
    SL_ASSIGN(spool_, SpoolWriter::Open(options));
    const mysql::SourcePosition end = spool_->position();
    std::string why = "it ends before the checkpoint";
    if (end == state_.position || !state_.position.Contains(end)) {
      base::Result<std::unique_ptr<SpoolReader>> reader = spool_->OpenReader(state_.position);
      if (reader.ok()) {
        reader_ = std::move(reader).value();
        return base::Ok();
      }
      if (anew || reader.status().code() != base::Code::kRefused) return reader.status();
      why = "it begins behind the checkpoint";
    }
    base::LogWarning("spool removed, a new one begins at the checkpoint", {{"spool", options.directory}, {"why", why}});
    spool_.reset();
    SL_TRY(RemoveSpool(options.directory));
  }
}

// Where the spool ends, with its last group once more.
base::Status SpooledInput::Request(DumpConnection& to) {
  if (!state_.reader) {
    SL_TRY(state_.Begin(options_, to));
    SL_TRY(OpenSpool(to));
  }
  const mysql::SourcePosition position = spool_->position();
  const std::optional<GroupMark> last = spool_->last_group();
  const bool proof = last && last->events > 0;
  if (state_.maria()) {
    const mysql::FilePosition& from = proof ? last->begin : position.file();
    SL_TRY(spool_->StartConnection(from, to.checksum(), proof));
    return to.Start(from);
  }
  SL_TRY(CheckExecuted(to, position.gtid_set()));
  mysql::GtidSet from = position.gtid_set();
  if (last && last->gtid.number == 0) return NoGtidToGoOnFrom();
  if (proof) {
    mysql::GtidSet again;
    again.Add(last->gtid);
    from.Subtract(again);
  }
  SL_TRY(spool_->StartConnection({}, to.checksum(), proof));
  return to.Start(from);
}

base::Result<StreamInput::Fed> SpooledInput::Feed(Clock::time_point deadline) {
  Fed fed;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
  SL_ASSIGN(const SpoolEvent* const event, reader_->Next(std::max<std::chrono::milliseconds>(left, 0ms)));
  if (event == nullptr) return fed;
  fed.event = true;
  SL_ASSIGN(fed.group, state_.reader->FeedFromFile(event->file, event->event));
  return fed;
}

void SpooledInput::Fill() {
  const base::Status reason = FillUntilFailure();
  (void)spool_->Sync().ok();
  spool_->Close(reason);
}

base::Status SpooledInput::FillUntilFailure() {
  auto sync_at = Clock::now() + kSyncEvery;
  for (;;) {
    SL_ASSIGN(const std::optional<std::string_view> event, kept_->Next(Clock::now() + kLookEvery));
    if (event) SL_TRY(Append(*event));
    if (const auto now = Clock::now(); now >= sync_at) {
      SL_TRY(spool_->Sync());
      sync_at = now + kSyncEvery;
    }
  }
}

// A spool that is full is waited for: it is trimmed as checkpoints move on.
base::Status SpooledInput::Append(std::string_view event) {
  const auto since = Clock::now();
  for (bool waited = false;; waited = true) {
    base::Status status = spool_->Append(event);
    if (status.ok() || !spool_->full()) return status;
    if (!waited) {
      base::LogWarning("the spool is full, the source is not read until it is trimmed",
                       {{"spool", options_.spool->directory}, {"bytes", static_cast<std::int64_t>(spool_->bytes())}});
    }
    for (base::Status room = status; !room.ok();) {
      if (stopping_) return {base::Code::kStopped, "the binlog stream was stopped"};
      if (Clock::now() - since >= options_.reconnect_for) {
        return status.WithContext(fmt::format("waited for {} s", options_.reconnect_for.count()));
      }
      room = spool_->WaitForRoom(kLookEvery);
      if (!room.ok() && !spool_->full()) return room;
    }
  }
}

}  // namespace

std::unique_ptr<StreamInput> NewSpooledInput(const StreamOptions& options, StreamState& state) {
  return std::make_unique<SpooledInput>(options, state);
}

}  // namespace shardlift::binlog
