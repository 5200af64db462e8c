// SpoolScan: the events of a spool's segments, one segment after the other, with everything checked that can be: the
// blocks' checksums, the events' own, where groups end, and that each segment goes on where the one before ended.
//
// Thread rules: one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "binlog/continuity.h"
#include "binlog/group_bounds.h"
#include "binlog/spool_segment.h"

namespace shardlift::binlog {

// The views live until the next call of the one that gave it.
struct SpoolEvent {
  std::string_view bytes;  // as it was appended
  std::string file;        // of the source's binlog
  FileEvent event;         // parsed, and where it stands in that file; a repeated format description takes no room
};

// A place between two groups.
struct SpoolBoundary {
  std::uint64_t bytes = 0;  // of the segment up to it
  mysql::SourcePosition position;
  mysql::FilePosition place;                        // in the source's binlog, where the next event is expected
  std::shared_ptr<const std::string> format_event;  // the format description in force; null: none yet
  std::optional<GroupMark> last_group;
};

class SpoolScan {
 public:
  SpoolScan();

  // Starts with this segment, or goes on with it after the one before was read to its end.
  base::Status Open(const std::string& path, std::uint64_t number);
  // The next event that ends in a block before `end`; nullptr: there is none.
  base::Result<const SpoolEvent*> Next(std::uint64_t end);

  // After Next failed: the bytes at segment().offset() are no block. Else what the blocks hold is wrong.
  bool at_bad_block() const { return !in_block_; }
  const SpoolBoundary& boundary() const { return boundary_; }
  const GroupBounds& bounds() const { return bounds_; }
  const SpoolSegment& segment() const { return *segment_; }

 private:
  base::Status Damage(std::string_view what) const;
  base::Status EndBlock();
  base::Status Take(const SpoolRawEvent& raw);

  std::unique_ptr<SpoolSegment> segment_;
  SpoolBlock block_;
  bool in_block_ = false;
  SpoolEntries entries_;
  GroupBounds bounds_;
  SpoolEvent event_;
  std::shared_ptr<const std::string> format_event_;
  LastGroup last_;
  bool has_last_ = false;
  SpoolBoundary boundary_;
};

}  // namespace shardlift::binlog
