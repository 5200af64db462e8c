// SpoolSegment: one segment file, read block by block; SpoolEntries: the events of those blocks.
//
// Thread rules: one thread at a time each.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "binlog/spool_file.h"
#include "binlog/spool_format.h"

struct ZSTD_DCtx_s;

namespace shardlift::binlog {

struct SpoolBlock {
  std::uint64_t offset = 0;
  SpoolBlockKind kind = SpoolBlockKind::kMark;
  std::uint64_t durable_bytes = 0;
  std::optional<mysql::SourcePosition> passed;
  std::string entries;
};

class SpoolSegment {
 public:
  // kCorrupt, kRefused (format version) and kEnvironment name the file.
  static base::Result<std::unique_ptr<SpoolSegment>> Open(const std::string& path, std::uint64_t number);
  ~SpoolSegment();

  const SpoolSegmentHeader& header() const { return header_; }
  const std::string& path() const { return file_.path(); }
  // Of the next block. Stays where it is when Read fails.
  std::uint64_t offset() const { return offset_; }

  // The next block, when the segment has one that ends at `end` or before; false at `end`. kCorrupt names the place.
  base::Result<bool> Read(std::uint64_t end, SpoolBlock& block);
  // Read failed at offset(): the offset of a block behind it that says that this place was on disk for good. So it is
  // no write cut short.
  base::Result<std::optional<std::uint64_t>> FindProofOfDamage(std::uint64_t end) const;

 private:
  SpoolSegment(SpoolFile file, SpoolSegmentHeader header, std::uint64_t offset);
  base::Result<std::string_view> Bytes(std::uint64_t offset, std::uint64_t bytes);
  base::Status Unpack(const SpoolBlockHeader& header, std::string_view body, SpoolBlock& block);

  const SpoolFile file_;
  const SpoolSegmentHeader header_;
  std::uint64_t offset_;
  std::string buffer_;
  struct FreeContext {
    void operator()(ZSTD_DCtx_s* context) const;
  };
  std::unique_ptr<ZSTD_DCtx_s, FreeContext> context_;
};

// An event as it was appended. The view lives until the next call of the one that gave it.
struct SpoolRawEvent {
  std::string_view bytes;
  bool made_up = false;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

class SpoolEntries {
 public:
  // Forgets all; what comes next stands at `place`.
  void Start(const mysql::FilePosition& place);
  // The entries of the next block. Only when Next has given nullptr.
  void Add(std::string entries);
  // The next whole event; nullptr: more blocks are needed. kCorrupt: entries that do not decode.
  base::Result<const SpoolRawEvent*> Next();
  // No entry is cut off at the end of the last block.
  bool whole() const { return done_ == bytes_.size(); }
  const std::string& file() const { return place_.file; }
  const mysql::FilePosition& place() const { return place_; }

 private:
  std::string bytes_;
  std::size_t done_ = 0;
  std::size_t wanted_ = 0;  // size of an entry that is not whole yet
  mysql::FilePosition place_;
  SpoolRawEvent event_;
};

}  // namespace shardlift::binlog
