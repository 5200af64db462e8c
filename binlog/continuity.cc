#include "binlog/continuity.h"

#include <fmt/format.h>

#include <algorithm>

#include "binlog/event.h"
#include "binlog/group_bounds.h"

namespace shardlift::binlog {
namespace {

constexpr std::size_t kTypeOffset = 4;
// The event's length, which counts the checksum too.
constexpr std::size_t kLengthOffset = 9;
constexpr std::size_t kLengthEnd = 13;

EventType TypeOf(std::string_view event) {
  return static_cast<EventType>(static_cast<std::uint8_t>(event[kTypeOffset]));
}

bool BeginsGroup(EventType type) {
  return type == EventType::kGtid || type == EventType::kAnonymousGtid || type == EventType::kGtidTagged ||
         type == EventType::kMariaGtid;
}

}  // namespace

LastGroup::LastGroup() : state_(XXH3_createState()) {
  SL_CHECK(state_ != nullptr);
  // A stream may begin with a group that has no GTID event.
  XXH3_64bits_reset(state_.get());
}

void LastGroup::Begin() {
  open_ = true;
  open_events_ = 0;
  XXH3_64bits_reset(state_.get());
}

void LastGroup::Add(std::string_view event, bool checksum) {
  if (checksum) event.remove_suffix(std::min(kChecksumBytes, event.size() - kLengthEnd));
  XXH3_64bits_update(state_.get(), event.data(), kLengthOffset);
  XXH3_64bits_update(state_.get(), event.data() + kLengthEnd, event.size() - kLengthEnd);
  ++open_events_;
}

void LastGroup::Note(std::string_view event, bool checksum) {
  const EventType type = TypeOf(event);
  if (BeginsGroup(type)) Begin();
  if (open_ && !IsHeartbeat(type)) Add(event, checksum);
}

void LastGroup::Ended(const mysql::Gtid& gtid, const mysql::FilePosition& begin, const mysql::FilePosition& end) {
  mark_.events = open_ ? open_events_ : 0;
  mark_.hash = XXH3_64bits_digest(state_.get());
  open_ = false;
  mark_.gtid = gtid;
  mark_.begin = begin;
  mark_.end = end;
}

void LastGroup::StartProof() {
  open_ = false;
  proving_ = known();
}

base::Result<LastGroup::Seen> LastGroup::Prove(std::string_view event, bool checksum) {
  const EventType type = TypeOf(event);
  if (IsHeartbeat(type)) return Seen::kOutside;
  if (!open_) {
    if (!BeginsGroup(type)) return Seen::kOutside;
    Begin();
  }
  Add(event, checksum);
  if (open_events_ < mark_.events) return Seen::kInside;
  open_ = false;
  if (XXH3_64bits_digest(state_.get()) != mark_.hash) {
    return base::Status(base::Code::kRefused,
                        fmt::format("the group at {}:{} is no longer the one that was read from there: the server lost "
                                    "transactions and went on without them (a crash with sync_binlog other than 1, a "
                                    "restored backup, or another server); start a new copy",
                                    mark_.begin.file, mark_.begin.offset));
  }
  proving_ = false;
  return Seen::kProven;
}

}  // namespace shardlift::binlog
