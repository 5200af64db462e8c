// The spool's bytes on disk (docs/formats.md): segment headers, block headers, entries. Nothing here touches a file.
//
// Everything that is read takes untrusted bytes; what fails is kCorrupt without a place, the caller knows file and
// offset. Lengths are bounded here, so that nobody allocates by a damaged one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "mysql/position.h"

namespace shardlift::binlog {

inline constexpr std::uint32_t kSpoolFormatVersion = 1;
inline constexpr std::size_t kSpoolBlockHeaderBytes = 48;
inline constexpr std::uint64_t kSpoolSegmentHeaderBytesMax = 16ull << 20;  // a GTID set of many servers is long
inline constexpr std::uint64_t kSpoolBlockBytesMax = 4ull << 20;           // of events in one block, uncompressed
inline constexpr std::uint64_t kSpoolPassedBytesMax = 16ull << 20;
inline constexpr std::size_t kSpoolIdentityBytesMax = 1024;

std::string SpoolSegmentName(std::uint64_t number);
// nullopt: not the name of a segment.
std::optional<std::uint64_t> ParseSpoolSegmentName(std::string_view name);

struct SpoolSegmentHeader {
  std::uint64_t number = 0;
  std::uint64_t previous_bytes = 0;  // size of the segment before; 0 for the first of a spool
  std::uint64_t salt = 0;            // ties the blocks to this segment
  std::string identity;
  mysql::SourcePosition start;  // everything before it is in the segments before
  mysql::FilePosition place;    // where its first event stands, unless the entries say otherwise; the file may be empty
};
std::string EncodeSpoolSegmentHeader(const SpoolSegmentHeader& header);
// What a file must have to be a segment at all, and how long its header claims to be (bounded).
inline constexpr std::size_t kSpoolPreambleBytes = 16;
base::Result<std::uint32_t> DecodeSpoolPreamble(std::string_view bytes);
// `bytes`: as long as the preamble says.
base::Result<SpoolSegmentHeader> DecodeSpoolSegmentHeader(std::string_view bytes);

enum class SpoolBlockKind : std::uint8_t {
  kInside = 1,    // events of one group that does not end here
  kBoundary = 2,  // ends between two groups
  kMark = 3,      // no events; says what of the segment is on disk for good
};
enum class SpoolCodec : std::uint8_t { kStored = 0, kZstd = 1 };

struct SpoolBlockHeader {
  SpoolBlockKind kind = SpoolBlockKind::kMark;
  SpoolCodec codec = SpoolCodec::kStored;
  std::uint32_t raw_bytes = 0;     // of entries, uncompressed
  std::uint32_t stored_bytes = 0;  // as they lie in the file
  std::uint32_t passed_bytes = 0;  // position text before them: what passing the block adds to a position
  std::uint64_t durable_bytes = 0;
  std::uint64_t body_hash = 0;

  std::uint64_t bytes() const { return kSpoolBlockHeaderBytes + std::uint64_t{passed_bytes} + stored_bytes; }
};
// `seed`: the segment's salt plus the block's offset, so that a block counts at its own place only.
void EncodeSpoolBlockHeader(const SpoolBlockHeader& header, std::uint64_t seed, char* out);
base::Result<SpoolBlockHeader> DecodeSpoolBlockHeader(std::string_view bytes, std::uint64_t seed);
std::uint64_t SpoolHash(std::string_view bytes, std::uint64_t seed);

// Entries: what a block's events are made of, one after the other; a block may end inside one and the next go on.
enum class SpoolEntryKind : std::uint8_t {
  kPlace = 1,   // the next event begins here
  kEvent = 2,   // a whole event; the next one follows it in the binlog
  kMadeUp = 3,  // an event without a place: a format description repeated for those who begin here
};
std::string EncodeSpoolPlace(std::string_view file, std::uint64_t offset);
std::string EncodeSpoolEventHead(SpoolEntryKind kind, std::uint64_t event_bytes);

}  // namespace shardlift::binlog
