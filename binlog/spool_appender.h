// SpoolAppender: puts events into blocks and blocks into segments.
//
// The buffer holds whole groups, then the beginning of one. A block holds either whole groups or part of one, and what
// is unfinished can so be cut off at the end of a block.
// After a failure call DropUnfinished before the next Add. Thread rules: one thread at a time; files may be synced
// meanwhile.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "binlog/spool_directory.h"
#include "binlog/spool_options.h"

struct ZSTD_CCtx_s;

namespace shardlift::binlog {

class SpoolAppender {
 public:
  SpoolAppender(const SpoolOptions& options, RecoveredSpool recovered);
  ~SpoolAppender();
  // Makes a new spool's first segment, or opens the last one.
  base::Status Open();

  // A whole event of `file` that begins at `begin`; made_up: it has no place.
  base::Status Add(std::string_view event, const std::string& file, std::uint64_t begin, bool made_up);
  base::Status AddFormat(std::string_view event, const std::string& file, std::uint64_t begin, bool made_up);
  // What was added so far ends between two groups, and the next event begins there; before it, if it does, with this
  // group.
  void EndGroup(const GroupMark& group);
  void EndBetweenGroups(const std::string& file, std::uint64_t offset);

  // Writes the whole groups that are in the buffer.
  base::Status WriteWhole();
  // Forgets what was added after the last boundary.
  base::Status DropUnfinished();
  // The segment is on disk up to `bytes`: says so in the segment.
  void Synced(std::uint64_t number, std::uint64_t bytes, const mysql::SourcePosition& position);
  base::Status Trim(const mysql::SourcePosition& position, std::uint64_t keep_from);

  mysql::SourcePosition position() const;  // after the last boundary
  const mysql::SourcePosition& written_position() const { return written_.position; }
  const mysql::SourcePosition& durable_position() const { return durable_position_; }
  mysql::Flavour flavour() const { return written_.position.flavour(); }
  // The group that begins with this event, or the event on MariaDB, is in the spool already.
  bool Has(const GroupBounds& bounds, const Event& event) const;
  const SpoolBoundary& whole() const { return whole_; }
  const std::string* format_event() const { return format_event_.get(); }
  bool has_whole() const { return whole_bytes_ > 0; }

  const std::vector<SpoolSegmentInfo>& segments() const { return segments_; }
  std::uint64_t number() const { return segments_.back().number; }
  const std::shared_ptr<SpoolFile>& file() const { return file_; }
  std::uint64_t VisibleBytes(std::uint64_t number) const;  // of whole groups
  std::uint64_t boundary_bytes() const { return boundary_bytes_; }
  bool needs_sync() const { return boundary_bytes_ > durable_bytes_; }
  std::uint64_t bytes() const { return sealed_bytes_ + file_bytes_; }
  std::uint64_t buffered_bytes() const { return buffer_.size(); }

 private:
  base::Status Put(std::string_view bytes);
  base::Status MakeRoom();
  base::Status WriteBlock(SpoolBlockKind kind, std::string_view entries, std::string_view passed);
  void EncodeBlock(SpoolBlockKind kind, std::string_view entries, std::string_view passed, std::uint64_t offset);
  base::Status NewSegment();

  const SpoolOptions options_;
  std::vector<SpoolSegmentInfo> segments_;  // the last one's bytes count only once it is whole
  std::uint64_t sealed_bytes_ = 0;          // of all but the last
  std::shared_ptr<SpoolFile> file_;         // the last
  std::uint64_t salt_ = 0;
  std::uint64_t file_bytes_ = 0;
  std::uint64_t boundary_bytes_ = 0;  // of the last segment, up to its last boundary; marks behind it do not count
  std::uint64_t durable_bytes_ = 0;   // of the last segment
  std::uint64_t raw_bytes_ = 0;       // of events written to it, uncompressed
  mysql::SourcePosition durable_position_;

  std::string buffer_;
  std::size_t whole_bytes_ = 0;   // of buffer_, up to the last boundary in it
  mysql::SourcePosition passed_;  // by the whole groups in buffer_
  bool inside_ = false;           // blocks of the unfinished group are in the file

  SpoolBoundary written_;  // the last boundary in the file
  SpoolBoundary whole_;    // the last boundary; its position and bytes are not used
  mysql::FilePosition place_;
  std::shared_ptr<const std::string> format_event_;

  std::string block_;  // the block being written
  struct FreeContext {
    void operator()(ZSTD_CCtx_s* context) const;
  };
  std::unique_ptr<ZSTD_CCtx_s, FreeContext> context_;
};

}  // namespace shardlift::binlog
