// Events straight from the server: what was decoded must be proven after each reconnect.
#include "binlog/continuity.h"
#include "binlog/kept_connection.h"
#include "binlog/stream_input.h"

namespace shardlift::binlog {
namespace {

using Clock = std::chrono::steady_clock;

class DirectInput : public StreamInput {
 public:
  DirectInput(const StreamOptions& options, StreamState& state) : options_(options), state_(state) {}

  base::Status Open() override {
    KeptOptions kept;
    static_cast<DumpOptions&>(kept) = options_;
    kept.reconnect_for = options_.reconnect_for;
    kept.request = [this](DumpConnection& to) { return Request(to); };
    SL_ASSIGN(kept_, KeptConnection::Open(std::move(kept)));
    return base::Ok();
  }

  base::Result<Fed> Feed(Clock::time_point deadline) override {
    Fed fed;
    SL_ASSIGN(const std::optional<std::string_view> event, kept_->Next(deadline));
    if (!event) return fed;
    fed.event = true;
    const bool checksum = state_.reader->format().checksum;
    if (last_.proving()) {
      SL_ASSIGN(const LastGroup::Seen seen, last_.Prove(*event, checksum));
      if (seen == LastGroup::Seen::kProven) state_.reader->SkippedTo(last_.mark().end);
      if (seen != LastGroup::Seen::kOutside) return fed;
    } else {
      last_.Note(*event, checksum);
    }
    SL_ASSIGN(fed.group, state_.reader->Feed(*event));
    if (fed.group) last_.Ended(fed.group->gtid, fed.group->begin, fed.group->end);
    return fed;
  }

  bool at_end() const override {
    return kept_->drained() && !last_.proving() && state_.reader->last_was_heartbeat() && !state_.reader->in_group();
  }
  base::Status lost() const override { return kept_->lost(); }
  std::uint64_t reconnects() const override { return kept_->reconnects(); }
  base::Status Trim(const mysql::SourcePosition&) override { return base::Ok(); }
  std::uint64_t spool_bytes() const override { return 0; }
  void Stop() override { kept_->Stop(); }

 private:
  base::Status Request(DumpConnection& to);

  const StreamOptions& options_;
  StreamState& state_;
  LastGroup last_;
  std::unique_ptr<KeptConnection> kept_;
};

// Where the stream stands; after a loss the last group once more.
base::Status DirectInput::Request(DumpConnection& to) {
  if (!state_.reader) SL_TRY(state_.Begin(options_, to));
  if (!state_.maria()) SL_TRY(CheckExecuted(to, state_.position.gtid_set()));
  last_.Forget();
  last_.StartProof();
  const GroupMark& last = last_.mark();
  if (state_.by_file && state_.place_known) {
    const mysql::FilePosition& from = last_.proving() ? last.begin : state_.place;
    state_.reader->Reconnected(from, to.checksum());
    return to.Start(from);
  }
  state_.reader->Reconnected({}, to.checksum());
  if (state_.maria()) return to.Start(std::get<mysql::MariaGtidSet>(options_.start));
  mysql::GtidSet from = state_.position.gtid_set();
  if (last_.proving()) {
    if (last.gtid.number == 0) return NoGtidToGoOnFrom();
    mysql::GtidSet again;
    again.Add(last.gtid);
    from.Subtract(again);
  }
  return to.Start(from);
}

}  // namespace

std::unique_ptr<StreamInput> NewDirectInput(const StreamOptions& options, StreamState& state) {
  return std::make_unique<DirectInput>(options, state);
}

}  // namespace shardlift::binlog
