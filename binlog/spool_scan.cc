#include "binlog/spool_scan.h"

#include <fmt/format.h>

namespace shardlift::binlog {

SpoolScan::SpoolScan() : bounds_({.start = {}, .from_network = true, .checksum_at_start = false}) {}

base::Status SpoolScan::Damage(std::string_view what) const {
  return SpoolDamage(segment_->path(), in_block_ ? block_.offset : 0, what);
}

base::Status SpoolScan::Open(const std::string& path, std::uint64_t number) {
  const bool first = segment_ == nullptr;
  if (!first && boundary_.bytes != segment_->offset()) return Damage("the segment ends inside a group");
  SL_ASSIGN(segment_, SpoolSegment::Open(path, number));
  in_block_ = false;
  const SpoolSegmentHeader& header = segment_->header();
  if (!first && !(header.start == boundary_.position)) {
    return Damage(fmt::format("the segment begins at {}, the one before ends at {}", header.start.ToText(),
                              boundary_.position.ToText()));
  }
  entries_.Start(header.place);
  if (first) bounds_.Reconnected(header.place, false);
  boundary_.bytes = segment_->offset();
  boundary_.position = header.start;
  boundary_.place = header.place;
  return base::Ok();
}

base::Result<const SpoolEvent*> SpoolScan::Next(std::uint64_t end) {
  for (;;) {
    auto raw = entries_.Next();
    if (!raw.ok()) return Damage(raw.status().message());
    if (*raw != nullptr) {
      SL_TRY(Take(**raw));
      return &event_;
    }
    if (in_block_) SL_TRY(EndBlock());
    in_block_ = false;
    SL_ASSIGN(in_block_, segment_->Read(end, block_));
    if (!in_block_) return nullptr;
    entries_.Add(std::move(block_.entries));
  }
}

base::Status SpoolScan::Take(const SpoolRawEvent& raw) {
  auto event = ParseEvent(raw.bytes, bounds_.format());
  if (!event.ok()) return Damage(event.status().message());
  event_.bytes = raw.bytes;
  if (event_.file != entries_.file()) event_.file = entries_.file();
  event_.event = {.event = *event, .offset = raw.begin, .end_offset = raw.end};
  last_.Note(raw.bytes, bounds_.format().checksum);
  if (base::Status status = bounds_.NextAt(event_.file, event_.event); !status.ok()) return Damage(status.message());
  if (event->header.type == EventType::kFormatDescription) {
    format_event_ = std::make_shared<const std::string>(raw.bytes);
  }
  if (bounds_.ended_group()) {
    last_.Ended(bounds_.gtid(), bounds_.group_begin(), {event_.file, raw.end});
    has_last_ = true;
  }
  return base::Ok();
}

base::Status SpoolScan::EndBlock() {
  const bool between = entries_.whole() && !bounds_.in_group();
  if (block_.kind == SpoolBlockKind::kBoundary && !between) return Damage("a block does not end where a group does");
  if (block_.kind == SpoolBlockKind::kInside || !between) return base::Ok();
  boundary_.bytes = segment_->offset();
  if (block_.kind == SpoolBlockKind::kMark) return base::Ok();
  if (block_.passed) boundary_.position.MergeWith(*block_.passed);
  boundary_.place = entries_.place();
  boundary_.format_event = format_event_;
  if (has_last_) boundary_.last_group = last_.mark();
  return base::Ok();
}

}  // namespace shardlift::binlog
